"""Listeners for a layer above, by the table: what one owner hears of dozens of names.

A session has forty internal listeners to its transport. Each as a listener of its own would weigh 400 bytes, in every
session of a process; the table is there once, and what a session adds is one ``Relay``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from realtime_transport.exceptions import ListenerError

Route: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any, Any], None]]
"""Finds who hears an event, given the owner, and the function that is called with both."""

Routes: TypeAlias = Mapping[str, tuple[Route, ...]]
"""Name -> who hears it, in order."""


class Reports(Protocol):
    """What a relay needs from its emitter."""

    def report(self, error: ListenerError) -> None:
        """Tell the application once."""


class Relay:
    """Calls the functions of a table with events, each in isolation: an error in one is reported and harms no other."""

    __slots__ = ("_emitter", "_owner", "routes")

    def __init__(self, routes: Routes, owner: object, emitter: Reports) -> None:
        self.routes: Routes = routes
        self._owner = owner
        self._emitter = emitter

    def __call__(self, event: Any) -> None:
        """Serve one event: its ``name`` selects who hears it."""
        name, owner = event.name, self._owner
        for find, function in self.routes[name]:
            try:
                function(find(owner), event)
            except Exception as error:  # noqa: BLE001 - application code may be called in there
                label = f"{function.__module__}.{function.__qualname__}"
                self._emitter.report(ListenerError(name, label, error))
