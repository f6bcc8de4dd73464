"""A stage for phone calls: a fake carrier, our transport, a model in memory, and three witnesses that have to agree.

What the caller heard is measured on the audio itself: the samples that the fake carrier played are looked up in what
the model said. The history, and the truncation that the server was told, have to say the same.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from itertools import accumulate
from typing import Any

import attrs
import numpy as np

from realtime_transport.audio.convert import Converter
from realtime_transport.conversation.brain import Say
from realtime_transport.conversation.brains import Script, hum, when
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events.client import ConversationItemTruncate, InputAudioBufferAppend
from realtime_transport.events.items import AssistantMessageItem
from realtime_transport.events.transport import (
    AudioDoneEvent,
    AudioEvent,
    AudioGapEvent,
    AudioInterruptedEvent,
    DisconnectedEvent,
    DtmfEvent,
    SentEvent,
)
from realtime_transport.telephony import PhoneCall, PhoneSocket
from realtime_transport.testing.carriers import CallRecord, FakeCarrier, Step
from realtime_transport.transports import LoopbackTransport

GREETING = "Good morning and welcome to the house of telephones"
GREETING_MS = len(hum(GREETING)) / 48
QUESTION = hum("what is the weather")
ANSWER = "It is sunny and warm outside today"
QUIET = Script(when(None, GREETING, turn=1), otherwise=Say(transcript=""))
"""Greets, and has nothing more to say."""
TALKATIVE = Script(otherwise=GREETING)

ACCIDENT_MS = 1.0
"""What two noises may have in common by chance: a sample or two."""

TURNS = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}}


class Voice:
    """Speaks in noise, as long as it takes to say, that sounds different every time: so every sample can be found."""

    def __init__(self) -> None:
        self._chance = random.Random(7)

    def __call__(self, text: str) -> bytes:
        samples = np.frombuffer(self._chance.randbytes(len(hum(text))), dtype="<i2")
        return (samples // 4).astype("<i2").tobytes()


class Call(PhoneCall, LoopbackTransport):
    """A phone call with a model in memory."""


@attrs.define
class Witness:
    """What the application's side saw and sent."""

    call: PhoneCall
    said: dict[str, list[bytes]] = attrs.field(factory=dict)
    """The model's speech by item, in the session's format."""
    whole: set[str] = attrs.field(factory=set)
    to_model: list[bytes] = attrs.field(factory=list)
    truncated: dict[str, float] = attrs.field(factory=dict)
    cuts: list[AudioInterruptedEvent] = attrs.field(factory=list)
    gaps: list[AudioGapEvent] = attrs.field(factory=list)
    ended: list[DisconnectedEvent] = attrs.field(factory=list)
    keys: str = ""
    outcomes: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.call.on("audio", self._on_audio)
        self.call.on("audio_done", self._on_audio_done)
        self.call.on("audio_interrupted", self.cuts.append)
        self.call.on("audio_gap", self.gaps.append)
        self.call.on("disconnected", self.ended.append)
        self.call.on("dtmf", self._on_key)
        self.call.on("sent", self._on_sent)

    def _on_audio(self, event: AudioEvent) -> None:
        self.said.setdefault(event.item_id, []).append(event.data)

    def _on_audio_done(self, event: AudioDoneEvent) -> None:
        self.whole.add(event.item_id)

    def _on_key(self, event: DtmfEvent) -> None:
        self.keys += event.digit

    def _on_sent(self, event: SentEvent) -> None:
        if isinstance(event.event, InputAudioBufferAppend):
            self.to_model.append(event.event.audio)
        elif isinstance(event.event, ConversationItemTruncate):
            self.truncated[event.event.item_id] = event.event.audio_end_ms

    def history(self) -> dict[str, float]:
        """Milliseconds of every assistant item that the history says were heard."""
        entries = [self.call._conversation.history_entry(item.id) for item in self.call.history if item.id]
        return {
            entry.item.id: entry.heard_ms or 0.0
            for entry in entries
            if entry is not None and isinstance(entry.item, AssistantMessageItem) and entry.item.id
        }

    def heard(self, record: CallRecord) -> dict[str, float]:
        """Find every item of the model's in what the caller heard: milliseconds of each, from its beginning."""
        heard, at = b"".join(each.data for each in record.stretches), 0
        ends = list(accumulate(len(each.data) for each in record.stretches))
        found: dict[str, float] = {}
        for item_id, pieces in self.said.items():
            converter = Converter(self.call.output_format, record.format)
            said = b"".join(map(converter.push, pieces))
            said += converter.flush() if item_id in self.whole else b""
            at, size = _found(heard, at, said, record)
            # Where the voice was cut, what comes next may begin like what would have followed.
            cut = next((end for end in reversed(ends) if end <= at + size), 0)
            if cut > at and record.format.ms(at + size - cut) < ACCIDENT_MS:
                size = cut - at
            found[item_id] = record.format.ms(size)
            at += size
            # A last frame is filled up with silence: nobody said that.
            end = next((end for end in ends if end >= at), at)
            if size == len(said) and heard[at:end] == record.format.silence(record.format.ms(end - at)):
                at = end
        assert at == len(heard), f"the caller heard {record.format.ms(len(heard) - at):.1f} ms that nobody said"
        return found


