"""A session: an agent with one function tool. The model calls it, hears its result and says it aloud.

realtime-transport serve            # in another terminal
python examples/session_with_tool.py
"""

import asyncio
from typing import Annotated, Any

from msgspec import Meta

from realtime_transport import RealtimeAgent, RealtimeSession, function_tool
from realtime_transport.session.events import AgentToolEndEvent


@function_tool
async def get_weather(city: Annotated[str, Meta(description="the city's name, in English")]) -> dict[str, Any]:
    """Look up today's weather in a city."""
    return {"city": city, "sky": "sunny", "celsius": 22}


async def main() -> None:
    agent = RealtimeAgent(name="concierge", instructions="You help people plan a weekend.", tools=[get_weather])
    async with RealtimeSession(agent, url="ws://127.0.0.1:8080/v1/realtime") as session:

        @session.on("agent_tool_end")
        def show(event: AgentToolEndEvent[None]) -> None:
            print(f"{event.tool_name} returned {event.output}")

        session.send_message("What is the weather in Lisbon?")
        answered = await session.wait_for("agent_tool_end", timeout=30)
        end = await session.wait_for("agent_end", timeout=30)
        print(f"call {answered.call_id} answered; the agent says: {end.output}")
        print(f"{session.usage.tokens.total} tokens in {session.usage.responses} responses")


asyncio.run(main())
