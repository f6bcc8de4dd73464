from __future__ import annotations

import base64
import json

import pytest

from realtime_transport.audio.formats import PCM16_8K
from realtime_transport.telephony.codecs import CallStarted, CallStopped, DtmfReceived, ExotelCodec, MarkReached
from tests.telephony.codecs.conversations import STARTS, message


@pytest.fixture
def codec() -> ExotelCodec:
    codec = ExotelCodec()
    for each in STARTS["exotel"]:
        codec.receive(each)
    return codec


def test_reads_the_start() -> None:
    (start,) = ExotelCodec().receive(STARTS["exotel"][1])
    assert start == CallStarted(
        call_id="call-1", stream_id="st-1", format=PCM16_8K, account_id="ac-1", caller="XXXXXXX", called="YYYYYYY",
        custom={"a": "b"},
    )  # fmt: skip


def test_reads_keys_marks_and_the_end(codec: ExotelCodec) -> None:
    dtmf = message(event="dtmf", stream_sid="st-1", dtmf={"digit": "3", "duration": "120"})
    mark = message(event="mark", stream_sid="st-1", mark={"name": "m"})
    stop = message(event="stop", stream_sid="st-1", stop={"call_sid": "c", "reason": "callended"})
    assert codec.receive(dtmf) == [DtmfReceived(digit="3", duration_ms=120.0)]
    assert codec.receive(mark) == [MarkReached(name="m")]
    assert codec.receive(stop) == [CallStopped(reason="callended")]


def test_plays_in_pieces_that_do_not_stall(codec: ExotelCodec) -> None:
    assert codec.frame_bytes == 3200
    messages = [json.loads(frame) for frame in codec.media(bytes(3200 * 31))]
    assert [len(base64.b64decode(each["media"]["payload"])) for each in messages] == [96_000, 3_200]
    assert messages[0]["stream_sid"] == "st-1"


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_keeps_its_rules_at_every_rate(rate: int) -> None:
    codec = ExotelCodec()
    media_format = {"encoding": "audio/x-raw", "sample_rate": str(rate), "bit_rate": "16"}
    codec.receive(message(event="start", start={"stream_sid": "s", "media_format": media_format}))
    assert codec.output_format.rate == rate
    assert codec.frame_bytes >= 3200
    assert codec.frame_bytes % 320 == 0
