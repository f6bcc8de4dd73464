"""What a server may say about the conversation, its items and their transcription."""

from __future__ import annotations

import attrs

from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.items import Conversation, Item
from realtime_transport.events.server import ErrorDetail, ServerEvent
from realtime_transport.events.usage import LogProb, TranscriptionLanguage, TranscriptionUsage


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationCreated(ServerEvent):
    """The conversation exists. In the schema, but OpenAI GA does not send it; xAI does."""

    type = "conversation.created"
    conversation: Conversation


# --- items -------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemCreated(ServerEvent):
    """An item is in the conversation: beta's only word for it, sent once, at its start."""

    type = "conversation.item.created"
    item: Item
    previous_item_id: Maybe[str] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemAdded(ServerEvent):
    """An item is in the conversation; a generated one is still being filled."""

    type = "conversation.item.added"
    item: Item
    previous_item_id: Maybe[str] = UNSET
    """Its place: ``None`` at the front, absent after the last. This one is right; that of ``done`` is not always."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDone(ServerEvent):
    """An item is complete."""

    type = "conversation.item.done"
    item: Item
    previous_item_id: Maybe[str] = UNSET
    """Not to be trusted: live servers send ``None`` where ``added`` named an item."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemRetrieved(ServerEvent):
    """The item that was asked for, audio included."""

    type = "conversation.item.retrieved"
    item: Item


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncated(ServerEvent):
    """The server forgot what was not heard of an item."""

    type = "conversation.item.truncated"
    item_id: str
    content_index: int = 0
    audio_end_ms: Maybe[int] = UNSET
    """What is kept, in milliseconds."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDeleted(ServerEvent):
    """An item left the conversation."""

    type = "conversation.item.deleted"
    item_id: str


# --- transcription of the caller: at its own pace, before, between or after the events of the answer --------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionDelta(ServerEvent):
    """More words of the caller. May come before the item, even before ``speech_stopped``."""

    type = "conversation.item.input_audio_transcription.delta"
    item_id: str
    content_index: int = 0
    delta: Maybe[str] = UNSET
    logprobs: Maybe[tuple[LogProb, ...]] = UNSET
    obfuscation: Maybe[str] = UNSET
    """Random padding against guessing words from frame sizes; ignore it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionSegment(ServerEvent):
    """A stretch of speech with its speaker (diarising models)."""

    type = "conversation.item.input_audio_transcription.segment"
    item_id: str
    content_index: int = 0
    id: Maybe[str] = UNSET
    speaker: Maybe[str] = UNSET
    start: Maybe[float] = UNSET
    """Seconds from the start of the item's audio."""
    end: Maybe[float] = UNSET
    text: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionCompleted(ServerEvent):
    """The caller's words, final; empty when there was nothing to understand."""

    type = "conversation.item.input_audio_transcription.completed"
    item_id: str
    content_index: int = 0
    transcript: str
    usage: Maybe[TranscriptionUsage] = UNSET
    logprobs: Maybe[tuple[LogProb, ...]] = UNSET
    languages: Maybe[tuple[TranscriptionLanguage, ...]] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionFailed(ServerEvent):
    """The caller's words could not be transcribed; the conversation goes on."""

    type = "conversation.item.input_audio_transcription.failed"
    item_id: str
    content_index: int = 0
    error: ErrorDetail


# --- listing of hosted MCP tools ---------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpListToolsInProgress(ServerEvent):
    """The server is asking an MCP server for its tools."""

    type = "mcp_list_tools.in_progress"
    item_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpListToolsCompleted(ServerEvent):
    """An MCP server's tools are known; the item's own ``done`` carries them."""

    type = "mcp_list_tools.completed"
    item_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class McpListToolsFailed(ServerEvent):
    """An MCP server's tools could not be listed; turns go on without them."""

    type = "mcp_list_tools.failed"
    item_id: str
