"""What a server may say about the session, the audio buffers, limits and errors.

Servers of this family omit fields freely, so only what an event would be meaningless without is required.
``server_conversation`` and ``server_response`` hold the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from realtime_transport.events.base import UNSET, Maybe, Value
from realtime_transport.events.objects import NOTHING_EXTRA, ProtocolObject
from realtime_transport.events.session import AnySession
from realtime_transport.events.usage import RateLimit


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ServerEvent(Value):
    """Base of everything a server sends."""

    type: ClassVar[str]
    """The event's name on the wire, in the GA spelling whatever the dialect."""
    event_id: Maybe[str] = UNSET
    """Unique on the server; some servers send none."""
    extra: Mapping[str, Any] = attrs.field(default=NOTHING_EXTRA, hash=False)
    """Fields this library does not know, as sent."""
    raw: Mapping[str, Any] | None = attrs.field(default=None, eq=False, repr=False)
    """The frame as received, None on an event made here. Treat it as read-only."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnknownServerEvent(ServerEvent):
    """An event this library does not know, or could not read: everything is in ``raw``."""

    type: str  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride]  # known by name: a class variable; unknown: a value
    raw: Mapping[str, Any] = attrs.field(default=NOTHING_EXTRA, hash=False)  # pyright: ignore[reportIncompatibleVariableOverride]


# --- errors and limits -------------------------------------------------------------------------------------------

ERROR_CLASSES = frozenset(
    {
        "api_error",
        "authentication_error",
        "error",
        "insufficient_quota",
        "invalid_request_error",
        "not_found_error",
        "permission_error",
        "rate_limit_error",
        "server_error",
    }
)
"""Words that name a class of errors. Any other word in ``type`` is really a code (LocalAI and others do that)."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ErrorDetail(ProtocolObject):
    """What went wrong. Match on ``cause``, never on ``message``."""

    type: Maybe[str] = UNSET
    """``invalid_request_error``, ``server_error``, ..."""
    code: Maybe[str] = UNSET
    message: str = ""
    param: Maybe[str] = UNSET
    """Path of the offending field (``session.tools[3].description``)."""
    event_id: Maybe[str] = UNSET
    """The client event that caused it; absent or ``None`` for a fault of the server, and sometimes otherwise."""

    @property
    def cause(self) -> str | None:
        """The code, looked up where servers put it: in ``code``, else in ``type`` when that is no error class."""
        if self.code:
            return self.code
        return self.type if self.type and self.type not in ERROR_CLASSES else None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ErrorFrame(ServerEvent):
    """Something failed. Most errors are recoverable and the session stays open."""

    type = "error"
    error: ErrorDetail


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RateLimitsUpdated(ServerEvent):
    """What is left of the account's limits. Comes around a response, or never."""

    type = "rate_limits.updated"
    rate_limits: tuple[RateLimit, ...]


# --- session -----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionCreated(ServerEvent):
    """The first frame: the whole session in force. A sideband socket starts with ``session.updated`` instead."""

    type = "session.created"
    session: AnySession


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionUpdated(ServerEvent):
    """An update was accepted: the whole session in force now."""

    type = "session.updated"
    session: AnySession


# --- the caller's audio ------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStarted(ServerEvent):
    """The caller began to speak."""

    type = "input_audio_buffer.speech_started"
    item_id: Maybe[str] = UNSET
    """The user item that this speech will become."""
    audio_start_ms: Maybe[int] = UNSET
    """Milliseconds from the start of all audio of the session, prefix padding included."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStopped(ServerEvent):
    """The caller stopped speaking."""

    type = "input_audio_buffer.speech_stopped"
    item_id: Maybe[str] = UNSET
    audio_end_ms: Maybe[int] = UNSET
    """Milliseconds from the start of all audio of the session, the silence that ended the turn included."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCommitted(ServerEvent):
    """The buffer became a user item. Some servers name no item, or the same one twice."""

    type = "input_audio_buffer.committed"
    item_id: Maybe[str] = UNSET
    previous_item_id: Maybe[str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCleared(ServerEvent):
    """The buffer was thrown away."""

    type = "input_audio_buffer.cleared"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferTimeoutTriggered(ServerEvent):
    """Nobody spoke for ``idle_timeout_ms``: an empty segment is committed and a response follows."""

    type = "input_audio_buffer.timeout_triggered"
    item_id: Maybe[str] = UNSET
    audio_start_ms: Maybe[int] = UNSET
    audio_end_ms: Maybe[int] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferDtmfEventReceived(ServerEvent):
    """The caller pressed a key (SIP only). Has no ``event_id``."""

    type = "input_audio_buffer.dtmf_event_received"
    event: str
    """``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``."""
    received_at: Maybe[int] = UNSET
    """Unix seconds."""


# --- the agent's audio, where the server plays it (WebRTC, SIP) --------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferStarted(ServerEvent):
    """The server began to play a response."""

    type = "output_audio_buffer.started"
    response_id: Maybe[str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferStopped(ServerEvent):
    """The server has played a response to its end."""

    type = "output_audio_buffer.stopped"
    response_id: Maybe[str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferCleared(ServerEvent):
    """The server stopped playing: barge-in, or ``output_audio_buffer.clear``."""

    type = "output_audio_buffer.cleared"
    response_id: Maybe[str] = UNSET
