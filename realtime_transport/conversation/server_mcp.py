"""MCP servers of a session, as the server role sees them: listed once, called after the response that asks for it.

    item.added, mcp_list_tools.in_progress, mcp_list_tools.completed, item.done                     the listing
    response.done, response.mcp_call.in_progress, response.mcp_call.completed, item.done            a call

Nothing is reached from here: what has to be asked for leaves as a request, and comes back with ``listed`` and ``ran``.
No answer follows a call by itself; the client asks for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import attrs

from realtime_transport.conversation.server_errors import refusal
from realtime_transport.conversation.server_items import Entry, ItemChain
from realtime_transport.conversation.server_outbox import ServerOutbox
from realtime_transport.conversation.server_session import ServerSession
from realtime_transport.events.items import (
    Item,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpError,
    McpListToolsItem,
    McpToolInfo,
)
from realtime_transport.events.server_conversation import (
    ConversationItemAdded,
    ConversationItemDone,
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
)
from realtime_transport.events.server_response import (
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
)
from realtime_transport.events.tools import McpApprovalFilter, McpTool, McpToolFilter


@attrs.frozen(kw_only=True)
class McpListing:
    """Somebody is to ask a server for its tools, and to say so with ``listed``."""

    item_id: str
    tool: McpTool


@attrs.frozen(kw_only=True)
class McpRun:
    """Somebody is to run a tool, and to say so with ``ran``."""

    item_id: str
    tool: McpTool
    name: str
    arguments: str
    """JSON text."""


McpRequest: TypeAlias = McpListing | McpRun


@attrs.frozen(kw_only=True)
class McpResult:
    """What became of a call: its output, or why there is none."""

    output: str | None = None
    error: McpError | None = None


class ServerMcp:
    """The MCP servers of one session."""

    def __init__(self, out: ServerOutbox, session: ServerSession, chain: ItemChain) -> None:
        self.requests: list[McpRequest] = []
        """What is to be asked for; drained by the driver after every call."""
        self._out = out
        self._session = session
        self._chain = chain
        self._known: dict[str, McpTool] = {}
        """Label -> the server as it was when it was last listed."""
        # Bounded by the items of the conversation: one each.
        self._listing: dict[str, McpTool] = {}
        self._running: dict[str, tuple[McpCallItem, int]] = {}
        """Item id -> the call and its place in its response."""

    # --- listing -------------------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Follow an update of the session: a server that is new or has changed is asked for its tools."""
        for tool in self._session.realtime.tools or ():
            if isinstance(tool, McpTool) and self._known.get(tool.server_label) != tool:
                self._known[tool.server_label] = tool
                item = McpListToolsItem(id=self._out.ids("mcpl"), server_label=tool.server_label)
                self._add(item)
                self._listing[str(item.id)] = tool
                self._out.send(McpListToolsInProgress(item_id=str(item.id)))
                self.requests.append(McpListing(item_id=str(item.id), tool=tool))

    def listed(self, item_id: str, tools: Sequence[McpToolInfo] | None) -> None:
        """Take a server's tools, those aside that the session does not allow; None when they could not be had."""
        tool = self._listing.pop(item_id, None)
        entry = self._chain.get(item_id)
        if tool is None or entry is None:
            return
        known = tuple(info for info in tools or () if _fits(info, tool.allowed_tools))
        entry.item = McpListToolsItem(id=item_id, server_label=tool.server_label, tools=known)
        self._out.send(McpListToolsFailed(item_id=item_id) if tools is None else McpListToolsCompleted(item_id=item_id))
        self._done(item_id, entry.item)

    # --- calling -------------------------------------------------------------------------------------------------

    def needs_approval(self, server_label: str, name: str) -> bool:
        """Tell whether the client has to be asked first: it has, unless the session says otherwise."""
        tool = self._known.get(server_label)
        asked = tool.require_approval if tool is not None else None
        if isinstance(asked, McpApprovalFilter):
            never = asked.never or None
            if asked.always and name in (asked.always.tool_names or ()):
                return True
            return never is None or name not in (never.tool_names or ())
        return asked != "never"

    def run(self, item: McpCallItem, output_index: int = 0) -> None:
        """Run a call that was asked for, and approved where that is needed."""
        item_id = str(item.id)
        self._running[item_id] = (item, output_index)
        self._out.send(ResponseMcpCallInProgress(item_id=item_id, output_index=output_index))
        tool = self._known.get(item.server_label)
        if tool is None:
            message = f"There is no MCP server '{item.server_label}' in this session."
            self.ran(item_id, McpResult(error=McpError(type="protocol_error", code=-32602, message=message)))
            return
        self.requests.append(McpRun(item_id=item_id, tool=tool, name=item.name, arguments=item.arguments))

    def ran(self, item_id: str, result: McpResult) -> None:
        """Take what became of a call."""
        running = self._running.pop(item_id, None)
        if running is None:
            return
        item = attrs.evolve(running[0], output=result.output, error=result.error)
        where: dict[str, Any] = {"item_id": item_id, "output_index": running[1]}
        self._out.send(ResponseMcpCallCompleted(**where) if result.error is None else ResponseMcpCallFailed(**where))
        entry = self._chain.get(item_id)
        if entry is not None:
            entry.item = item
            self._done(item_id, item)

    # --- approving -----------------------------------------------------------------------------------------------

    def check_approval(self, answer: McpApprovalResponseItem) -> None:
        """Refuse, with the ServerError to be sent, an answer to what nobody asked."""
        asked = self._chain.get(answer.approval_request_id)
        if asked is None or not isinstance(asked.item, McpApprovalRequestItem):
            raise refusal("no_such_approval", param="item.approval_request_id", item_id=answer.approval_request_id)
        if any(_answers(entry.item, answer.approval_request_id) for entry in self._chain):
            raise refusal("approved_already", param="item.approval_request_id", item_id=answer.approval_request_id)

    def approve(self, answer: McpApprovalResponseItem) -> None:
        """Run what was approved. What was not runs never, and nothing more is said of it."""
        entry = self._chain.get(answer.approval_request_id)
        if not answer.approve or entry is None or not isinstance(entry.item, McpApprovalRequestItem):
            return
        call = McpCallItem(
            id=self._out.ids("mcp"),
            server_label=entry.item.server_label,
            name=entry.item.name,
            arguments=entry.item.arguments,
            approval_request_id=answer.approval_request_id,
            output=None,
            error=None,
        )
        self._add(call)
        self.run(call)

    # --- items ---------------------------------------------------------------------------------------------------

    def _add(self, item: Item) -> None:
        previous = self._chain.last
        self._chain.insert(str(item.id), Entry(item), previous)
        self._out.send(ConversationItemAdded(previous_item_id=previous, item=item))

    def _done(self, item_id: str, item: Item) -> None:
        self._out.send(ConversationItemDone(previous_item_id=self._chain.previous(item_id), item=item))


def _answers(item: Item, request_id: str) -> bool:
    return isinstance(item, McpApprovalResponseItem) and item.approval_request_id == request_id


def _fits(info: McpToolInfo, allowed: object) -> bool:
    """Tell whether a session allows a tool: by name, or because it only reads."""
    if isinstance(allowed, McpToolFilter):
        named = not allowed.tool_names or info.name in allowed.tool_names
        hints = cast("Mapping[str, object]", info.annotations or {})
        return named and (allowed.read_only is not True or hints.get("readOnlyHint") is True)
    return not isinstance(allowed, tuple) or info.name in allowed
