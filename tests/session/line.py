"""A session and a whole server in one process, in memory: what the tests of the session talk over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import Brain
from realtime_transport.conversation.brains import Rule, Script, hum
from realtime_transport.conversation.peer import PACE, ServerPeer
from realtime_transport.conversation.server import ServerConversation
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.events import ClientEvent
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.events import SESSION_EVENTS, SessionEvent
from realtime_transport.session.session import RealtimeSession
from realtime_transport.transports import LoopbackTransport


class Words:
    """Knows what the caller says, because the test said so."""

    def __init__(self) -> None:
        self.next: list[str] = []

    def transcribe(self, audio: bytes) -> str:
        del audio
        return self.next.pop(0) if self.next else ""


@attrs.define
class Talk:
    """One session over a line, and everything it told."""

    session: RealtimeSession[Any]
    frames: list[ClientEvent]
    """What the client sent."""
    told: list[SessionEvent[Any]]
    line: LoopbackTransport
    words: Words

    def say(self, event: dict[str, Any]) -> None:
        """Let the server say something of the test's own."""
        self.line.feed(json.dumps(event))

    async def speak(self, words: str, *, silence: float = 1.0) -> None:
        """Speak as the caller, at the pace of speech, and be silent afterwards."""
        self.words.next.append(words)
        audio = hum(words) + PCM16_24K.silence(round(silence * 1000))
        for start in range(0, len(audio), 960):
            self.session.send_audio(audio[start : start + 960])
            await asyncio.sleep(0.02)

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
    pace: float | None = PACE,
    line_options: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Talk]:
    """Hold a session with a server that answers by ``rules``."""
    words = Words()
    conversation = ServerConversation(ids=counted_ids(), transcriber=words)
    peer = ServerPeer(brain or Script(*rules), conversation=conversation, pace=pace)
    line = LoopbackTransport(peer, **(line_options or {}))
    frames: list[ClientEvent] = []
    line.on("sent", lambda event: frames.append(event.event))
    session: RealtimeSession[Any] = RealtimeSession(agent, line, **options)
    told: list[SessionEvent[Any]] = []
    for name in NAMES:
        session.on(name, told.append)  # type: ignore[call-overload]
    talk = Talk(session, frames, told, line, words)
    if connect:
        await session.connect()
    try:
        yield talk
    finally:
        await session.close()


NAMES = tuple(SESSION_EVENTS.keys() - {"history_updated", "transport_event"})
"""Every event but the two that come with each item and each frame."""
