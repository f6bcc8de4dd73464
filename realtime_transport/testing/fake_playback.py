"""The carrier's side of playback: a buffer, a clock, and marks between the bytes. What was heard is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.audio.formats import SILENCE

MAX_SECONDS: Final = 3600.0
"""Audio that a fake carrier buffers at most, in seconds: a test that writes more has lost its pacer."""


@attrs.define
class _Piece:
    at: float
    data: bytes = attrs.field(repr=False)


class FakePlayback:
    """Plays what is written, at once when idle, else after what was written before; on the clock of the loop."""

    def __init__(self, fmt: AudioFormat, reached: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.fmt = fmt
        self._reached = reached
        self._began = self._loop.time()
        # Grows with the call, as a recording does; MAX_SECONDS bounds what is ahead.
        self._pieces: list[_Piece] = []
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self.ends_at: float = self._began
        """When the last byte has been heard."""

    def write(self, audio: bytes) -> None:
        """Put audio behind what is there."""
        at = max(self._loop.time(), self.ends_at)
        self._pieces.append(_Piece(at, audio))
        self.ends_at = at + self.fmt.ms(len(audio)) / 1000
        if self.ends_at - self._loop.time() > MAX_SECONDS:
            raise AssertionError(f"more than {MAX_SECONDS:g} s were written ahead of time")

    def mark(self, name: str) -> None:
        """Report ``name`` when all that is there was heard: at once in silence."""
        if self.ends_at <= self._loop.time():
            self._reached(name)
        else:
            self._waiting[name] = self._loop.call_at(self.ends_at, self._come_to, name)

    def clear(self) -> list[str]:
        """Throw away what was not heard; return the marks that waited, which are gone with it."""
        now = self._loop.time()
        for piece in self._pieces:
            left = self.fmt.bytes_for(max(0.0, now - piece.at) * 1000)
            piece.data = piece.data[:left]
        self._pieces = [piece for piece in self._pieces if piece.data]
        self.ends_at = min(self.ends_at, now)
        for timer in self._waiting.values():
            timer.cancel()
        names = list(self._waiting)
        self._waiting.clear()
        return names

    def heard(self) -> bytes:
        """Return what the caller heard from the beginning, silence between included."""
        track: list[bytes] = []
        size = 0
        for piece in self._pieces:
            begin = self.fmt.bytes_for((piece.at - self._began) * 1000)
            track.append(SILENCE[self.fmt.encoding] * ((begin - size) // self.fmt.bytes_per_sample))
            track.append(piece.data)
            size = max(begin, size) + len(piece.data)
        return b"".join(track)

    def spoken_ms(self) -> float:
        """Return how much was played, pauses not counted."""
        return self.fmt.ms(sum(len(piece.data) for piece in self._pieces))

    def _come_to(self, name: str) -> None:
        del self._waiting[name]
        self._reached(name)
