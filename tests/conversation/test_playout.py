"""The playout ledger: against a player that is simulated tick by tick, and in every hard case by name."""

from __future__ import annotations

import math
from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.conversation.playout import PartKey, PlayoutLedger, PlayoutLimits
from realtime_transport.events.transport import AudioHeardEvent, Cut

FAST = AudioFormat(encoding="pcm16", rate=4096)
"""8192 bytes a second: every time and every duration is exact in binary."""
SLOW = AudioFormat(encoding="pcm16", rate=2048)
TICKS = 8192


def hear(
    ledger: PlayoutLedger,
    item: str,
    ms: float,
    now: float,
    *,
    response: str = "r1",
    index: int = 0,
    fmt: AudioFormat = PCM16_24K,
) -> bool:
    """Receive ``ms`` of audio."""
    return ledger.received(response, item, index, fmt.bytes_for(ms), fmt, now)


def cut(item: str, heard_ms: int, received_ms: int, *, response: str = "r1", index: int = 0) -> Cut:
    return Cut(response_id=response, item_id=item, content_index=index, heard_ms=heard_ms, received_ms=received_ms)


def heard(item: str, ms: int, *, response: str = "r1", index: int = 0) -> AudioHeardEvent:
    return AudioHeardEvent(response_id=response, item_id=item, content_index=index, heard_ms=ms)


# --- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", [PCM16_24K, PCM16_16K, PCM16_8K, PCMU, PCMA])
def test_heard_is_time_since_the_first_bytes_in_every_format(fmt: AudioFormat) -> None:
    ledger = PlayoutLedger()
    assert hear(ledger, "i", 400, 10.0, fmt=fmt)
    assert ledger.heard_ms("i", 0, 10.0) == 0.0
    assert ledger.heard_ms("i", 0, 10.25) == 250.0
    assert ledger.received_ms("i", 0) == 400.0
    assert ledger.heard_ms("i", 0, 99.0) == 400.0
    assert ledger.heard_ms("i", 1, 10.25) == ledger.received_ms("i", 1) == 0.0


def test_a_gap_in_the_delivery_is_not_heard() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 100, 0.0)
    hear(ledger, "i", 100, 5.0)
    assert ledger.heard_ms("i", 0, 5.05) == pytest.approx(150.0)
    assert ledger.cut(5.05) == (cut("i", 150, 200),)


def test_parts_play_one_after_another_and_formats_may_change_between_them() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "a", 1000, 0.0, fmt=PCM16_24K)
    ledger.finished("r1", "a", 0, 0.1)
    hear(ledger, "b", 1000, 0.2, response="r2", fmt=PCMU)
    assert ledger.playing(0.5) == PartKey("r1", "a", 0)
    assert ledger.heard_ms("b", 0, 0.5) == 0.0
    assert ledger.playing(1.25) == PartKey("r2", "b", 0)
    assert ledger.heard_ms("b", 0, 1.25) == 250.0
    assert ledger.playing(2.0) is None


def test_fm46_interleaved_parts_keep_their_own_account() -> None:
    ledger = PlayoutLedger()
    for n in range(3):
        hear(ledger, "a", 100, n * 0.01, response="r1")
        hear(ledger, "b", 100, n * 0.01, response="r2")
    assert [ledger.heard_ms(item, 0, 0.25) for item in "ab"] == [pytest.approx(150.0), pytest.approx(100.0)]
    assert [ledger.received_ms(item, 0) for item in "ab"] == [300.0, 300.0]
    assert ledger.cut(0.25) == (cut("a", 150, 300), cut("b", 100, 300, response="r2"))


def test_a_part_is_heard_only_when_it_is_generated_and_played() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 100, 0.0)
    assert ledger.next_deadline() is None
    assert ledger.wake(1.0) == ()
    ledger.finished("r1", "i", 0, 0.05)
    assert ledger.next_deadline() == 0.1
    assert ledger.wake(0.09) == ()
    assert ledger.wake(0.1) == (heard("i", 100),)
    assert ledger.next_deadline() is None
    assert ledger.wake(0.2) == ()
    assert ledger.cut(0.2) == ()
    assert ledger.heard_ms("i", 0, 0.2) == ledger.received_ms("i", 0) == 100.0


