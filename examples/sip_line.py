"""A phone line over SIP: the server carries the sound, we decide who is answered, and by which agent.

For real: point a trunk at `sip:<project>@sip.api.openai.com;transport=tls`, subscribe to `realtime.call.incoming`, and
serve `app` where the webhooks go. Here the emulator plays server and caller, so nothing else is needed:

    python examples/sip_line.py
"""

import asyncio
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from realtime_transport import RealtimeAgent, RealtimeSession
from realtime_transport.emulator import Emulator
from realtime_transport.emulator.webhooks import WebhookTarget
from realtime_transport.http import CallIncoming, RealtimeHTTP, Webhooks
from realtime_transport.telephony import Reject, SipCall, SipCalls

SECRET = "whsec_c29tZXRoaW5nIHNlY3JldA=="  # from the webhook's page, in OPENAI_WEBHOOK_SECRET
BRIEF = "You answer the phone. Be brief."
AGENT = RealtimeAgent[None](name="Reception", instructions=BRIEF)


def decide(call: CallIncoming) -> dict[str, str] | Reject:
    """Say what a call is accepted with, or refuse it."""
    caller = call.sip_header("From") or ""
    return Reject(status_code=603) if "+1900" in caller else {"instructions": BRIEF, "voice": "marin"}


async def converse(call: SipCall) -> None:
    """Hold one call: greet, then pass the caller on."""
    async with RealtimeSession(AGENT, call.transport) as session:
        session.request_response()
        await call.transport.wait_for("turn_done", timeout=30)
        print("greeted", call.incoming.sip_header("From"))
        await call.refer("tel:+14155550123")
        print("ended:", await call.wait_ended())


async def main() -> None:
    async def webhook(request: Request) -> Response:
        receipt = await calls.receive(await request.body(), request.headers)
        print("webhook:", receipt.fate)
        return Response(status_code=receipt.http_status)

    app = Starlette(routes=[Route("/webhook", webhook, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    target = WebhookTarget(url=f"http://127.0.0.1:{listener.getsockname()[1]}/webhook", secret=SECRET)
    async with Emulator(webhook=target) as openai, RealtimeHTTP("any key", base_url=openai.http_url) as http:
        connect = {"url": openai.url, "api_key": "any key"}
        async with SipCalls(http.calls, Webhooks(SECRET), session=decide, connect=connect) as calls:
            openai.ring([("From", "sip:+19005550199@example.com")])  # refused
            openai.ring([("From", "sip:+14155550100@example.com")])
            await converse(await anext(aiter(calls)))
    server.should_exit = True
    await serving


asyncio.run(main())
