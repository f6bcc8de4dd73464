"""What a complete item asks of the application or tells it, each once: a call, an approval, an MCP result.

Servers report one item up to four times (``output_item.done``, ``conversation.item.done``, ``response.done``, and the
MCP events), in varying order, and leave out any of them. Whichever comes first with all that is needed tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from realtime_transport.conversation.core import Core
from realtime_transport.events.items import (
    FunctionCallItem,
    Item,
    McpApprovalRequestItem,
    McpCallItem,
    McpListToolsItem,
)
from realtime_transport.events.transport import (
    FunctionCallEvent,
    McpApprovalRequestEvent,
    McpToolCallCompletedEvent,
    McpToolsListedEvent,
)
from realtime_transport.exceptions import ProtocolError

Tell: TypeAlias = Callable[[Core, Any, str, "str | None"], None]


def tell_item(core: Core, item: Item, response_id: str | None) -> None:
    """Tell what a complete item asks for; nothing for items that ask for nothing, or were told."""
    tell = _NEWS.get(type(item))
    if tell is not None:
        tell(core, item, item.id or "", response_id)


def _function_call(core: Core, item: FunctionCallItem, item_id: str, response_id: str | None) -> None:
    """A call that was cut off in the middle does not exist; one without a response is history, restored."""
    call_id = item.call_id or item_id
    if item.status == "incomplete" or response_id is None:
        return
    is_new = core.told.add((FunctionCallEvent, call_id))
    says_new = core.told.add((FunctionCallItem, f"{call_id} {item.name} {item.arguments}"))
    if not is_new:
        if says_new:
            core.outbox.report(ProtocolError(f"call {call_id!r} came again and says something else; the first counts"))
        return
    core.emit(
        FunctionCallEvent(
            call_id=call_id, call_name=item.name, arguments=item.arguments, item_id=item_id, response_id=response_id
        )
    )


def _approval(core: Core, item: McpApprovalRequestItem, item_id: str, response_id: str | None) -> None:
    if core.told.add((McpApprovalRequestEvent, item_id)):
        core.emit(
            McpApprovalRequestEvent(
                approval_request_id=item_id,
                server_label=item.server_label,
                tool_name=item.name,
                arguments=item.arguments,
            )
        )


def _tools(core: Core, item: McpListToolsItem, item_id: str, response_id: str | None) -> None:
    """An empty list is not told here: the listing may have failed, and ``mcp_list_tools.completed`` will say."""
    if item.tools and core.told.add((McpToolsListedEvent, item_id)):
        core.emit(McpToolsListedEvent(item=item))


def _mcp_call(core: Core, item: McpCallItem, item_id: str, response_id: str | None) -> None:
    """Without output and error it has not run yet: ``response.done`` often comes before."""
    if (item.output or item.error) and core.told.add((McpToolCallCompletedEvent, item_id)):
        core.emit(McpToolCallCompletedEvent(item=item, failed=bool(item.error)))


_NEWS: Final[Mapping[type[Any], Tell]] = {
    FunctionCallItem: _function_call,
    McpApprovalRequestItem: _approval,
    McpListToolsItem: _tools,
    McpCallItem: _mcp_call,
}