def test_a_part_that_is_finished_late_is_heard_at_that_moment() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 100, 0.0)
    ledger.finished("r1", "i", 0, 3.0)
    assert ledger.next_deadline() == 3.0
    assert ledger.wake(3.0) == (heard("i", 100),)


def test_a_part_that_nobody_knows_is_not_finished() -> None:
    ledger = PlayoutLedger()
    ledger.finished("r1", "i", 0, 0.0)
    assert ledger.next_deadline() is None


def test_the_end_of_the_response_finishes_its_parts_and_no_others() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "a", 100, 0.0)
    hear(ledger, "b", 100, 0.0, response="r2")
    ledger.response_done("r1")
    assert ledger.next_deadline() == 0.1
    assert ledger.wake(1.0) == (heard("a", 100),)


def test_audio_after_the_end_of_its_part_goes_on_where_it_was() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 100, 0.0)
    ledger.finished("r1", "i", 0, 0.0)
    assert hear(ledger, "i", 50, 0.05)
    assert ledger.next_deadline() == pytest.approx(0.15)
    assert ledger.wake(1.0) == (heard("i", 150),)
    assert hear(ledger, "i", 50, 2.0)
    assert ledger.heard_ms("i", 0, 2.02) == pytest.approx(170.0)
    assert ledger.wake(3.0) == (heard("i", 200),)


def test_several_parts_are_reported_in_play_order() -> None:
    ledger = PlayoutLedger()
    for item in "ab":
        hear(ledger, item, 100, 0.0)
    ledger.response_done("r1")
    assert ledger.next_deadline() == 0.1
    assert ledger.wake(0.2) == (heard("a", 100), heard("b", 100))


def test_reports_are_ignored_under_the_estimate() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 100, 0.0)
    assert not ledger.heard("i", 0, 50, 0.01)
    assert ledger.heard_ms("i", 0, 0.01) == 10.0
    assert not ledger.heard("nobody", 0, 50, 0.01)


# --- interruption --------------------------------------------------------------------------------------------------


def test_a_cut_names_three_queued_items_in_play_order() -> None:
    ledger = PlayoutLedger()
    for item in "abc":
        hear(ledger, item, 1000, 0.0)
        ledger.finished("r1", item, 0, 0.0)
    ledger.response_done("r1")
    assert ledger.cut(1.2507) == (cut("b", 250, 1000), cut("c", 0, 1000))
    # a was heard to its end before: it is reported, not cut.
    assert ledger.wake(1.2507) == (heard("a", 1000),)
    assert ledger.playing(1.3) is None
    assert ledger.next_deadline() is None


def test_a_second_cut_does_nothing() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 1000, 0.0)
    assert len(ledger.cut(0.5)) == 1
    assert ledger.cut(0.6) == ()


def test_fm59_what_was_heard_is_whole_and_never_past_the_end() -> None:
    ledger = PlayoutLedger()
    ledger.received("r1", "i", 0, 4_801 * 2, PCM16_24K, 0.0)
    (one,) = ledger.cut(50.0)
    assert (one.heard_ms, one.received_ms) == (200, 200)
    assert type(one.heard_ms) is type(one.received_ms) is int


def test_less_than_a_millisecond_was_never_heard() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 100, 0.0)
    assert ledger.cut(0.0009) == (cut("i", 0, 100),)


def test_fm58_all_that_still_comes_of_a_cut_response_is_refused_until_it_is_done() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "a", 1000, 0.0)
    ledger.cut(0.1)
    assert not hear(ledger, "a", 100, 0.2)
    assert not hear(ledger, "late", 100, 0.2)
    assert hear(ledger, "other", 100, 0.2, response="r2")
    assert ledger.refused == 2
    ledger.response_done("r1")
    assert hear(ledger, "next", 100, 0.3, response="r1")
    assert not hear(ledger, "a", 100, 0.3)


