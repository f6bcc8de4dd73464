"""One event that somebody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from realtime_transport.exceptions import InvalidArgument, RealtimeError
from realtime_transport.listeners import is_async

Predicate: TypeAlias = Callable[[Any], object]
"""Tells whether an event is the one; its result is taken for true or false."""


class Wait:
    """Wait for the next event of a name, or the next of any name for which a predicate is true."""

    def __init__(self, what: str | Predicate) -> None:
        if not isinstance(what, str) and (not callable(what) or is_async(what)):
            raise InvalidArgument("it takes a name, or a plain function of an event", path="what")
        self.name: str | None = what if isinstance(what, str) else None
        self._matches = None if isinstance(what, str) else what
        self.found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        """The event."""

    def offer(self, name: str, event: Any) -> None:
        """Look at an event; a predicate that raises ends the wait with what it raised."""
        if self.found.done():
            return
        try:
            if self.name == name or (self._matches is not None and self._matches(event)):
                self.found.set_result(event)
        except Exception as error:  # noqa: BLE001 - user code, whose caller is waiting to hear of it
            self.found.set_exception(error)

    def fail(self, error: RealtimeError) -> None:
        """End the wait without an event."""
        if not self.found.done():
            self.found.set_exception(error)

    def forget(self) -> None:
        """Retrieve an exception that came in the same moment as the waiting task was cancelled."""
        if self.found.done() and not self.found.cancelled():
            self.found.exception()
