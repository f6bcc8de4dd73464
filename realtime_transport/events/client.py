"""What a client may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from realtime_transport.events.base import UNSET, Maybe, Value
from realtime_transport.events.items import Item
from realtime_transport.events.objects import NOTHING_EXTRA, size_only
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.session import RealtimeSessionConfig, TranscriptionSessionConfig


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ClientEvent(Value):
    """Base of everything a client sends."""

    type: ClassVar[str]
    """The event's name on the wire."""
    event_id: Maybe[str] = UNSET
    """Made by the client, at most 512 characters; the server's ``error`` frame names it."""
    extra: Mapping[str, Any] = attrs.field(default=NOTHING_EXTRA, hash=False)
    """Fields this library does not know, sent as they are."""
    raw: Mapping[str, Any] | None = attrs.field(default=None, eq=False, repr=False)
    """The frame as received (server role), None on an event made here."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class UnknownClientEvent(ClientEvent):
    """An event this library does not know, or could not read: sent exactly as ``raw`` says."""

    type: str  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride]  # known by name: a class variable; unknown: a value
    raw: Mapping[str, Any] = attrs.field(default=NOTHING_EXTRA, hash=False)  # pyright: ignore[reportIncompatibleVariableOverride]


# --- session -----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SessionUpdate(ClientEvent):
    """Change the session: only what is named changes. Answered with ``session.updated`` or one ``error``."""

    type = "session.update"
    session: RealtimeSessionConfig | TranscriptionSessionConfig


# --- the caller's audio ------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferAppend(ClientEvent):
    """Append audio to the input buffer. Never acknowledged; at most 15 MiB per event."""

    type = "input_audio_buffer.append"
    audio: bytes = attrs.field(repr=size_only)
    """In the input format of the session; base64 on the wire."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCommit(ClientEvent):
    """Make a user item of the buffer. An error when it holds less than 100 ms; does not ask for a response."""

    type = "input_audio_buffer.commit"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferClear(ClientEvent):
    """Throw the buffer away. Answered with ``input_audio_buffer.cleared``."""

    type = "input_audio_buffer.clear"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferClear(ClientEvent):
    """Stop what the server is playing (WebRTC and SIP only). Send ``response.cancel`` first."""

    type = "output_audio_buffer.clear"


# --- items -------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemCreate(ClientEvent):
    """Add an item. Answered with ``conversation.item.added``."""

    type = "conversation.item.create"
    item: Item
    previous_item_id: Maybe[str] = UNSET
    """Absent: at the end. ``"root"``: at the front. Else after that item, an error when it is unknown."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemRetrieve(ClientEvent):
    """Ask for an item with its audio. Answered with ``conversation.item.retrieved``."""

    type = "conversation.item.retrieve"
    item_id: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncate(ClientEvent):
    """Tell the server how much of the agent's audio was heard; it forgets the rest, and the transcript with it."""

    type = "conversation.item.truncate"
    item_id: str
    content_index: int = 0
    audio_end_ms: int
    """An inclusive duration in milliseconds; more than the item holds is an error."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDelete(ClientEvent):
    """Remove an item. Answered with ``conversation.item.deleted``."""

    type = "conversation.item.delete"
    item_id: str


# --- responses ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCreate(ClientEvent):
    """Ask for a response. An error while another one of the conversation is running."""

    type = "response.create"
    response: Maybe[ResponseOptions] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseCancel(ClientEvent):
    """Stop a response. Answered with ``response.done`` of status ``cancelled``."""

    type = "response.cancel"
    response_id: Maybe[str] = UNSET
    """Absent: the one of the conversation that is running."""
