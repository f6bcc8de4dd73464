"""The play line: real time, no overlap, and a cut that leaves exactly what was heard."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio.playline import PlayLine


def laid(line: PlayLine[str]) -> list[tuple[object, float, float, float | None]]:
    return [(s.key, s.begins_ms, s.ms, s.heard_ms) for s in line.stretches]


def test_pieces_lie_end_to_end_however_fast_they_come() -> None:
    line = PlayLine[str]()
    assert [line.place("a", 200, 1000), line.place("a", 200, 1001), line.place("b", 100, 1002)] == [1000, 1200, 1400]
    assert laid(line) == [("a", 1000, 400, None), ("b", 1400, 100, None)]
    assert line.ends_ms == 1500


def test_a_gap_in_the_delivery_is_a_gap_in_the_sound() -> None:
    line = PlayLine[str]()
    line.place("a", 200, 0)
    assert line.place("a", 200, 500) == 500
    assert laid(line) == [("a", 0, 200, None), ("a", 500, 200, None)]


def test_a_cut_leaves_what_was_heard_and_a_ghost_of_the_rest() -> None:
    line = PlayLine[str]()
    line.place("a", 1000, 0)
    line.place("b", 500, 0)
    assert line.cut({"a": 400, "b": 0}) == 400
    assert laid(line) == [("a", 0, 1000, 400), ("b", 1000, 500, 0)]
    assert line.ends_ms == 400
    assert line.place("c", 100, 450) == 450


def test_a_cut_counts_from_the_beginning_of_the_part_over_its_breaks() -> None:
    line = PlayLine[str]()
    line.place("a", 200, 0)
    line.place("a", 300, 1000)
    assert line.cut({"a": 250}) == 1050
    assert laid(line) == [("a", 0, 200, None), ("a", 1000, 300, 50)]


def test_a_cut_of_what_is_not_there_or_was_heard_does_nothing() -> None:
    line = PlayLine[str]()
    assert line.cut({"a": 0}) is None
    line.place("a", 200, 0)
    assert line.cut({"a": 200}) is None
    assert line.cut({"b": 10}) is None
    assert line.cut({"a": 100}) == 100
    assert line.cut({"a": 50}) is None
    assert laid(line) == [("a", 0, 200, 100)]


def test_an_earlier_part_that_was_heard_stays_whole() -> None:
    line = PlayLine[str]()
    line.place("a", 200, 0)
    line.place("b", 300, 0)
    assert line.cut({"b": 100}) == 300
    assert laid(line) == [("a", 0, 200, None), ("b", 200, 300, 100)]


def test_what_is_late_is_joined_and_what_comes_later_is_not() -> None:
    line = PlayLine[str](lateness_ms=50)
    assert [line.place("a", 20, now) for now in (30, 99, 150, 140)] == [30, 50, 150, 170]
    assert laid(line) == [("a", 30, 40, None), ("a", 150, 40, None)]


def test_no_more_than_the_limit_is_kept() -> None:
    line = PlayLine[str](limit=2)
    for key in "abc":
        line.place(key, 100, 0)
    assert [key for key, *_ in laid(line)] == ["b", "c"]
    assert line.ends_ms == 300


@given(
    pieces=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 300), st.integers(0, 400)), max_size=30),
    cut_after=st.integers(0, 4000),
)
@settings(deadline=None)
def test_what_was_heard_is_the_time_that_sounded(pieces: list[tuple[str, int, int]], cut_after: int) -> None:
    line = PlayLine[str]()
    now = 0
    for key, ms, pause in pieces:
        now += pause
        begins = line.place(key, ms, now)
        assert begins >= now
        assert line.ends_ms == pytest.approx(begins + ms)
    stop = now + cut_after
    heard: dict[str, float] = {}
    for stretch in line.stretches:
        sounded = min(max(stop - stretch.begins_ms, 0), stretch.ms)
        heard[stretch.key] = heard.get(stretch.key, 0) + sounded
    before = line.ends_ms
    where = line.cut(heard)
    assert where is None if before <= stop else where == pytest.approx(max(stop, 0))
    spans = [(s.begins_ms, s.ends_ms) for s in line.stretches if s.ends_ms > s.begins_ms]
    assert all(end <= begin + 1e-6 for (_, end), (begin, _) in itertools.pairwise(spans))
    assert all(end <= stop + 1e-6 for _, end in spans) or before <= stop
