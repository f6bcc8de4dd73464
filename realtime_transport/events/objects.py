"""What every object inside an event has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


def size_only(data: object) -> str:
    """Show audio by its size in a repr: 20 kB of bytes help nobody."""
    return f"<{len(data)} bytes>" if isinstance(data, bytes) else repr(data)


def nothing_extra() -> dict[str, Any]:
    """Make an empty ``extra``: one of its own for each object, so that copies and pickles are plain dicts."""
    return {}


@attrs.frozen(kw_only=True)
class ProtocolObject:
    """Base of every object that travels inside an event."""

    extra: Mapping[str, Any] = attrs.field(factory=nothing_extra, hash=False)
    """Fields this library does not know, as sent. They are sent again when the object is."""


@attrs.frozen(kw_only=True)
class UnknownObject(ProtocolObject):
    """An object of a kind newer than this library (a tool, a format, a turn detection): kept whole, sent as it came."""

    type: str = ""
    """The word that names its kind; empty when the peer named none."""
