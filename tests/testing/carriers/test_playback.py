"""The carrier's buffer: what was heard is what was written and not cleared, to the sample."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_16K, PCMU
from realtime_transport.testing import virtual_time
from realtime_transport.testing.carriers.playback import FakePlayback

pytestmark = pytest.mark.virtual_time


def playback(limit_ms: float = 10_000.0) -> tuple[FakePlayback, list[object]]:
    told: list[object] = []
    return FakePlayback(PCMU, limit_ms=limit_ms, reached=told.append, changed=told.append), told


async def test_it_begins_and_ends_once_for_audio_that_follows() -> None:
    line, told = playback()
    line.write(b"a" * 160)
    line.write(b"b" * 160)
    line.mark(0)
    await asyncio.sleep(0.03)
    assert told == [True]
    assert line.ahead_ms == pytest.approx(10)
    await asyncio.sleep(0.02)
    assert told == [True, False, 0]
    line.write(b"c" * 80)
    assert [(each.begin_ms, each.ms, each.end_ms) for each in line.stretches()] == [(0, 40, 40)]
    await asyncio.sleep(0.1)
    assert [each.data for each in line.stretches()] == [b"a" * 160 + b"b" * 160, b"c" * 80]
    assert told == [True, False, 0, True, False]


async def test_a_mark_in_silence_returns_at_once() -> None:
    line, told = playback()
    line.mark(3)
    assert told == [3]


async def test_a_clear_stops_at_the_sample_and_gives_the_marks() -> None:
    line, told = playback()
    line.write(bytes(range(160)))
    line.mark(0)
    line.write(b"b" * 160)
    line.mark(1)
    await asyncio.sleep(0.0123)
    assert line.clear() == (pytest.approx(27.7), [0, 1])
    assert told == [True, False]
    assert [each.data for each in line.stretches()] == [bytes(range(98))]
    assert line.clear() == (0.0, [])
    await asyncio.sleep(1)
    assert told == [True, False]


async def test_what_finds_no_room_is_lost() -> None:
    line, _ = playback(limit_ms=100)
    assert line.write(bytes(720)) == 0
    assert line.write(bytes(160)) == 10
    assert line.write(bytes(160)) == 20
    assert line.ahead_ms == pytest.approx(100)


async def test_it_counts_what_was_heard_since() -> None:
    line, _ = playback()
    line.write(bytes(800))
    await asyncio.sleep(0.2)
    line.write(bytes(800))
    await asyncio.sleep(0.05)
    assert line.heard_ms() == pytest.approx(150)
    assert line.heard_ms(since=0.05) == pytest.approx(100)
    assert line.heard_ms(since=0.22) == pytest.approx(30)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 400)),
        st.tuples(st.just("wait"), st.integers(0, 60)),
        st.tuples(st.just("clear"), st.just(0)),
        st.tuples(st.just("mark"), st.just(0)),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_every_sample_is_heard_or_cleared_and_every_mark_returns_once(steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        told: list[int] = []
        line = FakePlayback(PCM16_16K, limit_ms=1e6, reached=told.append)
        written = cleared = marks = 0
        back: list[int] = []
        for what, amount in steps:
            match what:
                case "write":
                    line.write(b"xy" * amount)
                    written += 2 * amount
                case "wait":
                    await asyncio.sleep(amount / 1000)
                case "mark":
                    line.mark(marks)
                    marks += 1
                case _:
                    ms, numbers = line.clear()
                    cleared += PCM16_16K.bytes_for(ms)
                    back += numbers
        await asyncio.sleep(10)
        heard = sum(len(each.data) for each in line.stretches())
        assert abs(written - heard - cleared) <= 4 * len(steps)
        assert sorted([*told, *back]) == list(range(marks))

    virtual_time.run(main())
