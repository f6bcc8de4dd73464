"""Twilio, Telnyx, Plivo and Exotel: what each of them does with media, marks and clears."""

from __future__ import annotations

import json
from typing import Any

import pybase64
import pytest

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCMA, AudioFormat
from realtime_transport.conversation.brains import hum
from realtime_transport.telephony.codecs import StreamConnected, TelnyxCodec
from realtime_transport.telephony.signatures import SignedRequest, TelnyxStreamVerifier, TwilioVerifier
from realtime_transport.testing.carriers import FakeExotel, FakePlivo, FakeTelnyx, FakeTwilio, Speak, Wait
from tests.testing.carriers.line import Application

pytestmark = pytest.mark.virtual_time

URL = "wss://agent.example/stream"


def audio(size: int) -> str:
    return pybase64.b64encode(bytes(size)).decode()


def message(event: str, **content: Any) -> str:
    return json.dumps({"event": event, **content})


def plivo_audio(size: int, spelt: str = "audio/x-mulaw", rate: int = 8000) -> str:
    return message("playAudio", media={"contentType": spelt, "sampleRate": rate, "payload": audio(size)})


def exotel(event: str, **content: Any) -> str:
    return message(event, stream_sid="MZCA0123", **content)


async def test_twilio_signs_its_upgrade() -> None:
    fake = FakeTwilio(secret="token")
    TwilioVerifier("token").verify(SignedRequest(url=URL, headers=fake.upgrade_headers(URL)), 0.0)
    assert FakeTwilio().upgrade_headers(URL) == {}


async def test_twilio_tells_the_parameters_of_the_answer() -> None:
    start = json.loads(str(FakeTwilio(custom={"token": "t"}).opening()[1]))["start"]
    assert start["customParameters"] == {"token": "t"}


async def test_twilio_stops() -> None:
    application = Application([])
    await FakeTwilio(application).call(Wait(0.1))
    assert json.loads(application.texts()[-1])["event"] == "stop"


async def test_telnyx_brings_the_token_twice() -> None:
    fake = FakeTelnyx(secret="token")
    TelnyxStreamVerifier("token").verify(SignedRequest(url=URL, headers=fake.upgrade_headers(URL)), 0.0)
    (connected,) = TelnyxCodec().receive(fake.opening()[0])
    assert isinstance(connected, StreamConnected)
    assert connected.token == "token"
    assert FakeTelnyx().upgrade_headers(URL) == {}


@pytest.mark.parametrize("fmt", [PCMA, PCM16_16K])
async def test_telnyx_spells_its_formats(fmt: AudioFormat) -> None:
    start = json.loads(str(FakeTelnyx(fmt=fmt).opening()[1]))["start"]
    assert AudioFormat.parse(start["media_format"]) == fmt


async def test_telnyx_has_l16_in_either_order() -> None:
    plan = [message("media", media={"payload": pybase64.b64encode(b"ab" * 320).decode()})]
    application = Application(plan)
    record = await FakeTelnyx(application, fmt=PCM16_16K, l16_byte_order="big").call(Speak(hum("a")), Wait(0.1))
    assert record.heard == b"ba" * 320
    sent = b"".join(pybase64.b64decode(said["media"]["payload"]) for _, said in application.events("media"))
    assert sent[0::2][:500] == record.said[1::2][:500]
    assert sent[1::2][:500] == record.said[0::2][:500]


async def test_telnyx_takes_twenty_milliseconds_to_half_a_minute() -> None:
    sizes = (160, 159, 240_000, 240_001)
    record = await FakeTelnyx(Application([message("media", media={"payload": audio(n)}) for n in sizes])).call(Wait(1))
    assert record.faults == (
        "a chunk of 19.875 ms: Telnyx takes 20 ms to 30 s",
        "a chunk of 30000.1 ms: Telnyx takes 20 ms to 30 s",
    )


async def test_telnyx_gives_marks_back_on_a_clear() -> None:
    plan = [message("media", media={"payload": audio(800)}), message("mark", mark={"name": "a"}), message("clear")]
    application = Application(plan)
    record = await FakeTelnyx(application).call(Wait(0.2))
    assert [mark.fate for mark in record.marks] == ["returned"]
    assert [at for at, _ in application.events("mark")] == [0.0]
    assert application.events("stop")


async def test_plivo_destroys_checkpoints_and_says_that_it_cleared() -> None:
    application = Application([plivo_audio(8000), message("checkpoint", name="a"), 0.1, message("clearAudio")])
    record = await FakePlivo(application).call(Wait(2))
    assert [(mark.name, mark.fate) for mark in record.marks] == [("a", "destroyed")]
    assert [at for at, _ in application.events("clearedAudio")] == [0.1]
    assert application.events("playedStream") == []
    assert application.events("stop") == []


async def test_plivo_says_when_a_checkpoint_was_played() -> None:
    application = Application([plivo_audio(800), message("checkpoint", name="a")])
    await FakePlivo(application).call(Wait(1))
    assert [(at, said["name"]) for at, said in application.events("playedStream")] == [(0.1, "a")]


async def test_plivo_wants_its_own_format() -> None:
    record = await FakePlivo(Application([plivo_audio(160, "audio/x-l16", 16_000)]), fmt=PCM16_8K).call(Wait(0.1))
    assert record.faults == ("audio of audio/x-l16 at 16000 Hz on a stream of pcm16 8 kHz",)


async def test_plivo_sends_keys() -> None:
    record = await FakePlivo(Application([message("sendDTMF", dtmf="12#")])).call(Wait(0.1))
    assert record.keys == "12#"
    assert [each.detail for each in record.timeline if each.kind == "pressed"] == ["12#"]


@pytest.mark.parametrize(("size", "stalls"), [(3200, False), (3520, False), (3000, True), (3300, True)])
async def test_exotel_stalls_on_other_sizes(size: int, stalls: bool) -> None:
    record = await FakeExotel(Application([exotel("media", media={"payload": audio(size)})])).call(Wait(1))
    assert bool(record.faults) == stalls
    assert record.spoken_ms == size / 16 + 20 * stalls


@pytest.mark.parametrize("returns", [False, True])
async def test_what_exotel_does_with_marks_can_be_chosen(returns: bool) -> None:
    plan = [exotel("media", media={"payload": audio(3200)}), exotel("mark", mark={"name": "a"}), exotel("clear")]
    application = Application(plan)
    record = await FakeExotel(application, clear_returns_marks=returns).call(Wait(0.5))
    assert [mark.fate for mark in record.marks] == ["returned" if returns else "destroyed"]
    assert len(application.events("mark")) == returns
    assert application.events("stop")


async def test_exotel_knows_its_stream() -> None:
    record = await FakeExotel(Application([message("clear", stream_sid="another")])).call(Wait(0.1))
    assert "another stream's name" in record.faults[0]
    assert record.clears == 0
