"""The queue and the pacer: whole frames, in time, never far ahead, nothing lost but what is said to be."""

from __future__ import annotations

import json
from typing import Any

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCMU
from realtime_transport.telephony.codecs import AsteriskCodec, AudioSocketCodec, CarrierCodec, TwilioCodec
from realtime_transport.telephony.line import MAX_MARKS, PartName
from realtime_transport.telephony.outbound import MAX_PARTS, Outbound
from realtime_transport.testing.carriers import FakeAsterisk, FakeTwilio

A, B = PartName(item_id="a", content_index=0), PartName(item_id="b", content_index=0)


def opened(codec: CarrierCodec, fake: Any) -> CarrierCodec:
    for message in fake().opening():
        codec.receive(message)
    return codec


def outbound(codec: CarrierCodec | None = None, *, lead: float = 0.16, **more: Any) -> Outbound:
    codec = codec or opened(TwilioCodec(), FakeTwilio)
    return Outbound(codec, lead=lead, prebuffer=more.pop("prebuffer", 0.0), limit_ms=more.pop("limit_ms", 60_000))


def audio_of(frames: list[Any]) -> bytes:
    said = [json.loads(frame) for frame in frames]
    return b"".join(pybase64.b64decode(m["media"]["payload"]) for m in said if m["event"] == "media")


def run(out: Outbound, seconds: float, began: float = 0.0) -> list[tuple[float, Any]]:
    """Pump at every deadline; return the messages with their times."""
    sent: list[tuple[float, Any]] = [(began, frame) for frame in out.pump(began)]
    now = began
    while (due := out.next_deadline()) is not None and due <= began + seconds:
        now = max(now, due)
        frames = out.pump(now)
        assert frames
        sent += [(now, frame) for frame in frames]
    return sent


def test_it_writes_a_lead_and_then_in_real_time() -> None:
    out = outbound()
    out.play(bytes(8000), A)
    assert len(audio_of(out.pump(0.0))) == 160 * 8
    assert out.next_deadline() == pytest.approx(0.02)
    sent = run(out, 2.0, 0.02)
    times = [at for at, frame in sent if '"media"' in frame]
    assert times == pytest.approx([0.02 * n for n in range(1, 43)])
    assert out.next_deadline() is None


def test_a_late_wake_up_is_made_good() -> None:
    out = outbound()
    out.play(bytes(8000), A)
    out.pump(0.0)
    assert len(audio_of(out.pump(0.1))) == 160 * 5
    assert out.next_deadline() == pytest.approx(0.12)


def test_a_lead_below_a_frame_still_writes_frames() -> None:
    out = outbound(lead=0.001)
    out.play(bytes(480), A)
    assert len(run(out, 1.0)) == 3


def test_whole_frames_filled_up_at_the_end_only() -> None:
    out = outbound(opened(AsteriskCodec(), FakeAsterisk), lead=1.0)
    out.play(b"a" * 100, A)
    assert out.pump(0.0) == []
    out.play(b"b" * 100, B)
    assert out.pump(0.0) == [b"a" * 100 + b"b" * 60]
    out.end()
    frames = out.pump(0.0)
    assert frames[0] == b"b" * 40 + b"\xff" * 120
    assert str(frames[1]).startswith("MARK_MEDIA")


def test_any_length_where_the_carrier_takes_it() -> None:
    out = outbound()
    out.play(b"a" * 100, A)
    assert out.pump(0.0) == []
    out.end()
    assert audio_of(out.pump(0.0)) == b"a" * 100


def test_the_end_after_the_last_frame_is_marked() -> None:
    out = outbound()
    out.play(bytes(160), A)
    assert len(out.pump(0.0)) == 1
    out.end()
    (mark,) = out.pump(0.0)
    assert json.loads(mark)["event"] == "mark"
    assert not out.is_silent
    out.line.reached(json.loads(mark)["mark"]["name"], 0.02)
    assert out.is_silent


def test_a_sentence_waits_for_its_prebuffer() -> None:
    out = outbound(prebuffer=0.06)
    out.play(bytes(320), A)
    assert out.pump(0.0) == []
    assert out.next_deadline() is None
    out.play(bytes(160), A)
    assert len(out.pump(0.0)) == 3
    out.play(bytes(160), A)
    assert len(out.pump(0.05)) == 1  # it is under way


def test_a_short_sentence_does_not_wait() -> None:
    out = outbound(prebuffer=0.06)
    out.play(bytes(320), A)
    out.end()
    assert len(audio_of(out.pump(0.0))) == 320


def test_a_full_carrier_is_left_alone() -> None:
    out = outbound()
    out.play(bytes(800), A)
    out.paused = True
    assert out.pump(0.0) == []
    assert out.next_deadline() is None
    out.paused = False
    assert len(out.pump(0.0)) == 5


def test_a_full_queue_drops_the_newest_and_says_so() -> None:
    out = outbound(limit_ms=100)
    assert out.play(bytes(800), A) == 0
    assert out.play(bytes(160), A) == 20
    out.pump(0.0)
    assert out.play(bytes(160), A) == 0
    out.pump(0.16)
    # What was dropped counts: the last piece is from 120 ms on.
    assert out.heard(1.0, is_over=False)[-1].ms == 140


def test_a_clear_drops_all() -> None:
    out = outbound()
    assert out.clear(0.0) == []
    out.play(bytes(8000), A)
    out.pump(0.0)
    (clear,) = out.clear(0.05)
    assert json.loads(clear)["event"] == "clear"
    assert out.is_silent
    assert out.next_deadline() is None
    assert out.clear(0.06) == []


def test_what_cannot_be_taken_back_counts_as_heard() -> None:
    codec = AudioSocketCodec()
    codec.receive(b"\x01\x00\x10" + bytes(16))
    out = outbound(codec, lead=0.04)
    out.play(bytes(3200), A)
    assert len(out.pump(0.0)) == 2
    assert [played.ms for played in out.heard(0.01, is_over=False)] == [40]
    assert [played.ms for played in out.heard(0.01, is_over=True)] == [10]
    assert out.clear(0.01) == []


def test_without_room_for_a_mark_the_next_turn_tries_again() -> None:
    out = outbound()
    for _ in range(MAX_MARKS):
        out.line.mark()
    out.play(bytes(160), A)
    out.end()
    assert len(out.pump(0.0)) == 1
    assert out.pump(0.0) == []
    out.line.wake(10.0)
    assert len(out.pump(10.0)) == 1


def test_the_lengths_of_old_parts_are_forgotten() -> None:
    out = outbound()
    for number in range(MAX_PARTS + 5):
        out.play(bytes(160), PartName(item_id=str(number), content_index=0))
    assert len(out._given) == MAX_PARTS


@given(st.lists(st.binary(min_size=1, max_size=900), max_size=20), st.booleans())
def test_every_byte_is_written_in_order(pieces: list[bytes], whole: bool) -> None:
    out = outbound(opened(AsteriskCodec(), FakeAsterisk) if whole else None)
    for piece in pieces:
        out.play(piece, A)
    out.end()
    frames = [frame for _, frame in run(out, 60.0)]
    said = b"".join(pieces)
    if whole:
        written = b"".join(frame for frame in frames if isinstance(frame, bytes))
        assert all(len(frame) == 160 for frame in frames if isinstance(frame, bytes))
        assert written[: len(said)] == said
        assert set(written[len(said) :]) <= {0xFF}
        assert len(written) - len(said) < 160
    else:
        assert audio_of(frames) == said
    assert PCMU.ms(out.line.written) >= PCMU.ms(len(said))
