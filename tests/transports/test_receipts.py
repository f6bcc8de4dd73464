"""Receipts: room, answers, errors, and what becomes of a failure that nobody awaits."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

import pytest

from realtime_transport.conversation import Settlement
from realtime_transport.events.server import InputAudioBufferCleared
from realtime_transport.exceptions import RequestTimeout, ServerError, UnsupportedOperation
from realtime_transport.transports.receipts import Receipts

pytestmark = pytest.mark.virtual_time

ANSWER = InputAudioBufferCleared()
REFUSAL = ServerError("no", code="nope", event_id="a")


class Case:
    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.reported: list[tuple[Exception, str]] = []
        self.receipts = Receipts(self.wait, lambda error, event_id: self.reported.append((error, event_id)))

    def wait(self) -> Coroutine[Any, Any, object] | None:
        return None if self.room.is_set() else self.room.wait()

    def settle(self, outcome: Any, *, quietly: bool = False, **more: Any) -> None:
        self.receipts.settle(Settlement(event_id="a", outcome=outcome, **more), quietly=quietly)


async def test_awaiting_a_receipt_waits_for_room() -> None:
    case = Case()
    receipt = case.receipts.issue("a")

    async def wait() -> object:
        return await receipt

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(1)
    assert not waiting.done()
    case.room.set()
    assert await waiting is receipt
    assert await receipt is receipt


async def test_the_answer_before_and_after_asking() -> None:
    case = Case()
    receipt = case.receipts.issue("a")
    waiting = [asyncio.ensure_future(receipt.acknowledged()) for _ in range(2)]
    await asyncio.sleep(0)
    assert "open" in repr(receipt)
    assert receipt.outcome == "open"
    case.settle("acknowledged", result=ANSWER)
    assert [await each for each in waiting] == [ANSWER, ANSWER]
    assert await receipt.acknowledged() is ANSWER
    assert "acknowledged" in repr(receipt)
    assert receipt.outcome == "acknowledged"
    assert case.reported == []


async def test_a_failure_is_raised_to_those_who_wait_and_told_to_nobody_else() -> None:
    case = Case()
    receipt = case.receipts.issue("a")
    waiting = asyncio.ensure_future(receipt.acknowledged())
    await asyncio.sleep(0)
    case.settle("failed", error=REFUSAL)
    with pytest.raises(ServerError):
        await waiting
    with pytest.raises(ServerError):
        await receipt.acknowledged()
    assert case.reported == []


async def test_a_failure_that_nobody_awaits_is_told_once_and_still_raised() -> None:
    case = Case()
    receipt = case.receipts.issue("a")
    error = RequestTimeout("late")
    case.settle("timeout", error=error)
    assert case.reported == [(error, "a")]
    with pytest.raises(RequestTimeout):
        await receipt.acknowledged()


async def test_a_failure_that_was_told_already_is_not_told_again() -> None:
    case = Case()
    case.receipts.issue("a")
    case.settle("failed", error=REFUSAL, reported=True)
    assert case.reported == []


async def test_a_receipt_that_was_thrown_away() -> None:
    case = Case()
    case.receipts.issue("a")
    gc.collect()
    case.settle("failed", error=REFUSAL)
    assert case.reported == [(REFUSAL, "a")]


async def test_quietly() -> None:
    case = Case()
    case.receipts.issue("a")
    case.settle("failed", error=REFUSAL, quietly=True)
    assert case.reported == []


async def test_cancelling_a_wait_leaves_the_others() -> None:
    case = Case()
    receipt = case.receipts.issue("a")
    one, two = (asyncio.ensure_future(receipt.acknowledged()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    case.settle("acknowledged")
    assert await two is None
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_what_no_server_answers_says_so() -> None:
    with pytest.raises(UnsupportedOperation, match="back-pressure"):
        await Case().receipts.unanswered("a").acknowledged()
