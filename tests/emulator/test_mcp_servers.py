"""A real MCP server on a real port, listed and called by the emulator; and servers that cannot be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer

from realtime_transport.emulator import Emulator
from realtime_transport.emulator import mcp_servers as mcp_module
from realtime_transport.emulator.mcp_servers import list_tools, run_tool
from realtime_transport.events import McpError, McpTool
from tests.emulator.calling import calling


def weather_server() -> MCPServer:
    server = MCPServer("weather")

    @server.tool()
    def get_weather(city: str) -> str:
        """Tells the weather of a city."""
        return f"It is sunny in {city}."

    @server.tool()
    def break_weather() -> str:
        raise ValueError("it rains")

    return server


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    # Without an SSE stream to end, the server stops at once.
    app = weather_server().streamable_http_app(json_response=True, stateless_http=True)
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup([listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        await server.shutdown([listener])


def tool(url: str, **more: Any) -> McpTool:
    return McpTool(server_label="weather", server_url=url, **more)


async def test_a_whole_conversation_with_a_real_server() -> None:
    async with serving() as url, Emulator("improvise") as server, calling(server) as caller:
        hosted = {"type": "mcp", "server_label": "weather", "server_url": url}
        await caller.update(output_modalities=["text"], tools=[hosted])
        await caller.until("mcp_list_tools.completed")
        listed = (await caller.until("conversation.item.done"))["item"]
        assert {info["name"] for info in listed["tools"]} == {"get_weather", "break_weather"}
        assert "city" in listed["tools"][0]["input_schema"]["properties"]
        await caller.write("What is the weather?")
        await caller.send("response.create")
        asked = await caller.until("conversation.item.done", lambda f: f["item"]["type"] == "mcp_approval_request")
        await caller.until("response.done")
        answer = {"type": "mcp_approval_response", "approval_request_id": asked["item"]["id"], "approve": True}
        await caller.send("conversation.item.create", item=answer)
        await caller.until("response.mcp_call.completed")
        called = (await caller.until("conversation.item.done"))["item"]
        assert called["output"] == "It is sunny in Lisbon."
        await caller.send("response.create")
        text = (await caller.until("response.output_text.done"))["text"]
        assert text == "get_weather says: It is sunny in Lisbon."


async def test_a_server_that_is_gone_fails_its_listing(caplog: pytest.LogCaptureFixture) -> None:
    async with Emulator("improvise") as server, calling(server) as caller:
        hosted = {"type": "mcp", "server_label": "gone", "server_url": "http://127.0.0.1:1/mcp"}
        await caller.update(tools=[hosted])
        await caller.until("mcp_list_tools.failed")
        await caller.write("Hello.")
        await caller.send("response.create")
        assert (await caller.until("response.done"))["response"]["status"] == "completed"
    assert "gone cannot be listed" in caplog.text


async def test_what_goes_wrong_is_an_error_of_its_kind() -> None:
    async with serving() as url:
        ran = await run_tool(tool(url), "get_weather", '{"city": "Porto"}')
        assert (ran.output, ran.error) == ("It is sunny in Porto.", None)
        errors = {
            "break": await run_tool(tool(url), "break_weather", ""),
            "json": await run_tool(tool(url), "get_weather", "{"),
            "path": await run_tool(tool(url.replace("/mcp", "/nothing")), "get_weather", "{}"),
            "host": await run_tool(tool("https://mcp.example.com"), "get_weather", "{}"),
            "port": await run_tool(tool("http://127.0.0.1:1/mcp"), "get_weather", "{}"),
        }
    kinds: dict[str, object] = {}
    for name, result in errors.items():
        assert result.output is None
        assert isinstance(result.error, McpError)
        kinds[name] = result.error.type
    assert kinds["break"] == "tool_execution_error"
    assert kinds["json"] == "protocol_error"
    assert kinds["host"] == "protocol_error"
    assert kinds["port"] == "http_error"
    assert kinds["path"] in {"http_error", "protocol_error"}


async def test_keys_and_headers_go_along(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
        assert await list_tools(tool(url, authorization="secret", headers={"x-tenant": "t"})) is None
    assert "authorization: bearer secret" in heads[0]
    assert "x-tenant: t" in heads[0]


async def test_a_server_with_more_tools_than_anybody_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_module, "MAX_TOOLS", 1)
    async with serving() as url:
        listed = await list_tools(tool(url))
        assert listed is not None
        assert len(listed) == 1


def test_http_errors_by_status() -> None:
    request = httpx2.Request("POST", "http://127.0.0.1/mcp")
    error = httpx2.HTTPStatusError("no", request=request, response=httpx2.Response(503, request=request))
    assert mcp_module._error(error) == McpError(type="http_error", code=503, message="no")


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "mcp":
            raise ImportError(name="mcp")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    ran = await run_tool(tool("http://127.0.0.1:1/mcp"), "f", "{}")
    assert isinstance(ran.error, McpError)
    assert "realtime-transport[mcp]" in str(ran.error.message)
