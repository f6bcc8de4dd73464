"""The latch: who passes, who waits, and what one who stops waiting does to the others."""

from __future__ import annotations

import asyncio

import pytest

from realtime_transport.transports.latch import Latch

pytestmark = pytest.mark.virtual_time


async def waiting(latch: Latch, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.ensure_future(latch.passed()) for _ in range(count)]
    await asyncio.sleep(1)
    return tasks


async def test_an_open_latch_keeps_nobody() -> None:
    latch = Latch()
    assert latch.is_open
    await latch.passed()
    latch.open()
    await latch.passed()


async def test_opening_lets_everybody_pass_and_shutting_again_the_next_ones_wait() -> None:
    latch = Latch()
    latch.shut()
    tasks = await waiting(latch, 3)
    assert not any(task.done() for task in tasks)
    latch.open()
    latch.shut()
    await asyncio.gather(*tasks)
    (late,) = await waiting(latch, 1)
    assert not late.done()
    latch.open()
    await late


async def test_one_who_is_cancelled_leaves_the_others_waiting() -> None:
    latch = Latch()
    latch.shut()
    impatient, patient = await waiting(latch, 2)
    impatient.cancel()
    await asyncio.sleep(1)
    assert impatient.cancelled()
    assert not patient.done()
    latch.open()
    await patient
