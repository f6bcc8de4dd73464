from __future__ import annotations

import json

import pytest

from realtime_transport.audio.formats import PCM16_16K, PCMU
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs import BufferCleared, CallStarted, DtmfReceived, MarkReached, PlivoCodec
from tests.telephony.codecs.conversations import PLIVO_START, message


def started(**start: object) -> PlivoCodec:
    codec = PlivoCodec()
    codec.receive(message(event="start", start={"streamId": "stream-1", **start}))
    return codec


def test_reads_the_start() -> None:
    (start,) = PlivoCodec().receive(PLIVO_START)
    assert start == CallStarted(
        call_id="call-1", stream_id="stream-1", format=PCMU, account_id="MA1",
        custom={"userId": "12345", "sessionId": "abc-xyz"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "custom"),
    [
        ('{"a": "b", "n": 1}', {"a": "b", "n": "1"}),
        ({"a": "b"}, {"a": "b"}),
        ("a=b, c=d=e", {"a": "b", "c": "d=e"}),
        ("nothing", {}),
        ("", {}),
        (None, {}),
        (["x"], {}),
    ],
)
def test_reads_extra_headers_in_every_spelling(headers: object, custom: dict[str, str]) -> None:
    (start,) = PlivoCodec().receive(message(event="start", start={}, extra_headers=headers))
    assert isinstance(start, CallStarted)
    assert start.custom == custom


def test_reads_checkpoints_clears_and_keys() -> None:
    codec = started()
    played = message(event="playedStream", sequenceNumber="3", streamId="stream-1", name="m1")
    cleared = message(event="clearedAudio", sequenceNumber=0, streamId="stream-1")
    dtmf = message(event="dtmf", dtmf={"track": "inbound", "digit": "5", "timestamp": "100"})
    assert codec.receive(played) == [MarkReached(name="m1")]
    assert codec.receive(played.replace("playedStream", "played")) == [MarkReached(name="m1")]
    assert codec.receive(cleared) == [BufferCleared()]
    assert codec.receive(dtmf) == [DtmfReceived(digit="5")]


@pytest.mark.parametrize(
    ("said", "spelt", "rate", "fmt"),
    [
        ({"encoding": "audio/x-mulaw", "sampleRate": 8000}, "audio/x-mulaw", 8000, PCMU),
        ({"encoding": "audio/x-l16", "sampleRate": 16000}, "audio/x-l16", 16000, PCM16_16K),
    ],
)
def test_plays_in_the_format_of_the_call(said: object, spelt: str, rate: int, fmt: object) -> None:
    codec = started(mediaFormat=said)
    assert codec.output_format == fmt
    (frame,) = codec.media(b"\xff\xff")
    assert json.loads(frame) == {
        "event": "playAudio",
        "streamId": "stream-1",
        "media": {"contentType": spelt, "sampleRate": rate, "payload": "//8="},
    }


def test_writes_checkpoints_clears_and_keys() -> None:
    codec = started()
    written = [json.loads(frame) for frame in (*codec.mark("m1"), *codec.clear(), *codec.dtmf("1*#A"))]
    assert written == [
        {"event": "checkpoint", "streamId": "stream-1", "name": "m1"},
        {"event": "clearAudio", "streamId": "stream-1"},
        {"event": "sendDTMF", "dtmf": "1*#A"},
    ]


@pytest.mark.parametrize("digits", ["", "12x", "1 2", "é", "a"])
def test_sends_no_key_that_a_telephone_lacks(digits: str) -> None:
    with pytest.raises(InvalidArgument, match="digits"):
        started().dtmf(digits)
