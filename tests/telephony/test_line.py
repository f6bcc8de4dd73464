"""How much was heard: by marks, between them, without them, and after a clear."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCMU
from realtime_transport.telephony.leg_events import PartPlayed
from realtime_transport.telephony.line import MARK_PATIENCE, MAX_MARKS, MAX_ROUND_TRIP, Line, PartName

A, B = PartName(item_id="a", content_index=0), PartName(item_id="b", content_index=0)


def say(line: Line, part: PartName, ms: int, offset_ms: int, now: float) -> None:
    line.name(part, ms * 8, offset_ms * 8)
    line.write(ms * 8, now)


def played(item_id: str, ms: float) -> PartPlayed:
    return PartPlayed(item_id=item_id, content_index=0, ms=ms)


def rounded(events: list[PartPlayed]) -> list[PartPlayed]:
    return [attrs.evolve(event, ms=round(event.ms, 6)) for event in events]


def test_marks_say_what_was_heard() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 100, 0, 0.0)
    first = line.mark()
    say(line, A, 100, 100, 0.05)
    second = line.mark()
    assert first is not None
    assert second is not None
    assert line.reached(first, 0.1) == [played("a", 100)]
    assert not line.is_silent
    assert line.reached(second, 0.2) == [played("a", 200)]
    assert line.is_silent
    assert line.confirmed
    assert line.reached(second, 0.3) == []
    assert line.stale_marks == 1


def test_a_later_mark_proves_those_before_it() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 100, 0, 0.0)
    line.mark()
    say(line, B, 100, 0, 0.0)
    last = line.mark()
    assert last is not None
    assert line.reached(last, 0.2) == [played("a", 100), played("b", 100)]
    assert line.next_deadline() is None


def test_time_runs_on_to_the_next_mark_only() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 100, 0, 0.0)
    line.mark()
    say(line, A, 100, 100, 0.0)
    assert rounded(line.heard(0.05)) == [played("a", 50)]
    assert rounded(line.heard(0.15)) == [played("a", 100)]


def test_a_lost_mark_is_given_up() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 100, 0, 0.0)
    line.mark()
    say(line, A, 4000, 100, 0.0)
    assert line.next_deadline() == pytest.approx(0.1 + MARK_PATIENCE)
    assert line.wake(1.0) == []
    assert line.wake(0.1 + MARK_PATIENCE) == [played("a", 100)]
    assert not line.confirmed
    assert rounded(line.heard(2.5)) == [played("a", 2500)]


def test_without_marks_the_clock_counts() -> None:
    line = Line(PCMU, has_marks=False)
    say(line, A, 100, 0, 0.0)
    line.mark()
    assert rounded(line.heard(0.05)) == [played("a", 50)]
    assert line.heard(0.05, all_written=True) == [played("a", 100)]
    assert line.wake(0.1) == [played("a", 100)]
    assert line.is_silent


def test_a_pause_is_not_heard() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 100, 0, 0.0)
    say(line, A, 100, 100, 5.0)
    assert rounded(line.heard(5.05)) == [played("a", 150)]
    assert line.ends_at == pytest.approx(5.1)


def test_after_a_carrier_that_is_behind_the_clock_waits_for_the_mark() -> None:
    """Our clock says that the line has run dry, the mark says that it has not."""
    line = Line(PCMU, has_marks=True)
    say(line, A, 100, 0, 0.0)
    line.mark()
    say(line, A, 100, 100, 0.0)
    say(line, A, 100, 200, 1.0)
    assert rounded(line.heard(1.5)) == [played("a", 100)]


def test_silence_between_parts_belongs_to_none() -> None:
    line = Line(PCMU, has_marks=False)
    line.name(A, 80, 0)
    line.write(160, 0.0)
    say(line, B, 20, 0, 0.0)
    assert rounded(line.heard(1.0)) == [played("a", 10), played("b", 20)]
    assert rounded(line.heard(0.03)) == [played("a", 10), played("b", 10)]


def test_a_clear_begins_anew_and_old_marks_mean_nothing() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 1000, 0, 0.0)
    old = line.mark()
    line.clear(0.1, taken_back=True)
    assert line.is_silent
    assert line.ends_at == pytest.approx(0.1)
    say(line, B, 100, 0, 0.1)
    assert old is not None
    assert line.reached(old, 0.11) == []
    assert line.stale_marks == 1
    assert rounded(line.heard(0.15)) == [played("b", 50)]


def test_a_mark_that_a_clear_returns_late_is_not_taken_for_a_new_one() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 1000, 0, 0.0)
    old = line.mark()
    line.clear(0.1, taken_back=True)
    say(line, B, 100, 0, 0.1)
    new = line.mark()
    assert old is not None
    assert new is not None
    assert line.reached(old, 0.12) == []
    assert line.reached(new, 0.2) == [played("b", 100)]


def test_what_cannot_be_taken_back_sounds_first() -> None:
    line = Line(PCMU, has_marks=False)
    say(line, A, 100, 0, 0.0)
    line.clear(0.05, taken_back=False)
    say(line, B, 100, 0, 0.05)
    assert line.ends_at == pytest.approx(0.2)
    assert rounded(line.heard(0.1)) == []
    assert rounded(line.heard(0.15)) == [played("b", 50)]


def test_marks_have_a_bound() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 20, 0, 0.0)
    assert all(line.mark() for _ in range(MAX_MARKS))
    assert line.mark() is None


@attrs.define
class Truth:
    """A carrier that plays what it gets, at once when idle."""

    ends_at: float = 0.0
    began: list[tuple[float, float]] = attrs.field(factory=list)

    def write(self, seconds: float, now: float) -> None:
        at = max(now, self.ends_at)
        self.began.append((at, seconds))
        self.ends_at = at + seconds

    def heard(self, now: float) -> float:
        return sum(min(max(0.0, now - at), seconds) for at, seconds in self.began)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 500), st.booleans()), max_size=40), st.booleans())
def test_estimates_are_the_truth(steps: list[tuple[int, int, bool]], has_marks: bool) -> None:
    """However it is written and paused: where marks return at their time, every estimate is right to the sample."""
    line, truth, now, offset = Line(PCMU, has_marks=has_marks), Truth(), 0.0, 0
    marks: list[tuple[float, str]] = []
    for ms, pause, marked in steps:
        say(line, A, ms, offset, now)
        truth.write(ms / 1000, now)
        offset += ms
        if marked and (name := line.mark()) is not None:
            marks.append((truth.ends_at, name))
        until = now + pause / 1000
        while has_marks and marks and marks[0][0] <= until:
            at, name = marks.pop(0)
            line.reached(name, at)
        if not has_marks:
            line.wake(until)
        now = until
        heard = line.heard(now)
        if heard:
            assert heard[-1].ms == pytest.approx(truth.heard(now) * 1000, abs=0.2)


def far_away(round_trip: float) -> Line:
    """Return a line whose carrier is so many seconds away and back, and that knows it."""
    line = Line(PCMU, has_marks=True)
    probe = line.probe(1.0)
    assert probe is not None
    assert line.reached(probe, 1.0 + round_trip) == []
    assert line.stale_marks == 0
    return line


def test_what_is_cut_was_heard_until_the_clear_arrives() -> None:
    """Written at 2.0, heard from 2.05 on; the mark at 100 ms comes back at 2.2; a clear of 2.25 arrives at 2.3."""
    line = far_away(0.1)
    say(line, A, 100, 0, 2.0)
    first = line.mark()
    assert first is not None
    say(line, A, 400, 100, 2.0)
    assert line.reached(first, 2.2) == [played("a", 100)]
    assert rounded(line.heard(2.25)) == [played("a", 250)]


def test_a_caller_who_left_heard_what_was_heard_when_they_did() -> None:
    """Gone at 2.2, which we learn at 2.25: of what was written at 2.0 and heard from 2.05 on, 150 ms."""
    line = far_away(0.1)
    say(line, A, 100, 0, 2.0)
    first = line.mark()
    assert first is not None
    say(line, A, 400, 100, 2.0)
    line.reached(first, 2.2)
    assert rounded(line.heard(2.25, is_over=True)) == [played("a", 150)]


def test_a_mark_that_may_be_on_its_way_holds_nothing_up() -> None:
    line = far_away(0.1)
    say(line, A, 100, 0, 2.0)
    line.mark()
    say(line, A, 400, 100, 2.0)
    assert rounded(line.heard(2.15)) == [played("a", 150)]
    assert rounded(line.heard(2.5)) == [played("a", 200)]
    assert rounded(line.heard(2.5, is_over=True)) == [played("a", 100)]


def test_a_faster_mark_makes_the_way_shorter() -> None:
    line = far_away(0.3)
    say(line, A, 100, 0, 2.0)
    first = line.mark()
    assert first is not None
    say(line, A, 400, 100, 2.0)
    line.reached(first, 2.15)
    assert rounded(line.heard(2.15)) == [played("a", 150)]


@pytest.mark.parametrize("back", [MAX_ROUND_TRIP + 0.01, None])
def test_a_probe_that_is_late_or_lost_says_nothing(back: float | None) -> None:
    line = Line(PCMU, has_marks=True)
    probe = line.probe(0.0)
    assert probe is not None
    if back is not None:
        line.reached(probe, back)
    assert line.next_deadline() is None
    say(line, A, 100, 0, 5.0)
    line.mark()
    say(line, A, 400, 100, 5.0)
    assert rounded(line.heard(5.3)) == [played("a", 100)]


def test_a_clear_forgets_the_probe_and_keeps_the_way() -> None:
    line = Line(PCMU, has_marks=True)
    probe = line.probe(0.0)
    assert probe is not None
    line.clear(0.01, taken_back=True)
    line.reached(probe, 0.02)
    assert line.stale_marks == 1
    line = far_away(0.1)
    line.clear(2.0, taken_back=True)
    say(line, A, 100, 0, 3.0)
    line.mark()
    say(line, A, 400, 100, 3.0)
    assert rounded(line.heard(3.5)) == [played("a", 200)]


def test_without_marks_there_is_no_probe() -> None:
    assert Line(PCMU, has_marks=False).probe(0.0) is None


def reporting() -> Line:
    """Return a line to a carrier without marks that says when it has played all it had."""
    return Line(PCMU, has_marks=False, reports_end=True)


def test_the_last_word_is_confirmed_by_the_end_of_playback() -> None:
    line = reporting()
    say(line, A, 100, 0, 0.0)
    line.mark()
    say(line, A, 100, 100, 0.0)
    line.mark()
    line.end()
    assert line.wake(0.1) == [played("a", 100)]
    assert line.wake(0.25) == []
    assert not line.is_silent
    assert line.drained(0.3) == [played("a", 200)]
    assert line.is_silent
    assert line.confirmed
    assert line.drained(0.4) == []


def test_an_end_that_is_not_told_is_believed_of_the_clock() -> None:
    line = reporting()
    say(line, A, 100, 0, 0.0)
    line.mark()
    line.end()
    assert line.next_deadline() == pytest.approx(0.1 + MARK_PATIENCE)
    assert line.wake(0.1 + MARK_PATIENCE) == [played("a", 100)]
    assert not line.confirmed


def test_a_word_that_is_not_the_last_any_more_is_not_waited_for() -> None:
    line = reporting()
    say(line, A, 100, 0, 0.0)
    line.mark()
    line.end()
    say(line, B, 100, 0, 0.05)
    assert line.drained(0.1) == []
    line.mark()
    line.end()
    assert line.wake(0.1) == [played("a", 100)]
    assert line.drained(0.12) == []
    assert line.drained(0.25) == [played("b", 100)]


def test_others_do_not_ask_for_the_end() -> None:
    line = Line(PCMU, has_marks=True)
    say(line, A, 100, 0, 0.0)
    line.mark()
    line.end()
    assert line.drained(0.5) == []
    assert not line.is_silent
