"""What a session's listeners hear. Every payload knows the application's ``context`` and the ``agent`` it is about.

A session says what happened to agents, tools, speech and history; ``SESSION_EVENTS`` maps the name given to ``on()``
to its class. Whatever the transport says under a name that is not in this table (``input_transcript_done``,
``turn_done``, ``rate_limits``, ...) is heard through the same ``on()`` as the transport says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal

import attrs

from realtime_transport.events import Item, McpCallItem, McpToolInfo, ServerEvent, Usage
from realtime_transport.events.base import Value
from realtime_transport.events.objects import size_only
from realtime_transport.events.transport import ConnectionState, Cut
from realtime_transport.exceptions import RealtimeError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.approvals import ApprovalRequest, Decision
from realtime_transport.session.context import T
from realtime_transport.session.guardrails import Reaction
from realtime_transport.session.latency import TurnLatency
from realtime_transport.session.usage import SessionUsage


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionEvent(Value, Generic[T]):
    """Base of every payload; ``name`` is what ``on()`` takes."""

    name: ClassVar[str]
    context: T = attrs.field(repr=False)
    agent: RealtimeAgent[T]
    """The agent that owned the moment: of a response, the one it began with."""


# --- agents ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentStartEvent(SessionEvent[T]):
    """An agent begins a response."""

    name = "agent_start"
    response_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentEndEvent(SessionEvent[T]):
    """An agent's response is over, well or not."""

    name = "agent_end"
    response_id: str
    output: str
    """What it said or wrote; empty when it only called tools."""
    status: str
    """``completed``, ``cancelled``, ``failed``, ``incomplete``: a cut answer is never mistaken for a whole one."""
    reason: str | None
    """``turn_detected``, ``client_cancelled``, ``max_output_tokens``, ...; None for a whole answer."""
    error: RealtimeError | None
    """Why it failed."""
    usage: Usage | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentHandoffEvent(SessionEvent[T]):
    """The call went from one agent to another; ``agent`` is the new one."""

    name = "agent_handoff"
    source: RealtimeAgent[T]
    target: RealtimeAgent[T]
    call_id: str


