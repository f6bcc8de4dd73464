"""What the model may call: functions, hosted MCP servers, and how it has to choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.objects import ProtocolObject, UnknownObject


@attrs.frozen(kw_only=True, eq=False, repr=False)
class FunctionTool(ProtocolObject):
    """A function that the client runs."""

    type: ClassVar[str] = "function"
    name: str
    description: Maybe[str] = UNSET
    """When and how to call it; the server takes at most 1024 characters."""
    parameters: Maybe[Mapping[str, Any]] = UNSET
    """JSON schema of the arguments."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpToolFilter(ProtocolObject):
    """Some of an MCP server's tools: those named, those that only read, or both."""

    tool_names: Maybe[tuple[str, ...]] = UNSET
    read_only: Maybe[bool] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpApprovalFilter(ProtocolObject):
    """Which of an MCP server's tools need an approval before they run."""

    always: Maybe[McpToolFilter] = UNSET
    never: Maybe[McpToolFilter] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpTool(ProtocolObject):
    """A hosted MCP server: the model's server talks to it, the client does not."""

    type: ClassVar[str] = "mcp"
    server_label: str
    """Names the server in items and tool choice."""
    server_url: Maybe[str] = UNSET
    """One of ``server_url``, ``connector_id`` and ``tunnel_id`` is needed."""
    connector_id: Maybe[str] = UNSET
    """``connector_dropbox``, ``connector_gmail``, ..."""
    tunnel_id: Maybe[str] = UNSET
    server_description: Maybe[str] = UNSET
    authorization: Maybe[str] = attrs.field(default=UNSET, repr=False)
    """OAuth access token for the server: a secret, never logged and never echoed."""
    headers: Maybe[Mapping[str, str]] = attrs.field(default=UNSET, repr=False)
    """HTTP headers for the server: may hold secrets, never logged."""
    allowed_tools: Maybe[tuple[str, ...] | McpToolFilter] = UNSET
    require_approval: Maybe[Literal["always", "never"] | str | McpApprovalFilter] = UNSET
    """The server's default is ``always``."""
    allowed_callers: Maybe[tuple[Literal["direct", "programmatic"] | str, ...]] = UNSET
    defer_loading: Maybe[bool] = UNSET
    """List the server's tools only when the model looks for one."""


Tool: TypeAlias = FunctionTool | McpTool | UnknownObject


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceFunction(ProtocolObject):
    """Make the model call this function."""

    type: ClassVar[str] = "function"
    name: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceMcp(ProtocolObject):
    """Make the model call a tool of this MCP server."""

    type: ClassVar[str] = "mcp"
    server_label: str
    name: Maybe[str] = UNSET
    """One tool of the server; any of them when absent."""


ToolChoice: TypeAlias = Literal["none", "auto", "required"] | str | ToolChoiceFunction | ToolChoiceMcp | UnknownObject
