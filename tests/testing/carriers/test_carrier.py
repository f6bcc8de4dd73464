"""The fake carriers by themselves: buffer, clock, marks and clears as the real ones have them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pybase64
import pytest

from realtime_transport.audio.files import write_wav
from realtime_transport.conversation.brains import hum
from realtime_transport.testing.carriers import CallRecord, FakePlivo, FakeSocket, FakeTwilio, Speak, Wait
from realtime_transport.testing.carriers.carrier import APPLICATION_TIMEOUT

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