def test_a_response_that_is_done_before_the_cut_is_not_refused_for_ever() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "a", 1000, 0.0)
    ledger.response_done("r1")
    ledger.cut(0.1)
    assert hear(ledger, "b", 100, 0.2)


def test_what_was_cut_stays_known_as_it_was() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "i", 1000, 0.0)
    ledger.cut(0.25)
    assert ledger.heard_ms("i", 0, 9.0) == 250.0
    assert ledger.received_ms("i", 0) == 1000.0


# --- reports ---------------------------------------------------------------------------------------------------------


def test_reports_say_what_was_heard() -> None:
    ledger = PlayoutLedger("reported")
    hear(ledger, "i", 1000, 0.0)
    assert ledger.heard_ms("i", 0, 5.0) == 0.0
    assert ledger.playing(5.0) == PartKey("r1", "i", 0)
    assert ledger.heard("i", 0, 400, 5.0)
    assert not ledger.heard("i", 0, 300, 5.1)
    assert ledger.heard_ms("i", 0, 6.0) == 400.0
    ledger.finished("r1", "i", 0, 6.0)
    assert ledger.next_deadline() is None
    assert ledger.heard("i", 0, 1500, 7.0)
    assert ledger.heard_ms("i", 0, 7.0) == 1000.0
    assert ledger.next_deadline() == 7.0
    assert ledger.wake(7.0) == (heard("i", 1000),)
    assert not ledger.heard("i", 0, 1600, 8.0)


def test_a_report_of_something_cut_is_stale() -> None:
    ledger = PlayoutLedger("reported")
    hear(ledger, "i", 1000, 0.0)
    ledger.heard("i", 0, 400, 0.5)
    assert ledger.cut(1.0) == (cut("i", 400, 1000),)
    assert not ledger.heard("i", 0, 1000, 1.1)
    assert ledger.heard_ms("i", 0, 1.2) == 400.0


def test_a_part_heard_whole_gets_no_more_once_its_response_was_cut() -> None:
    ledger = PlayoutLedger()
    hear(ledger, "a", 100, 0.0)
    ledger.finished("r1", "a", 0, 0.0)
    hear(ledger, "b", 100, 0.1)
    assert [each.item_id for each in ledger.cut(0.1)] == ["b"]
    assert not hear(ledger, "a", 100, 0.1)
    assert ledger.refused == 1


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_too_many_parts_forget_the_oldest() -> None:
    ledger = PlayoutLedger(limits=PlayoutLimits(max_parts=2))
    for item in "abcd":
        hear(ledger, item, 100, 0.0)
    assert ledger.forgotten == 2
    assert [each.item_id for each in ledger.cut(0.0)] == ["c", "d"]
    reported = PlayoutLedger("reported", PlayoutLimits(max_parts=1))
    for item in "ab":
        hear(reported, item, 100, 0.0)
    assert reported.playing(0.0) == PartKey("r1", "b", 0)


def test_the_past_is_bounded() -> None:
    ledger = PlayoutLedger(limits=PlayoutLimits(max_past=2))
    for n in range(3):
        hear(ledger, f"i{n}", 100, 0.0, response=f"r{n}")
    ledger.cut(0.05)
    assert ledger.received_ms("i0", 0) == 0.0
    assert ledger.received_ms("i1", 0) == ledger.received_ms("i2", 0) == 100.0
    assert hear(ledger, "x", 100, 0.1, response="r0")
    assert not hear(ledger, "x", 100, 0.1, response="r1")


def test_the_default_bounds() -> None:
    limits = PlayoutLimits()
    ledger = PlayoutLedger()
    for n in range(limits.max_parts + 1):
        hear(ledger, f"i{n}", 10, 0.0, response=f"r{n}")
    assert ledger.forgotten == 1
    assert limits == PlayoutLimits(max_parts=256, max_past=256, max_runs=4096)


# --- against a simulated player --------------------------------------------------------------------------------------


