"""The phone leg as a whole, pure: what ends it, what does not, and that no message raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCMU
from realtime_transport.exceptions import InvalidArgument, StateError, UnsupportedOperation
from realtime_transport.telephony.codecs import CODECS, CallStarted, DtmfReceived, make_codec
from realtime_transport.telephony.leg import LegOptions, PhoneLeg
from realtime_transport.telephony.leg_events import AudioLost, CallerAudio, LegEnded, PartPlayed
from realtime_transport.telephony.line import PartName
from realtime_transport.testing.carriers import FakeAsterisk, FakeGenesys, FakePlivo, FakeTwilio

A = PartName(item_id="a", content_index=0)


def fake(cls: Any = FakeTwilio) -> Any:
    return cls(lambda _: None)


def leg(carrier: str = "twilio", peer: Any = FakeTwilio, **options: Any) -> PhoneLeg:
    made = PhoneLeg(make_codec(carrier), 0.0, LegOptions(**options))
    for message in fake(peer).opening():
        made.receive(message, 0.0)
    assert isinstance(made.events()[-1], CallStarted)
    made.frames_to_send()  # the mark that measures the way
    return made


def ends(made: PhoneLeg) -> list[LegEnded]:
    return [event for event in made.events() if isinstance(event, LegEnded)]


def test_a_leg_waits_for_its_start() -> None:
    made = PhoneLeg(make_codec("twilio"), 5.0, LegOptions(start_timeout=2))
    assert made.next_deadline() == 7.0
    made.wake(6.0)
    assert made.events() == []
    assert made.is_silent
    assert not made.is_confirmed
    assert made.stale_marks == 0
    assert made.heard(6.0) == []
    made.clear(6.0)
    with pytest.raises(StateError):
        made.play(b"", A, 6.0)
    made.wake(7.0)
    (ended,) = ends(made)
    assert ended.fault
    assert made.next_deadline() is None
    made.wake(8.0)
    assert made.events() == []


def test_what_comes_before_the_start_is_dropped() -> None:
    made = PhoneLeg(make_codec("twilio"), 0.0)
    peer = fake()
    peer.format = PCMU
    for message in (peer.media(bytes(160), 1, 0), peer.marked("x")):
        made.receive(message, 0.0)
    assert made.events() == []
    assert made.early_media == 1


def test_flow_control_before_the_start_is_nothing() -> None:
    made = PhoneLeg(make_codec("asterisk"), 0.0)
    made.receive("MEDIA_XOFF", 0.0)
    assert made.ended is None


def test_flow_control_holds_the_audio() -> None:
    made = leg("asterisk", FakeAsterisk)
    made.receive("MEDIA_XOFF", 0.0)
    made.play(bytes(1600), A, 0.0)
    assert made.frames_to_send() == []
    made.receive("MEDIA_XON", 0.1)
    assert len(made.frames_to_send()) > 0


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (fake().opening()[1], True),
        ('{"event":"stop","stop":{}}', False),
    ],
    ids=["second start", "stop"],
)
def test_what_ends_a_call(message: str, fault: bool) -> None:
    made = leg()
    made.receive(message, 1.0)
    (ended,) = ends(made)
    assert ended.fault is fault
    made.receive(message, 1.0)
    made.hung_up()
    assert made.events() == []
    with pytest.raises(StateError):
        made.play(b"", A, 1.0)


def test_nothing_of_a_message_counts_after_the_end() -> None:
    made = PhoneLeg(make_codec("audiosocket"), 0.0)
    start, key = b"\x01\x00\x10" + bytes(16), b"\x03\x00\x015"
    made.receive(start + start + key, 0.0)
    assert [type(event) for event in made.events()] == [CallStarted, LegEnded]


def test_a_codec_that_nobody_decodes_ends_the_call() -> None:
    made = PhoneLeg(make_codec("twilio"), 0.0)
    start = json.loads(fake().opening()[1])
    start["start"]["mediaFormat"] = {"encoding": "opus", "sampleRate": 48000}
    made.receive(json.dumps(start), 0.0)
    (ended,) = ends(made)
    assert "codec" in ended.reason
    made.hang_up("over")
    assert made.frames_to_send() == []


def test_speech_is_marked_and_heard() -> None:
    made = leg(lead_ms=100, prebuffer_ms=0)
    made.play(bytes(1600), A, 0.0)
    made.end_part(0.0)
    now = 0.0
    while (due := made.next_deadline()) is not None and due < 0.2:
        made.wake(due)
        now = due
    marks = [m["mark"]["name"] for frame in made.frames_to_send() if (m := json.loads(frame))["event"] == "mark"]
    assert now < 0.2
    assert made.heard(0.1)[0].ms == pytest.approx(100)
    made.receive(fake().marked(marks[-1]), 0.2)
    assert made.events() == [PartPlayed(item_id="a", content_index=0, ms=200.0)]
    assert made.is_silent
    assert made.is_confirmed


def test_too_much_speech_is_told() -> None:
    made = leg(queue_ms=100)
    made.play(bytes(1600), A, 0.0)
    assert [event.ms for event in made.events() if isinstance(event, AudioLost)] == [200.0]


def test_the_first_thing_said_measures_the_way() -> None:
    made = PhoneLeg(make_codec("twilio"), 0.0)
    for message in fake().opening():
        made.receive(message, 0.0)
    (probe,) = made.frames_to_send()
    assert json.loads(probe)["event"] == "mark"
    made.receive(probe, 0.1)
    assert made.stale_marks == 0
    made = PhoneLeg(make_codec("genesys"), 0.0)
    for message in fake(FakeGenesys).opening():
        made.receive(message, 0.0)
    assert [json.loads(message)["type"] for message in made.frames_to_send()] == ["opened"]


def test_keys() -> None:
    made = leg("plivo", FakePlivo)
    made.receive(fake(FakePlivo).key("7"), 0.0)
    (key,) = made.events()
    assert isinstance(key, DtmfReceived)
    assert key.digit == "7"
    made.send_dtmf("12")
    assert json.loads(made.frames_to_send()[0])["dtmf"] == "12"
    with pytest.raises(InvalidArgument):
        made.send_dtmf("x")
    with pytest.raises(UnsupportedOperation):
        leg().send_dtmf("1")


def test_hanging_up_in_the_stream_where_that_can_be() -> None:
    made = leg("asterisk", FakeAsterisk)
    made.hang_up("done")
    assert made.frames_to_send() == ["HANGUP"]
    assert ends(made) == [LegEnded(reason="done")]
    made.clear(1.0)
    assert made.frames_to_send() == []
    made = leg()
    made.hang_up("done")
    assert made.frames_to_send() == []


def test_formats_and_inactivity() -> None:
    made = leg()
    assert made.input_format == made.output_format == PCMU
    made.receive(fake().media(bytes(160), 1, 0), 0.0)
    made.events()
    made.wake(1.0)
    (silence,) = made.events()
    assert isinstance(silence, CallerAudio)


@given(
    st.sampled_from(sorted(CODECS)),
    st.lists(st.one_of(st.text(max_size=40), st.binary(max_size=40), st.sampled_from(fake().opening())), max_size=8),
)
def test_no_message_raises(carrier: str, messages: list[Any]) -> None:
    made = PhoneLeg(make_codec(carrier), 0.0)
    for number, message in enumerate(messages):
        made.receive(message, number / 10)
        made.wake(number / 10)
    assert sum(isinstance(event, LegEnded) for event in made.events()) <= 1
