"""Whole calls: a fake carrier over a real socket, the gateway under uvicorn, the emulator over another real socket."""

from __future__ import annotations

import asyncio
import math
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime_transport.audio import PCM16_8K, PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.conversation.brain import Say
from realtime_transport.conversation.brains import Script, hum, when
from realtime_transport.gateway import AudioSocketServer, IncomingCall
from realtime_transport.telephony.codecs import Frame
from realtime_transport.testing.carriers import FAKES, CallRecord, FakeAudioSocket, Listen, Press, Speak, Wait
from realtime_transport.transports.recording import read_recording
from tests.gateway.house import AGENT, SECRET, TOKEN, WEBHOOKS, House, with_model

SPEECH = hum("Good morning and welcome to the house of telephones how may I help you today")
"""What the agent says first, as it was generated: PCM at 24 kHz, four seconds of voiced syllables."""
GREETS = Script(when(None, Say(transcript="Good morning", audio=SPEECH), turn=1), otherwise=Say(transcript=""))
FRAME_MS = 20.0
TURNS = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}}


def samples(audio: bytes, fmt: AudioFormat) -> Any:
    """Return audio at 8 kHz, as numbers around zero."""
    converter = Converter(fmt, PCM16_8K)
    return np.frombuffer(converter.push(audio) + converter.flush(), dtype="<i2").astype(np.float64)


def spoken(record: CallRecord) -> Any:
    """Return what the caller heard, without the pauses: a machine that stands still leaves some."""
    return samples(b"".join(each.data for each in record.stretches), record.format)


def likeness(heard: Any, generated: Any) -> tuple[float, int]:
    """Return how much ``heard`` is the beginning of ``generated`` (normalised correlation), and from where on."""
    generated = generated[: len(heard)]
    size = 1 << (len(heard) + len(generated)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(generated, size)), size)
    at = int(np.argmax(product[: len(heard)]))
    piece = heard[at : at + len(generated)]
    mine = generated[: len(piece)]
    return float(np.dot(piece, mine) / math.sqrt(np.dot(piece, piece) * np.dot(mine, mine))), at


class Lag:
    """Measures how late this machine is, while it measures."""

    def __init__(self) -> None:
        self.worst_ms = 0.0

    async def __aenter__(self) -> Lag:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.005
            await asyncio.sleep(0.005)
            self.worst_ms = max(self.worst_ms, (loop.time() - due) * 1000)


async def test_the_caller_hears_what_the_agent_said() -> None:
    async with asyncio.timeout(30), with_model(brain=GREETS) as house, Lag() as lag:
        fake = FAKES["twilio"](call_id="CA1", secret=TOKEN)
        record = await fake.dial(await house.stream("CA1"), Listen(), Wait(0.2))
    assert record.faults == ()
    found, at = likeness(spoken(record), samples(SPEECH, PCM16_24K))
    assert found >= 0.99
    assert record.spoken_ms == pytest.approx(len(SPEECH) / 48, abs=FRAME_MS)
    # From the first sample to the last without a gap, but for those of a machine that stood still.
    pauses = record.stretches[-1].end_ms - record.stretches[0].begin_ms - record.spoken_ms
    assert pauses <= lag.worst_ms
    assert at <= 16  # the word begins with its beginning, within two milliseconds


