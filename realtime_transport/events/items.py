"""What a conversation is made of: messages, calls, their outputs, and the steps of hosted MCP.

The same classes are sent (``conversation.item.create``) and received. Ids may be made by either side; ours have at
most 32 characters, the server's have 26.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.objects import ProtocolObject, size_only

ItemStatus: TypeAlias = Literal["completed", "incomplete", "in_progress"] | str


# --- content parts -----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputTextPart(ProtocolObject):
    """Text of a system or user message."""

    type: ClassVar[str] = "input_text"
    text: Maybe[str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioPart(ProtocolObject):
    """The caller's audio. The server echoes its transcript, and the audio itself only in ``item.retrieved``."""

    type: ClassVar[str] = "input_audio"
    audio: Maybe[bytes] = attrs.field(default=UNSET, repr=size_only)
    """In the input format of the session; base64 on the wire."""
    transcript: Maybe[str] = UNSET
    """``None`` until the transcription is there."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputImagePart(ProtocolObject):
    """A picture for the model to look at."""

    type: ClassVar[str] = "input_image"
    image_url: Maybe[str] = UNSET
    """A ``data:`` URL of PNG or JPEG."""
    detail: Maybe[Literal["auto", "low", "high"] | str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputTextPart(ProtocolObject):
    """Text that the agent wrote."""

    type: Literal["output_text", "text"] | str = "output_text"
    """``output_text`` in items; ``text`` in ``response.content_part.*`` and everywhere in beta."""
    text: Maybe[str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioPart(ProtocolObject):
    """Speech of the agent. Ordinary events carry its transcript only; the bytes come as deltas."""

    type: Literal["output_audio", "audio"] | str = "output_audio"
    """``output_audio`` in items; ``audio`` in ``response.content_part.*`` and everywhere in beta."""
    audio: Maybe[bytes] = attrs.field(default=UNSET, repr=size_only)
    transcript: Maybe[str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnknownPart(ProtocolObject):
    """A part of a kind newer than this library, kept whole in ``extra``."""

    type: str = ""


ContentPart: TypeAlias = (
    InputTextPart | InputAudioPart | InputImagePart | OutputTextPart | OutputAudioPart | UnknownPart
)

# --- messages ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SystemMessageItem(ProtocolObject):
    """A message that instructs the model in the middle of a conversation."""

    type: ClassVar[str] = "message"
    role: ClassVar[str] = "system"
    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[ItemStatus] = UNSET
    content: tuple[ContentPart, ...] = ()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UserMessageItem(ProtocolObject):
    """What the caller said, wrote or showed."""

    type: ClassVar[str] = "message"
    role: ClassVar[str] = "user"
    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[ItemStatus] = UNSET
    content: tuple[ContentPart, ...] = ()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AssistantMessageItem(ProtocolObject):
    """What the agent said or wrote. A client can create its text, never its audio."""

    type: ClassVar[str] = "message"
    role: ClassVar[str] = "assistant"
    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[ItemStatus] = UNSET
    content: tuple[ContentPart, ...] = ()
    phase: Maybe[Literal["commentary", "final_answer"] | str] = UNSET
    """Reasoning models say whether this is talk on the way or the answer (seen live on ``gpt-realtime-2``)."""


# --- functions ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class FunctionCallItem(ProtocolObject):
    """The model calls a function of the client."""

    type: ClassVar[str] = "function_call"
    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[ItemStatus] = UNSET
    call_id: Maybe[str] = UNSET
    """Ties the output to the call; at most 32 characters."""
    name: str
    """As the model spelt it; no such function may exist."""
    arguments: str = ""
    """JSON text as the model wrote it; it may not parse. Empty while the call is still being written."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class FunctionCallOutputItem(ProtocolObject):
    """What the function returned. The model goes on only after a ``response.create``."""

    type: ClassVar[str] = "function_call_output"
    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    status: Maybe[ItemStatus] = UNSET
    call_id: str
    """Must be known to the server, else ``invalid_tool_call_id``."""
    output: str
    """Free text; JSON by custom."""


# --- hosted MCP --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpToolInfo(ProtocolObject):
    """One tool of an MCP server, as the server lists it."""

    name: str
    input_schema: Any = UNSET
    """JSON schema of its arguments."""
    description: Maybe[str] = UNSET
    annotations: Any = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpListToolsItem(ProtocolObject):
    """The tools of an MCP server. ``tools`` fills when the listing is done."""

    type: ClassVar[str] = "mcp_list_tools"
    id: Maybe[str] = UNSET
    server_label: str
    tools: tuple[McpToolInfo, ...] = ()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpError(ProtocolObject):
    """Why a call failed: the server could not be reached, broke the protocol, or its tool failed."""

    type: Literal["protocol_error", "tool_execution_error", "http_error"] | str
    message: Maybe[str] = UNSET
    code: Maybe[int] = UNSET
    """JSON-RPC code or HTTP status; a tool's own failure has none."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpCallItem(ProtocolObject):
    """A call of an MCP tool, run by the model's server; holds its output or its error once it ran."""

    type: ClassVar[str] = "mcp_call"
    id: Maybe[str] = UNSET
    server_label: str
    name: str
    arguments: str = ""
    """JSON text."""
    approval_request_id: Maybe[str] = UNSET
    """The approval request that let it run, if one was needed."""
    output: Maybe[str] = UNSET
    error: Maybe[McpError | str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpApprovalRequestItem(ProtocolObject):
    """The server asks whether it may run an MCP tool. Nothing runs until a client answers."""

    type: ClassVar[str] = "mcp_approval_request"
    id: Maybe[str] = UNSET
    server_label: str
    name: str
    arguments: str = ""
    """JSON text."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpApprovalResponseItem(ProtocolObject):
    """The client's answer to an approval request."""

    type: ClassVar[str] = "mcp_approval_response"
    id: Maybe[str] = UNSET
    approval_request_id: str
    approve: bool
    reason: Maybe[str] = UNSET


# --- the rest ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnknownItem(ProtocolObject):
    """An item of a kind newer than this library, or one that could not be read: kept whole in ``extra``."""

    type: str = ""
    id: Maybe[str] = UNSET


Item: TypeAlias = (
    SystemMessageItem
    | UserMessageItem
    | AssistantMessageItem
    | FunctionCallItem
    | FunctionCallOutputItem
    | McpListToolsItem
    | McpCallItem
    | McpApprovalRequestItem
    | McpApprovalResponseItem
    | UnknownItem
)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ItemReference(ProtocolObject):
    """Points at an item of the conversation; only in ``input`` of ``response.create``."""

    type: ClassVar[str] = "item_reference"
    id: str


InputItem: TypeAlias = Item | ItemReference
"""What ``input`` of ``response.create`` may hold."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Conversation(ProtocolObject):
    """The conversation itself, as ``conversation.created`` names it."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
