"""What a call was, from the caller's end: what was heard and said, to the millisecond, and what the carrier did."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.audio.files import write_wav
from realtime_transport.audio.formats import SILENCE
from realtime_transport.telephony.codecs import Frame

Kind: TypeAlias = Literal[
    "said", "heard", "cleared", "overflow", "mark", "digit", "pressed", "left out", "flow", "fault", "end"
]
"""``said`` by the caller; ``heard`` of the agent; ``cleared`` before it was heard; ``overflow`` of the carrier's
buffer; a ``mark`` that was set, with what became of it; a ``digit`` of the caller's; keys ``pressed`` by the agent;
audio that the carrier ``left out``; a change of ``flow`` (XOFF, XON); a ``fault`` of the application's; the ``end``."""

MarkFate: TypeAlias = Literal["waiting", "played", "returned", "destroyed", "lost"]
"""Reached by playback; sent back by a clear, or thrown away by it; lost on the way. ``waiting``: the call was over."""


@attrs.frozen(kw_only=True)
class Happening:
    """One thing that happened, at a millisecond of the call."""

    at_ms: float
    kind: Kind
    ms: float = 0.0
    """How long it took; 0 for what takes no time."""
    detail: str = ""

    def __str__(self) -> str:
        words = (f"{self.at_ms:9.1f} ms  {self.kind:<9}", f"{self.ms:.1f} ms" if self.ms else "", self.detail)
        return "  ".join(filter(None, words)).rstrip()


@attrs.frozen(kw_only=True)
class Heard:
    """A stretch of the agent's speech that was played without a break."""

    begin_ms: float
    data: bytes = attrs.field(repr=False)
    ms: float

    @property
    def end_ms(self) -> float:
        """When its last sample was heard."""
        return self.begin_ms + self.ms


@attrs.define(kw_only=True)
class MarkRecord:
    """A mark that the application set."""

    name: str
    set_ms: float
    fate: MarkFate = "waiting"
    at_ms: float | None = None
    """When that became of it."""


@attrs.frozen(kw_only=True)
class CallRecord:
    """What a call was, from the caller's end. Times are milliseconds of the call; audio is in ``format``."""

    format: AudioFormat
    heard: bytes = attrs.field(repr=False)
    """From the first moment of the call to the last sound of the agent's, silence between included."""
    said: bytes = attrs.field(repr=False)
    """The caller's side, likewise."""
    stretches: tuple[Heard, ...] = attrs.field(repr=False)
    """What was heard, without the pauses."""
    marks: tuple[MarkRecord, ...] = attrs.field(default=(), repr=False)
    timeline: tuple[Happening, ...] = attrs.field(default=(), repr=False)
    """All that happened, in order. ``print(record.story())`` shows it."""
    messages: tuple[Frame, ...] = attrs.field(default=(), repr=False)
    """All that the application sent, as it was on the wire."""
    faults: tuple[str, ...] = ()
    """What a real carrier would not have taken, or would have played badly. Empty for a program that is in order."""
    clears: int = 0
    cleared_ms: float = 0.0
    """Speech that clears threw away before it was heard."""
    keys: str = ""
    """What the agent pressed."""
    seconds: float
    ended_by: Literal["caller", "agent"]
    code: int | None = None
    """The close code, when the agent ended it; None on TCP, or when the caller did."""
    reason: str = ""
    refused: int | None = None
    """The HTTP status with which the application refused the call: nothing was said then."""

    @property
    def spoken_ms(self) -> float:
        """How much of the agent was heard, pauses not counted."""
        return sum(each.ms for each in self.stretches)

    def story(self) -> str:
        """Return the timeline as text, a line for everything that happened; marks only when they were not played."""
        return "\n".join(str(each) for each in self.timeline if not each.detail.endswith(" played"))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the call as a WAV at 24 kHz, the caller on the left, the agent on the right; return its path."""
        import numpy as np

        left, right = _pcm16(self.said, self.format), _pcm16(self.heard, self.format)
        size = max(len(left), len(right))
        stereo = np.zeros((size // 2, 2), dtype="<i2")
        for channel, side in enumerate((left, right)):
            stereo[: len(side) // 2, channel] = np.frombuffer(side, dtype="<i2")
        write_wav(path, stereo.tobytes(), channels=2)
        return Path(path)


def _pcm16(audio: bytes, fmt: AudioFormat) -> bytes:
    converter = Converter(fmt, PCM16_24K)
    return converter.push(audio) + converter.flush()


def track(fmt: AudioFormat, pieces: Iterable[tuple[float, bytes]]) -> bytes:
    """Lay pieces at their milliseconds on one track, silence between."""
    laid = bytearray()
    for at_ms, data in pieces:
        missing = max(0, fmt.bytes_for(at_ms) - len(laid)) // fmt.bytes_per_sample
        laid += SILENCE[fmt.encoding] * missing + data
    return bytes(laid)
