from __future__ import annotations

import json

import pytest

from realtime_transport.audio.formats import PCM16_16K, PCMU
from realtime_transport.telephony.codecs import (
    CallStarted,
    CallStopped,
    MediaReceived,
    MessageIgnored,
    StreamConnected,
    TelnyxCodec,
)
from realtime_transport.telephony.codecs.fields import base64
from tests.telephony.codecs.conversations import STARTS, message


def test_reads_the_token_and_the_start() -> None:
    codec = TelnyxCodec()
    connected, start = (codec.receive(each)[0] for each in STARTS["telnyx"])
    assert connected == StreamConnected(token="t0ken")
    assert start == CallStarted(
        call_id="v3:abc", stream_id="32DE0DEA", format=PCMU, account_id="user-1", caller="+13122010094",
        called="+13122123456", custom={"who": "me"},
    )  # fmt: skip
    assert codec.receive(message(event="connected", version="1.0.0")) == [StreamConnected()]


def test_numbers_the_media_so_that_it_can_be_put_in_order() -> None:
    media = {"track": "inbound", "chunk": "7", "timestamp": "140", "payload": "//8="}
    assert not TelnyxCodec.capabilities.ordered
    (event,) = TelnyxCodec().receive(message(event="media", sequence_number="9", stream_id="s", media=media))
    assert event == MediaReceived(audio=b"\xff\xff", sequence=7, timestamp_ms=140.0)


def test_speaks_the_codec_that_was_asked_for_not_the_callers() -> None:
    codec = TelnyxCodec(output_format=PCM16_16K)
    for each in STARTS["telnyx"]:
        codec.receive(each)
    assert (codec.input_format, codec.output_format, codec.frame_bytes) == (PCMU, PCM16_16K, 640)


def test_names_no_stream() -> None:
    codec = TelnyxCodec()
    written = [json.loads(frame) for frame in (*codec.media(b"\xff" * 160), *codec.mark("m"), *codec.clear())]
    assert written == [
        {"event": "media", "media": {"payload": base64(b"\xff" * 160)}},
        {"event": "mark", "mark": {"name": "m"}},
        {"event": "clear"},
    ]


L16_START = message(
    event="start",
    stream_id="s",
    start={"call_control_id": "c", "media_format": {"encoding": "L16", "sample_rate": 16000}},
)


@pytest.mark.parametrize(("order", "wire"), [("little", b"\x01\x02"), ("big", b"\x02\x01")])
def test_reads_and_writes_l16_in_either_byte_order(order: str, wire: bytes) -> None:
    codec = TelnyxCodec(output_format=PCM16_16K, l16_byte_order=order)  # type: ignore[arg-type]
    codec.receive(L16_START)
    (event,) = codec.receive(message(event="media", media={"payload": base64(wire * 2)}))
    assert event == MediaReceived(audio=b"\x01\x02\x01\x02")
    (frame,) = codec.media(b"\x01\x02" * 320)
    assert json.loads(frame)["media"]["payload"] == base64(wire * 320)


def test_leaves_bytes_alone_that_are_no_samples_of_two() -> None:
    codec = TelnyxCodec(l16_byte_order="big")
    (event,) = codec.receive(message(event="media", media={"payload": base64(b"\x01\x02")}))
    assert event == MediaReceived(audio=b"\x01\x02")
    (frame,) = codec.media(b"\x01\x02" * 80)
    assert json.loads(frame)["media"]["payload"] == base64(b"\x01\x02" * 80)
    (event,) = codec.receive(message(event="media", media={}))
    assert isinstance(event, MessageIgnored)


def test_drops_half_a_sample() -> None:
    codec = TelnyxCodec(l16_byte_order="big")
    codec.receive(L16_START)
    (event,) = codec.receive(message(event="media", media={"payload": base64(b"\x01\x02\x03")}))
    assert event == MediaReceived(audio=b"\x02\x01")


def test_reads_why_the_stream_failed() -> None:
    payload = {"code": 100003, "title": "invalid_format", "detail": "bad chunk"}
    (event,) = TelnyxCodec().receive(message(event="error", payload=payload))
    assert event == CallStopped(reason="100003 invalid_format bad chunk")
