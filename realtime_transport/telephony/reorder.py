"""Put the carrier's pieces back into order, where it counts them and may deliver them in another one."""

from __future__ import annotations

from typing import Final

from realtime_transport.telephony.codecs.events import MediaReceived

WINDOW: Final = 5
"""Pieces that may wait for one before them: 100 ms at 20 ms each. Later than that it is better lost than waited for."""

FIRST: Final = 1
"""The number that carriers begin to count with. A stream whose first piece has a slightly higher one may have begun out
of order, so what is before it is waited for; one that comes in far later has not."""

WINDOW_SECONDS: Final = 0.1
"""The same in time: for a last piece with nothing behind it."""


class ReorderWindow:
    """Holds pieces that came too early. Pieces without a number pass through."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._early: dict[int, MediaReceived] = {}
        self._since: float | None = None
        self.late: int = 0
        """Pieces that came twice, or after their place was given up."""

    def push(self, media: MediaReceived, now: float) -> list[MediaReceived]:
        """Take a piece; return those whose turn it is, in order."""
        number = media.sequence
        if number is None:
            return [media]
        if self._next is None:
            self._next = FIRST if FIRST < number <= FIRST + WINDOW else number
        if number < self._next or number in self._early:
            self.late += 1
            return []
        self._early[number] = media
        ready = self._release()
        if len(self._early) > WINDOW:
            ready += self._skip()
        self._since = None if not self._early else now if ready or self._since is None else self._since
        return ready

    def next_deadline(self) -> float | None:
        """Return when a missing piece is given up."""
        return None if self._since is None else self._since + WINDOW_SECONDS

    def wake(self, now: float) -> list[MediaReceived]:
        """Give up what is overdue; return what waited behind it."""
        if self._since is None or now < self._since + WINDOW_SECONDS:
            return []
        ready = self._skip()
        self._since = now if self._early else None
        return ready

    def _release(self) -> list[MediaReceived]:
        ready: list[MediaReceived] = []
        while self._next is not None and self._next in self._early:
            ready.append(self._early.pop(self._next))
            self._next += 1
        return ready

    def _skip(self) -> list[MediaReceived]:
        self._next = min(self._early)
        return self._release()
