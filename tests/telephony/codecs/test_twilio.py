from __future__ import annotations

import json

import pytest

from realtime_transport.audio.formats import PCMU
from realtime_transport.exceptions import StateError
from realtime_transport.telephony.codecs import (
    CallStarted,
    CallStopped,
    DtmfReceived,
    MarkReached,
    MediaReceived,
    MessageIgnored,
    StreamConnected,
    TwilioCodec,
)
from tests.telephony.codecs.conversations import STARTS, message


@pytest.fixture
def codec() -> TwilioCodec:
    codec = TwilioCodec()
    for each in STARTS["twilio"]:
        codec.receive(each)
    return codec


def test_reads_the_start() -> None:
    codec = TwilioCodec()
    connected, start = (codec.receive(each)[0] for each in STARTS["twilio"])
    assert connected == StreamConnected()
    assert start == CallStarted(
        call_id="CA1", stream_id="MZ1", format=PCMU, account_id="AC0", custom={"token": "t0ken", "tries": "3"}
    )
    assert start.raw["sequenceNumber"] == "1"


def test_reads_a_sparse_start() -> None:
    codec = TwilioCodec()
    (start,) = codec.receive(message(event="start", streamSid="MZ1"))
    assert start == CallStarted(call_id="", stream_id="MZ1", format=PCMU)


def test_says_when_the_codec_is_none_of_ours() -> None:
    (start,) = TwilioCodec().receive(message(event="start", start={"mediaFormat": {"encoding": "opus"}}))
    assert isinstance(start, CallStarted)
    assert start.format is None


def test_reads_media_with_numbers_as_text(codec: TwilioCodec) -> None:
    media = {"track": "inbound", "chunk": "2", "timestamp": "40", "payload": "//8="}
    (event,) = codec.receive(message(event="media", streamSid="MZ1", sequenceNumber="3", media=media))
    assert event == MediaReceived(audio=b"\xff\xff", sequence=2, timestamp_ms=40.0)
    (event,) = codec.receive(message(event="media", media={"track": "outbound", "payload": ""}))
    assert event == MediaReceived(audio=b"", track="outbound")


def test_fm108_passes_over_media_that_is_spoilt(codec: TwilioCodec) -> None:
    for media in ({"payload": "not base64!"}, {}, None, "x"):
        (event,) = codec.receive(message(event="media", media=media))
        assert isinstance(event, MessageIgnored)


def test_reads_marks_keys_and_the_end(codec: TwilioCodec) -> None:
    mark = message(event="mark", sequenceNumber="4", streamSid="MZ1", mark={"name": "m1"})
    dtmf = message(event="dtmf", streamSid="MZ1", dtmf={"track": "inbound_track", "digit": "#"})
    stop = message(event="stop", streamSid="MZ1", stop={"accountSid": "AC0", "callSid": "CA1"})
    assert codec.receive(mark) == [MarkReached(name="m1")]
    assert codec.receive(dtmf) == [DtmfReceived(digit="#")]
    assert codec.receive(stop) == [CallStopped()]
    assert codec.receive(b"\xff") == [MessageIgnored(reason="twilio has no binary messages")]


def test_writes_media_marks_and_clears(codec: TwilioCodec) -> None:
    written = [json.loads(frame) for frame in (*codec.media(b"\xff\x7f"), *codec.mark("m1"), *codec.clear())]
    assert written == [
        {"event": "media", "streamSid": "MZ1", "media": {"payload": "/38="}},
        {"event": "mark", "streamSid": "MZ1", "mark": {"name": "m1"}},
        {"event": "clear", "streamSid": "MZ1"},
    ]


def test_writes_nothing_before_the_stream_has_a_name() -> None:
    with pytest.raises(StateError, match="has not started"):
        TwilioCodec().media(b"\xff")
