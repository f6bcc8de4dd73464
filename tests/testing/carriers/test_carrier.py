"""What all fake carriers have in common: a call from its beginning to its record."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pybase64
import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.files import write_wav
from realtime_transport.conversation.brains import hum
from realtime_transport.exceptions import InvalidArgument, StateError
from realtime_transport.telephony.codecs import AudioSocketCodec, CallStarted, DtmfReceived, make_codec, recognise
from realtime_transport.testing.carriers import FAKES, CallRecord, FakePlivo, FakeSocket, FakeTwilio, Speak, Wait
from realtime_transport.testing.carriers.carrier import APPLICATION_TIMEOUT, MAX_FAULTS
from tests.testing.carriers.line import Application

pytestmark = pytest.mark.virtual_time

STREAM = {"streamSid": "MZCA0123"}


def media(ms: int) -> str:
    payload = pybase64.b64encode(b"\x00" * (8 * ms)).decode()
    return json.dumps({"event": "media", **STREAM, "media": {"payload": payload}})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", **STREAM, "mark": {"name": name}})


CLEAR = json.dumps({"event": "clear", **STREAM})


async def test_marks_return_when_they_are_reached() -> None:
    seen: list[tuple[float, str]] = []

    async def answer(phone: FakeSocket) -> None:
        for message in (mark("silence"), media(100), mark("end")):
            await phone.send(message)
        while (message := await phone.receive()) is not None:
            if json.loads(message)["event"] == "mark":
                seen.append((asyncio.get_running_loop().time(), json.loads(message)["mark"]["name"]))

    record = await FakeTwilio(answer).call(Wait(0.5))
    assert seen == [(0.0, "silence"), (pytest.approx(0.1), "end")]
    assert record.spoken_ms == 100


async def test_a_clear_stops_at_the_millisecond_and_returns_the_marks() -> None:
    seen: list[str] = []

    async def answer(phone: FakeSocket) -> None:
        await asyncio.sleep(0.1)
        for message in (media(1000), mark("a")):
            await phone.send(message)
        await asyncio.sleep(0.123)
        await phone.send(CLEAR)
        await asyncio.sleep(0.1)
        await phone.send(media(20))
        while (message := await phone.receive()) is not None:
            seen.append(json.loads(message)["event"])

    record = await FakeTwilio(answer).call(Wait(1))
    assert record.heard == b"\xff" * 800 + b"\x00" * 984 + b"\xff" * 800 + b"\x00" * 160
    assert seen.count("mark") == 1


async def test_plivo_destroys_checkpoints() -> None:
    seen: list[str] = []

    async def answer(phone: FakeSocket) -> None:
        payload = pybase64.b64encode(bytes(8000)).decode()
        media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload}
        await phone.send(json.dumps({"event": "playAudio", "media": media}))
        await phone.send(json.dumps({"event": "checkpoint", "name": "a"}))
        await phone.send(json.dumps({"event": "clearAudio"}))
        while (message := await phone.receive()) is not None:
            seen.append(json.loads(message)["event"])

    await FakePlivo(answer).call(Wait(2))
    assert "clearedAudio" in seen
    assert "playedStream" not in seen


async def test_a_file_is_spoken_in_real_time(tmp_path: Path) -> None:
    write_wav(tmp_path / "question.wav", hum("hello"))
    heard: list[bytes] = []

    async def answer(phone: FakeSocket) -> None:
        while (message := await phone.receive()) is not None:
            said = json.loads(message)
            if said["event"] == "media":
                heard.append(pybase64.b64decode(said["media"]["payload"]))

    record = await FakeTwilio(answer).call(Speak(tmp_path / "question.wav"))
    assert len(b"".join(heard)) == pytest.approx(len(hum("hello")) / 6, abs=160)
    assert record.seconds == pytest.approx(0.38)


async def test_an_application_that_raises_is_heard() -> None:
    async def answer(phone: FakeSocket) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await FakeTwilio(answer).call(Wait(5))


async def test_an_application_that_never_ends_is_told() -> None:
    async def answer(phone: FakeSocket) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await FakeTwilio(answer).call(Wait(1))
    assert asyncio.get_running_loop().time() == pytest.approx(1 + APPLICATION_TIMEOUT)


async def test_nothing_is_heard_after_the_close() -> None:
    async def answer(phone: FakeSocket) -> None:
        await phone.send(media(20))
        await phone.close(1000, "bye")
        await phone.close(1001, "again")
        await phone.send(media(20))

    record: CallRecord = await FakeTwilio(answer).call(Wait(5))
    assert (record.code, record.reason, record.ended_by) == (1000, "bye", "agent")
    assert len(record.messages) == 1


async def test_a_fake_is_for_one_call_and_needs_somebody_to_call() -> None:
    fake = FakeTwilio(Application([]))
    await fake.call()
    with pytest.raises(StateError, match="make another"):
        await fake.call()
    with pytest.raises(InvalidArgument, match="answer"):
        await FakeTwilio().call()
    with pytest.raises(InvalidArgument, match="pcm16 24 kHz"):
        FakeTwilio(fmt=PCM16_24K)


async def test_messages_take_their_time_both_ways() -> None:
    application = Application([0.2, mark("a")], closes=(1000, ""))
    record = await FakeTwilio(application, latency=0.1).call(Wait(5))
    assert [at for at, _ in application.events("start")] == [0.1]
    assert [each.set_ms for each in record.marks] == [pytest.approx(300)]
    assert [at for at, _ in application.events("mark")] == [0.4]
    assert record.seconds == pytest.approx(0.3)


async def test_lost_marks_never_return() -> None:
    application = Application([media(20), mark("a"), media(20), mark("b"), mark("b")])
    record = await FakeTwilio(application, loses_mark=lambda number: number == 1).call(Wait(1))
    assert [(at, said["mark"]["name"]) for at, said in application.events("mark")] == [(0.04, "b"), (0.04, "b")]
    assert [each.fate for each in record.marks] == ["lost", "played", "played"]


async def test_a_mark_that_the_call_does_not_live_to_see_waits() -> None:
    record = await FakeTwilio(Application([media(5000), mark("a")])).call(Wait(1))
    assert [(each.fate, each.at_ms) for each in record.marks] == [("waiting", None)]
    assert record.spoken_ms == 1000


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[1]",
        b"binary",
        "{}",
        '{"event": "media", "streamSid": "MZCA0123", "media": {"payload": "*"}}',
        '{"event": "media", "streamSid": "MZCA0123", "media": 5}',
        '{"event": "mark", "streamSid": "another", "mark": {"name": "a"}}',
        '{"event": "unheard of", "streamSid": "MZCA0123"}',
    ],
)
async def test_what_the_carrier_would_not_take_is_a_fault(message: str | bytes) -> None:
    record = await FakeTwilio(Application([message])).call(Wait(0.1))
    (fault,) = record.faults
    assert "cannot be read" in fault
    assert repr(message)[:20] in fault
    assert record.marks == ()


async def test_faults_are_kept_up_to_a_bound() -> None:
    record = await FakeTwilio(Application(["{}"] * (MAX_FAULTS + 5))).call(Wait(0.1))
    assert len(record.faults) == MAX_FAULTS


async def test_a_full_buffer_drops() -> None:
    record = await FakeTwilio(Application([media(599_000), media(2_000)])).call(Wait(0.1))
    assert record.faults == ("the buffer of 600000 ms is full",)
    assert [(each.ms) for each in record.timeline if each.kind == "overflow"] == [1000]


@pytest.mark.parametrize("name", FAKES)
async def test_what_it_says_first_is_recognised_and_understood(name: str) -> None:
    fake = FAKES[name](call_id="CA7", caller="+1", called="+2", custom={"token": "t"})
    codec = make_codec(name)
    opening = fake.opening()
    assert [found for message in opening if (found := recognise(message))] == [name]
    (start,) = [event for message in opening for event in codec.receive(message) if isinstance(event, CallStarted)]
    assert start.format == fake.format
    assert start.call_id == ("CA7" if name != "audiosocket" else start.stream_id)
    # Plain Asterisk, Vonage and AudioSocket have no place for all of it.
    assert (start.caller, start.called) in {("+1", "+2"), ("", "")}
    assert start.custom.get("token", "t") == "t"


@pytest.mark.parametrize("name", FAKES)
async def test_its_keys_are_understood(name: str) -> None:
    fake, codec = FAKES[name](), make_codec(name)
    for message in fake.opening():
        codec.receive(message)
    (key,) = codec.receive(fake.key("#"))
    assert isinstance(key, DtmfReceived)
    assert key.digit == "#"


@pytest.mark.parametrize("name", FAKES)
async def test_every_format_of_a_fake_is_one_of_its_codec(name: str) -> None:
    for fmt in FAKES[name].formats:
        fake, codec = FAKES[name](fmt=fmt), make_codec(name)
        if name == "audiosocket":
            codec = AudioSocketCodec(audio_format=fmt)
        for message in fake.opening():
            codec.receive(message)
        assert codec.input_format == fmt


async def test_a_socket_closes_once_and_says_so() -> None:
    async def answer(phone: FakeSocket) -> None:
        await phone.close(1011, "broken")

    record = await FakeTwilio(answer).call(Wait(5))
    assert (record.code, record.reason, record.ended_by, record.seconds) == (1011, "broken", "agent", 0)
