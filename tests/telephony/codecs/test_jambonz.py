from __future__ import annotations

import json

import pytest

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K
from realtime_transport.telephony.codecs import (
    CallStarted,
    DtmfReceived,
    JambonzCodec,
    MarkReached,
    MediaReceived,
    MessageIgnored,
)
from tests.telephony.codecs.conversations import JAMBONZ_START, message


def started() -> JambonzCodec:
    codec = JambonzCodec()
    codec.receive(JAMBONZ_START)
    return codec


def test_reads_the_attributes_of_the_call() -> None:
    (start,) = JambonzCodec().receive(JAMBONZ_START)
    assert start == CallStarted(
        call_id="c-1",
        stream_id="c-1",
        format=PCM16_16K,
        account_id="acc-1",
        caller="+1555",
        called="+1666",
        custom={"token": "t0ken"},
    )


@pytest.mark.parametrize("content", [{"sampleRate": 64000}, {"sampleRate": 8000, "mixType": "stereo"}, {}])
def test_says_when_it_cannot_decode(content: dict[str, object]) -> None:
    (start,) = JambonzCodec().receive(message(callSid="c", **content))
    assert isinstance(start, CallStarted)
    assert start.format is None


def test_the_rate_back_may_differ() -> None:
    codec = JambonzCodec(output_format=PCM16_24K)
    codec.receive(message(callSid="c", sampleRate="8000"))
    assert (codec.input_format, codec.output_format, codec.frame_bytes) == (PCM16_8K, PCM16_24K, 960)


def test_reads_audio_keys_and_marks() -> None:
    codec = started()
    assert codec.receive(b"abcd") == [MediaReceived(audio=b"abcd")]
    key = message(event="dtmf", dtmf="2", duration="1600")
    assert codec.receive(key) == [DtmfReceived(digit="2", duration_ms=1600)]
    for event in ("playout", "cleared"):
        assert codec.receive(message(type="mark", data={"name": "a", "event": event})) == [MarkReached(name="a")]
    (ignored,) = codec.receive(message(type="news"))
    assert isinstance(ignored, MessageIgnored)
    assert "news" in ignored.reason


def test_writes_samples_marks_and_clears() -> None:
    codec = started()
    assert codec.media(bytes(1280)) == [bytes(1280)]
    assert json.loads(str(codec.mark("a")[0])) == {"type": "mark", "data": {"name": "a"}}
    assert json.loads(str(codec.clear()[0])) == {"type": "killAudio"}
