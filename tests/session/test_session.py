from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_transport.conversation.brain import CallTool
from realtime_transport.conversation.brains import after, when
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.tools import function_tool
from tests.session.line import talking

pytestmark = pytest.mark.virtual_time


@function_tool
def weather(city: str) -> dict[str, int]:
    """Look up the weather."""
    return {"degrees": 21}


async def test_a_turn_with_a_tool() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent(name="desk", instructions="Help.", tools=[weather])
    rules = (
        when("weather", CallTool(name="weather", arguments='{"city": "Graz"}')),
        after("weather", "It is {fields[degrees]} degrees."),
    )
    async with talking(agent, *rules, context={"user": "ann"}) as talk:
        talk.session.send_message("What is the weather?")
        first, second = await talk.ends(2)
        assert first.output == ""
        assert second.output == "It is 21 degrees."
        assert second.context == {"user": "ann"}
        assert second.agent is agent
        (end,) = talk.heard("agent_tool_end")
        assert json.loads(end.output) == {"degrees": 21}
        assert talk.session.usage.responses == 2
        assert len(talk.sent("response.create")) == 2
        assert b"".join(event.data for event in talk.heard("audio"))
        assert talk.heard("error") == []
