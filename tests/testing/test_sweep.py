"""The sweep: it counts awaits, those of child tasks too, and hands on what is thrown."""

from __future__ import annotations

import asyncio

import pytest

from realtime_transport.testing.sweep import at_await

pytestmark = pytest.mark.virtual_time


async def two() -> str:
    await asyncio.sleep(1)
    return "two"


async def three_steps(log: list[str]) -> str:
    try:
        await asyncio.sleep(1)
        log.append("one")
        log.append(await asyncio.create_task(two()))
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    return "done"


@pytest.mark.parametrize(
    ("at", "log"),
    [(1, ["cancelled"]), (2, ["one", "cancelled"]), (3, ["one", "cancelled"]), (4, ["one", "two"])],
)
async def test_every_await_is_met(at: int, log: list[str]) -> None:
    found: list[str] = []
    reached, task = await at_await(at, lambda: three_steps(found), lambda task: task.cancel())
    assert found == log
    assert reached == (at < 4)
    assert task.cancelled() == (at < 4)
    assert asyncio.get_running_loop().get_task_factory() is None


async def test_results_and_errors_come_through() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError

    _, task = await at_await(9, lambda: three_steps([]), lambda task: None)
    assert task.result() == "done"
    _, failing = await at_await(9, fails, lambda task: None)
    with pytest.raises(KeyError):
        failing.result()
