"""MCP servers that exist on paper only: tools with outputs that are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from realtime_transport.conversation.server_mcp import McpResult
from realtime_transport.events.items import McpError, McpToolInfo


@attrs.frozen(kw_only=True)
class ScriptedTool:
    """One tool, and what it returns whatever it is given."""

    name: str
    description: str = ""
    input_schema: Mapping[str, Any] = attrs.field(factory=lambda: {"type": "object", "properties": {}})
    output: str = ""
    error: str | None = None
    """The tool fails with this message."""


ScriptedServers: TypeAlias = Mapping[str, tuple[ScriptedTool, ...]]
"""Label of an MCP server -> its tools."""


def scripted_tools(tools: tuple[ScriptedTool, ...]) -> tuple[McpToolInfo, ...]:
    """List a server's tools as the protocol does."""
    return tuple(
        McpToolInfo(name=tool.name, description=tool.description, input_schema=tool.input_schema, annotations=None)
        for tool in tools
    )


def scripted_result(tools: tuple[ScriptedTool, ...], name: str) -> McpResult:
    """Say what a call comes to."""
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        return McpResult(error=McpError(type="protocol_error", code=-32602, message=f"Unknown tool: {name}"))
    if tool.error is not None:
        return McpResult(error=McpError(type="tool_execution_error", message=tool.error))
    return McpResult(output=tool.output)