# --- tools -------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentToolStartEvent(SessionEvent[T]):
    """A tool begins to run: its arguments are valid and, where needed, approved."""

    name = "agent_tool_start"
    response_id: str | None
    call_id: str
    tool_name: str
    arguments: Mapping[str, Any]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentToolProgressEvent(SessionEvent[T]):
    """A running tool announced a step, by yielding it or by ``ToolContext.progress``."""

    name = "agent_tool_progress"
    call_id: str
    tool_name: str
    update: object


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentToolEndEvent(SessionEvent[T]):
    """A call was answered, also one that never ran."""

    name = "agent_tool_end"
    call_id: str
    tool_name: str
    output: str
    """The text that the model reads."""
    error: BaseException | None
    """Why ``output`` is an error; the exception itself is for you, the model never sees it."""
    seconds: float
    """How long the tool ran, approval time left out."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolApprovalRequestedEvent(SessionEvent[T]):
    """A call waits for a person: answer with ``session.approve(event.call)`` or ``session.reject(event.call)``."""

    name = "tool_approval_requested"
    call: ApprovalRequest


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolApprovalDecidedEvent(SessionEvent[T]):
    """A waiting call was decided, or expired, which denies it: take the question off the screen."""

    name = "tool_approval_decided"
    call: ApprovalRequest
    decision: Decision


# --- speech ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentAudioStartEvent(SessionEvent[T]):
    """The first audio of a response is about to be heard."""

    name = "audio_start"
    response_id: str
    item_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentAudioEvent(SessionEvent[T]):
    """A piece of the agent's speech: play it."""

    name = "audio"
    data: bytes = attrs.field(repr=size_only)
    """In the output format of the session, whole samples only; PCM16 at 24 kHz unless configured otherwise."""
    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentAudioStoppedEvent(SessionEvent[T]):
    """The agent has no more audio for this response; the caller may still be hearing the rest."""

    name = "audio_stopped"
    response_id: str
    item_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AgentAudioInterruptedEvent(SessionEvent[T]):
    """Playout must stop now: drop what is queued for the speaker."""

    name = "audio_interrupted"
    cuts: tuple[Cut, ...]
    by: Literal["caller", "application"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class GuardrailTrippedEvent(SessionEvent[T]):
    """A guardrail tripped, once per response or turn at most."""

    name = "guardrail_tripped"
    guardrail: str
    kind: Literal["output", "input", "tool_input", "tool_output"]
    message: str
    """What the model is told."""
    info: Any
    """What the check attached to its verdict."""
    text: str
    """The words, arguments or output that tripped it."""
    response_id: str | None
    error: BaseException | None
    """The check's own failure, when failing closed tripped it."""
    reaction: Reaction


# --- the record --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class HistoryAddedEvent(SessionEvent[T]):
    """A new item stands in the history; its words may still be growing."""

    name = "history_added"
    item: Item
    index: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class HistoryUpdatedEvent(SessionEvent[T]):
    """The history changed: an item is new, grew, was cut or was deleted."""

    name = "history_updated"
    history: tuple[Item, ...]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionUsageEvent(SessionEvent[T]):
    """Tokens were spent."""

    name = "usage"
    response_id: str | None
    usage: Usage | None
    """This response's, as the server counted it; None for a transcription."""
    total: SessionUsage


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BudgetExceededEvent(SessionEvent[T]):
    """The budget is spent; with ``on_exceeded="close"`` the session closes next."""

    name = "budget_exceeded"
    total: SessionUsage


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TurnLatencyEvent(SessionEvent[T]):
    """The caller hears an answer begin: how long that took."""

    name = "latency"
    turn: TurnLatency


# --- MCP ---------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionMcpToolCallCompletedEvent(SessionEvent[T]):
    """A hosted MCP tool call ended."""

    name = "mcp_tool_call_completed"
    item: McpCallItem
    failed: bool


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpToolsChangedEvent(SessionEvent[T]):
    """What the current agent can reach over MCP changed."""

    name = "mcp_tools_changed"
    tools: tuple[McpToolInfo, ...]


# --- the connection ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionConnectionChangeEvent(SessionEvent[T]):
    """The transport's connection state changed."""

    name = "connection_change"
    state: ConnectionState
    previous: ConnectionState


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionConnectedEvent(SessionEvent[T]):
    """The session is configured and ready."""

    name = "connected"
    session_id: str | None
    epoch: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionDisconnectedEvent(SessionEvent[T]):
    """The connection is over, on purpose or not. A dropped socket is an event, never silence."""

    name = "disconnected"
    code: int | None
    reason: str
    clean: bool


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionRawEvent(SessionEvent[T]):
    """A frame of the server, parsed: everything, known to this library or not."""

    name = "transport_event"
    event: ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionErrorEvent(SessionEvent[T]):
    """Something went wrong that no call could raise."""

    name = "error"
    error: RealtimeError
    event_id: str | None = None
    path: str = ""

    @property
    def retryable(self) -> bool:
        """Whether the same attempt may succeed later without a change."""
        return self.error.retryable


SESSION_EVENTS: dict[str, type[SessionEvent[Any]]] = {
    cls.name: cls
    for cls in (
        AgentStartEvent,
        AgentEndEvent,
        AgentHandoffEvent,
        AgentToolStartEvent,
        AgentToolProgressEvent,
        AgentToolEndEvent,
        ToolApprovalRequestedEvent,
        ToolApprovalDecidedEvent,
        AgentAudioStartEvent,
        AgentAudioEvent,
        AgentAudioStoppedEvent,
        AgentAudioInterruptedEvent,
        GuardrailTrippedEvent,
        HistoryAddedEvent,
        HistoryUpdatedEvent,
        SessionUsageEvent,
        BudgetExceededEvent,
        TurnLatencyEvent,
        SessionMcpToolCallCompletedEvent,
        McpToolsChangedEvent,
        SessionConnectionChangeEvent,
        SessionConnectedEvent,
        SessionDisconnectedEvent,
        SessionRawEvent,
        SessionErrorEvent,
    )
}
"""The name given to ``session.on()`` -> its payload class. The typed overloads are generated from this table."""
