"""Ending: on purpose, by loss, by force; told once, settled all, nothing left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import warnings
from typing import Any

import pytest

from realtime_transport.events.transport import DisconnectedEvent
from realtime_transport.exceptions import ConnectError, ConnectionLost, InvalidArgument, RequestDropped, StateError
from tests.transports.bare import Bare, idle

pytestmark = pytest.mark.virtual_time


async def connected(**layer: Any) -> Bare:
    transport = Bare(**layer)
    await transport.connect()
    return transport


def heard(transport: Bare, *names: Any) -> list[Any]:
    found: list[Any] = []
    for name in names:
        transport.on(name, found.append)
    return found


def test_a_playout_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="playout: no 'marks'; there are estimate, reported"):
        Bare(playout="marks")


async def test_close_flushes_settles_closes_and_tells_in_this_order() -> None:
    transport = await connected()
    log: list[str] = []
    transport.on("sent", lambda event: log.append(event.event.type))
    transport.on("disconnected", lambda event: log.append("disconnected"))

    async def closing() -> None:
        log.append("closing")

    transport.closing = closing
    receipt = transport.send_message("bye", respond=False)
    await transport.close(1001, "tired")
    assert log == ["conversation.item.create", "closing", "disconnected"]
    assert transport.closed == [(1001, "tired")]
    with pytest.raises(ConnectionLost, match="was closed"):
        await receipt.acknowledged()


@pytest.mark.parametrize("how", ["never connected", "connecting", "failed", "closed"])
async def test_close_ends_streams_and_waits_also_without_a_connection(how: str) -> None:
    transport = Bare()
    if how == "closed":
        await transport.connect()
        await transport.close()
    stream = transport.events()
    waiting = asyncio.ensure_future(transport.wait_for("audio"))
    attempts: list[asyncio.Future[None]] = []
    if how in {"connecting", "failed"}:
        transport.opening = (lambda: asyncio.sleep(3)) if how == "connecting" else _refuse
        attempts.append(asyncio.ensure_future(transport.connect()))
    await idle()
    assert not waiting.done()
    await transport.close()
    with pytest.raises(StateError, match="closed while waiting for audio"):
        await waiting
    async with asyncio.timeout(1):
        assert "audio" not in {event.name async for event in stream}
    await asyncio.gather(*attempts, return_exceptions=True)


async def _refuse() -> None:
    raise ConnectError("nobody is there")


async def test_what_fails_by_our_own_close_is_nobodys_news() -> None:
    transport = await connected()
    errors = heard(transport, "error")
    transport.send_message("hello")
    transport.request_response()
    await transport.close()
    assert errors == []


async def test_what_fails_by_a_loss_is_told_once_each() -> None:
    transport = await connected()
    errors = heard(transport, "error")
    transport.send_message("hello", respond=False, event_id="mine")
    transport.delete_item("x")
    awaited = asyncio.ensure_future(transport.request_response().acknowledged())
    queued = transport.request_response()
    await idle()
    transport.feed_closed(1011, "oops")
    with pytest.raises(ConnectionLost, match="oops"):
        await awaited
    assert [type(event.error) for event in errors] == [ConnectionLost, ConnectionLost, RequestDropped]
    assert errors[0].event_id == "mine"
    with pytest.raises(RequestDropped):
        await queued.acknowledged()
    await transport.close()


async def test_a_loss_is_told_at_once_and_the_medium_released_once() -> None:
    transport = await connected()
    ends = heard(transport, "disconnected")
    transport.feed_closed(1001, "going away")
    assert transport.status == "disconnected"
    assert ends == [DisconnectedEvent(code=1001, reason="going away", clean=True)]
    transport.feed_closed(1006)
    transport.feed("{}")
    await transport.close()
    await transport.close()
    assert transport.closed == [(1000, "going away")]
    assert len(ends) == 1
    transport.feed("{}")
    transport.feed_closed(1006)
    assert len(ends) == 1


async def test_fm20_a_loss_in_the_middle_of_a_response_ends_it() -> None:
    transport = await connected()
    ends = heard(transport, "turn_done", "disconnected")
    transport.say("response.created", response={"id": "resp_1", "status": "in_progress"})
    transport.say("response.output_text.delta", response_id="resp_1", item_id="item_a", delta="Well, ")
    transport.feed_closed(None, "the socket went away")
    turn, end = ends
    assert (turn.status, turn.reason) == ("incomplete", "connection_lost")
    assert not end.clean
    await transport.close()


async def test_a_loss_with_a_reason_of_its_own_is_told() -> None:
    transport = await connected()
    errors = heard(transport, "error")
    transport.feed_closed(None, error=ConnectError("the cable was pulled", code="eof"))
    assert [str(event.error) for event in errors] == ["the cable was pulled"]
    await transport.close()


async def test_a_peer_that_goes_away_while_we_close() -> None:
    transport = await connected()
    ends, errors = heard(transport, "disconnected"), heard(transport, "error")
    stuck = asyncio.Event()
    transport.writing = lambda frame: stuck.wait()
    transport.send_message("hello")
    closing = asyncio.ensure_future(transport.close())
    await idle()
    assert transport.status == "closing"
    with pytest.raises(StateError, match="closing"):
        transport.send_message("more")
    transport.feed_closed(1006)
    await closing
    assert ends == [DisconnectedEvent(code=1000, reason="", clean=True)]
    assert errors == []
    assert asyncio.get_running_loop().time() == 0


async def test_fm88_closing_is_bounded_whatever_hangs() -> None:
    transport = await connected(close_timeout=2.0)
    transport.writing = lambda frame: asyncio.Event().wait()
    transport.closing = asyncio.Event().wait
    transport.send_message("never leaves")
    await transport.close()
    assert asyncio.get_running_loop().time() == 2.0
    assert transport.aborted == 1
    assert transport.status == "disconnected"


async def test_a_medium_that_takes_nothing_is_closed_all_the_same() -> None:
    transport = await connected(close_timeout=2.0)
    transport.writing = lambda frame: asyncio.Event().wait()
    cleared: list[float] = []

    async def closing() -> None:
        await idle()
        cleared.append(asyncio.get_running_loop().time())

    transport.closing = closing
    transport.send_message("never leaves")
    await transport.close()
    assert transport.closed == [(1000, "")]
    assert 0 < cleared[0] < 2.0
    assert transport.aborted == 0


async def test_a_medium_whose_writing_minds_no_cancelling_is_closed_under_it() -> None:
    transport = await connected(close_timeout=2.0)
    stuck = asyncio.Event()

    async def writing(frame: object) -> None:
        while not stuck.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await stuck.wait()

    transport.writing = writing
    transport.send_message("never leaves")
    await transport.close()
    assert transport.closed == [(1000, "")]
    assert asyncio.get_running_loop().time() == 2.0
    stuck.set()
    await idle()


async def test_a_medium_that_hangs_is_dropped() -> None:
    transport = await connected(close_timeout=2.0)
    transport.closing = asyncio.Event().wait
    await transport.close()
    assert transport.aborted == 1


async def test_a_medium_that_raises_when_closed_is_gone_anyway(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = await connected()

    async def raises() -> None:
        raise OSError("no")

    transport.closing = raises
    await transport.close()
    assert transport.status == "disconnected"
    assert "closing the medium raised" in caplog.text


async def test_writing_that_raises_ends_the_connection() -> None:
    transport = await connected()
    ends = heard(transport, "disconnected")

    async def raises(frame: object) -> None:
        raise OSError("broken pipe")

    transport.writing = raises
    receipt = transport.send_message("hello", respond=False)
    with pytest.raises(ConnectionLost, match="broken pipe"):
        await receipt.acknowledged()
    assert [(end.code, end.reason) for end in ends] == [(None, "OSError: broken pipe")]
    await transport.close()
    assert transport.closed == [(1011, "")]  # what went wrong here is nobody else's business


@pytest.mark.parametrize("kind", [KeyboardInterrupt, asyncio.CancelledError])
async def test_what_is_no_exception_comes_out_of_feed_and_closes(kind: type[BaseException]) -> None:
    transport = await connected()

    def stop(event: object) -> None:
        raise kind

    transport.on("rate_limits", stop)
    with pytest.raises(kind):
        transport.say("rate_limits.updated", rate_limits=[])
    assert transport.status == "disconnected"
    assert transport.aborted == 1
    await transport.close()
    assert transport.closed == [(1001, "")]


async def test_a_sent_listener_that_cancels_ends_the_connection() -> None:
    transport = await connected()

    def stop(event: object) -> None:
        raise asyncio.CancelledError

    transport.on("sent", stop)
    transport.send_message("hello", respond=False)
    await idle()
    assert transport.status == "disconnected"
    await transport.close()


async def test_close_waits_for_listeners_and_then_cancels_them() -> None:
    transport = await connected()
    ended: list[str] = []

    async def quick(event: object) -> None:
        await asyncio.sleep(0.5)
        ended.append("quick")

    async def endless(event: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    transport.on("disconnected", quick)
    transport.on("disconnected", endless)
    await transport.close()
    assert ended == ["quick", "cancelled"]
    assert asyncio.get_running_loop().time() == 1.0


async def test_close_from_inside_a_coroutine_listener() -> None:
    transport = await connected()
    after: list[str] = []

    async def closes(event: object) -> None:
        await transport.close()
        after.append(transport.status)

    transport.on("rate_limits", closes)
    transport.say("rate_limits.updated", rate_limits=[])
    await transport.close()
    await idle()
    assert after == ["disconnected"]
    assert asyncio.get_running_loop().time() == 0


async def test_close_in_finally_after_cancellation() -> None:
    transport = Bare()

    async def main() -> None:
        try:
            await transport.connect()
            await asyncio.Event().wait()
        finally:
            await transport.close()

    running = asyncio.ensure_future(main())
    await idle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert transport.status == "disconnected"


async def test_a_cancelled_close_goes_on_without_its_caller() -> None:
    transport = await connected()
    transport.closing = lambda: asyncio.sleep(1)
    closing = asyncio.ensure_future(transport.close())
    await idle()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await asyncio.sleep(2)
    assert transport.status == "disconnected"


async def test_fm92_the_block_closes_with_1001_when_it_raises() -> None:
    transport = Bare()

    async def block() -> None:
        async with transport:
            await transport.connect()
            raise KeyError

    with pytest.raises(KeyError):
        await block()
    assert transport.closed == [(1001, "")]
    async with transport:
        await transport.connect()
    assert transport.closed[1:] == [(1000, "")]


def test_fm90_a_transport_of_another_loop() -> None:
    transport = Bare()

    async def elsewhere() -> None:
        with pytest.raises(StateError, match="another event loop"):
            transport.send_message("hello")
        with pytest.raises(StateError, match="another event loop"):
            await transport.close()
        with pytest.raises(StateError, match="another event loop"):
            await transport.wait_for("audio", timeout=1)

    with asyncio.Runner() as first:
        first.run(transport.connect())
        with asyncio.Runner() as second:
            second.run(elsewhere())
        with pytest.raises(StateError, match="another event loop"):
            transport.send_message("from no loop at all")
        first.run(transport.close())


def test_the_loop_ends_before_the_ending_begins() -> None:
    """``asyncio.run`` cancels everything on its way out, the ending too, which has not taken a step."""
    transport = Bare()

    async def main() -> None:
        await transport.connect()
        transport.feed_closed(1006)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await idle()

    asyncio.run(main())
    assert transport.aborted == 1
    assert transport.closed == []


def test_the_loop_ends_in_the_middle_of_the_ending() -> None:
    transport = Bare()
    transport.closing = asyncio.Event().wait

    async def main() -> None:
        await transport.connect()
        transport.feed_closed(1006)
        await asyncio.sleep(0.001)

    asyncio.run(main())
    assert transport.aborted >= 1


def test_fm91_a_forgotten_transport_complains_and_drops_its_medium() -> None:
    async def main() -> list[Bare]:
        return [await connected()]

    with asyncio.Runner() as runner, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = runner.run(main())
        kept.clear()
        gc.collect()
    assert [str(w.message) for w in caught] == ["<Bare connected epoch=1> was never closed"]


async def test_waits_end_with_the_connection() -> None:
    transport = await connected()
    waiting = asyncio.ensure_future(transport.wait_for("turn_done"))
    stream = transport.events()
    await idle()
    transport.feed_closed(1011, "oops")
    with pytest.raises(ConnectionLost, match="oops"):
        await waiting
    assert [event.name async for event in stream][-1] == "disconnected"
    await transport.close()


async def test_a_connection_that_ends_inside_a_call() -> None:
    """A listener of the call's own events may lose the connection: the call says so."""
    transport = await connected()
    transport.on("audio_interrupted", lambda event: None)
    transport._driver = None  # what a subclass that feeds its end while writing comes to
    with pytest.raises(StateError, match="in the middle"):
        transport._receipt("event_1")
    transport._medium_is_open = False
