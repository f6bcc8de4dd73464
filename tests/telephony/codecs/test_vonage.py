from __future__ import annotations

import json

import pytest

from realtime_transport.audio.formats import PCM16_16K, PCM16_24K
from realtime_transport.telephony.codecs import (
    BufferCleared,
    CallStarted,
    DtmfReceived,
    MarkReached,
    MediaReceived,
    MessageIgnored,
    VonageCodec,
)
from tests.telephony.codecs.conversations import VONAGE_START, message


def test_reads_the_start_with_its_headers() -> None:
    (start,) = VonageCodec().receive(VONAGE_START)
    call_id = "63f61863-4a51-4f6b-86e1-46edebcf9356"
    assert start == CallStarted(
        call_id=call_id,
        stream_id=call_id,
        format=PCM16_16K,
        custom={"uuid": call_id, "customer": '{"name":"t0ken"}'},
    )


def test_reads_a_start_that_says_nothing() -> None:
    (start,) = VonageCodec().receive(message(event="websocket:connected"))
    assert start == CallStarted(call_id="", stream_id="", format=PCM16_16K)


@pytest.mark.parametrize(("rate", "frame"), [(8000, 320), (16000, 640), (24000, 960)])
def test_plays_messages_of_exactly_20_ms(rate: int, frame: int) -> None:
    codec = VonageCodec()
    codec.receive(json.dumps({"event": "websocket:connected", "content-type": f"audio/l16;rate={rate}"}))
    assert codec.output_format.rate == rate
    assert [len(each) for each in codec.media(bytes(frame * 3))] == [frame] * 3


def test_passes_the_models_audio_through_at_24_khz() -> None:
    codec = VonageCodec()
    codec.receive(json.dumps({"event": "websocket:connected", "content-type": "audio/l16;rate=24000"}))
    assert codec.output_format == PCM16_24K
    assert codec.media(b"\x01\x02" * 480) == [b"\x01\x02" * 480]


def test_reads_audio_keys_clears_and_notifications() -> None:
    codec = VonageCodec()
    assert codec.receive(b"\x01\x02") == [MediaReceived(audio=b"\x01\x02")]
    assert codec.receive(message(event="websocket:dtmf", digit="5", duration=260)) == [
        DtmfReceived(digit="5", duration_ms=260.0)
    ]
    assert codec.receive(message(event="websocket:dtmf", dtmf={"digit": 7})) == [DtmfReceived(digit="7")]
    assert codec.receive(message(event="websocket:cleared")) == [BufferCleared()]
    assert codec.receive(message(event="websocket:notify", payload={"mark": "m"})) == [MarkReached(name="m")]
    assert codec.receive("junk") == [MessageIgnored(reason="not a JSON object")]


def test_writes_notifications_that_come_back_as_marks() -> None:
    codec = VonageCodec()
    (notify,) = codec.mark("m1")
    asked = json.loads(notify)
    assert asked["action"] == "notify"
    assert codec.receive(message(event="websocket:notify", payload=asked["payload"])) == [MarkReached(name="m1")]
    assert codec.clear() == ['{"action":"clear"}']