def _found(heard: bytes, at: int, said: bytes, record: CallRecord) -> tuple[int, int]:
    """Return where ``said`` begins in ``heard``, at ``at`` or behind the silence there, and how much of it is there."""
    silence = record.format.silence(record.format.ms(len(heard) - at))
    for start in (at, at + _common(memoryview(heard)[at:], silence)):
        size = _common(memoryview(heard)[start:], said)
        if record.format.ms(size) >= ACCIDENT_MS:
            return start, size
    return at, 0


def _common(heard: memoryview, said: bytes) -> int:
    """Return how many bytes of ``said`` are at the beginning of ``heard``."""
    low, high = 0, min(len(heard), len(said))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if heard[:middle] == said[:middle] else (low, middle - 1)
    return low


@attrs.define
class Stage:
    """One call: how the application behaves, and what came of it."""

    carrier: str
    fake: Callable[..., FakeCarrier]
    codec: Callable[[], Any]
    then: Callable[[PhoneCall, Witness], Awaitable[object]] | None = None
    brain: Any = None
    greet: bool = True
    options: dict[str, Any] = attrs.field(factory=dict)
    witness: Witness = attrs.field(init=False)
    record: CallRecord = attrs.field(init=False)

    async def play(self, *script: Step, **fake: Any) -> CallRecord:
        """Make the call in memory."""
        self.record = await self.fake(self.answer, **fake).call(*script)
        return self.record

    async def answer(self, phone: PhoneSocket) -> None:
        """Be the application."""
        brain = self.brain or Script(when(None, GREETING, turn=1), otherwise=ANSWER)
        peer = ServerPeer(brain, voice=Voice())
        async with Call(phone, carrier=self.codec(), peer=peer, **self.options) as call:
            self.witness = Witness(call)
            await call.connect(session=TURNS)
            if self.greet:
                call.request_response()
            if self.then is not None:
                await self.then(call, self.witness)
            await call.wait_ended()

    def differences(self) -> dict[str, float]:
        """Milliseconds between what was heard of each item and what the history says (and the server was told)."""
        heard, told = self.witness.heard(self.record), self.witness.history()
        found = {item: abs(heard.get(item, 0.0) - told.get(item, 0.0)) for item in {*heard, *told}}
        for item, ms in self.witness.truncated.items():
            found[item] = max(found[item], abs(heard[item] - ms))
        return found

    @property
    def difference(self) -> float:
        """The largest of them."""
        return max(self.differences().values(), default=0.0)
