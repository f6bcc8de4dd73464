"""A session and a whole server in one process, in memory: what the tests of the session talk over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs

from realtime_transport.conversation.brain import Brain
from realtime_transport.conversation.brains import Rule, Script
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events import ClientEvent
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.events import SessionEvent
from realtime_transport.session.session import RealtimeSession
from realtime_transport.transports import LoopbackTransport


@attrs.define
class Talk:
    """One session over a line, and everything it told."""

    session: RealtimeSession[Any]
    frames: list[ClientEvent]
    """What the client sent."""
    told: list[SessionEvent[Any]]

    def sent(self, *types: str) -> list[Any]:
        """Return what the client sent, of these types."""
        return [event for event in self.frames if event.type in types]

    def heard(self, *names: str) -> list[Any]:
        """Return what the session told, of these names."""
        return [event for event in self.told if event.name in names]

    async def ends(self, count: int = 1) -> list[Any]:
        """Wait until so many responses in all have ended."""
        while len(self.heard("agent_end")) < count:
            await self.session.wait_for("agent_end", timeout=300)
        return self.heard("agent_end")


@asynccontextmanager
async def talking(
    agent: RealtimeAgent[Any],
    *rules: Rule,
    brain: Brain | None = None,
    connect: bool = True,
    line_options: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Talk]:
    """Hold a session with a server that answers by ``rules``."""
    peer = ServerPeer(brain or Script(*rules))
    line = LoopbackTransport(peer, **(line_options or {}))
    frames: list[ClientEvent] = []
    line.on("sent", lambda event: frames.append(event.event))
    session: RealtimeSession[Any] = RealtimeSession(agent, line, **options)
    told: list[SessionEvent[Any]] = []
    for name in NAMES:
        session.on(name, told.append)  # type: ignore[call-overload]
    talk = Talk(session, frames, told)
    if connect:
        await session.connect()
    try:
        yield talk
    finally:
        await session.close()


NAMES = (
    "agent_start agent_end agent_handoff agent_tool_start agent_tool_progress agent_tool_end tool_approval_requested "
    "tool_approval_decided audio_start audio audio_stopped audio_interrupted guardrail_tripped history_added usage "
    "budget_exceeded latency mcp_tool_call_completed mcp_tools_changed connection_change connected disconnected error"
).split()
"""Every event but the two that come with each item and each frame."""