async def test_a_barge_in_is_silence_within_a_frame(tmp_path: Path) -> None:
    """And the call is recorded: what the recording says was cut is where the caller's ear says it was."""
    at: dict[str, float] = {}
    loop = asyncio.get_running_loop()

    def watch(call: IncomingCall) -> Any:
        call.transport.on("speech_started", lambda event: at.setdefault("speech", loop.time()))
        return AGENT

    options = {"brain": GREETS, "agent": watch, "record_to": tmp_path}
    async with asyncio.timeout(30), with_model(**options) as house, Lag() as lag:
        fake = FAKES["twilio"](call_id="CA/2", secret=TOKEN)
        script = (Listen(ms=1000), Speak(hum("excuse me please")), Wait(0.5))
        record = await fake.dial(await house.stream("CA/2"), *script)
    assert (record.faults, record.clears) == ((), 1)
    (stretch,) = record.stretches
    cleared = next(each for each in record.timeline if each.kind == "cleared")
    # Nothing is heard after the carrier's clear, and the clear comes at once when the model has heard the caller.
    assert stretch.end_ms <= cleared.at_ms + FRAME_MS
    speech_ms = (at["speech"] - fake._began) * 1000
    assert stretch.end_ms <= speech_ms + FRAME_MS + 2 * lag.worst_ms
    assert 1000 <= record.spoken_ms < len(SPEECH) / 48 - 500
    # What was heard until then is what was said.
    found, _ = likeness(spoken(record), samples(SPEECH, PCM16_24K))
    assert found >= 0.99
    recording = read_recording(tmp_path / "CA_2" / "call.jsonl")
    cut = [frame for frame in recording if frame.frame.get("type") == "conversation.item.truncate"]
    assert len(cut) == 1
    assert cut[0].frame["audio_end_ms"] == pytest.approx(record.spoken_ms, abs=FRAME_MS + 2 * lag.worst_ms)
    assert (tmp_path / "CA_2" / "call.wav").stat().st_size > 100_000


class Asterisk(FakeAudioSocket):
    """An Asterisk whose dialplan has the UUID from the webhook."""

    def opening(self) -> list[Frame]:
        return [b"\x01\x00\x10" + uuid.UUID(self.call_id).bytes]


class Talk:
    """One call on one carrier: hear the greeting, press a key, speak over the rest of it, hang up."""

    def __init__(self, carrier: str) -> None:
        self.carrier = carrier
        self.calls: list[IncomingCall] = []
        self.keys = ""

    def answer(self, call: IncomingCall) -> Any:
        self.calls.append(call)
        call.transport.on("dtmf", self._press)
        return AGENT

    def _press(self, event: Any) -> None:
        self.keys += event.digit

    async def hold(self) -> CallRecord:
        options: dict[str, Any] = {"brain": GREETS, "agent": self.answer}
        async with with_model(self.carrier, **options) as house:
            script = (Listen(ms=400), Press("5"), Speak(hum("excuse me please")), Wait(0.4))
            return await self._dial(house, script)

    async def _dial(self, house: House, script: tuple[Any, ...]) -> CallRecord:
        name = f"CA-{self.carrier}"
        if self.carrier == "genesys":
            fake = FAKES["genesys"](call_id=name, secret=SECRET)
            return await fake.dial(house.websocket_url + "/stream", *script)
        if self.carrier == "asterisk":
            token = (await house.ask(name)).text
            return await FAKES["asterisk"](call_id=name).dial(f"{house.websocket_url}/stream?token={token}", *script)
        if self.carrier == "audiosocket":
            token = (await house.ask(name)).text
            async with AudioSocketServer(house.gateway, port=0) as tcp:
                return await Asterisk(call_id=token).dial(f"tcp://127.0.0.1:{tcp.port}", *script)
        secret = TOKEN if self.carrier == "twilio" else None
        fake = FAKES[self.carrier](call_id=name, secret=secret)
        return await fake.dial(await house.stream(name), *script)


async def test_every_carrier_is_answered() -> None:
    talks = [Talk(carrier) for carrier in FAKES if carrier in {*WEBHOOKS, "genesys"}]
    async with asyncio.timeout(40):
        records = await asyncio.gather(*(talk.hold() for talk in talks))
    for talk, record in zip(talks, records, strict=True):
        assert record.refused is None, talk.carrier
        assert record.faults == (), talk.carrier
        assert record.ended_by == "caller", talk.carrier
        assert talk.keys == "5", talk.carrier
        assert 400 <= record.spoken_ms < len(SPEECH) / 48, (talk.carrier, record.story())
        found, _ = likeness(spoken(record), samples(SPEECH, PCM16_24K))
        assert found >= 0.99, talk.carrier
        (call,) = talk.calls
        assert call.caller.endswith("15550100"), talk.carrier
        assert call.carrier == talk.carrier
