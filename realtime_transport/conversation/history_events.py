"""Which server event says what about the history: one table.

An event that is not in the table says nothing about it. Events of responses outside the conversation must not be given
to ``apply``: their items belong to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from realtime_transport.conversation.history import History
from realtime_transport.events.items import InputAudioPart, UserMessageItem
from realtime_transport.events.server import InputAudioBufferCommitted, ServerEvent
from realtime_transport.events.server_conversation import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemRetrieved,
    ConversationItemTruncated,
)
from realtime_transport.events.server_response import (
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
)

Fact: TypeAlias = Callable[[History, Any, float], None]


def apply(history: History, event: ServerEvent, now: float) -> None:
    """Tell ``history`` what ``event`` says about it, if anything. Never raises."""
    fact = FACTS.get(type(event))
    if fact is not None:
        fact(history, event, now)


# --- items -------------------------------------------------------------------------------------------------------


def _added(history: History, event: ConversationItemAdded | ConversationItemCreated, now: float) -> None:
    history.added(event.item, event.previous_item_id, now)


def _done(
    history: History, event: ConversationItemDone | ConversationItemRetrieved | ResponseOutputItemDone, now: float
) -> None:
    """Where ``done`` says who comes before, it is not believed: live servers say ``null`` for the second item."""
    history.completed(event.item)


def _opened(history: History, event: ResponseOutputItemAdded, now: float) -> None:
    history.opened(event.item)


def _response_done(history: History, event: ResponseDone, now: float) -> None:
    """Complete the items of servers that say nothing before the end."""
    for item in event.response.output or ():
        history.completed(item)


def _committed(history: History, event: InputAudioBufferCommitted, now: float) -> None:
    """Give the caller's turn its place at once: some servers never announce its item."""
    if event.item_id:
        history.opened(UserMessageItem(id=event.item_id, status="completed", content=(InputAudioPart(),)))


def _truncated(history: History, event: ConversationItemTruncated, now: float) -> None:
    audio_end_ms = event.audio_end_ms
    history.truncated(event.item_id, event.content_index, audio_end_ms if isinstance(audio_end_ms, int) else None)


def _deleted(history: History, event: ConversationItemDeleted, now: float) -> None:
    history.deleted(event.item_id)


# --- content -----------------------------------------------------------------------------------------------------


def _part_added(history: History, event: ResponseContentPartAdded, now: float) -> None:
    history.part(event.item_id, event.content_index, event.part, final=False)


def _part_done(history: History, event: ResponseContentPartDone, now: float) -> None:
    history.part(event.item_id, event.content_index, event.part, final=True)


def _text_delta(history: History, event: ResponseOutputTextDelta, now: float) -> None:
    history.grow(event.item_id, event.content_index, "text", event.delta)


def _text_done(history: History, event: ResponseOutputTextDone, now: float) -> None:
    history.settle(event.item_id, event.content_index, "text", event.text)


def _transcript_delta(history: History, event: ResponseOutputAudioTranscriptDelta, now: float) -> None:
    history.grow(event.item_id, event.content_index, "transcript", event.delta)


def _transcript_done(history: History, event: ResponseOutputAudioTranscriptDone, now: float) -> None:
    history.settle(event.item_id, event.content_index, "transcript", event.transcript)


def _audio_delta(history: History, event: ResponseOutputAudioDelta, now: float) -> None:
    history.grow(event.item_id, event.content_index, "audio", event.delta)


def _caller_delta(history: History, event: ConversationItemInputAudioTranscriptionDelta, now: float) -> None:
    history.grow(event.item_id, event.content_index, "transcript", event.delta or "")


def _caller_done(history: History, event: ConversationItemInputAudioTranscriptionCompleted, now: float) -> None:
    history.settle(event.item_id, event.content_index, "transcript", event.transcript)


# --- calls -------------------------------------------------------------------------------------------------------


def _arguments_delta(
    history: History, event: ResponseFunctionCallArgumentsDelta | ResponseMcpCallArgumentsDelta, now: float
) -> None:
    history.grow(event.item_id, 0, "arguments", event.delta)


def _arguments_done(
    history: History, event: ResponseFunctionCallArgumentsDone | ResponseMcpCallArgumentsDone, now: float
) -> None:
    if event.item_id:
        history.settle(event.item_id, 0, "arguments", event.arguments)


FACTS: Final[Mapping[type[ServerEvent], Fact]] = {
    ConversationItemAdded: _added,
    ConversationItemCreated: _added,
    ConversationItemDone: _done,
    ConversationItemRetrieved: _done,
    ConversationItemTruncated: _truncated,
    ConversationItemDeleted: _deleted,
    ConversationItemInputAudioTranscriptionDelta: _caller_delta,
    ConversationItemInputAudioTranscriptionCompleted: _caller_done,
    InputAudioBufferCommitted: _committed,
    ResponseOutputItemAdded: _opened,
    ResponseOutputItemDone: _done,
    ResponseDone: _response_done,
    ResponseContentPartAdded: _part_added,
    ResponseContentPartDone: _part_done,
    ResponseOutputTextDelta: _text_delta,
    ResponseOutputTextDone: _text_done,
    ResponseOutputAudioDelta: _audio_delta,
    ResponseOutputAudioTranscriptDelta: _transcript_delta,
    ResponseOutputAudioTranscriptDone: _transcript_done,
    ResponseFunctionCallArgumentsDelta: _arguments_delta,
    ResponseFunctionCallArgumentsDone: _arguments_done,
    ResponseMcpCallArgumentsDelta: _arguments_delta,
    ResponseMcpCallArgumentsDone: _arguments_done,
}
