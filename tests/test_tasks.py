"""Tasks begin after their maker is done, also where the loop would have them begin at once."""

from __future__ import annotations

import asyncio

import pytest

from realtime_transport.emitter import Emitter
from realtime_transport.tasks import begin
from realtime_transport.transports import LoopbackTransport

pytestmark = pytest.mark.virtual_time

EAGER = getattr(asyncio, "eager_task_factory", None)
"""None before Python 3.12, where no loop is eager."""


async def test_no_step_is_taken_before_its_maker_is_done() -> None:
    steps: list[str] = []

    async def work() -> int:
        steps.append("work")
        return 7

    def refuse(*_: object, **__: object) -> asyncio.Future[int]:
        raise AssertionError("the loop's factory was asked")

    loop = asyncio.get_running_loop()
    loop.set_task_factory(refuse)  # type: ignore[arg-type]
    task = begin(work(), name="the work")
    loop.set_task_factory(None)
    steps.append("maker")
    assert task.get_name() == "the work"
    assert await task == 7
    assert steps == ["maker", "work"]


async def test_a_task_may_begin_on_a_loop_that_is_named() -> None:
    async def work() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    loop = asyncio.get_running_loop()
    assert await begin(work(), name="the work", loop=loop) is loop


async def test_an_eager_loop_serves_one_event_at_a_time() -> None:
    asyncio.get_running_loop().set_task_factory(EAGER)
    em, steps = Emitter(None), list[tuple[str, int]]()

    async def listener(event: int) -> None:
        steps.append(("in", event))
        if event == 0:
            em.emit("anything", 1)
        await asyncio.sleep(0)
        steps.append(("out", event))

    em.on("anything", listener)
    em.emit("anything", 0)
    assert steps == []
    await em.drain(1)
    assert steps == [("in", 0), ("out", 0), ("in", 1), ("out", 1)]


async def test_an_eager_loop_carries_a_conversation() -> None:
    asyncio.get_running_loop().set_task_factory(EAGER)
    transport = LoopbackTransport()
    for _ in range(2):
        async with asyncio.timeout(10), transport:
            await transport.connect(session={"instructions": "Be brief."})
            done = asyncio.ensure_future(transport.wait_for("turn_done"))
            await transport.send_message("hello")
            assert (await done).status == "completed"
        assert transport.status == "disconnected"
