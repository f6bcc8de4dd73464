"""Streams: bounded, in order, ended with the transport, gone when nobody holds them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import Any

import pytest

from realtime_transport.emitter import Emitter
from realtime_transport.events.transport import TRANSPORT_EVENTS, AudioGapEvent
from realtime_transport.exceptions import RealtimeError, SlowConsumer, StateError
from realtime_transport.streams import EventStream

pytestmark = pytest.mark.virtual_time


async def read(stream: EventStream[Any]) -> list[Any]:
    return [event async for event in stream]


async def test_events_come_in_order_until_the_end() -> None:
    stream: EventStream[int] = EventStream()
    reading = asyncio.ensure_future(read(stream))
    for n in range(5):
        stream.offer(n)
        await asyncio.sleep(0 if n % 2 else 0.01)
    stream.close()
    stream.close()
    assert await reading == [0, 1, 2, 3, 4]
    assert await read(stream) == []


async def test_what_came_before_the_end_is_delivered_after_it() -> None:
    stream: EventStream[int] = EventStream()
    stream.offer(1)
    stream.close()
    assert not stream.hears("anything")
    assert await read(stream) == [1]


async def test_names_choose() -> None:
    em = Emitter(TRANSPORT_EVENTS)
    some, everything = em.events("turn_done", "turn_started"), em.events()
    for name in ("turn_started", "audio_done", "turn_done"):
        em.emit(name, name)
    em.finish()
    assert await read(some) == ["turn_started", "turn_done"]
    assert await read(everything) == ["turn_started", "audio_done", "turn_done"]


async def test_leaving_the_loop_is_enough() -> None:
    em = Emitter(TRANSPORT_EVENTS)

    async def first() -> None:
        async for event in em.events("turn_done"):
            assert event == 1
            break

    asyncio.get_running_loop().call_soon(em.emit, "turn_done", 1)
    await first()
    gc.collect()
    assert not em.listens("turn_done")
    em.emit("turn_done", 2)
    em.finish()


async def test_it_ends_with_the_block_that_closes_it() -> None:
    async with contextlib.aclosing(EventStream[int]()) as stream:
        stream.offer(1)
        assert await anext(stream) == 1
    assert not stream.hears("audio")
    assert await read(stream) == []


async def test_a_slow_reader_gets_what_waits_and_then_its_error_once() -> None:
    em = Emitter(TRANSPORT_EVENTS)
    stream = em.events("turn_done", limit=3)
    for n in range(5):
        em.emit("turn_done", n)
    assert [await anext(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SlowConsumer, match="'turn_done' was taken off: 3 events") as caught:
        await anext(stream)
    assert caught.value.limit == 3
    assert await read(stream) == []


async def test_dropping_the_oldest_is_told_as_lost_audio() -> None:
    em, gaps = Emitter(TRANSPORT_EVENTS, audio_ms=lambda event: 20.0), list[AudioGapEvent]()
    em.on("audio_gap", gaps.append)
    stream = em.events("audio", limit=3, overflow="drop_oldest")
    for n in range(5):
        em.emit("audio", n)
    assert gaps == []
    assert [await anext(stream) for _ in range(3)] == [2, 3, 4]
    assert [gap.ms for gap in gaps] == [40.0]


async def test_a_reader_that_never_reads_is_told_of_now_and_then() -> None:
    em, found = Emitter(TRANSPORT_EVENTS), list[RealtimeError]()
    em.on("error", lambda event: found.append(event.error))
    stream = em.events("turn_done", limit=3, overflow="drop_oldest")
    for n in range(9):
        em.emit("turn_done", n)
    assert [error.dropped for error in found if isinstance(error, SlowConsumer)] == [3, 3]
    em.finish()
    assert await read(stream) == [6, 7, 8]


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_reader_of_the_newest_event_is_not_told_of_what_it_is_told(limit: int) -> None:
    em = Emitter(TRANSPORT_EVENTS, audio_ms=lambda event: 20.0 if isinstance(event, int) else 0.0)
    newest = em.events(limit=limit, overflow="drop_oldest")
    for n in range(10):
        em.emit("audio", n)
    assert newest.hears("audio_gap")
    newest.close()
    assert len(await read(newest)) == limit


async def test_a_stream_of_everything_that_is_too_slow_says_so() -> None:
    stream: EventStream[int] = EventStream(limit=1)
    stream.offer(1)
    stream.offer(2)
    assert await anext(stream) == 1
    with pytest.raises(SlowConsumer, match="'everything'"):
        await anext(stream)


async def test_a_stream_alone_forgets_in_silence() -> None:
    stream: EventStream[int] = EventStream(limit=2, overflow="drop_oldest")
    for n in range(5):
        stream.offer(n)
    stream.close()
    assert await read(stream) == [3, 4]


async def test_two_readers_are_one_too_many() -> None:
    stream: EventStream[int] = EventStream()
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    with pytest.raises(StateError, match="its own events"):
        await anext(stream)
    stream.offer(1)
    stream.offer(2)
    assert await reading == 1
    assert await anext(stream) == 2


async def test_cancelling_a_read_loses_nothing() -> None:
    stream: EventStream[int] = EventStream()
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.offer(1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await anext(stream) == 1


async def test_back_pressure() -> None:
    rooms: list[bool] = []
    stream: EventStream[int] = EventStream(limit=2, overflow="block", room_was_made=lambda: rooms.append(True))
    stream.offer(1)
    assert not stream.congested
    stream.offer(2)
    assert stream.congested
    assert await anext(stream) == 1
    assert rooms == [True]
    assert await anext(stream) == 2
    assert rooms == [True]
    stream.offer(3)
    stream.offer(4)
    stream.close()
    assert not stream.congested
