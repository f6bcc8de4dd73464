"""Who speaks: the current agent, which agent owns which response, and the way from one to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol

from realtime_transport.conversation.session_config import merge
from realtime_transport.events import McpTool, McpToolInfo, RealtimeSessionConfig
from realtime_transport.exceptions import RealtimeError, UnsupportedOperation
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.config import Prepared, prepare, replacing, voice_of, without_voice
from realtime_transport.session.context import RunContext, T
from realtime_transport.session.guardrails import InputGuardrail
from realtime_transport.session.mcp import McpConnection, McpServer
from realtime_transport.session.tools import LocalTool

RESPONSES_KEPT = 256
"""Responses whose owner is remembered: calls and late words of a response come within seconds of it."""


class ConfigSender(Protocol):
    """Sends a config and waits for the server's word on it."""

    def __call__(self, config: RealtimeSessionConfig, /) -> Awaitable[None]:
        """Raise the server's refusal."""
        ...


class Roster(Generic[T]):
    """The agents of one session."""

    def __init__(
        self,
        agent: RealtimeAgent[T],
        *,
        ground: RealtimeSessionConfig,
        input_guardrails: Sequence[InputGuardrail],
        context_of: Callable[[RealtimeAgent[T]], RunContext[T]],
        on_tools_changed: Callable[[], Awaitable[None]],
        on_error: Callable[[RealtimeError], None],
    ) -> None:
        self.current: Prepared = Prepared(agent=agent, config=ground, callables={})
        """The agent that speaks now, as it was configured; before connecting, as it will be."""
        self.ground: RealtimeSessionConfig = ground
        """The session's own config, upon which each agent's lies."""
        self._input_guardrails = tuple(input_guardrails)
        self._context_of = context_of
        self._on_tools_changed = on_tools_changed
        self._on_error = on_error
        self._owners: dict[str, Prepared] = {}
        self._servers: dict[McpServer, McpConnection] = {}
        self._switching = asyncio.Lock()
        self.spoke = False
        """Whether audio was produced: from then on the voice is fixed."""

    @property
    def agent(self) -> RealtimeAgent[T]:
        """The agent that speaks now."""
        return self.current.agent

    def input_guardrails(self) -> tuple[InputGuardrail, ...]:
        """Return what looks at the caller's words now."""
        return (*self._input_guardrails, *self.agent.input_guardrails)

    # --- responses ---------------------------------------------------------------------------------------------------

    def begin(self, response_id: str) -> Prepared:
        """Give a new response to the current agent."""
        self._owners[response_id] = self.current
        if len(self._owners) > RESPONSES_KEPT:
            del self._owners[next(iter(self._owners))]
        return self.current

    def owner(self, response_id: str | None) -> Prepared:
        """Return the agent that a response began with; of an unknown response, the current one."""
        return self._owners.get(response_id or "", self.current)

    # --- switching ---------------------------------------------------------------------------------------------------

    async def prepare_first(self) -> RealtimeSessionConfig:
        """Get the first agent ready and return the config to connect with."""
        self.current = await self._prepare(self.agent)
        return self.current.config

    async def preview(self) -> RealtimeSessionConfig:
        """Return what the current agent would be configured with, and change nothing."""
        return (await self._prepare(self.agent)).config

    async def switch(
        self, agent: RealtimeAgent[T], send: ConfigSender, announce: Callable[[], Awaitable[None]] | None = None
    ) -> RealtimeAgent[T]:
        """Let ``agent`` speak from now on and return the one before it.

        Prepares first, then calls ``announce``, then configures the server. Whatever fails on the way leaves the old
        agent in place, and is raised.
        """
        async with self._switching:
            prepared = await self._prepare(agent)
            if announce is not None:
                await announce()
            previous = self.current
            await send(self._sendable(prepared.config, previous.config))
            self.current = prepared
            return previous.agent

    def change_ground(self, changes: RealtimeSessionConfig) -> None:
        """Lay changes over the session's own config, so that later agents keep them."""
        self.ground = merge(self.ground, changes)

    def _sendable(self, config: RealtimeSessionConfig, previous: RealtimeSessionConfig) -> RealtimeSessionConfig:
        config = replacing(config, previous)
        if not self.spoke or not voice_of(config):
            return config
        if voice_of(config) != voice_of(previous):
            self._on_error(UnsupportedOperation("the voice stays: servers fix it at the first audio of a session"))
        return without_voice(config)

    async def _prepare(self, agent: RealtimeAgent[T]) -> Prepared:
        return await prepare(
            agent,
            self._context_of(agent),
            ground=self.ground,
            local_tools=await self._tools_of(agent.mcp_servers),
            gated=bool(self._input_guardrails or agent.input_guardrails),
        )

    # --- MCP ---------------------------------------------------------------------------------------------------------

    async def _tools_of(self, servers: Sequence[McpServer]) -> tuple[LocalTool, ...]:
        for server in servers:
            if server not in self._servers:
                connection = McpConnection(server, on_change=self._on_tools_changed, on_error=self._on_error)
                await connection.open()
                self._servers[server] = connection
        return tuple(tool for server in servers for tool in self._servers[server].tools)

    def hosted_labels(self) -> frozenset[str]:
        """Return the labels of the hosted servers that the current agent may use."""
        return frozenset(tool.server_label for tool in self.current.config.tools or () if isinstance(tool, McpTool))

    def local_mcp_tools(self) -> tuple[McpToolInfo, ...]:
        """Return the tools of the current agent's own MCP servers."""
        servers = [self._servers[server] for server in self.agent.mcp_servers if server in self._servers]
        return tuple(
            McpToolInfo(name=tool.name, description=tool.description, input_schema=dict(tool.parameters))
            for server in servers
            for tool in server.tools
        )

    async def close(self) -> None:
        """Close the MCP connections."""
        connections = list(self._servers.values())
        self._servers.clear()
        await asyncio.gather(*(connection.close() for connection in connections))
