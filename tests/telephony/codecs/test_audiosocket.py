from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio.formats import PCM16_8K, PCMU, AudioFormat
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs import (
    AudioSocketCodec,
    CallStarted,
    CallStopped,
    DtmfReceived,
    MediaReceived,
    MessageIgnored,
)
from tests.telephony.codecs.conversations import AUDIOSOCKET_START, CALL_UUID


def tlv(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


CALL = AUDIOSOCKET_START + tlv(0x10, b"\x01\x02" * 160) + tlv(0x03, b"5") + tlv(0x10, b"") + tlv(0x00)
EVENTS = [
    CallStarted(call_id=str(CALL_UUID), stream_id=str(CALL_UUID), format=PCM16_8K),
    MediaReceived(audio=b"\x01\x02" * 160),
    DtmfReceived(digit="5"),
    MediaReceived(audio=b""),
    CallStopped(reason="hangup"),
]


@given(cuts=st.lists(st.integers(0, len(CALL)), max_size=12))
def test_reads_the_stream_however_it_is_cut(cuts: list[int]) -> None:
    codec = AudioSocketCodec()
    edges = [0, *sorted(cuts), len(CALL)]
    pieces = [CALL[start:end] for start, end in itertools.pairwise(edges)]
    assert [event for piece in pieces for event in codec.receive(piece)] == EVENTS


def test_reads_it_byte_by_byte() -> None:
    codec = AudioSocketCodec()
    assert [event for byte in CALL for event in codec.receive(bytes([byte]))] == EVENTS


def test_reads_more_than_a_message_at_once() -> None:
    events = AudioSocketCodec().receive(tlv(0x10, bytes(320)) * 1000)
    assert len(events) == 1000


def test_reads_errors_and_passes_over_what_is_strange() -> None:
    codec = AudioSocketCodec()
    assert codec.receive(tlv(0xFF, b"\x01") + tlv(0xFF)) == [
        CallStopped(reason="error 01"),
        CallStopped(reason="error"),
    ]
    assert codec.receive(tlv(0x01, b"short")) == [MessageIgnored(reason="a UUID that has not 16 bytes")]
    assert codec.receive(tlv(0x77, b"x")) == [MessageIgnored(reason="unknown kind 0x77")]
    assert codec.receive(tlv(0x12, b"xx")) == [MessageIgnored(reason="audio at 16000 Hz, and 8000 was agreed")]
    assert codec.receive("text") == [MessageIgnored(reason="AudioSocket is a stream of bytes")]


@pytest.mark.parametrize(("rate", "kind", "frame"), [(8000, 0x10, 320), (16000, 0x12, 640), (24000, 0x13, 960)])
def test_plays_one_frame_a_message(rate: int, kind: int, frame: int) -> None:
    codec = AudioSocketCodec(audio_format=AudioFormat(encoding="pcm16", rate=rate))
    assert codec.media(bytes(frame * 2)) == [tlv(kind, bytes(frame))] * 2
    assert codec.receive(tlv(kind, b"xx")) == [MediaReceived(audio=b"xx")]


def test_hangs_up() -> None:
    assert AudioSocketCodec().hang_up() == [b"\x00\x00\x00"]


@pytest.mark.parametrize("fmt", [PCMU, AudioFormat(encoding="pcm16", rate=22050)])
def test_refuses_a_format_without_a_kind(fmt: AudioFormat) -> None:
    with pytest.raises(InvalidArgument, match="audio_format"):
        AudioSocketCodec(audio_format=fmt)
