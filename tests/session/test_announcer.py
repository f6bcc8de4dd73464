from typing import Any, cast

import pytest

from realtime_transport.emitter import Emitter
from realtime_transport.exceptions import ConnectionLost
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.announcer import Announcer
from realtime_transport.session.events import SESSION_EVENTS, AgentEndEvent, AgentStartEvent

AGENT: RealtimeAgent[Any] = RealtimeAgent(name="desk")
OTHER: RealtimeAgent[Any] = RealtimeAgent(name="other")


def announcer(emitter: Emitter) -> Announcer[Any]:
    return Announcer(emitter, context="ann", agent=lambda: AGENT, context_of=cast("Any", None))


async def test_an_event_knows_its_context_and_agent() -> None:
    emitter, heard = Emitter(SESSION_EVENTS), list[Any]()
    emitter.on("agent_start", heard.append)
    told = announcer(emitter)
    assert told.listens(AgentStartEvent)
    assert not told.listens(AgentEndEvent)
    told.tell(AgentStartEvent, response_id="r1")
    told.tell(AgentStartEvent, OTHER, response_id="r2")
    assert [(event.context, event.agent, event.response_id) for event in heard] == [
        ("ann", AGENT, "r1"),
        ("ann", OTHER, "r2"),
    ]


def test_an_event_that_nobody_hears_is_not_made() -> None:
    told = announcer(Emitter(SESSION_EVENTS))
    told.tell(AgentStartEvent, no_such_field=1)
    observed(told, "agent_start")
    with pytest.raises(TypeError):
        told.tell(AgentStartEvent, no_such_field=1)


def observed(told: Announcer[Any], name: str) -> list[Any]:
    seen: list[Any] = []
    told.observe(seen, {name: list.append})
    return seen


def test_instruments_see_events_that_nobody_hears() -> None:
    told = announcer(Emitter(SESSION_EVENTS))
    seen = observed(told, "agent_start")
    told.tell(AgentStartEvent, response_id="r1")
    assert [event.response_id for event in seen] == ["r1"]
    assert not told.listens(AgentStartEvent)


async def test_errors_carry_what_is_known() -> None:
    emitter, heard = Emitter(SESSION_EVENTS), list[Any]()
    emitter.on("error", heard.append)
    announcer(emitter).error(ConnectionLost("gone"), event_id="e1", path="session")
    assert [(event.event_id, event.path, event.retryable, event.agent) for event in heard] == [
        ("e1", "session", True, AGENT)
    ]
