"""Every session that the emulator holds, and what they have in common."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import Transcriber
from realtime_transport.conversation.mcp_script import ScriptedServers, ScriptedTool
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import ServerConversation, ServerLimits, ServerTraits
from realtime_transport.conversation.server_outbox import counted_ids, no_padding
from realtime_transport.conversation.server_session import DEFAULT_MODEL, Session
from realtime_transport.dialects import OPENAI, Dialect
from realtime_transport.emulator.access import Access
from realtime_transport.emulator.behaviour import BrainFactory
from realtime_transport.emulator.brains import AsyncBrain
from realtime_transport.emulator.calls import Call, Calls, Sideband
from realtime_transport.emulator.driver import Driver
from realtime_transport.emulator.endpoints import Wanted
from realtime_transport.emulator.faults import FaultPlan, FaultSource, with_query
from realtime_transport.emulator.line import Socket, Wire
from realtime_transport.emulator.socket_session import CLOSE_SECONDS, Observer, SocketSession
from realtime_transport.emulator.webhooks import WebhookTarget, deliver, incoming_call
from realtime_transport.events.base import Maybe
from realtime_transport.events.session import RealtimeSessionConfig
from realtime_transport.exceptions import ServerError

MAX_SESSIONS: Final = 1_000
"""At a time, unless somebody wants another number. One talking session costs a hundredth of a core and a few MB."""


@attrs.define(kw_only=True)
class Sessions:
    """What every session shares, and those that run."""

    brain: BrainFactory
    pace: float | None
    latency_ms: float
    transcriber: Transcriber
    limits: ServerLimits
    traits: ServerTraits
    wall_clock: Callable[[], float]
    access: Access
    beta: bool
    """Whether the beta protocol is served to those who ask for it."""
    faults: FaultSource
    mcp: ScriptedServers = attrs.field(factory=dict[str, tuple[ScriptedTool, ...]])
    """MCP servers that exist on paper."""
    observe: Callable[[str], Observer] | None = None
    """Session id -> who wants to know what is said in it."""
    max_sessions: int = MAX_SESSIONS
    webhook: WebhookTarget | None = None
    """Who is told of calls that come in."""
    calls: Calls = attrs.field(factory=Calls)
    ids: Callable[[str], str] = attrs.field(factory=counted_ids)
    """One counter for all: an id names one thing on the whole server, as a client expects."""
    _connections: int = 0
    """How many there were, refused ones included."""
    _running: set[SocketSession] = attrs.field(factory=set[SocketSession])
    _deliveries: set[asyncio.Task[bool]] = attrs.field(factory=set[asyncio.Task[bool]])
    """Webhooks on their way; each gives up by itself."""

    def warm_up(self) -> None:
        """Load what the first turn of a caller needs."""
        with contextlib.suppress(ServerError):  # a transcriber may fail, and is asked again for every turn
            self.transcriber.transcribe(PCM16_24K.silence(100))

    @property
    def is_full(self) -> bool:
        """Whether one more would be too many."""
        return len(self._running) + len(self.calls) >= self.max_sessions

    def plan(self, query: Mapping[str, str]) -> FaultPlan:
        """Draw the faults of the next connection. Raises ``InvalidArgument`` for a query that cannot be read."""
        self._connections += 1
        faults = self.faults(self._connections) if callable(self.faults) else self.faults
        return FaultPlan(with_query(faults, query), self._connections)

    async def run(
        self, socket: Socket, wanted: Wanted, defaults: Session | None, plan: FaultPlan, wire: Wire | None
    ) -> None:
        """Hold one session on an accepted socket until it ends."""
        peer, brain = self._peer(wanted, defaults)
        observer = self.observer(peer.conversation.session.id)
        seating = partial(Driver, peer, brain)
        await self.hold(SocketSession(socket, seating, wanted.dialect, plan=plan, wire=wire, observer=observer))

    def _peer(self, wanted: Wanted, defaults: Session | None) -> tuple[ServerPeer, AsyncBrain | None]:
        """Make the other end of one session, and the brain that it has to wait for, if it has one."""
        is_typed = _needs_session_type(wanted.dialect)  # GA, which is also where deltas are padded
        conversation = ServerConversation(
            ids=self.ids,
            model=wanted.model,
            kind=wanted.kind,
            defaults=defaults,
            transcriber=self.transcriber,
            limits=self.limits,
            traits=attrs.evolve(
                self.traits,
                needs_session_type=is_typed,
                pcm_rates=wanted.pcm_rates,
                farewell=wanted.farewell,
                padding=self.traits.padding if is_typed else no_padding,
            ),
        )
        brain = self.brain()
        waits = brain if isinstance(brain, AsyncBrain) else None
        peer = ServerPeer(
            None if isinstance(brain, AsyncBrain) else brain,
            conversation=conversation,
            pace=self.pace,
            latency_ms=self.latency_ms,
            mcp=self.mcp,
            runs_mcp=True,
        )
        return peer, waits

    # --- calls ---------------------------------------------------------------------------------------------------

    def ring(self, sip_headers: Sequence[tuple[str, str]]) -> Call:
        """Let a call come in, and tell whoever wants to know by webhook."""
        call = self.calls.add(self.ids, self.wall_clock, sip_headers)
        if self.webhook is not None:
            now = int(self.wall_clock())
            body = incoming_call(self.ids("evt"), now, call.id, call.sip_headers)
            task = asyncio.get_running_loop().create_task(
                deliver(self.webhook, self.ids("wh"), body, self.wall_clock), name="emulator webhook"
            )
            self._deliveries.add(task)
            task.add_done_callback(self._deliveries.discard)
        return call

    def take(self, call: Call, session: RealtimeSessionConfig) -> None:
        """Begin the conversation of a call. Raises ``ServerError`` for a session that cannot be."""
        wanted = Wanted(dialect=OPENAI, model=session.model or DEFAULT_MODEL, kind="realtime")
        peer, brain = self._peer(wanted, session)
        self.calls.begin(call, peer, brain, self.wall_clock())

    async def join(self, socket: Socket, call: Call, plan: FaultPlan, wire: Wire | None) -> None:
        """Hold a socket that joins a call."""
        await self.hold(SocketSession(socket, partial(Sideband, call), OPENAI, plan=plan, wire=wire))

    def observer(self, session_id: Maybe[str]) -> Observer | None:
        """Find who wants to know what is said in a session."""
        return self.observe(str(session_id)) if self.observe is not None else None

    async def hold(self, session: SocketSession) -> None:
        """Run a session, and know of it for as long as it does."""
        self._running.add(session)
        try:
            await session.run(self.wall_clock())
        finally:
            self._running.discard(session)

    async def stop(self) -> None:
        """Close every session and wait for a moment until the clients have answered."""
        for task in tuple(self._deliveries):
            task.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        await self.calls.stop()
        running = tuple(self._running)
        for session in running:
            session.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                for session in running:
                    await session.over.wait()


def _needs_session_type(dialect: Dialect) -> bool:
    """Tell whether a session has to name its type: in dialects that have the field, and do not fill it in."""
    frame = dialect.frame_in({"type": "session.update", "session": {}})
    return "type" not in frame["session"]
