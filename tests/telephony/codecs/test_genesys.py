from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_transport.audio.formats import PCM16_8K, PCMU
from realtime_transport.exceptions import StateError
from realtime_transport.telephony.codecs import (
    CallStarted,
    CallStopped,
    DtmfReceived,
    GenesysCodec,
    InputPaused,
    MediaReceived,
    MessageIgnored,
    PlaybackChanged,
)
from realtime_transport.telephony.codecs.genesys import NOBODY
from tests.telephony.codecs.conversations import GENESYS_OPEN, message

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"


def open_with(*media: Any) -> str:
    return message(version="2", id=SESSION, type="open", seq=1, parameters={"media": list(media)})


def medium(form: str, *channels: str, rate: int = 8000) -> dict[str, Any]:
    return {"type": "audio", "format": form, "channels": list(channels), "rate": rate}


def replies(codec: GenesysCodec) -> list[dict[str, Any]]:
    return [json.loads(reply) for reply in codec.replies()]


@pytest.fixture
def codec() -> GenesysCodec:
    codec = GenesysCodec()
    codec.receive(GENESYS_OPEN)
    codec.replies()
    return codec


def test_reads_the_open_and_answers_with_one_medium() -> None:
    codec = GenesysCodec()
    (start,) = codec.receive(GENESYS_OPEN)
    assert start == CallStarted(
        call_id="090eaa2f-72fa-480a-83e0-8667ff89c0ec",
        stream_id=SESSION,
        format=PCMU,
        account_id="d7934305-0972-4844-938e-9060eef73d05",
        caller="+1-555-555-1234",
        called="+1-800-555-6789",
        custom={"secret": "t0ken", "vip": "true"},
    )
    assert replies(codec) == [
        {
            "version": "2",
            "type": "opened",
            "seq": 1,
            "clientseq": 1,
            "id": SESSION,
            "parameters": {"startPaused": False, "media": [medium("PCMU", "external")]},
        }
    ]
    assert codec.replies() == []


@pytest.mark.parametrize(
    ("offered", "fmt"),
    [
        ([medium("L16", "external"), medium("PCMU", "external", "internal")], PCMU),
        ([medium("L16", "external")], PCM16_8K),
        ([medium("OPUS", "external")], None),
        ([], None),
        (["junk", {"format": "PCMU", "channels": 7}], PCMU),
    ],
)
def test_chooses_among_what_is_offered(offered: list[Any], fmt: object) -> None:
    codec = GenesysCodec()
    (start,) = codec.receive(open_with(*offered))
    assert isinstance(start, CallStarted)
    assert start.format == fmt
    (opened,) = replies(codec)
    assert len(opened["parameters"]["media"]) == (0 if fmt is None else 1)


def test_takes_the_two_voices_of_a_call_apart() -> None:
    codec = GenesysCodec()
    codec.receive(open_with(medium("PCMU", "external", "internal")))
    assert codec.receive(b"\x01\x02\x03\x04") == [
        MediaReceived(audio=b"\x01\x03"),
        MediaReceived(audio=b"\x02\x04", track="outbound"),
    ]
    codec.receive(open_with(medium("L16", "internal", "external")))
    assert codec.receive(b"\x01\x02\x03\x04\x05") == [
        MediaReceived(audio=b"\x01\x02", track="outbound"),
        MediaReceived(audio=b"\x03\x04"),
    ]


def test_numbers_what_it_sends_and_repeats_what_it_saw(codec: GenesysCodec) -> None:
    assert codec.receive(message(type="ping", seq=5, id=SESSION, parameters={"rtt": "PT0.1S"})) == []
    assert codec.receive(message(type="update", seq=6, parameters={"language": "de"})) == []
    codec.receive(message(type="ping"))
    told = [(each["type"], each["seq"], each["clientseq"], each["id"]) for each in replies(codec)]
    assert told == [("pong", 2, 5, SESSION), ("updated", 3, 6, SESSION), ("pong", 4, 6, SESSION)]
    (barge_in,) = codec.clear()
    assert json.loads(barge_in)["seq"] == 5
    assert json.loads(barge_in)["parameters"] == {"entities": [{"type": "barge_in", "data": {}}]}


def test_reads_what_happens_in_a_session(codec: GenesysCodec) -> None:
    def told(kind: str, **parameters: Any) -> Any:
        (event,) = codec.receive(message(type=kind, seq=2, parameters=parameters))
        return event

    assert told("paused") == InputPaused(paused=True)
    assert told("resumed", start="PT1S", discarded="PT2S") == InputPaused(paused=False)
    assert told("dtmf", digit="9") == DtmfReceived(digit="9")
    assert told("playback_started") == PlaybackChanged(playing=True)
    assert told("playback_completed") == PlaybackChanged(playing=False)
    assert told("discarded", start="PT1S", discarded="PT2S") == MessageIgnored(
        reason="Genesys has discarded PT2S from PT1S of the caller's audio"
    )
    assert told("error", code=429, message="slow down") == MessageIgnored(reason="Genesys reports error 429 slow down")


@pytest.mark.parametrize("request_of_ours", ["pause", "resume", "pong", "opened"])
def test_does_not_answer_what_only_we_may_say(codec: GenesysCodec, request_of_ours: str) -> None:
    (event,) = codec.receive(message(type=request_of_ours, seq=2))
    assert isinstance(event, MessageIgnored)
    assert codec.replies() == []


def test_closes_when_it_is_asked_to(codec: GenesysCodec) -> None:
    assert codec.receive(message(type="close", seq=9, parameters={"reason": "end"})) == [CallStopped(reason="end")]
    (closed,) = replies(codec)
    assert (closed["type"], closed["clientseq"], closed["parameters"]) == ("closed", 9, {})


def test_ends_the_call_by_disconnecting(codec: GenesysCodec) -> None:
    (disconnect,) = codec.hang_up()
    assert json.loads(disconnect)["type"] == "disconnect"
    assert json.loads(disconnect)["parameters"] == {"reason": "completed"}


def test_plays_200_ms_at_a_time(codec: GenesysCodec) -> None:
    assert codec.frame_bytes == 1600
    assert codec.media(b"\xff" * 1600) == [b"\xff" * 1600]


def test_says_nothing_before_the_session_is_open() -> None:
    codec = GenesysCodec()
    assert codec.receive(message(type="ping", seq=1)) == []
    for verb in (codec.clear, codec.hang_up, lambda: codec.media(bytes(1600))):
        with pytest.raises(StateError):
            verb()


def test_a_probe_is_answered_and_is_no_call() -> None:
    codec = GenesysCodec()
    probe = json.loads(GENESYS_OPEN)
    probe["parameters"] |= {"conversationId": NOBODY, "participant": {"id": NOBODY}, "media": []}
    (ignored,) = codec.receive(json.dumps(probe))
    assert isinstance(ignored, MessageIgnored)
    (opened,) = codec.replies()
    assert json.loads(str(opened))["parameters"] == {"startPaused": False, "media": []}
    (stopped,) = codec.receive(message(type="close", seq=2, id="e", parameters={"reason": "end"}))
    assert isinstance(stopped, CallStopped)
    assert json.loads(str(codec.replies()[0]))["type"] == "closed"
