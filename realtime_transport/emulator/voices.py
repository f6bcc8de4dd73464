"""Voices for what a brain words: the clips that come with the package, espeak-ng when it is installed, a hum else."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brains import hum
from realtime_transport.emulator.clips import SpeechLibrary, library

AsyncVoice: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Words -> speech (PCM16, 24 kHz, mono), however long that takes."""

ESPEAK: Final = "espeak-ng"
_ESPEAK_VOICE: Final = ("-v", "en-us+f3", "-s", "172", "-p", "55")
"""The voice of the agent's clips, so that both may stand in one conversation."""
_ESPEAK_SECONDS: Final = 20.0
"""espeak-ng speaks a page in well under a second: more means that it hangs."""
_REMEMBERED: Final = 64
"""Sentences kept: agents repeat themselves. At 3 s each, 9 MB."""


def recorded(clips: SpeechLibrary | None = None) -> Callable[[str], bytes]:
    """Make a pure voice: the recording of exactly these words where there is one, a hum as long as the words else."""
    known = clips or library()

    def speak(text: str) -> bytes:
        return known.spoken(text) or hum(text)

    return speak


class EspeakVoice:
    """Speaks with espeak-ng in a process of its own; recorded clips are preferred, so that tests hear the same."""

    def __init__(self, clips: SpeechLibrary | None = None, program: str | None = None) -> None:
        self._clips = clips or library()
        self._program = program or shutil.which(ESPEAK)
        # Least recently used leaves first.
        self._spoken: OrderedDict[str, bytes] = OrderedDict()

    @property
    def is_available(self) -> bool:
        """Whether espeak-ng is installed."""
        return self._program is not None

    async def __call__(self, text: str) -> bytes:
        """Speak; a hum where the program is missing, fails or hangs."""
        recording = self._clips.spoken(text)
        if recording is not None or self._program is None:
            return recording or hum(text)
        if text not in self._spoken:
            self._spoken[text] = await self._synthesise(self._program, text) or hum(text)
            if len(self._spoken) > _REMEMBERED:
                self._spoken.popitem(last=False)
        self._spoken.move_to_end(text)
        return self._spoken[text]

    async def _synthesise(self, program: str, text: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            program,
            *_ESPEAK_VOICE,
            "--stdin",
            "--stdout",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(_ESPEAK_SECONDS):
                wav, _ = await process.communicate(text.encode())
        except TimeoutError:
            return b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _pcm16(wav)


def _pcm16(wav: bytes) -> bytes:
    """Read what a synthesiser wrote to a pipe."""
    import soundfile as sf

    from realtime_transport.audio.resample import Resampler

    try:
        samples, rate = sf.read(io.BytesIO(wav), dtype="int16")
    except sf.LibsndfileError:
        return b""
    resampler = Resampler(rate, PCM16_24K.rate)
    return resampler.push(samples.tobytes()) + resampler.flush()
