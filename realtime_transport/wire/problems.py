"""What could not be read of a frame, and what could."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

import attrs

from realtime_transport.exceptions import AudioDecodeError, DecodeError
from realtime_transport.wire.json_text import dump
from realtime_transport.wire.redact import redacted

E = TypeVar("E")

_MOST_SHOWN: Final = 300
"""Characters of a frame kept in an error: enough to recognise it."""


@attrs.frozen(kw_only=True)
class Problem:
    """One thing in a frame that could not be read. It never ended the frame's journey, let alone the session."""

    path: str
    """Where: ``session.tools[2].name``; empty for the frame as a whole."""
    message: str
    error: DecodeError
    """The same as an exception, to report; an ``AudioDecodeError`` when the value was audio."""


@attrs.frozen(kw_only=True)
class Decoded(Generic[E]):
    """What one frame said."""

    event: E | None
    """None only when the frame is not a JSON object at all."""
    problems: tuple[Problem, ...] = ()
    """Empty for a sound frame. With problems, the event is unknown (with ``raw``) when something it needs was
    broken, and typed without the broken fields otherwise."""


def problem(path: str, message: str, frame: str, *, audio: bool = False) -> Problem:
    """Make a problem and its exception; ``frame`` comes from ``beginning``."""
    kind = AudioDecodeError if audio else DecodeError
    return Problem(path=path, message=message, error=kind(message, path=path, frame=frame))


def beginning(frame: Mapping[str, Any]) -> str:
    """Show the beginning of a frame, without audio and secrets."""
    return dump(redacted(frame)).decode()[:_MOST_SHOWN]
