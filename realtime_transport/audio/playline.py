"""Where on the time axis speech sounds: end to end in real time, and cut where the listener was.

The agent's speech arrives faster than it sounds. Each piece begins when it comes, or after all that came before it; an
interruption takes away what was not heard. Recordings and pictures of a call are laid along this line. It estimates
like the playout ledger does, and takes the ledger's word for where a part was cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from typing import Final, Generic, TypeVar

import attrs

Key = TypeVar("Key", bound=Hashable)


@attrs.define(kw_only=True)
class Stretch(Generic[Key]):
    """One part of speech, sounding without a break."""

    key: Key
    """Whose audio it is."""
    begins_ms: float
    offset_ms: float
    """How much of the part sounded before this stretch."""
    ms: float = 0.0
    """How long it is, or would have been."""
    heard_ms: float | None = None
    """How much of it sounded before it was cut; None when it was not."""

    @property
    def ends_ms(self) -> float:
        """When its last sound ends, or was cut off."""
        return self.begins_ms + (self.ms if self.heard_ms is None else self.heard_ms)


CALLER_LATENESS_MS: Final = 100.0
"""How late a caller's audio may come without a break: timers of a busy loop are late by tens of milliseconds, and a
break of one is a click."""


class PlayLine(Generic[Key]):
    """Lay pieces of speech along the time axis.

    Times are milliseconds of one clock that never goes back. ``limit`` bounds the stretches that are kept; beyond it
    the oldest is forgotten, which matters only to a cut that comes later than so many changes of speaker or breaks.
    What comes less than ``lateness_ms`` after the last sound ended was late and is joined to it without a break.
    """

    def __init__(self, limit: int | None = None, *, lateness_ms: float = 0.0) -> None:
        self._stretches: deque[Stretch[Key]] = deque(maxlen=limit)
        self._lateness_ms = lateness_ms
        self._ends_ms = 0.0

    @property
    def ends_ms(self) -> float:
        """When the last sound ends that is known of."""
        return self._ends_ms

    @property
    def stretches(self) -> Iterable[Stretch[Key]]:
        """What was laid so far, in order of sounding, cut ones included."""
        return self._stretches

    def place(self, key: Key, ms: float, now_ms: float) -> float:
        """Lay ``ms`` of a part that came at ``now_ms``; return when it begins to sound."""
        last = self._stretches[-1] if self._stretches else None
        late = last is not None and now_ms - self._ends_ms < self._lateness_ms
        begins = self._ends_ms if late else max(now_ms, self._ends_ms)
        if last is None or last.key != key or last.heard_ms is not None or begins > last.ends_ms:
            last = Stretch(key=key, begins_ms=begins, offset_ms=self._placed_ms(key))
            self._stretches.append(last)
        last.ms += ms
        self._ends_ms = last.ends_ms
        return begins

    def cut(self, heard_ms: Mapping[Key, float]) -> float | None:
        """Stop the sound: ``heard_ms`` says how much was heard of each part that was cut, from the part's beginning.

        Return when it stopped: where the first of these parts was left. Everything behind it is unheard. None, and no
        effect, when nothing of them is on the line.
        """
        stops = [
            stretch.begins_ms + max(0.0, heard_ms[stretch.key] - stretch.offset_ms)
            for stretch in self._stretches
            if stretch.key in heard_ms
            and stretch.heard_ms is None
            and heard_ms[stretch.key] < stretch.offset_ms + stretch.ms
        ]
        if not stops:
            return None
        stop = min(stops)
        for stretch in self._stretches:
            if stretch.heard_ms is None and stretch.ends_ms > stop:
                stretch.heard_ms = max(0.0, stop - stretch.begins_ms)
        self._ends_ms = stop
        return stop

    def _placed_ms(self, key: Key) -> float:
        return next((s.offset_ms + s.ms for s in reversed(self._stretches) if s.key == key), 0.0)
