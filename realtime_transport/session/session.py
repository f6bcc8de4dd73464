"""The session: a transport with agents. It composes the rooms of this folder and holds no rule of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from os import urandom
from types import TracebackType
from typing import Any, Generic, Literal, Self

from realtime_transport.emitter import Emitter
from realtime_transport.events import AnySession, Item, McpToolInfo, RealtimeSessionConfig
from realtime_transport.events.transport import TRANSPORT_EVENTS, ConnectionState, DisconnectedEvent
from realtime_transport.exceptions import ConnectionLost, InvalidArgument, RealtimeError, StateError
from realtime_transport.session.agent import RealtimeAgent, refuse_other_guardrails
from realtime_transport.session.approvals import DEFAULT_LIMIT
from realtime_transport.session.context import RunContext, T
from realtime_transport.session.events import SESSION_EVENTS, AgentAudioEvent, SessionErrorEvent, SessionEvent
from realtime_transport.session.execution import ToolErrorText
from realtime_transport.session.guardrails import GuardrailSettings, InputGuardrail, OutputGuardrail
from realtime_transport.session.latency import LatencyMeter
from realtime_transport.session.registrar import Hears, Registrar
from realtime_transport.session.speaking import Config, Speaking, read_config
from realtime_transport.session.switchboard import SessionRules, Switchboard
from realtime_transport.session.tracing import attach_tracing
from realtime_transport.session.usage import Budget, SessionUsage
from realtime_transport.session.waiting import Waiting
from realtime_transport.streams import EventStream
from realtime_transport.tasks import begin
from realtime_transport.transports import (
    ApiKey,
    ConnectionInfo,
    RealtimeTransportLayer,
    create_transport,
)

_NAMES = frozenset({*SESSION_EVENTS, "audio_gap"})
"""What the session's own emitter tells."""

DRAIN_TIMEOUT = 5.0
"""Seconds that async listeners have to finish when the session closes."""