class Player(RuleBasedStateMachine):
    """Random audio, time and cuts: for the ledger, and for a queue of ticks that is played one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = PlayoutLedger()
        self.tick = 0
        self.queue: deque[PartKey] = deque()
        self.played: dict[PartKey, int] = {}
        self.received: dict[PartKey, int] = {}
        self.live: dict[PartKey, None] = {}
        self.finished: set[PartKey] = set()
        self.response_over: set[PartKey] = set()
        self.was_cut: set[PartKey] = set()
        self.unwanted: set[str] = set()

    @property
    def now(self) -> float:
        return self.tick / TICKS

    def whole(self, key: PartKey) -> bool:
        return key in self.finished and self.played[key] == self.received[key]

    @rule(n=st.integers(0, 5), size=st.integers(1, 3000))
    def receive(self, n: int, size: int) -> None:
        key = PartKey(f"r{n // 2}", f"i{n}", 0)
        fmt, ticks = (SLOW, 2) if n // 2 == 1 else (FAST, 1)
        wanted = key.response_id not in self.unwanted and key not in self.was_cut
        assert self.ledger.received(*key, size, fmt, self.now) is wanted
        if wanted:
            self.live[key] = None
            self.played.setdefault(key, 0)
            self.received[key] = self.received.get(key, 0) + size * ticks
            self.queue.extend([key] * (size * ticks))

    @rule(ticks=st.integers(1, 6000))
    def pass_time(self, ticks: int) -> None:
        self.tick += ticks
        for _ in range(min(ticks, len(self.queue))):
            self.played[self.queue.popleft()] += 1

    @rule(n=st.integers(0, 5))
    def finish(self, n: int) -> None:
        key = PartKey(f"r{n // 2}", f"i{n}", 0)
        self.ledger.finished(*key, self.now)
        if key in self.live:
            self.finished.add(key)

    @rule(n=st.integers(0, 2))
    def response_done(self, n: int) -> None:
        self.ledger.response_done(f"r{n}")
        self.unwanted.discard(f"r{n}")
        over = {key for key in self.live if key.response_id == f"r{n}"}
        self.finished |= over
        self.response_over |= over

    @rule()
    def wake(self) -> None:
        over = [key for key in self.live if self.whole(key)]
        assert self.ledger.wake(self.now) == tuple(
            AudioHeardEvent(**key._asdict(), heard_ms=math.floor(self.received[key] * 1000 / TICKS)) for key in over
        )
        for key in over:
            del self.live[key]

    @rule()
    def cut(self) -> None:
        left = [key for key in self.live if not self.whole(key)]
        assert self.ledger.cut(self.now) == tuple(
            Cut(
                **key._asdict(),
                heard_ms=math.floor(self.played[key] * 1000 / TICKS),
                received_ms=math.floor(self.received[key] * 1000 / TICKS),
            )
            for key in left
        )
        self.queue.clear()
        self.was_cut.update(left)
        self.unwanted |= {key.response_id for key in left if key not in self.response_over}
        for key in left:
            del self.live[key]

    @invariant()
    def both_say_the_same(self) -> None:
        for key, received in self.received.items():
            assert self.ledger.received_ms(key.item_id, 0) == received * 1000 / TICKS
            assert self.ledger.heard_ms(key.item_id, 0, self.now) == self.played[key] * 1000 / TICKS
            assert self.ledger.heard_ms(key.item_id, 0, self.now) <= self.ledger.received_ms(key.item_id, 0)
        assert self.ledger.playing(self.now) == (self.queue[0] if self.queue else None)

    @invariant()
    def the_deadline_is_the_next_end(self) -> None:
        deadline = self.ledger.next_deadline()
        ends = [self.end_of(key) for key in self.live if key in self.finished]
        if not ends:
            assert deadline is None
        elif min(ends) <= self.tick:
            assert deadline is not None
            assert deadline <= self.now
        else:
            assert deadline == min(ends) / TICKS

    def end_of(self, key: PartKey) -> int:
        behind = next((n for n, each in enumerate(reversed(self.queue)) if each == key), None)
        return self.tick if behind is None else self.tick + len(self.queue) - behind


TestPlayer = Player.TestCase
TestPlayer.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
