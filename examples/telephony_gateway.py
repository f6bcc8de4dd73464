"""Answer phone calls: Twilio on one side, a Realtime server on the other. Mu-law end to end, nothing is converted.

realtime-transport serve                                  # in another terminal: a server that needs no key
TWILIO_AUTH_TOKEN=... PUBLIC_URL=https://calls.example.com python examples/telephony_gateway.py [PORT]

Point the number's webhook at PUBLIC_URL/answer. Every request has to carry Twilio's signature.
"""

import os
import sys
import time
from xml.sax.saxutils import quoteattr

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from realtime_transport.exceptions import SignatureError
from realtime_transport.telephony import StarletteSocket, TelephonyTransport
from realtime_transport.telephony.signatures import SignedRequest, TwilioVerifier

if not {"PUBLIC_URL", "TWILIO_AUTH_TOKEN"} <= os.environ.keys():
    sys.exit("set PUBLIC_URL to where Twilio reaches this machine, and TWILIO_AUTH_TOKEN to your account's token")
PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
MODEL_URL = "ws://127.0.0.1:8080/v1/realtime"
verifier = TwilioVerifier(os.environ["TWILIO_AUTH_TOKEN"])


async def answer(request: Request) -> Response:
    """Tell Twilio where to stream the call to."""
    signed = SignedRequest(
        url=f"{PUBLIC_URL}/answer", method="POST", headers=dict(request.headers), body=await request.body()
    )
    try:
        verifier.verify(signed, time.time())
    except SignatureError as error:
        return PlainTextResponse(str(error), status_code=403)
    stream = PUBLIC_URL.replace("https://", "wss://", 1) + "/stream"
    body = f"<Response><Connect><Stream url={quoteattr(stream)}/></Connect></Response>"
    return Response(body, media_type="application/xml")


async def stream(websocket: WebSocket) -> None:
    """Hold one call: greet, listen, until one side hangs up."""
    url = PUBLIC_URL.replace("https://", "wss://", 1) + "/stream"
    try:
        verifier.verify(SignedRequest(url=url, headers=dict(websocket.headers)), time.time())
    except SignatureError:
        await websocket.close(1008)
        return
    await websocket.accept()
    async with TelephonyTransport(StarletteSocket(websocket), carrier="twilio") as call:
        await call.connect(url=MODEL_URL, session={"instructions": "You answer the phone. Be brief."})
        print(call.plan())
        call.request_response()
        print("ended:", await call.wait_ended())


app = Starlette(routes=[Route("/answer", answer, methods=["POST"]), WebSocketRoute("/stream", stream)])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8090)
