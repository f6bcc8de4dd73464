"""The caller's side of a fake call: a stream of audio in real time, cut into the carrier's pieces, and what is done."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.convert import Converter
from realtime_transport.audio.files import read_pcm16
from realtime_transport.telephony.codecs import Frame
from realtime_transport.testing.carriers.record import track
from realtime_transport.testing.carriers.script import Drop, Flood, Listen, Press, Restart, Send, Speak, Step, Wait

if TYPE_CHECKING:
    from realtime_transport.testing.carriers.carrier import FakeCarrier

TURN_MS: Final = 20.0
"""How often a listening caller looks whether the agent has come to an end."""


class Caller:
    """Performs a script on a carrier, by absolute deadlines: each piece is sent when it has been spoken."""

    def __init__(self, carrier: FakeCarrier, over: asyncio.Event) -> None:
        self._carrier = carrier
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._began = self._at = self._loop.time()
        self._unsent = b""
        """Spoken, but less than a piece of the carrier's."""
        self._size = carrier.format.bytes_for(carrier.piece_ms)
        self._said: list[tuple[float, bytes]] = []

    @property
    def said(self) -> bytes:
        """Everything that was said, on one track, silence where nothing was."""
        return track(self._carrier.format, self._said)

    async def perform(self, script: Iterable[Step]) -> None:
        """Do one step after the other; stop when the call is over."""
        for step in script:
            await self._do(Speak(step) if isinstance(step, (str, os.PathLike)) else step)
            if self._over.is_set():
                return

    async def _do(self, step: object) -> None:
        carrier = self._carrier
        match step:
            case Speak(audio):
                await self._speak(self._converted(audio))
            case Wait(seconds):
                await self._stream(carrier.format.silence(seconds * 1000))
            case Listen():
                await self._listen(step)
            case Drop(seconds):
                await self._drop(seconds)
            case Flood(seconds):
                await self._flood(seconds)
            case Press(digits):
                for digit in digits:
                    carrier.press_key(digit)
            case Send(message):
                carrier.deliver(message)
            case Restart():
                self._deliver(carrier.opening())
            case _:
                raise TypeError(f"a caller cannot {step!r}")

    async def _speak(self, audio: bytes) -> None:
        self._said.append(((self._at - self._began) * 1000, audio))
        self._carrier.note("said", ms=self._carrier.format.ms(len(audio)))
        await self._stream(audio)

    async def _stream(self, audio: bytes) -> None:
        """Speak in real time. What fills no piece goes out with what is spoken next."""
        fmt = self._carrier.format
        while audio:
            data, audio = audio[: self._size - len(self._unsent)], audio[self._size - len(self._unsent) :]
            self._unsent += data
            self._at += fmt.ms(len(data)) / 1000
            if await self._until(self._at):
                return
            if len(self._unsent) == self._size:
                self._send()

    def _send(self) -> None:
        audio, self._unsent = self._unsent, b""
        stamp = (self._at - self._began) * 1000 - self._carrier.format.ms(len(audio))
        self._carrier.send_audio(audio, round(stamp))

    async def _listen(self, step: Listen) -> None:
        since = self._loop.time()
        turn = self._carrier.format.silence(TURN_MS)
        while not self._over.is_set() and not self._has_listened(step, since):
            if self._loop.time() - since > step.timeout:
                raise TimeoutError(f"the agent was not heard so in {step.timeout:g} s: {step}")
            await self._stream(turn)

    def _has_listened(self, step: Listen, since: float) -> bool:
        playback = self._carrier.playback
        heard = playback.heard_ms(since)
        if step.ms is not None:
            return heard >= step.ms
        return heard > 0 and self._loop.time() >= playback.ends_at + step.quiet

    async def _drop(self, seconds: float) -> None:
        carrier = self._carrier
        if self._unsent:
            self._send()
        carrier.note("left out", ms=seconds * 1000)
        self._deliver(carrier.leaving_out(None))
        self._at += seconds
        if not await self._until(self._at):
            self._deliver(carrier.leaving_out(seconds))

    def _deliver(self, messages: list[Frame]) -> None:
        for message in messages:
            self._carrier.deliver(message)

    async def _flood(self, seconds: float) -> None:
        for _ in range(round(seconds * 1000 / self._carrier.piece_ms)):
            self._carrier.send_audio(self._carrier.format.silence(self._carrier.piece_ms), self._now_ms())

    def _now_ms(self) -> int:
        return round((self._at - self._began) * 1000)

    async def _until(self, when: float) -> bool:
        """Wait until ``when``; True when the call is over before."""
        try:
            async with asyncio.timeout_at(when):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    def _converted(self, audio: bytes | str | os.PathLike[str]) -> bytes:
        pcm = audio if isinstance(audio, bytes) else read_pcm16(audio)
        converter = Converter(PCM16_24K, self._carrier.format)
        return converter.push(pcm) + converter.flush()
