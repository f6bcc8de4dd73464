"""The outbox: order, room, giving up audio and nothing else, and peers that take nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.events.client import ClientEvent, UnknownClientEvent
from realtime_transport.exceptions import ConnectionLost
from realtime_transport.testing import virtual_time
from realtime_transport.transports import outbox as module
from realtime_transport.transports.outbox import BYTES_LIMIT, HIGH_WATER_BYTES, Outbox

pytestmark = pytest.mark.virtual_time

EVENT = UnknownClientEvent(type="x")


class Case:
    def __init__(self, **options: Any) -> None:
        self.gaps: list[float] = []
        self.stalls: list[ConnectionLost] = []
        self.written: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.outbox = Outbox(gap=self.gaps.append, stalled=self.stalls.append, **options)

    async def write(self) -> None:
        async def write(data: bytes) -> None:
            await self.gate.wait()
            self.written.append(data)

        def about(event: ClientEvent) -> None:
            assert event is EVENT

        await self.outbox.write(write, about)

    def wait_for_room(self) -> asyncio.Future[None]:
        room = self.outbox.room()
        assert room is not None
        return asyncio.ensure_future(room)

    def put(self, name: str, ms: float = 0.0) -> None:
        self.outbox.put(name.encode(), EVENT, ms)


async def test_frames_leave_in_order() -> None:
    case = Case()
    for n in range(5):
        case.put(f"{n}", 20.0 * (n % 2))
    assert case.outbox.waits
    await case.write()
    assert case.written == [b"0", b"1", b"2", b"3", b"4"]
    assert not case.outbox.waits
    await case.outbox.flush()
    case.outbox.end(ConnectionLost("over"))
    assert case.gaps == []


async def test_flush_waits_for_the_last_frame() -> None:
    case = Case()
    case.gate.clear()
    case.put("a")
    writing = asyncio.ensure_future(case.write())
    flushing = asyncio.ensure_future(case.outbox.flush())
    await asyncio.sleep(1)
    assert not flushing.done()
    case.gate.set()
    await flushing
    await writing


async def test_only_old_audio_is_given_up() -> None:
    case = Case(audio_limit_ms=100)
    for n in range(10):
        case.put(f"audio {n}", 20)
        case.put(f"control {n}")
    await case.write()
    assert case.written[-2:] == [b"audio 9", b"control 9"]
    assert [name for name in case.written if name.startswith(b"control")] == [
        f"control {n}".encode() for n in range(10)
    ]
    assert [name for name in case.written if name.startswith(b"audio")] == [f"audio {n}".encode() for n in range(4, 10)]
    assert case.gaps == []
    await asyncio.sleep(0.5)
    assert case.gaps == [80.0]


async def test_the_newest_is_never_given_up_for_its_own_size() -> None:
    case = Case(audio_limit_ms=100)
    case.put("a whole file", 60_000)
    case.put("and more", 20)
    await case.write()
    await asyncio.sleep(1)
    assert case.written == [b"and more"]
    assert case.gaps == [60_000.0]
    case.put("a whole file", 60_000)
    await case.write()
    assert case.written[-1] == b"a whole file"


async def test_a_frame_that_is_leaving_is_not_given_up() -> None:
    case = Case(audio_limit_ms=10)
    case.gate.clear()
    case.put("leaving", 500)
    writing = asyncio.ensure_future(case.write())
    await asyncio.sleep(0)
    case.put("next", 20)
    case.put("last", 20)
    case.gate.set()
    await writing
    assert case.written == [b"leaving", b"last"]


async def test_gaps_are_told_twice_a_second_at_most() -> None:
    case = Case(audio_limit_ms=40)
    case.gate.clear()
    writing = None
    for _ in range(200):
        case.put("audio", 20)
        writing = writing or asyncio.ensure_future(case.write())
        await asyncio.sleep(0.02)
    assert len(case.gaps) <= 8
    case.outbox.end(ConnectionLost("over"))
    assert sum(case.gaps) == 199 * 20
    writing.cancel()


async def test_room_in_milliseconds() -> None:
    case = Case()
    assert case.outbox.room() is None
    for _ in range(60):
        case.put("audio", 20)
    waiting = case.wait_for_room()
    await asyncio.sleep(0)
    assert not waiting.done()
    await case.write()
    await waiting


async def test_room_in_bytes_comes_back_at_half() -> None:
    case = Case()
    for _ in range(3):
        case.outbox.put(b"x" * (HIGH_WATER_BYTES // 2), EVENT)
    waiting = case.wait_for_room()
    case.gate.clear()
    writing = asyncio.ensure_future(case.write())
    await asyncio.sleep(1)
    assert not waiting.done()
    case.gate.set()
    await writing
    await waiting


async def test_the_end_lets_everybody_go() -> None:
    case = Case()
    for _ in range(60):
        case.put("audio", 20)
    waiting, flushing = case.wait_for_room(), asyncio.ensure_future(case.outbox.flush())
    await asyncio.sleep(0)
    case.outbox.end(ConnectionLost("over"))
    with pytest.raises(ConnectionLost, match="over"):
        await waiting
    await flushing
    case.put("too late", 20)
    assert not case.outbox.waits
    assert case.gaps == [1200.0]


async def test_a_peer_that_takes_nothing_is_given_up() -> None:
    case = Case(stall_seconds=30)
    case.gate.clear()
    case.put("a")
    writing = asyncio.ensure_future(case.write())
    await asyncio.sleep(29)
    assert case.stalls == []
    await asyncio.sleep(2)
    assert [str(error) for error in case.stalls] == ["the peer took nothing for 30 s and was given up"]
    writing.cancel()


async def test_a_slow_peer_that_goes_on_taking_is_not_given_up() -> None:
    case = Case(stall_seconds=30)
    for n in range(10):
        case.put(f"{n}")

    async def slowly(data: bytes) -> None:
        await asyncio.sleep(20)

    await case.outbox.write(slowly, lambda event: None)
    assert asyncio.get_running_loop().time() == 200
    assert case.stalls == []


async def test_the_watch_ends_with_the_traffic() -> None:
    case = Case(stall_seconds=30)
    case.put("a")
    await case.write()
    await asyncio.sleep(100)
    case.put("b")
    await case.write()
    assert case.stalls == []


async def test_too_many_bytes_behind() -> None:
    case = Case()
    case.outbox.put(b"x" * (BYTES_LIMIT + 1), EVENT)
    assert case.stalls == []
    case.put("one more")
    assert "behind" in str(case.stalls[0])


async def test_too_many_frames_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRAMES_LIMIT", 3)
    case = Case()
    for _ in range(4):
        case.put("x")
    assert len(case.stalls) == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("audio"), st.integers(1, 400)),
        st.tuples(st.just("control"), st.just(0)),
        st.tuples(st.just("write"), st.integers(1, 5)),
    ),
    max_size=80,
)


@given(STEPS)
def test_whatever_comes_control_is_written_in_order_and_audio_is_written_or_told(steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        case = Case(audio_limit_ms=1000)
        tokens = asyncio.Semaphore(0)
        put: list[tuple[str, int]] = []
        written: list[str] = []

        async def write(data: bytes) -> None:
            await tokens.acquire()
            written.append(data.decode())

        writing: asyncio.Task[None] | None = None
        for number, (kind, amount) in enumerate(steps):
            if kind == "write":
                for _ in range(amount):
                    tokens.release()
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
            else:
                put.append((f"{kind} {number}", amount))
                case.put(f"{kind} {number}", float(amount))
            if case.outbox.waits and (writing is None or writing.done()):
                writing = asyncio.ensure_future(case.outbox.write(write, lambda event: None))
        for _ in steps:
            tokens.release()
        while case.outbox.waits or (writing is not None and not writing.done()):
            if writing is None or writing.done():
                writing = asyncio.ensure_future(case.outbox.write(write, lambda event: None))
            await writing
        await asyncio.sleep(1)
        names = [name for name, _ in put]
        assert written == [name for name in names if name in set(written)]
        assert {name for name in names if name.startswith("control")} <= set(written)
        lost = sum(amount for name, amount in put if name not in set(written))
        assert sum(case.gaps) == lost
        case.outbox.end(ConnectionLost("over"))

    virtual_time.run(main())
