"""What every object inside an event has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

import attrs

from realtime_transport.events.base import Value


def size_only(data: object) -> str:
    """Show audio by its size in a repr: 20 kB of bytes help nobody."""
    return f"<{len(data)} bytes>" if isinstance(data, bytes) else repr(data)


class _Nothing(dict[str, Any]):
    """A dict that stays empty, and of which copies and pickles are plain dicts (``MappingProxyType`` has neither)."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("protocol objects are frozen: make another one with attrs.evolve(it, extra=...)")

    __setitem__ = __ior__ = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[()]]:
        return dict, ()


NOTHING_EXTRA: Final[Mapping[str, Any]] = _Nothing()
"""The ``extra`` of all objects that have none: a dict of its own would be half of what a small one weighs."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ProtocolObject(Value):
    """Base of every object that travels inside an event."""

    extra: Mapping[str, Any] = attrs.field(default=NOTHING_EXTRA, hash=False)
    """Fields this library does not know, as sent. They are sent again when the object is."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnknownObject(ProtocolObject):
    """An object of a kind newer than this library (a tool, a format, a turn detection): kept whole, sent as it came."""

    type: str = ""
    """The word that names its kind; empty when the peer named none."""
