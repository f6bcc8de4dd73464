"""What the application's own code is given when the session calls it.

Instructions, hooks, enabled flags and guardrails get a ``RunContext``; a tool that asks for it gets a ``ToolContext``.
Both are frozen snapshots: ``agent`` is the one that owned the moment, even if the session has moved on since.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic

import attrs
from typing_extensions import TypeVar

if TYPE_CHECKING:
    from realtime_transport.session.agent import RealtimeAgent
    from realtime_transport.session.session import RealtimeSession

T = TypeVar("T", default=Any)
"""The application's own context. Whoever needs no such type writes ``RealtimeAgent(...)`` and gets ``Any``."""


@attrs.frozen(kw_only=True)
class RunContext(Generic[T]):
    """The application's context, and where in the call we are."""

    context: T
    """What was given as ``RealtimeSession(context=...)``: never sent to the model."""
    session: RealtimeSession[T] = attrs.field(repr=False)
    """The running session: its ``history``, ``usage`` and every ``send_*`` are at hand."""
    agent: RealtimeAgent[T]


@attrs.frozen(kw_only=True)
class ToolContext(RunContext[T]):
    """A ``RunContext`` for one tool call. Annotate any parameter with it and the session fills it in."""

    tool_name: str
    call_id: str
    arguments: str
    """The JSON text as the model wrote it."""
    idempotency_key: str
    """The same for every attempt at this call, across reconnects: hand it to payment and booking services."""
    progress: Callable[[object], None] = attrs.field(repr=False)
    """Announce a step to the application (``agent_tool_progress``); the model does not hear it."""
