"""Withholds audio until the words that go with it were checked.

A piece waits until a pass of the guardrails that began after the piece arrived has found nothing, or until ``hold_ms``
are over. When failing closed, time alone lets nothing through.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

import attrs


@attrs.frozen
class _Piece:
    response_id: str
    deliver: Callable[[], None]
    arrived: float


class AudioHold:
    """The audio of one session that nobody may hear yet, in the order in which it came."""

    def __init__(self, hold_ms: int, *, time_releases: bool) -> None:
        self._seconds = hold_ms / 1000 if time_releases else math.inf
        # Bounded by what a model generates in one response: the output token limit, a few minutes of audio.
        self._pieces: deque[_Piece] = deque()
        self._cleared: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def push(self, response_id: str, deliver: Callable[[], None]) -> None:
        """Keep ``deliver`` back, behind everything that already waits."""
        self._pieces.append(_Piece(response_id, deliver, asyncio.get_running_loop().time()))
        self._flush()

    def release(self, response_id: str, *, before: float = math.inf) -> None:
        """Let through what came of this response up to ``before`` on the loop's clock; by default everything."""
        self._cleared[response_id] = before
        self._flush()

    def drop(self, response_id: str | None = None) -> None:
        """Forget what waits of one response, or everything: it was cut and will never be heard."""
        kept = [piece for piece in self._pieces if response_id is not None and piece.response_id != response_id]
        self._pieces = deque(kept)
        self._flush()

    def _flush(self) -> None:
        """Deliver from the front, in order, for as long as the first piece is cleared or overdue."""
        loop = asyncio.get_running_loop()
        while self._pieces:
            first = self._pieces[0]
            overdue = first.arrived + self._seconds <= loop.time()
            if not overdue and first.arrived > self._cleared.get(first.response_id, -math.inf):
                break
            self._pieces.popleft().deliver()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pieces:
            self._cleared.clear()
        elif self._seconds < math.inf:
            self._timer = loop.call_at(self._pieces[0].arrived + self._seconds, self._flush)
