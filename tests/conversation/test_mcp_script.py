"""MCP servers that exist on paper only."""

from __future__ import annotations

import pytest

from realtime_transport.conversation.mcp_script import ScriptedTool, scripted_result, scripted_tools
from realtime_transport.conversation.server_mcp import McpResult
from realtime_transport.events import McpError, McpToolInfo

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = (
    ScriptedTool(name="get_weather", description="Tells the weather.", input_schema=CITY, output="21 degrees"),
    ScriptedTool(name="set_weather", output="never seen", error="Nobody can."),
    ScriptedTool(name="nod"),
)


def test_tools_are_listed_as_the_protocol_does() -> None:
    nothing = {"type": "object", "properties": {}}
    assert scripted_tools(TOOLS) == (
        McpToolInfo(name="get_weather", description="Tells the weather.", input_schema=CITY, annotations=None),
        McpToolInfo(name="set_weather", description="", input_schema=nothing, annotations=None),
        McpToolInfo(name="nod", description="", input_schema=nothing, annotations=None),
    )


def test_a_server_without_tools_lists_none() -> None:
    assert scripted_tools(()) == ()


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("get_weather", McpResult(output="21 degrees", error=None)),
        ("nod", McpResult(output="", error=None)),
        ("set_weather", McpResult(output=None, error=McpError(type="tool_execution_error", message="Nobody can."))),
        (
            "make_weather",
            McpResult(
                output=None,
                error=McpError(type="protocol_error", code=-32602, message="Unknown tool: make_weather"),
            ),
        ),
    ],
)
def test_what_a_call_comes_to(name: str, result: McpResult) -> None:
    assert scripted_result(TOOLS, name) == result


def test_an_error_may_have_no_words() -> None:
    failed = scripted_result((ScriptedTool(name="f", error=""),), "f")
    assert failed == McpResult(error=McpError(type="tool_execution_error", message=""))
