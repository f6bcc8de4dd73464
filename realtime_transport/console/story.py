"""What happened in a call, on one time axis: the data of its picture. Times are milliseconds of the recording."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from realtime_transport.audio.envelope import Envelope
from realtime_transport.audio.playline import Stretch

Who: TypeAlias = Literal["caller", "agent"]
PartKey: TypeAlias = tuple[str, str, int]


@attrs.frozen(kw_only=True)
class Span:
    """From when to when, in milliseconds."""

    begins_ms: float
    ends_ms: float


@attrs.frozen(kw_only=True)
class Words:
    """What was said, and when it began to be said."""

    who: Who
    at_ms: float
    text: str
    unheard: str = ""
    """What of it was generated and never heard."""


@attrs.frozen(kw_only=True)
class ResponseSpan(Span):
    """One response, from its creation to its end."""

    response_id: str
    status: str
    """``in_progress`` when the recording ends before it does."""


@attrs.frozen(kw_only=True)
class ToolSpan(Span):
    """One function call, from its arguments to its output."""

    name: str
    answered: bool


MarkKind: TypeAlias = Literal["interrupted", "truncate", "error", "connection", "gap"]


@attrs.frozen(kw_only=True)
class Mark:
    """Something that happened at one moment."""

    kind: MarkKind
    at_ms: float
    text: str


@attrs.frozen(kw_only=True)
class Story:
    """A whole call."""

    duration_ms: float
    caller: Envelope
    agent: Envelope
    """What was heard of the agent."""
    ghost: Envelope
    """What was generated and cut."""
    speech: tuple[Span, ...]
    """Where turn detection heard the caller, padding and closing silence included."""
    stretches: tuple[Stretch[PartKey], ...]
    responses: tuple[ResponseSpan, ...]
    tools: tuple[ToolSpan, ...]
    marks: tuple[Mark, ...]
    words: tuple[Words, ...]
