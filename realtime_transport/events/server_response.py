"""What a server may say about a response: its items, their parts, their deltas, and the calls in it.

``response_id`` is ``Maybe`` throughout and the indices default to 0: sparse servers leave them out.
"""

from __future__ import annotations

import attrs

from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.items import ContentPart, Item
from realtime_transport.events.objects import size_only
from realtime_transport.events.response import Response
from realtime_transport.events.server import ServerEvent


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCreated(ServerEvent):
    """A response began: status ``in_progress``, no output yet."""

    type = "response.created"
    response: Response


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseDone(ServerEvent):
    """A response ended, whatever its end; nothing more of it follows, except hosted MCP results."""

    type = "response.done"
    response: Response


# --- items and parts ---------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemAdded(ServerEvent):
    """The response has a new item; several may be open at a time."""

    type = "response.output_item.added"
    response_id: Maybe[str] = UNSET
    output_index: int = 0
    item: Item


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemDone(ServerEvent):
    """An item is complete; ``incomplete`` when it was cut. Comes after ``conversation.item.done``."""

    type = "response.output_item.done"
    response_id: Maybe[str] = UNSET
    output_index: int = 0
    item: Item


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartAdded(ServerEvent):
    """An item has a new part, empty yet. Sparse servers never send it."""

    type = "response.content_part.added"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0
    part: ContentPart


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartDone(ServerEvent):
    """A part is complete."""

    type = "response.content_part.done"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0
    part: ContentPart


# --- speech ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioDelta(ServerEvent):
    """More speech, usually faster than it plays."""

    type = "response.output_audio.delta"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0
    delta: bytes = attrs.field(repr=size_only)
    """In the output format of the session. May end in the middle of a sample: the next delta goes on there."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioDone(ServerEvent):
    """All speech of a part was generated; it carries none itself."""

    type = "response.output_audio.done"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioTranscriptDelta(ServerEvent):
    """More words of the speech; usually ahead of the audio."""

    type = "response.output_audio_transcript.delta"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0
    delta: str
    obfuscation: Maybe[str] = UNSET
    """Random padding against guessing words from frame sizes; ignore it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputAudioTranscriptDone(ServerEvent):
    """All words of the speech."""

    type = "response.output_audio_transcript.done"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0
    transcript: str


# --- text --------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextDelta(ServerEvent):
    """More of a written answer."""

    type = "response.output_text.delta"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0
    delta: str
    obfuscation: Maybe[str] = UNSET
    """Random padding against guessing words from frame sizes; ignore it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextDone(ServerEvent):
    """A written answer, whole."""

    type = "response.output_text.done"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    content_index: int = 0
    text: str


# --- function calls ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDelta(ServerEvent):
    """More of a call's arguments."""

    type = "response.function_call_arguments.delta"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    call_id: Maybe[str] = UNSET
    delta: str
    obfuscation: Maybe[str] = UNSET
    """Random padding against guessing words from frame sizes; ignore it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDone(ServerEvent):
    """All of a call's arguments. The call itself is complete with its item."""

    type = "response.function_call_arguments.done"
    response_id: Maybe[str] = UNSET
    item_id: Maybe[str] = UNSET
    output_index: int = 0
    call_id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    """Absent from several servers; the item has it."""
    arguments: str


# --- hosted MCP calls --------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDelta(ServerEvent):
    """More of an MCP call's arguments."""

    type = "response.mcp_call_arguments.delta"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    delta: str
    obfuscation: Maybe[str] = UNSET
    """Random padding against guessing words from frame sizes; ignore it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDone(ServerEvent):
    """All of an MCP call's arguments."""

    type = "response.mcp_call_arguments.done"
    response_id: Maybe[str] = UNSET
    item_id: str
    output_index: int = 0
    arguments: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallInProgress(ServerEvent):
    """The server runs an MCP call; often after ``response.done``."""

    type = "response.mcp_call.in_progress"
    item_id: str
    output_index: int = 0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallCompleted(ServerEvent):
    """An MCP call ran; its item has the output. No spoken follow-up comes by itself."""

    type = "response.mcp_call.completed"
    item_id: str
    output_index: int = 0


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallFailed(ServerEvent):
    """An MCP call failed or was denied; its item has the error."""

    type = "response.mcp_call.failed"
    item_id: str
    output_index: int = 0
