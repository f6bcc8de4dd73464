"""Real MCP servers of this machine, asked on behalf of a session through the ``mcp`` package.

Only servers of this machine are reached: the emulator needs no network, and a test must not call one by mistake.
Others exist on paper (``mcp:`` in a script) or not at all.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from realtime_transport.conversation.server_mcp import McpResult
from realtime_transport.emulator.access import is_loopback
from realtime_transport.events.items import McpError, McpToolInfo
from realtime_transport.events.tools import McpTool
from realtime_transport.exceptions import MissingExtra

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

SECONDS: Final = 30.0
"""How long a server may take for one answer."""
MAX_TOOLS: Final = 1_000
"""Of one server; the rest is left out."""

logger: logging.Logger = logging.getLogger("realtime_transport")


async def list_tools(tool: McpTool) -> Sequence[McpToolInfo] | None:
    """Ask a server for its tools; None when it cannot be reached, and a warning in the log that says why."""
    try:
        async with AsyncExitStack() as stack:
            client = await _connect(tool, stack)
            found: list[McpToolInfo] = []
            cursor: str | None = None
            while len(found) < MAX_TOOLS:
                page = await client.list_tools(cursor=cursor)
                found += [
                    McpToolInfo(
                        name=one.name,
                        description=one.description,
                        input_schema=one.input_schema,
                        annotations=one.annotations.model_dump(by_alias=True) if one.annotations else None,
                    )
                    for one in page.tools
                ]
                cursor = page.next_cursor
                if not cursor:
                    break
            return found[:MAX_TOOLS]
    except Exception as error:  # noqa: BLE001  # whatever the package or the server raises: the session goes on
        logger.warning("MCP server %s cannot be listed: %r", tool.server_label, _cause(error))
        return None


async def run_tool(tool: McpTool, name: str, arguments: str) -> McpResult:
    """Run a tool. Whatever goes wrong is an error in the result."""
    try:
        given = cast("dict[str, Any]", json.loads(arguments or "{}"))
        async with AsyncExitStack() as stack:
            client = await _connect(tool, stack)
            result = await client.call_tool(name, given)
    except Exception as error:  # noqa: BLE001  # likewise
        return McpResult(error=_error(_cause(error)))
    text = _text(result)
    if result.is_error:
        return McpResult(error=McpError(type="tool_execution_error", message=text or "The tool failed."))
    return McpResult(output=text)


async def _connect(tool: McpTool, stack: AsyncExitStack) -> Client:
    url = tool.server_url or ""
    if not is_loopback(urlsplit(url).hostname or ""):
        raise ValueError(f"the emulator only reaches MCP servers of this machine, not {url or 'connectors'}")
    try:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client
    except ImportError as error:
        raise MissingExtra("mcp", "mcp") from error
    headers = dict(tool.headers or {})
    if tool.authorization:
        headers["authorization"] = f"Bearer {tool.authorization}"
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=SECONDS))
    source = streamable_http_client(url, http_client=http)
    return await stack.enter_async_context(Client(source, cache=None, read_timeout_seconds=SECONDS))


def _text(result: CallToolResult) -> str:
    """Join the text blocks; a picture or sound is only named."""
    return "\n".join(block.text if block.type == "text" else f"[{block.type} left out]" for block in result.content)


def _error(error: Exception) -> McpError:
    """Spell what went wrong the way a call's item does."""
    if isinstance(error, MissingExtra):
        return McpError(type="protocol_error", code=-32603, message=str(error))
    import httpx2
    from mcp import MCPError

    if isinstance(error, MCPError):
        return McpError(type="protocol_error", code=error.error.code, message=error.error.message)
    if isinstance(error, httpx2.HTTPStatusError):
        return McpError(type="http_error", code=error.response.status_code, message=str(error))
    if isinstance(error, httpx2.HTTPError):
        return McpError(type="http_error", code=503, message=f"{type(error).__name__}: {error}")
    return McpError(type="protocol_error", code=-32600, message=f"{type(error).__name__}: {error}")


def _cause(error: Exception) -> Exception:
    """Look inside the groups that task groups wrap around the one thing that went wrong."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error
