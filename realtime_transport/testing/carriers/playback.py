"""The carrier's side of playback: a buffer, a clock, and marks between the bytes. What was heard is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.testing.carriers.record import Heard

_ROUNDING: Final = 1e-6
"""Seconds. Two stretches so close together are one."""


@attrs.define
class _Piece:
    at: float
    data: bytes = attrs.field(repr=False)


class FakePlayback:
    """Plays what is written, at once when idle, else after what was written before; on the clock of the loop.

    ``limit_ms`` is what the buffer holds. ``reached`` hears of marks, ``changed`` of the beginning and the end of
    sound.
    """

    def __init__(
        self,
        fmt: AudioFormat,
        *,
        limit_ms: float,
        reached: Callable[[int], None],
        changed: Callable[[bool], None] = lambda playing: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._fmt = fmt
        self._limit = limit_ms / 1000
        self._reached = reached
        self._changed = changed
        self._began = self._loop.time()
        # Grows with the call, as a recording does; ``limit_ms`` bounds what is ahead.
        self._pieces: list[_Piece] = []
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._end: asyncio.TimerHandle | None = None
        self.ends_at: float = self._began
        """When the last byte has been heard."""

    @property
    def ahead_ms(self) -> float:
        """What is in the buffer."""
        return max(0.0, self.ends_at - self._loop.time()) * 1000

    def write(self, audio: bytes) -> float:
        """Put audio behind what is there; return the milliseconds for which there was no room."""
        now = self._loop.time()
        at = max(now, self.ends_at)
        room = self._fmt.bytes_for(max(0.0, self._limit - (at - now)) * 1000)
        taken = audio[:room]
        if taken:
            if self._end is None:
                self._changed(True)
            else:
                self._end.cancel()
            self._pieces.append(_Piece(at, taken))
            self.ends_at = at + self._fmt.ms(len(taken)) / 1000
            self._end = self._loop.call_at(self.ends_at, self._finish)
        return self._fmt.ms(len(audio) - len(taken))

    def mark(self, number: int) -> None:
        """Report a mark by its number when all that is there was heard: at once in silence."""
        if self.ends_at <= self._loop.time():
            self._reached(number)
        else:
            self._waiting[number] = self._loop.call_at(self.ends_at, self._come_to, number)

    def clear(self) -> tuple[float, list[int]]:
        """Throw away what was not heard: return how many milliseconds, and the marks that waited and are gone."""
        now = self._loop.time()
        cleared = self.ahead_ms
        for piece in self._pieces:
            piece.data = piece.data[: self._fmt.bytes_for(max(0.0, now - piece.at) * 1000)]
        self._pieces = [piece for piece in self._pieces if piece.data]
        self.ends_at = min(self.ends_at, now)
        for timer in self._waiting.values():
            timer.cancel()
        numbers = list(self._waiting)
        self._waiting.clear()
        if self._end is not None:
            self._end.cancel()
            self._finish()
        return cleared, numbers

    def stretches(self) -> list[Heard]:
        """Return what was heard so far, pieces that followed one another joined."""
        now = self._loop.time()
        joined: list[tuple[float, bytearray]] = []
        ends_at = -1.0
        for piece in self._pieces:
            data = piece.data[: self._fmt.bytes_for(max(0.0, now - piece.at) * 1000)]
            if joined and piece.at - ends_at < _ROUNDING:
                joined[-1][1].extend(data)
            elif data:
                joined.append((piece.at, bytearray(data)))
            ends_at = piece.at + self._fmt.ms(len(piece.data)) / 1000
        return [
            Heard(begin_ms=(at - self._began) * 1000, data=bytes(data), ms=self._fmt.ms(len(data)))
            for at, data in joined
        ]

    def heard_ms(self, since: float = 0.0) -> float:
        """Return how much was heard after ``since`` (the loop's clock) until now, pauses not counted."""
        now = self._loop.time()
        spans = ((piece.at, piece.at + self._fmt.ms(len(piece.data)) / 1000) for piece in reversed(self._pieces))
        total = 0.0
        for begin, end in spans:
            if end <= since:
                break
            total += max(0.0, min(end, now) - max(begin, since))
        return total * 1000

    def _come_to(self, number: int) -> None:
        del self._waiting[number]
        self._reached(number)

    def _finish(self) -> None:
        self._end = None
        self._changed(False)
