"""An MCP server of the 2025 protocol, by hand: pages of tools, and changes told by plain notifications."""

import json
import sys
from typing import Any

learnt = False


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)  # noqa: T201


def tools(cursor: str | None) -> dict[str, Any]:
    """One tool a page. With ``endless`` every page names a next one."""
    number = int(cursor or 0)
    page: dict[str, Any] = {"tools": [{"name": f"tool_{number}", "inputSchema": {"type": "object"}}]}
    if "endless" in sys.argv or number < (2 if learnt else 1):
        page["nextCursor"] = str(number + 1)
    return page


for line in sys.stdin:
    request = json.loads(line)
    method, parameters = request["method"], request.get("params") or {}
    if method == "initialize":
        information = {"name": "old", "version": "1"}
        capabilities = {"tools": {"listChanged": True}}
        result = {"protocolVersion": "2025-06-18", "serverInfo": information, "capabilities": capabilities}
        send(id=request["id"], result=result)
    elif method == "tools/list":
        send(id=request["id"], result=tools(parameters.get("cursor")))
    elif method == "tools/call":
        learnt = True
        send(method="notifications/message", params={"level": "info", "data": "thinking"})
        send(method="notifications/tools/list_changed")
        content = [{"type": "text", "text": "one"}, {"type": "image", "data": "AAAA", "mimeType": "image/png"}]
        send(id=request["id"], result={"content": content, "isError": parameters["name"] == "tool_1"})
    elif "id" in request:
        send(id=request["id"], error={"code": -32601, "message": "unknown"})
