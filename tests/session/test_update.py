import asyncio
from typing import Any

import pytest

from realtime_transport.exceptions import StateError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.update import AgentUpdate

AGENT: RealtimeAgent[Any] = RealtimeAgent(name="before")


async def test_it_may_be_awaited_in_two_ways_and_twice() -> None:
    update: AgentUpdate[Any] = AgentUpdate(pytest.fail)  # type: ignore[arg-type]
    waiting = asyncio.ensure_future(update.acknowledged())
    await asyncio.sleep(0)
    update.succeed(AGENT)
    assert await waiting is AGENT
    assert await update is AGENT


async def test_a_failure_is_raised_to_whoever_waits_and_reported_otherwise() -> None:
    reported: list[BaseException] = []
    update: AgentUpdate[Any] = AgentUpdate(reported.append)
    waiting = asyncio.ensure_future(update.acknowledged())
    await asyncio.sleep(0)
    update.fail(KeyError("x"))
    with pytest.raises(KeyError):
        await waiting
    assert reported == []
    forgotten: AgentUpdate[Any] = AgentUpdate(reported.append)
    forgotten.fail(KeyError("y"))
    assert [str(error) for error in reported] == ["'y'"]


async def test_a_wait_that_is_cancelled_cancels_nothing() -> None:
    update: AgentUpdate[Any] = AgentUpdate(pytest.fail)  # type: ignore[arg-type]
    waiting = asyncio.ensure_future(update.acknowledged())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    update.succeed(AGENT)
    assert await update is AGENT


async def test_the_end_of_the_session_ends_it_without_a_report() -> None:
    update: AgentUpdate[Any] = AgentUpdate(pytest.fail)  # type: ignore[arg-type]
    update.abandon()
    with pytest.raises(StateError, match="closed"):
        await update
    settled: AgentUpdate[Any] = AgentUpdate(pytest.fail)  # type: ignore[arg-type]
    settled.succeed(AGENT)
    settled.abandon()
    assert await settled is AGENT
