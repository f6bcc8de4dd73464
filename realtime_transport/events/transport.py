"""What a listener hears: one frozen payload per event, the same on every transport and in every dialect.

A transport event is made by the conversation core from what the server said, from the playout ledger or from the
driver's own state; it never mirrors a provider's spelling. Times are milliseconds, audio is bytes in the output
format of the session, ids are the server's. ``TRANSPORT_EVENTS`` maps the name given to ``on()`` to its class.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import attrs

from realtime_transport.events.base import Value
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.items import Item
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.session import AnySession
from realtime_transport.events.usage import RateLimit, TranscriptionUsage, Usage
from realtime_transport.exceptions import RealtimeError

ConnectionState: TypeAlias = Literal["disconnected", "connecting", "connected", "reconnecting", "closing"]
"""Where a transport stands. A failed or closed one is ``disconnected`` again and may connect anew."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TransportEvent(Value):
    """Base of every payload; ``name`` is what ``on()`` takes."""

    name: ClassVar[str]


# --- the connection ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConnectionChangeEvent(TransportEvent):
    """The connection state changed."""

    name = "connection_change"
    state: ConnectionState
    previous: ConnectionState


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConnectedEvent(TransportEvent):
    """The session is configured and ready; ``connect()`` is about to return."""

    name = "connected"
    session_id: str | None
    epoch: int
    """1 for the first connection of this transport, one more for each that follows."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DisconnectedEvent(TransportEvent):
    """The connection is over and will not come back by itself."""

    name = "disconnected"
    code: int | None
    """The WebSocket close code; None when the socket went away without one."""
    reason: str
    clean: bool
    """True when we or the peer closed on purpose (1000, 1001 after ``session.closed``)."""


# --- the session -------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionCreatedEvent(TransportEvent):
    """The server opened a session and says what is in force."""

    name = "session_created"
    session: AnySession


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionUpdatedEvent(TransportEvent):
    """The server accepted a change and says what is in force now."""

    name = "session_updated"
    session: AnySession


# --- the caller's side -------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SpeechStartedEvent(TransportEvent):
    """The server's voice activity detection hears the caller."""

    name = "speech_started"
    item_id: str | None
    """Id of the user item that this speech will become."""
    audio_start_ms: int | None
    """Offset in the session's input audio, prefix padding included."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SpeechStoppedEvent(TransportEvent):
    """The server's voice activity detection heard the caller end."""

    name = "speech_stopped"
    item_id: str | None
    audio_end_ms: int | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputTranscriptDeltaEvent(TransportEvent):
    """More words of the caller; may come before the item itself."""

    name = "input_transcript_delta"
    item_id: str
    content_index: int
    delta: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputTranscriptDoneEvent(TransportEvent):
    """The caller's words, final. Empty when there was nothing to understand."""

    name = "input_transcript_done"
    item_id: str
    content_index: int
    transcript: str
    usage: TranscriptionUsage | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputTranscriptFailedEvent(TransportEvent):
    """The caller's words could not be transcribed; the conversation goes on."""

    name = "input_transcript_failed"
    item_id: str
    content_index: int
    error: RealtimeError


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputTimeoutEvent(TransportEvent):
    """Nobody spoke for ``idle_timeout_ms``; the server is about to speak up."""

    name = "input_timeout"
    item_id: str | None
    audio_start_ms: int | None
    audio_end_ms: int | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DtmfEvent(TransportEvent):
    """The caller pressed a key."""

    name = "dtmf"
    digit: str


# --- a turn ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TurnStartedEvent(TransportEvent):
    """A response began."""

    name = "turn_started"
    response_id: str
    out_of_band: bool
    """True for a response outside the conversation (``conversation: "none"``)."""
    requested: bool
    """True when this client asked for it, False when the server's turn detection did."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TurnDoneEvent(TransportEvent):
    """A response ended, well or not; nothing more of it will come."""

    name = "turn_done"
    response_id: str
    status: str
    """``completed``, ``cancelled``, ``failed``, ``incomplete``, or a word newer than this library."""
    reason: str | None
    """``turn_detected``, ``client_cancelled``, ``max_output_tokens``, ``content_filter``, ``connection_lost``, ..."""
    error: RealtimeError | None
    usage: Usage | None
    output: tuple[Item, ...]
    out_of_band: bool


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioEvent(TransportEvent):
    """A piece of the agent's speech, in the session's output format, whole samples only."""

    name = "audio"
    data: bytes
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioDoneEvent(TransportEvent):
    """All audio of this part was generated; the listener may still be hearing it."""

    name = "audio_done"
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioHeardEvent(TransportEvent):
    """The listener heard this part to its end, by the playout ledger."""

    name = "audio_heard"
    response_id: str
    item_id: str
    content_index: int
    heard_ms: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Cut(Value):
    """One part that was cut off: what was generated, and how much of it was heard."""

    response_id: str
    item_id: str
    content_index: int
    heard_ms: int
    """0 when it was never heard: its item was deleted instead of truncated."""
    received_ms: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioInterruptedEvent(TransportEvent):
    """Playout must stop now: drop whatever is queued for the speaker. Sent once per interruption that cut something."""

    name = "audio_interrupted"
    cuts: tuple[Cut, ...]
    by: Literal["caller", "application"]
    """``caller`` for barge-in seen by turn detection, ``application`` for ``interrupt()``."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioGapEvent(TransportEvent):
    """Audio was lost on its way, and how much: never silently."""

    name = "audio_gap"
    direction: Literal["in", "out"]
    """``out`` is the caller's audio towards the server, ``in`` the agent's audio towards us."""
    ms: float
    reason: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranscriptDeltaEvent(TransportEvent):
    """More words of what the agent says aloud; usually ahead of the audio."""

    name = "transcript_delta"
    delta: str
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranscriptDoneEvent(TransportEvent):
    """All words of what the agent says aloud in this part."""

    name = "transcript_done"
    transcript: str
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TextDeltaEvent(TransportEvent):
    """More of a written answer."""

    name = "text_delta"
    delta: str
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TextDoneEvent(TransportEvent):
    """A written answer, whole."""

    name = "text_done"
    text: str
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class FunctionCallEvent(TransportEvent):
    """The model calls a function; answer with ``send_function_call_output``. Sent once per ``call_id``."""

    name = "function_call"
    call_id: str
    call_name: str
    """The function's name as the model spelt it; it may not exist."""
    arguments: str
    """JSON text as the model wrote it; it may not parse."""
    item_id: str
    response_id: str | None


