"""Answer phone calls: Twilio on one side, a Realtime server on the other. Mu-law end to end, nothing is converted.

realtime-transport serve                                  # in another terminal: a server that needs no key
TWILIO_AUTH_TOKEN=... PUBLIC_URL=https://calls.example.com python examples/telephony_gateway.py [PORT]

Point the number's webhook at PUBLIC_URL/answer. Every request has to carry Twilio's signature, and every stream a token
that the webhook gave out.
"""

import asyncio
import os
import sys

from realtime_transport import RealtimeAgent, function_tool
from realtime_transport.gateway import GatewayNews, GatewayServer, IncomingCall, gateway_app
from realtime_transport.telephony.signatures import TwilioVerifier

if not {"PUBLIC_URL", "TWILIO_AUTH_TOKEN"} <= os.environ.keys():
    sys.exit("set PUBLIC_URL to where Twilio reaches this machine, and TWILIO_AUTH_TOKEN to your account's token")
MODEL_URL = "ws://127.0.0.1:8080/v1/realtime"


def receptionist(call: IncomingCall) -> RealtimeAgent[None]:
    """Give every call an agent that knows who is calling, and can hang up."""

    @function_tool(reply="quiet")
    async def hang_up() -> str:
        """End the call. Say goodbye before."""
        call.hang_up()
        return "the call ends when the caller has heard you"

    return RealtimeAgent[None](
        name="Receptionist",
        instructions=f"You answer the phone. Be brief. {call.caller or 'Somebody'} is calling.",
        tools=[hang_up],
    )


def show(news: GatewayNews) -> None:
    print(news.kind, news.call_id, news.reason, flush=True)


async def main(port: int) -> None:
    app = gateway_app(
        receptionist,
        carrier="twilio",
        public_url=os.environ["PUBLIC_URL"],
        verifier=TwilioVerifier(os.environ["TWILIO_AUTH_TOKEN"]),
        session={"url": MODEL_URL},
        tell=show,
    )
    async with GatewayServer(app, port=port) as server:
        print(f"answering on port {server.port}", flush=True)
        await server.run(drain_seconds=60)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8090))