class RealtimeSession(Speaking[T], Waiting[T], Generic[T]):
    """A conversation between a caller and agents, over any transport.

    ::

        async with RealtimeSession(agent, model="gpt-realtime-2") as session:
            session.on("audio", lambda event: speaker.write(event.data))
            session.send_message("Hello!")

    Everything that sends acts at once, in call order, never waits, may be called from inside a listener, and returns a
    ``SendReceipt``: await it for back-pressure, await its ``acknowledged()`` for the server's own answer.

    A session is used once: when it is closed, make another.
    """

    def __init__(
        self,
        agent: RealtimeAgent[T],
        transport: Literal["websocket", "loopback"] | str | RealtimeTransportLayer = "websocket",
        *,
        model: str | None = None,
        config: Config | None = None,
        context: T = None,  # type: ignore[assignment]
        api_key: ApiKey | None = None,
        url: str | None = None,
        call_id: str | None = None,
        connect_options: Mapping[str, Any] | None = None,
        history: Sequence[Item] = (),
        output_guardrails: Sequence[OutputGuardrail] = (),
        input_guardrails: Sequence[InputGuardrail] = (),
        guardrails: GuardrailSettings | None = None,
        budget: Budget | None = None,
        approval_timeout: float = DEFAULT_LIMIT,
        tool_error_text: ToolErrorText | None = None,
        tracing: bool = True,
        trace_content: bool = False,
    ) -> None:
        """Make a session; nothing is sent before ``connect``.

        :param transport: a name that ``transports.create_transport`` knows, or a transport of your own.
        :param config: how this call sounds and listens, whoever speaks; the agent's own settings lie above it.
        :param context: handed to instructions, tools, hooks and guardrails; never sent anywhere.
        :param connect_options: more of what the transport's ``connect`` takes (``headers``, ``timeout``, ...).
        :param history: items to start from; the agent then knows what was said before.
        :param approval_timeout: seconds a person has to decide about a call; undecided is denied.
        :param tool_error_text: rewrites what the model reads of a call that was refused.
        :param tracing: use OpenTelemetry when its API is installed.
        :param trace_content: put words, arguments and outputs into the spans. They are personal data.
        """
        _check_kinds(agent, transport)
        refuse_other_guardrails(output_guardrails, input_guardrails)
        self.context = context
        self.transport: RealtimeTransportLayer = (
            create_transport(transport) if isinstance(transport, str) else transport
        )
        given = {"model": model, "api_key": api_key, "url": url, "call_id": call_id}
        self._connect_options: dict[str, Any] = {**given, **(connect_options or {})}
        self._seed = tuple(history)
        self._emitter = Emitter(_NAMES, error_event=self._error_event, audio_ms=self._audio_ms)
        # What a slow listener of ours misses is told where all gaps are told.
        self._emitter.on("audio_gap", self.transport.emit)
        self._board = Switchboard(
            agent,
            self.transport,
            self._emitter,
            SessionRules(
                ground=read_config(config),
                guardrails=guardrails or GuardrailSettings(),
                output_guardrails=tuple(output_guardrails),
                input_guardrails=tuple(input_guardrails),
                budget=budget,
                approval_timeout=approval_timeout,
                tool_error_text=tool_error_text,
                conversation_key=urandom(16).hex(),
            ),
            context=context,
            context_of=self._context_of,
            stop=self._stop,
        )
        self._connecting = self._connected = False
        self._stopping: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] | None = None
        self.transport.on("disconnected", self._disconnected)
        self.on: Registrar[T] = Registrar(self._register)
        self.once: Registrar[T] = Registrar(self._register_once)
        if tracing:
            attach_tracing(self._board.announcer, model=model or "", content=trace_content)

    # --- connecting --------------------------------------------------------------------------------------------------

    async def connect(self, **options: Any) -> None:
        """Connect, configure the first agent, and replay the history to start from.

        Returns when the server has accepted all of it. ``options`` are those of the transport's ``connect`` (``model``,
        ``url``, ``api_key``, ``call_id``, ``headers``, ``timeout``, ...) and go before those given at the making. A
        transport that is connected already is only configured. When anything fails, or this is cancelled, nothing is
        left open and the first cause is raised; the session may then connect again.

        :raises StateError: when connected, connecting, or closed.
        """
        if self._closed is not None:
            raise StateError("this session is over: make another")
        if self._connecting or self._connected:
            raise StateError("this session is connected or connecting already")
        self._connecting = True
        try:
            config = await self._board.roster.prepare_first()
            self._emitter.expect_listeners()
            await self._open(config, {**self._connect_options, **options})
            self._connected = True
        except BaseException:
            await self._board.roster.close()
            raise
        finally:
            self._connecting = False

    async def _open(self, config: RealtimeSessionConfig, options: Mapping[str, Any]) -> None:
        if self.transport.status == "connected":
            await self.transport.update_session(config).acknowledged()
        else:
            given = {name: value for name, value in options.items() if value is not None}
            await self.transport.connect(session=config, **given)
        try:
            if self._seed:
                await self.transport.reset_history(self._seed).acknowledged()
        except BaseException:
            await self.transport.close()
            raise

    async def close(self) -> None:
        """End the session: tools, tasks, MCP servers and the connection.

        Undecided approvals are denied, running tools cancelled unless they say otherwise, async listeners get a moment
        to finish. May be called twice, at once, and from inside a listener; all callers return when it is done.
        """
        with self._emitter.caller_not_awaited():
            if self._closed is None:
                await self._shut_down()
            else:
                # First the transport's own close: it knows when it is called from inside one of its listeners.
                await self.transport.close()
                await asyncio.shield(self._closed)

    async def _shut_down(self) -> None:
        closed = self._closed = asyncio.get_running_loop().create_future()
        try:
            await self._board.close()
        finally:
            try:
                await self.transport.close()
                await self._emitter.drain(DRAIN_TIMEOUT)
            finally:
                self._emitter.finish()
                closed.set_result(None)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _stop(self) -> None:
        """Close from inside: the budget is spent, or the other side is gone."""
        self._stopping = begin(self.close(), name="realtime_transport session end")

    def _disconnected(self, event: DisconnectedEvent) -> None:
        if self._connected and self._closed is None:
            if not event.clean:
                lost = ConnectionLost(
                    f"the connection ended: {event.reason or 'no reason given'}",
                    close_code=event.code,
                    close_reason=event.reason,
                )
                self._emitter.finish(lost)
            self._stop()

    # --- listening ---------------------------------------------------------------------------------------------------

    def off(self, name: str, listener: Hears[Any]) -> None:
        """Stop calling ``listener``; does nothing when it does not listen."""
        (self._emitter if name in SESSION_EVENTS else self.transport).off(name, listener)

    def events(self, *names: str) -> EventStream[SessionEvent[T]]:
        """Return an async iterator over the session's own events of these names, or over all, until it ends.

        All are all but ``transport_event``, which has to be named.
        """
        for name in names:
            self._hear_frames(name)
        return self._emitter.events(*names)

    def __aiter__(self) -> EventStream[SessionEvent[T]]:
        return self.events()

    async def _wait_for(self, what: Any, timeout: float | None) -> Any:
        if isinstance(what, str) and what not in SESSION_EVENTS and what in TRANSPORT_EVENTS:
            transport: Any = self.transport  # typed by name for those who write the name
            return await transport.wait_for(what, timeout)
        self._hear_frames(what)
        return await self._emitter.wait_for(what, timeout)

    def _register(self, name: str, listener: Hears[Any]) -> None:
        self._listen(name, listener, "on")

    def _register_once(self, name: str, listener: Hears[Any]) -> None:
        self._listen(name, listener, "once")

    def _listen(self, name: str, listener: Hears[Any], verb: str) -> None:
        self._hear_frames(name)
        own = name in SESSION_EVENTS or name not in TRANSPORT_EVENTS
        getattr(self._emitter if own else self.transport, verb)(name, listener)

    def _hear_frames(self, name: object) -> None:
        """Listen to every frame only when somebody wants them: it is the one event that costs without a listener."""
        if name == "transport_event":
            self.transport.on("*", self._board.reports.raw)

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def agent(self) -> RealtimeAgent[T]:
        """The agent that speaks now."""
        return self._board.roster.agent

    @property
    def history(self) -> tuple[Item, ...]:
        """The items of the conversation, in the server's order; a snapshot."""
        return self.transport.history

    @property
    def usage(self) -> SessionUsage:
        """What was spent so far."""
        return self._board.reports.usage

    @property
    def latency(self) -> LatencyMeter:
        """How long the caller waited, turn by turn."""
        return self._board.turns.latency

    @property
    def muted(self) -> bool:
        """Whether the caller's audio is held back."""
        return self.transport.muted

    @property
    def status(self) -> ConnectionState:
        """``disconnected``, ``connecting``, ``connected`` or ``closing``."""
        return self.transport.status

    @property
    def connection_state(self) -> ConnectionInfo:
        """The status with its circumstances."""
        return self.transport.connection_state

    @property
    def session(self) -> AnySession | None:
        """The session config as the server last confirmed it."""
        return self.transport.session

    @property
    def available_mcp_tools(self) -> tuple[McpToolInfo, ...]:
        """What the current agent can reach over MCP, hosted and local."""
        return self._board.reports.mcp_tools

    async def initial_config(self) -> RealtimeSessionConfig:
        """Compute what ``connect`` would configure, without connecting: to accept a SIP call, or mint a secret."""
        try:
            return await self._board.roster.preview()
        finally:
            if not self._connected:
                await self._board.roster.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.agent.name!r} over {self.transport!r}>"

    # --- inside ------------------------------------------------------------------------------------------------------

    def _context_of(self, agent: RealtimeAgent[T]) -> RunContext[T]:
        return RunContext(context=self.context, session=self, agent=agent)

    def _error_event(self, error: RealtimeError) -> SessionErrorEvent[T]:
        return SessionErrorEvent(context=self.context, agent=self.agent, error=error)

    def _audio_ms(self, event: object) -> float:
        return self.transport.output_format.ms(len(event.data)) if isinstance(event, AgentAudioEvent) else 0.0


def _check_kinds(agent: object, transport: object) -> None:
    """Refuse what has no place here at once: later it would be an ``AttributeError`` in the middle of connecting."""
    if not isinstance(agent, RealtimeAgent):
        raise InvalidArgument(f"must be a RealtimeAgent, not {type(agent).__name__}", path="agent")
    if not isinstance(transport, str | RealtimeTransportLayer):
        given = f"the class {transport.__name__}" if isinstance(transport, type) else type(transport).__name__
        raise InvalidArgument(f"must be a name or a transport, not {given}", path="transport")
