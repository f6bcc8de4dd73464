import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import uvicorn

from realtime_transport.exceptions import (
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    InvalidArgument,
    MissingExtra,
    RealtimeError,
    ToolError,
)
from realtime_transport.session import mcp
from realtime_transport.session.context import ToolContext
from realtime_transport.session.mcp import McpConnection, McpServer
from realtime_transport.session.tools import LocalTool
from tests.session import mcp_server

SCRIPT = str(Path(mcp_server.__file__))
OLD_SCRIPT = str(Path(SCRIPT).with_name("mcp_server_2025.py"))


@attrs.define
class Reports:
    changed: asyncio.Event = attrs.field(factory=asyncio.Event)
    errors: list[RealtimeError] = attrs.field(factory=list)
    failed: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def on_change(self) -> None:
        self.changed.set()

    def on_error(self, error: RealtimeError) -> None:
        self.errors.append(error)
        self.failed.set()


@asynccontextmanager
async def opened(server: McpServer) -> AsyncIterator[tuple[McpConnection, dict[str, LocalTool], Reports]]:
    reports = Reports()
    connection = McpConnection(server, on_change=reports.on_change, on_error=reports.on_error)
    await connection.open()
    try:
        yield connection, {tool.name: tool for tool in connection.tools}, reports
    finally:
        await connection.close()
        await connection.close()


async def call(tool: LocalTool, context: ToolContext[Any], arguments: str = "{}") -> object:
    return await tool.call(context, tool.read(arguments))


async def test_a_process_lists_calls_and_refreshes(
    tool_context: ToolContext[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    server = McpServer.stdio(
        sys.executable, SCRIPT, label="shop", environment={"GREETING": "welcome"}, needs_approval=True, timeout=20.0
    )
    async with opened(server) as (connection, tools, reports):
        assert set(tools) == {"price", "greet", "refuse", "learn", "leave"}
        assert tools["price"].description == "Look up a price."
        assert tools["price"].parameters["required"] == ["item"]
        assert tools["price"].needs_approval is True
        assert await call(tools["price"], tool_context, '{"item": "tea", "count": 2}') == {"price": 5.0}
        assert await call(tools["greet"], tool_context, '{"name": "Ann"}') == {"result": "Hello Ann, welcome, no key"}
        with pytest.raises(ToolError, match="Error executing tool refuse"):
            await call(tools["refuse"], tool_context)
        with pytest.raises(ToolError, match="count"):
            await call(tools["price"], tool_context, '{"item": "tea", "count": "two"}')
        with pytest.raises(InvalidArgument):
            tools["price"].read("[1]")
        await call(tools["learn"], tool_context)
        await asyncio.wait_for(reports.changed.wait(), 10)
        assert {tool.name for tool in connection.tools} == {*tools, "dance"}
        assert reports.errors == []


async def test_a_process_that_dies_is_reported_and_its_calls_answered(tool_context: ToolContext[Any]) -> None:
    async with opened(McpServer.stdio(sys.executable, SCRIPT)) as (_, tools, reports):
        leaving = asyncio.create_task(call(tools["leave"], tool_context))
        await asyncio.wait_for(reports.failed.wait(), 10)
        assert isinstance(reports.errors[0], ConnectionLost)
        with pytest.raises(Exception):  # noqa: B017  whatever the package says of a vanished process
            await leaving
        with pytest.raises(ToolError, match="is gone"):
            await call(tools["price"], tool_context, '{"item": "tea"}')
        assert len(reports.errors) == 1


async def test_an_older_server_with_pages_and_notifications(tool_context: ToolContext[Any]) -> None:
    async with opened(McpServer.stdio(sys.executable, OLD_SCRIPT)) as (connection, tools, reports):
        assert list(tools) == ["tool_0", "tool_1"]
        assert await call(tools["tool_0"], tool_context) == "one\n[image left out]"
        with pytest.raises(ToolError, match="one"):
            await call(tools["tool_1"], tool_context)
        await asyncio.wait_for(reports.changed.wait(), 10)
        assert [tool.name for tool in connection.tools] == ["tool_0", "tool_1", "tool_2"]


async def test_a_listing_without_end_is_cut() -> None:
    async with opened(McpServer.stdio(sys.executable, OLD_SCRIPT, "endless")) as (_, tools, _):
        assert len(tools) == 100


@asynccontextmanager
async def served() -> AsyncIterator[tuple[str, list[str]]]:
    """Serve the same tools over HTTP; yields the URL and the ``x-shop`` headers that arrived."""
    app = mcp_server.server.streamable_http_app()
    seen: list[str] = []

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(value.decode() for name, value in scope.get("headers", ()) if name == b"x-shop")
        await app(scope, receive, send)

    http = uvicorn.Server(uvicorn.Config(spy, port=0, log_level="critical", lifespan="on"))
    serving = asyncio.create_task(http.serve())
    while not http.started:
        await asyncio.sleep(0)
    port = http.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp", seen
    finally:
        http.should_exit = True
        await serving


async def test_a_service_over_http_with_headers_and_a_choice_of_tools(tool_context: ToolContext[Any]) -> None:
    async with served() as (url, seen):
        server = McpServer.http(url, headers={"x-shop": "vienna"}, allowed=lambda name: name == "price", prefix="shop_")
        async with opened(server) as (_, tools, _):
            assert list(tools) == ["shop_price"]
            assert await call(tools["shop_price"], tool_context, '{"item": "tea"}') == {"price": 2.5}
            assert set(seen) == {"vienna"}
        async with opened(McpServer.http(url)) as (_, tools, _):
            assert "greet" in tools


@pytest.mark.parametrize(
    "server", [McpServer.stdio("/no/such/program"), McpServer.http("http://127.0.0.1:9/mcp", label="nobody")]
)
async def test_a_server_that_cannot_be_reached(server: McpServer) -> None:
    reports = Reports()
    connection = McpConnection(server, on_change=reports.on_change, on_error=reports.on_error)
    with pytest.raises(ConnectError, match=server.label):
        await connection.open()
    assert reports.errors == []


async def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "OPEN_TIMEOUT", 0.2)
    silent = McpServer.stdio(sys.executable, "-c", "import sys; sys.stdin.read()", label="mute")
    reports = Reports()
    with pytest.raises(ConnectTimeout, match="opening the MCP server mute"):
        await McpConnection(silent, on_change=reports.on_change, on_error=reports.on_error).open()


async def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_transport.session.mcp.find_spec", lambda _: None)
    reports = Reports()
    with pytest.raises(MissingExtra, match=r"realtime-transport\[mcp\]"):
        await McpConnection(McpServer.stdio("x"), on_change=reports.on_change, on_error=reports.on_error).open()


def test_a_server_is_a_url_or_a_command() -> None:
    for wrong in ({}, {"url": "http://x", "command": ("x",)}):
        with pytest.raises(InvalidArgument, match="not both"):
            McpServer(label="x", **wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="which command"):
        McpServer.stdio()
