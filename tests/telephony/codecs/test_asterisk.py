from __future__ import annotations

import json

import pytest

from realtime_transport.audio.formats import PCM16_16K, PCMU
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs import (
    AsteriskCodec,
    CallStarted,
    DtmfReceived,
    FlowChanged,
    MarkReached,
    MediaReceived,
    MessageIgnored,
    PlaybackChanged,
)
from tests.telephony.codecs.conversations import ASTERISK_START, message

JSON_START = message(
    event="MEDIA_START", connection_id="d5af4e6c", channel_id="1755789.1", format="slin16", optimal_frame_size=640,
    ptime=20, channel_variables={"WHO": "me"},
)  # fmt: skip


@pytest.fixture(params=[ASTERISK_START, JSON_START], ids=["plain", "json"])
def codec(request: pytest.FixtureRequest) -> AsteriskCodec:
    codec = AsteriskCodec()
    codec.receive(request.param)
    return codec


def test_reads_the_start_in_either_format() -> None:
    (plain,), (spelt,) = AsteriskCodec().receive(ASTERISK_START), AsteriskCodec().receive(JSON_START)
    assert plain == CallStarted(call_id="1755789.1", stream_id="d5af4e6c", format=PCMU)
    assert spelt == CallStarted(call_id="1755789.1", stream_id="d5af4e6c", format=PCM16_16K, custom={"WHO": "me"})


def test_reads_a_sparse_start() -> None:
    (start,) = AsteriskCodec().receive("MEDIA_START connection_id:c format:opus")
    assert start == CallStarted(call_id="c", stream_id="c", format=None)
    (start,) = AsteriskCodec().receive("MEDIA_START")
    assert start == CallStarted(call_id="", stream_id="", format=PCMU)


FAILED = MessageIgnored(reason="Asterisk reports an error: bad command")


@pytest.mark.parametrize(
    ("plain", "spelt", "event"),
    [
        ("MEDIA_XOFF", {"channel_id": "1"}, FlowChanged(paused=True)),
        ("MEDIA_XON", {}, FlowChanged(paused=False)),
        ("QUEUE_DRAINED", {}, PlaybackChanged(playing=False)),
        ("MEDIA_MARK_PROCESSED 7:1", {"correlation_id": "7:1"}, MarkReached(name="7:1")),
        ("MEDIA_MARK_PROCESSED correlation_id:7", {"correlation_id": 7}, MarkReached(name="7")),
        ("DTMF_END digit:5 channel_id:1", {"digit": "5"}, DtmfReceived(digit="5")),
        ("ERROR bad command", {"error_text": "bad command"}, FAILED),
    ],
)
def test_reads_events_in_either_format(
    codec: AsteriskCodec, plain: str, spelt: dict[str, object], event: object
) -> None:
    assert codec.receive(plain) == [event]
    assert codec.receive(json.dumps({"event": plain.partition(" ")[0], **spelt})) == [event]


@pytest.mark.parametrize("aside", ["STATUS queue_length:3 xon_level:800", "MEDIA_BUFFERING_COMPLETED 3"])
def test_passes_over_what_asterisk_says_about_itself(codec: AsteriskCodec, aside: str) -> None:
    assert codec.receive(aside) == []


def test_reads_and_plays_audio_as_it_is() -> None:
    codec = AsteriskCodec()
    codec.receive(JSON_START)
    assert codec.receive(b"\x01\x02") == [MediaReceived(audio=b"\x01\x02")]
    assert codec.frame_bytes == 640
    assert codec.media(b"\x01\x02" * 640) == [b"\x01\x02" * 640]
    assert [len(each) for each in codec.media(bytes(640 * 30))] == [16_000, 3_200]


@pytest.mark.parametrize("size", ["0", "-5", "x", "99999999"])
def test_takes_20_ms_for_a_frame_of_impossible_size(size: str) -> None:
    codec = AsteriskCodec()
    codec.receive(f"MEDIA_START format:ulaw optimal_frame_size:{size}")
    assert codec.frame_bytes == 160


def test_commands_in_the_format_of_the_start() -> None:
    plain, spelt = AsteriskCodec(), AsteriskCodec()
    plain.receive(ASTERISK_START)
    spelt.receive(JSON_START)
    assert [*plain.mark("7"), *plain.clear(), *plain.hang_up()] == ["MARK_MEDIA 7", "FLUSH_MEDIA", "HANGUP"]
    assert [json.loads(each) for each in (*spelt.mark("7"), *spelt.clear(), *spelt.hang_up())] == [
        {"command": "MARK_MEDIA", "correlation_id": "7"},
        {"command": "FLUSH_MEDIA"},
        {"command": "HANGUP"},
    ]


def test_commands_in_the_format_that_it_is_told() -> None:
    codec = AsteriskCodec(control="json")
    codec.receive(ASTERISK_START)
    assert codec.clear() == ['{"command":"FLUSH_MEDIA"}']


@pytest.mark.parametrize("name", ["x" * 118, "é" * 59, "a\nHANGUP", "a\0"])
def test_refuses_a_command_that_asterisk_would_not_read(name: str) -> None:
    with pytest.raises(InvalidArgument, match="128 bytes"):
        AsteriskCodec(control="plain").mark(name)


def test_writes_the_longest_command() -> None:
    assert AsteriskCodec().mark("x" * 117) == ["MARK_MEDIA " + "x" * 117]
