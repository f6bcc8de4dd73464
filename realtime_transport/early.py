"""Events that nobody was there to hear yet.

``await connect()`` and then ``on(...)`` must lose nothing, but what a program never listens to must not pile up. So
events without a listener are kept for the first seconds of a connection, in order and up to a limit, and are delivered
when the first listener of their name comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import attrs

EARLY_LIMIT: Final = 256
"""Events kept. Opening a session makes about ten; the rest is an answer that begins at once."""

EARLY_SECONDS: Final = 5.0
"""How long after connecting an event is early: listeners are registered in the lines after ``connect``, not minutes
later, and old audio at that point would be a surprise."""


@attrs.frozen
class Folded:
    """Stands for an event that waits, and weighs less: ``unfold`` makes the event of ``rest`` again."""

    rest: Any
    unfold: Callable[[Any], Any]


class EarlyEvents:
    """A bounded, ordered store of (name, event)."""

    __slots__ = ("_kept", "_until", "loop")

    def __init__(self, seconds: float) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._until = self.loop.time() + seconds
        self._kept: list[tuple[str, Any]] = []

    @property
    def over(self) -> bool:
        """Whether nothing is early any more."""
        return self.loop.is_closed() or self.loop.time() > self._until

    def keep(self, name: str, event: Any) -> None:
        """Add an event; the oldest goes when there are too many."""
        self._kept.append((name, event))
        if len(self._kept) > EARLY_LIMIT:
            del self._kept[0]

    def fold(self, fold: Callable[[Any], Any]) -> None:
        """Put what ``fold`` returns in the place of each event: the event itself, or a ``Folded``."""
        self._kept = [(name, fold(event)) for name, event in self._kept]

    def holds(self, name: str) -> bool:
        """Tell whether an event of this name waits."""
        return any(kept == name for kept, _ in self._kept)

    def all(self) -> list[tuple[str, Any]]:
        """Show everything, in order, and keep it."""
        return [(name, _unfolded(event)) for name, event in self._kept]

    def take(self, heard: Callable[[str], bool]) -> tuple[str, Any] | None:
        """Remove and return the first event whose name is heard now, None when there is none."""
        for index, (name, event) in enumerate(self._kept):
            if heard(name):
                del self._kept[index]
                return name, _unfolded(event)
        return None


def _unfolded(event: Any) -> Any:
    return event.unfold(event.rest) if type(event) is Folded else event
