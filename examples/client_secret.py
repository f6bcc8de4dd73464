"""A short-lived key: mint it over HTTP for one session, dial with it, and find the session's tools in force.

realtime-transport serve            # in another terminal
python examples/client_secret.py
"""

import asyncio

from realtime_transport import WebSocketTransport
from realtime_transport.events import FunctionTool, RealtimeSessionConfig
from realtime_transport.http import RealtimeHTTP
from realtime_transport.wire import to_dict

TOOL = FunctionTool(
    name="opening_hours",
    description="Tell when the shop is open.",
    parameters={"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]},
)


def tools_in_force(transport: WebSocketTransport) -> list[str]:
    session = transport.session  # as the server last confirmed it
    tools = to_dict(session)["tools"] if session else []
    return [tool["name"] for tool in tools]


async def main() -> None:
    session = RealtimeSessionConfig(model="gpt-realtime-2", instructions="You answer the shop's phone.", tools=(TOOL,))
    async with RealtimeHTTP("any", base_url="http://127.0.0.1:8080/v1") as http:
        secret = await http.client_secrets.create(session, expires_after=60)
        print("minted", secret.value)  # masked: only reveal() shows it

        transport = WebSocketTransport()
        await transport.connect(url="ws://127.0.0.1:8080/v1/realtime", api_key=secret.value)
        print("tools in force:", tools_in_force(transport))
        await transport.close()

        # The same in one call: mint for this session, dial with what was minted.
        await transport.connect(
            url="ws://127.0.0.1:8080/v1/realtime", session=session, client_secret=http.client_secrets.create
        )
        print("and again:", tools_in_force(transport))
        await transport.close()


asyncio.run(main())
