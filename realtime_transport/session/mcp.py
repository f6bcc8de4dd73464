"""Local MCP servers: processes and services that this program reaches itself (package and extra ``mcp``).

Their tools become ``LocalTool`` values and obey the same rules as functions: approvals, timeouts, guardrails, one
follow-up per batch. Hosted MCP, where the provider's server makes the calls, is ``events.McpTool`` instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import attrs

from realtime_transport.exceptions import (
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    InvalidArgument,
    MissingExtra,
    RealtimeError,
    ToolError,
)
from realtime_transport.session.context import ToolContext
from realtime_transport.session.signature import read_json
from realtime_transport.session.tools import DEFAULT_TIMEOUT, LocalTool, NeedsApproval, ReplyPolicy
from realtime_transport.tasks import begin

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult, Tool

OPEN_TIMEOUT = 20.0
"""Seconds to start the process, or reach the service, and list its tools."""

CLOSE_TIMEOUT = 5.0
"""Seconds until a server that does not end is left to the operating system."""

_PAGES_LIMIT = 100
"""Pages of a tool listing that are read. A server that always names a next page would never let us start."""


@attrs.frozen(kw_only=True, eq=False)
class McpServer:
    """How to reach one MCP server: ``McpServer.stdio("command", ...)`` or ``McpServer.http("https://...")``.

    A value: each session opens its own connection and closes it when the session ends.
    """

    label: str
    """Names the server in errors and approvals."""
    url: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    command: Sequence[str] = ()
    environment: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """Added to a small safe environment: a server process does not inherit your API keys."""
    directory: str | None = None
    allowed: Callable[[str], bool] | None = None
    """Given a tool's name, says whether the model may see it; None shows all."""
    prefix: str = ""
    """Put before each tool's name, when two servers offer the same one."""
    needs_approval: NeedsApproval = False
    reply: ReplyPolicy = "reply"
    timeout: float | None = DEFAULT_TIMEOUT
    """Seconds for one call."""

    def __attrs_post_init__(self) -> None:
        if (self.url is None) == (not self.command):
            raise InvalidArgument("give a url or a command, not both and not neither", path="McpServer")

    @classmethod
    def stdio(cls, *command: str, label: str | None = None, **options: Any) -> McpServer:
        """Run ``command`` and speak over its stdin and stdout. Options are the fields of the class."""
        if not command:
            raise InvalidArgument("which command?", path="McpServer.stdio")
        return cls(label=label or command[0], command=command, **options)

    @classmethod
    def http(cls, url: str, *, label: str | None = None, **options: Any) -> McpServer:
        """Speak streamable HTTP with the service at ``url``. Options are the fields of the class."""
        return cls(label=label or url, url=url, **options)


class McpConnection:
    """One open server, held by a task of its own: what the ``mcp`` package opens in a task must close there."""

    def __init__(
        self,
        server: McpServer,
        *,
        on_change: Callable[[], Awaitable[None]],
        on_error: Callable[[RealtimeError], None],
    ) -> None:
        self.server = server
        self.tools: tuple[LocalTool, ...] = ()
        self._on_change = on_change
        self._on_error = on_error
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Connect and list the tools.

        :raises MissingExtra: without the ``mcp`` package.
        :raises ConnectError: when the server cannot be reached, ``ConnectTimeout`` when it does not answer in time.
        """
        if find_spec("mcp") is None:
            raise MissingExtra("mcp", "mcp")
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = begin(self._hold(ready), name=f"mcp:{self.server.label}")
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                await ready
        except TimeoutError as error:
            await self.close()
            raise ConnectTimeout(f"opening the MCP server {self.server.label}", OPEN_TIMEOUT) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the connection, and the process if there is one."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task], timeout=CLOSE_TIMEOUT)

    async def _hold(self, ready: asyncio.Future[None]) -> None:
        try:
            async with AsyncExitStack() as stack:
                self._client = await stack.enter_async_context(await self._make_client(stack))
                self.tools = await self._list()
                ready.set_result(None)
                await self._watch(self._client)
        except Exception as error:  # noqa: BLE001  whatever a server or the package raises ends this connection only
            cause = _first_cause(error)
            if not ready.done():
                ready.set_exception(ConnectError(f"MCP server {self.server.label}: {cause!r}"))
            else:
                self._on_error(ConnectionLost(f"MCP server {self.server.label}: {cause!r}"))
        finally:
            self._client = None

    async def _make_client(self, stack: AsyncExitStack) -> Client:
        from mcp import Client, StdioServerParameters

        async def note(message: object) -> None:
            if getattr(message, "method", "") == "notifications/tools/list_changed":
                self._changed.set()

        server = self.server
        if server.url is None:
            command, *arguments = server.command
            source: Any = StdioServerParameters(
                command=command, args=arguments, env=dict(server.environment), cwd=server.directory
            )
        else:
            source = await self._http_source(server.url, stack) if server.headers else server.url
        return Client(source, message_handler=note, cache=None, read_timeout_seconds=server.timeout)

    async def _http_source(self, url: str, stack: AsyncExitStack) -> Any:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        http = httpx2.AsyncClient(headers=dict(self.server.headers), timeout=OPEN_TIMEOUT)
        return streamable_http_client(url, http_client=await stack.enter_async_context(http))

    async def _list(self) -> tuple[LocalTool, ...]:
        assert self._client is not None  # noqa: S101  only called while the connection is held
        found: list[Tool] = []
        cursor: str | None = None
        for _ in range(_PAGES_LIMIT):
            page = await self._client.list_tools(cursor=cursor)
            found.extend(page.tools)
            cursor = page.next_cursor
            if not cursor:
                break
        return tuple(
            self._as_tool(tool) for tool in found if self.server.allowed is None or self.server.allowed(tool.name)
        )

    async def _watch(self, client: Client) -> None:
        """Refresh the tools on each change, for as long as the connection lives."""
        from mcp.client.subscriptions import ListenNotSupportedError

        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    await self._refresh()
        except ListenNotSupportedError:  # an older protocol: changes come as plain notifications
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._refresh()

    async def _refresh(self) -> None:
        self.tools = await self._list()
        await self._on_change()

    def _as_tool(self, tool: Tool) -> LocalTool:
        server = self.server
        return LocalTool(
            name=f"{server.prefix}{tool.name}",
            description=(tool.description or "")[:1024],
            parameters=tool.input_schema,
            read=partial(read_json, kind=dict[str, Any]),
            call=partial(self._call, tool.name),
            reply=server.reply,
            timeout=server.timeout,
            needs_approval=server.needs_approval,
        )

    async def _call(self, name: str, _: ToolContext[Any], arguments: Mapping[str, Any]) -> object:
        if self._client is None:
            raise ToolError(f"the server {self.server.label} is gone")
        result = await self._client.call_tool(name, dict(arguments))
        if result.is_error:
            raise ToolError(_text_of(result) or "the tool failed")
        return _text_of(result) if result.structured_content is None else result.structured_content


def _text_of(result: CallToolResult) -> str:
    """Join the text blocks; a picture or sound is only named, as the model cannot see it in a tool's output."""
    return "\n".join(block.text if block.type == "text" else f"[{block.type} left out]" for block in result.content)


def _first_cause(error: Exception) -> Exception:
    """Look inside the groups that task groups wrap around the one thing that went wrong."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error
