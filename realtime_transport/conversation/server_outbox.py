"""Where the parts of the server role put what goes to the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from realtime_transport.conversation.server_errors import error_detail
from realtime_transport.events.server import ErrorFrame, ServerEvent
from realtime_transport.exceptions import ServerError

Ids: TypeAlias = Callable[[str], str]
"""Prefix (``item``, ``resp``, ``event``, ...) -> an id nobody has had."""

Padding: TypeAlias = Callable[[str], str]
"""The text of a delta -> random characters that hide its length."""


def no_padding(_: str) -> str:
    """Hide nothing: frames stay readable."""
    return ""


class ServerOutbox:
    """Frames for the client, in order; each gets its ``event_id`` here.

    It has no bound of its own: a driver drains it after every call, so it never holds more than one call made.
    """

    def __init__(self, ids: Ids, padding: Padding = no_padding) -> None:
        self.ids = ids
        self._padding = padding
        self._frames: list[ServerEvent] = []

    def send(self, event: ServerEvent) -> None:
        """Queue one frame."""
        self._frames.append(attrs.evolve(event, event_id=self.ids("event")))

    def refuse(self, error: ServerError, event_id: str | None = None) -> None:
        """Queue the ``error`` frame of ``error``, naming the client event that caused it."""
        self.send(ErrorFrame(error=error_detail(error, event_id)))

    def padding(self, text: str) -> dict[str, Any]:
        """Make the ``obfuscation`` of a delta, as keywords: nothing when padding is off."""
        hidden = self._padding(text)
        return {"obfuscation": hidden} if hidden else {}

    def drain(self) -> list[ServerEvent]:
        """Hand over what is queued."""
        frames, self._frames = self._frames, []
        return frames


def counted_ids(digits: int = 21) -> Ids:
    """Make ids that count up: ``item_000000000000000000001``. As long as the live server's, and the same in every run.

    ``call_`` ids have 16 characters after the prefix, as the live server's do.
    """
    counts: dict[str, int] = {}

    def make(prefix: str) -> str:
        counts[prefix] = counts.get(prefix, 0) + 1
        return f"{prefix}_{counts[prefix]:0{16 if prefix == 'call' else digits}}"

    return make
