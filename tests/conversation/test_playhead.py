"""The two playheads, where the ledger does not show them: runs, and what a report proves."""

from __future__ import annotations

import math

import pytest

from realtime_transport.audio.formats import PCM16_24K
from realtime_transport.conversation.playhead import EstimatedPlayhead, Part, Playhead, ReportedPlayhead


def part(item: str = "i") -> Part:
    return Part(response_id="r", item_id=item, content_index=0, fmt=PCM16_24K)


def hear(playhead: Playhead, part: Part, ms: float, now: float) -> None:
    playhead.received(part, PCM16_24K.bytes_for(ms), now)


# --- parts -----------------------------------------------------------------------------------------------------------


def test_a_part_is_whole_when_it_is_finished_and_its_end_has_passed() -> None:
    one = part()
    assert one.ends_at == math.inf
    assert not one.whole(99.0)
    one.ends_at = 5.0
    assert not one.whole(5.0)
    one.finished = True
    assert one.whole(5.0)
    assert not one.whole(4.9)


# --- by the clock ----------------------------------------------------------------------------------------------------


def test_uneven_pieces_do_not_add_up_rounding_errors() -> None:
    playhead, one = EstimatedPlayhead(16), part()
    for n in range(3000):
        playhead.received(one, 2 * 333, n * 0.001)
    assert one.received_ms == 3000 * 333 / 24
    assert one.ends_at == one.received_ms / 1000
    assert playhead.heard_ms(one, 1e9) == one.received_ms


def test_a_run_begins_at_once_or_behind_the_last_one() -> None:
    playhead, one, two = EstimatedPlayhead(16), part("1"), part("2")
    hear(playhead, one, 100, 1.0)
    hear(playhead, two, 100, 1.0)
    hear(playhead, one, 100, 1.0)
    assert (two.ends_at, one.ends_at) == (pytest.approx(1.2), pytest.approx(1.3))
    assert [playhead.playing(now) for now in (1.05, 1.15, 1.25)] == [one, two, one]
    assert playhead.heard_ms(one, 1.25) == pytest.approx(150.0)
    assert playhead.playing(1.35) is None
    assert playhead.heard_ms(one, 1.35) == 200.0


def test_exactly_at_its_end_a_run_is_over() -> None:
    playhead, one = EstimatedPlayhead(16), part()
    hear(playhead, one, 100, 0.0)
    assert playhead.playing(0.1) is None


def test_too_many_runs_count_the_oldest_as_heard() -> None:
    playhead, one, two = EstimatedPlayhead(2), part("1"), part("2")
    for each in (one, two, one):
        hear(playhead, each, 100, 0.0)
    assert playhead.heard_ms(one, 0.0) == 100.0
    assert playhead.heard_ms(two, 0.0) == 0.0


def test_the_estimate_needs_no_reports() -> None:
    playhead, one = EstimatedPlayhead(16), part()
    hear(playhead, one, 100, 0.0)
    assert not playhead.heard(one, 50, 0.0)


def test_the_estimate_lets_a_forgotten_part_play_on() -> None:
    playhead, one, two = EstimatedPlayhead(16), part("1"), part("2")
    hear(playhead, one, 100, 0.0)
    playhead.forget(one)
    hear(playhead, two, 100, 0.0)
    assert playhead.heard_ms(two, 0.15) == pytest.approx(50.0)
    playhead.clear()
    assert playhead.playing(0.15) is None


# --- by reports ------------------------------------------------------------------------------------------------------


def test_only_reports_count() -> None:
    playhead, one = ReportedPlayhead(), part()
    hear(playhead, one, 1000, 0.0)
    assert playhead.heard_ms(one, 5.0) == 0.0
    assert playhead.heard(one, 400, 5.0)
    assert not playhead.heard(one, 400, 5.1)
    assert playhead.heard_ms(one, 9.0) == 400.0
    assert playhead.heard(one, 2000, 9.0)
    assert playhead.heard_ms(one, 9.0) == 1000.0


def test_parts_play_in_turn() -> None:
    playhead, one, two = ReportedPlayhead(), part("1"), part("2")
    for each in (one, two):
        hear(playhead, each, 100, 0.0)
    assert playhead.playing(0.0) is one
    playhead.heard(one, 100, 0.5)
    assert playhead.playing(0.5) is two
    playhead.heard(two, 100, 0.6)
    assert playhead.playing(0.6) is None


def test_a_lost_report_is_proven_by_the_next_part() -> None:
    playhead, one, two, three = ReportedPlayhead(), part("1"), part("2"), part("3")
    for each in (one, two, three):
        hear(playhead, each, 100, 0.0)
    one.finished = three.finished = True
    assert playhead.heard(three, 50, 1.0)
    # The first is finished and must be over; the second may be interleaved with the third.
    assert (one.said, one.ends_at) == (100.0, 1.0)
    assert (two.said, two.ends_at) == (0.0, math.inf)
    assert (three.said, three.ends_at) == (50.0, math.inf)


def test_a_report_may_be_short_of_the_end_by_its_rounding() -> None:
    playhead, one = ReportedPlayhead(), part()
    playhead.received(one, 48 * 100 + 46, 0.0)
    playhead.heard(one, 100, 1.0)
    assert one.ends_at == 1.0
    other = part()
    hear(playhead, other, 101, 0.0)
    playhead.heard(other, 100, 1.0)
    assert other.ends_at == math.inf
    assert playhead.playing(1.0) is other
    assert playhead.heard(other, 100.5, 1.0)
    assert playhead.playing(1.0) is None


def test_more_audio_moves_the_end_away() -> None:
    playhead, one = ReportedPlayhead(), part()
    hear(playhead, one, 100, 0.0)
    playhead.heard(one, 100, 1.0)
    hear(playhead, one, 100, 2.0)
    assert one.received_ms == 200.0
    assert one.ends_at == math.inf
    assert playhead.heard_ms(one, 2.0) == 100.0


def test_a_report_that_is_no_number_says_nothing() -> None:
    playhead, one = ReportedPlayhead(), part()
    hear(playhead, one, 100, 0.0)
    assert not playhead.heard(one, math.nan, 0.1)
    assert playhead.heard_ms(one, 0.1) == 0.0
    assert playhead.heard(one, math.inf, 0.1)
    assert playhead.heard_ms(one, 0.1) == 100.0


def test_reports_of_unknown_parts_change_nothing() -> None:
    playhead, one = ReportedPlayhead(), part()
    assert not playhead.heard(one, 100, 0.0)
    hear(playhead, one, 100, 0.0)
    assert not playhead.heard(one, 0, 0.0)
    playhead.clear()
    playhead.forget(one)
    assert not playhead.heard(one, 100, 0.0)
    hear(playhead, one, 100, 0.0)
    playhead.forget(one)
    assert playhead.playing(0.0) is None