# --- the record --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ItemUpdateEvent(TransportEvent):
    """An item of the history is new or changed; ``item`` is its state now."""

    name = "item_update"
    item: Item
    index: int
    """Its place in the history, from 0."""
    added: bool
    """True the first time this item is seen."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ItemDeletedEvent(TransportEvent):
    """An item left the history."""

    name = "item_deleted"
    item_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UsageUpdateEvent(TransportEvent):
    """Tokens were spent: this response's and the total since connecting."""

    name = "usage_update"
    usage: Usage
    total: Usage
    response_id: str | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RateLimitsEvent(TransportEvent):
    """The server said what is left of the account's limits."""

    name = "rate_limits"
    rate_limits: tuple[RateLimit, ...]


# --- hosted MCP --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpToolsListedEvent(TransportEvent):
    """A hosted MCP server's tools are known."""

    name = "mcp_tools_listed"
    item: Item


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpToolsFailedEvent(TransportEvent):
    """A hosted MCP server's tools could not be listed; turns go on without them."""

    name = "mcp_tools_failed"
    item_id: str | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpApprovalRequestEvent(TransportEvent):
    """The server asks whether it may run an MCP tool; answer with ``send_mcp_response``."""

    name = "mcp_approval_request"
    approval_request_id: str
    server_label: str
    tool_name: str
    arguments: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpToolCallCompletedEvent(TransportEvent):
    """A hosted MCP tool call ended; ``item`` holds its output or its error."""

    name = "mcp_tool_call_completed"
    item: Item
    failed: bool


# --- everything --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RawEvent(TransportEvent):
    """A frame from the server, parsed, before anything else was made of it. Listen with ``on("*")``."""

    name = "*"
    event: ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SentEvent(TransportEvent):
    """A frame went to the server."""

    name = "sent"
    event: ClientEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ErrorEvent(TransportEvent):
    """Something went wrong: the server complained, a frame was bad, a listener raised, a call failed unawaited."""

    name = "error"
    error: RealtimeError
    event_id: str | None = None
    """The client event that caused it, when known."""
    path: str = ""
    """Where in the frame, for what could not be read."""

    @property
    def retryable(self) -> bool:
        """Whether the same attempt may succeed later without a change."""
        return self.error.retryable


TRANSPORT_EVENTS: dict[str, type[TransportEvent]] = {
    cls.name: cls
    for cls in (
        RawEvent,
        SentEvent,
        ConnectionChangeEvent,
        ConnectedEvent,
        DisconnectedEvent,
        SessionCreatedEvent,
        SessionUpdatedEvent,
        SpeechStartedEvent,
        SpeechStoppedEvent,
        InputTranscriptDeltaEvent,
        InputTranscriptDoneEvent,
        InputTranscriptFailedEvent,
        InputTimeoutEvent,
        DtmfEvent,
        TurnStartedEvent,
        TurnDoneEvent,
        AudioEvent,
        AudioDoneEvent,
        AudioHeardEvent,
        AudioInterruptedEvent,
        AudioGapEvent,
        TranscriptDeltaEvent,
        TranscriptDoneEvent,
        TextDeltaEvent,
        TextDoneEvent,
        FunctionCallEvent,
        ItemUpdateEvent,
        ItemDeletedEvent,
        UsageUpdateEvent,
        RateLimitsEvent,
        McpToolsListedEvent,
        McpToolsFailedEvent,
        McpApprovalRequestEvent,
        McpToolCallCompletedEvent,
        ErrorEvent,
    )
}
"""The name given to ``on()`` -> its payload class. The typed overloads are generated from this table."""
