"""The caller's side: order, gaps, silence, floods."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCMU
from realtime_transport.telephony.codecs import MediaReceived
from realtime_transport.telephony.inbound import INACTIVITY_PAD_MS, INACTIVITY_SECONDS, MAX_GAP_MS, Inbound
from realtime_transport.telephony.leg_events import AudioLost, CallerAudio
from realtime_transport.telephony.reorder import WINDOW, WINDOW_SECONDS


def media(number: int, *, stamped: bool = True, **more: Any) -> MediaReceived:
    stamp = number * 20.0 if stamped else None
    return MediaReceived(**{"audio": bytes([number % 256]) * 160, "sequence": number, "timestamp_ms": stamp, **more})


def inbound(*, ordered: bool = True) -> Inbound:
    return Inbound(PCMU, ordered=ordered, now=0.0)


def heard(line: Inbound) -> bytes:
    return b"".join(event.data for event in line.take() if isinstance(event, CallerAudio))


def lost(line: Inbound) -> list[float]:
    return [event.ms for event in line.take() if isinstance(event, AudioLost)]


def test_audio_passes() -> None:
    line = inbound()
    line.receive(media(0), 0.0)
    line.receive(media(1), 0.02)
    assert heard(line) == bytes(160) + b"\x01" * 160
    assert line.take() == []


def test_our_own_voice_and_empty_pieces_do_not() -> None:
    line = inbound()
    line.receive(media(0, track="outbound"), 0.0)
    line.receive(media(0, audio=b""), 0.0)
    assert line.take() == []
    assert line.next_deadline() is None


def test_a_gap_is_filled() -> None:
    line = inbound()
    line.receive(media(0), 0.0)
    line.receive(media(6), 0.12)
    assert heard(line) == bytes(160) + b"\xff" * 800 + b"\x06" * 160


def test_the_very_first_pieces_are_put_in_order_too() -> None:
    line = inbound(ordered=False)
    for number in (2, 1, 3):
        line.receive(media(number), 0.0)
    assert heard(line) == b"".join(bytes([number]) * 160 for number in (1, 2, 3))


def test_a_stream_that_begins_later_is_not_held_up() -> None:
    line = inbound(ordered=False)
    line.receive(media(1 + WINDOW + 1), 0.0)
    assert heard(line)
    line = inbound(ordered=False)
    line.receive(media(2), 0.0)
    assert not heard(line)
    line.wake(WINDOW_SECONDS)
    assert heard(line)


def test_jitter_and_nonsense_are_no_gap() -> None:
    line = inbound()
    line.receive(media(0), 0.0)
    line.receive(media(1, timestamp_ms=29.0), 0.02)
    line.receive(media(2, timestamp_ms=1e12), 0.04)
    line.receive(media(3, timestamp_ms=5.0), 0.06)
    line.receive(media(4, stamped=False), 0.08)
    assert len(heard(line)) == 5 * 160


def test_a_long_gap_is_filled_in_part() -> None:
    line = inbound()
    line.receive(media(0), 0.0)
    line.receive(media(1, timestamp_ms=60_000.0), 1.0)
    assert len(heard(line)) == 320 + PCMU.bytes_for(MAX_GAP_MS)


def test_silence_is_made_up_once_and_not_counted_twice() -> None:
    line = inbound()
    line.receive(media(0), 0.0)
    assert line.next_deadline() == INACTIVITY_SECONDS
    line.wake(INACTIVITY_SECONDS)
    assert len(heard(line)) == 160 + PCMU.bytes_for(INACTIVITY_PAD_MS)
    assert line.next_deadline() is None
    line.wake(5.0)
    assert line.take() == []
    line.receive(media(100), 2.0)  # 1980 ms are missing, 1000 were made up
    assert len(heard(line)) == PCMU.bytes_for(980) + 160


def test_short_pauses_that_were_filled_already_add_nothing() -> None:
    line = inbound()
    line.receive(media(0), 0.0)
    line.wake(INACTIVITY_SECONDS)
    line.take()
    line.receive(media(40), 0.8)  # 780 ms are missing
    assert heard(line) == bytes([40]) * 160


def test_a_flood_is_dropped_and_told_once() -> None:
    line = inbound()
    for number in range(500):
        line.receive(media(number), 0.0)
    events = line.take()
    assert sum(isinstance(event, CallerAudio) for event in events) == 100
    assert sum(isinstance(event, AudioLost) for event in events) == 1
    line.receive(media(500), 0.02)
    assert heard(line)[-160:] == bytes([500 % 256]) * 160


def test_order_is_restored() -> None:
    line = inbound(ordered=False)
    for number in (0, 2, 1, 4, 3):
        line.receive(media(number), 0.0)
    assert heard(line) == b"".join(bytes([number]) * 160 for number in range(5))


def test_a_missing_piece_is_waited_for_and_given_up() -> None:
    line = inbound(ordered=False)
    line.receive(media(0), 0.0)
    line.receive(media(2), 0.01)
    assert len(heard(line)) == 160
    assert line.next_deadline() == pytest.approx(0.01 + WINDOW_SECONDS)
    line.wake(0.05)
    assert line.take() == []
    line.wake(0.2)
    assert heard(line) == b"\xff" * 160 + b"\x02" * 160
    line.receive(media(1), 0.21)  # too late
    assert line.take() == []


def test_a_window_that_is_full_moves_on() -> None:
    line = inbound(ordered=False)
    line.receive(media(0), 0.0)
    for number in range(2, 2 + WINDOW):
        line.receive(media(number), 0.0)
    assert len(heard(line)) == 160
    line.receive(media(2 + WINDOW), 0.0)
    assert len(heard(line)) == 160 * (WINDOW + 2)


def test_several_holes_are_given_up_one_after_the_other() -> None:
    line = inbound(ordered=False)
    for number in (0, 2, 4):
        line.receive(media(number), 0.0)
    line.take()
    line.wake(WINDOW_SECONDS)
    assert len(heard(line)) == 320
    assert line.next_deadline() == pytest.approx(2 * WINDOW_SECONDS)
    line.wake(2 * WINDOW_SECONDS)
    assert len(heard(line)) == 320


def test_pieces_without_a_number_and_doubles() -> None:
    line = inbound(ordered=False)
    line.receive(media(0, sequence=None), 0.0)
    for number in (0, 2, 2):
        line.receive(media(number), 0.0)
    assert len(heard(line)) == 320


@given(st.permutations(range(30)), st.integers(0, 40))
def test_whatever_the_order_nothing_comes_twice_or_backwards(order: list[int], step_ms: int) -> None:
    line, now = inbound(ordered=False), 0.0
    for number in order:
        line.receive(media(number, stamped=False), now)
        now += step_ms / 1000
        line.wake(now)
    line.wake(now + 1)
    pieces = [event.data[0] for event in line.take() if isinstance(event, CallerAudio) and len(event.data) == 160]
    assert pieces == sorted(set(pieces))
