"""Which event says what: one line for each row of the table."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.conversation.history import History
from realtime_transport.conversation.history_events import FACTS, apply
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    InputAudioPart,
    McpCallItem,
    OutputAudioPart,
    OutputTextPart,
    UserMessageItem,
)
from realtime_transport.events.response import Response
from realtime_transport.events.server import InputAudioBufferCleared, InputAudioBufferCommitted, ServerEvent
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

AGENT = AssistantMessageItem(id="a")
CALLER = UserMessageItem(id="u", content=(InputAudioPart(),))
CALL = FunctionCallItem(id="f", name="f")
MCP = McpCallItem(id="m", server_label="s", name="f")


def spoken(transcript: str | None = None, audio: bytes | None = None) -> tuple[OutputAudioPart]:
    return (OutputAudioPart(transcript=transcript) if audio is None else OutputAudioPart(audio=audio),)


def after(*events: ServerEvent) -> History:
    history = History(keep_audio=True)
    for item in (CALLER, AGENT, CALL, MCP):
        apply(history, ConversationItemAdded(item=item), 0.0)
    for event in events:
        apply(history, event, 0.0)
    return history


@pytest.mark.parametrize(
    ("event", "item_id", "field", "value"),
    [
        (ResponseOutputTextDelta(item_id="a", delta="x"), "a", "content", (OutputTextPart(text="x"),)),
        (ResponseOutputTextDone(item_id="a", text="x"), "a", "content", (OutputTextPart(text="x"),)),
        (ResponseOutputAudioTranscriptDelta(item_id="a", delta="x"), "a", "content", spoken("x")),
        (ResponseOutputAudioTranscriptDone(item_id="a", transcript="x"), "a", "content", spoken("x")),
        (ResponseOutputAudioDelta(item_id="a", delta=b"x"), "a", "content", spoken(audio=b"x")),
        (
            ResponseContentPartAdded(item_id="a", content_index=1, part=OutputTextPart(text="")),
            "a",
            "content",
            (OutputTextPart(), OutputTextPart(text="")),
        ),
        (
            ResponseContentPartDone(item_id="a", part=OutputTextPart(text="x")),
            "a",
            "content",
            (OutputTextPart(text="x"),),
        ),
        (
            ConversationItemInputAudioTranscriptionDelta(item_id="u", delta="x"),
            "u",
            "content",
            (InputAudioPart(transcript="x"),),
        ),
        (
            ConversationItemInputAudioTranscriptionCompleted(item_id="u", transcript="x"),
            "u",
            "content",
            (InputAudioPart(transcript="x"),),
        ),
        (ConversationItemInputAudioTranscriptionDelta(item_id="u"), "u", "content", (InputAudioPart(transcript=""),)),
        (ResponseFunctionCallArgumentsDelta(item_id="f", delta="x"), "f", "arguments", "x"),
        (ResponseFunctionCallArgumentsDone(item_id="f", arguments="x"), "f", "arguments", "x"),
        (ResponseFunctionCallArgumentsDone(arguments="x"), "f", "arguments", ""),
        (ResponseMcpCallArgumentsDelta(item_id="m", delta="x"), "m", "arguments", "x"),
        (ResponseMcpCallArgumentsDone(item_id="m", arguments="x"), "m", "arguments", "x"),
        (ConversationItemDone(item=AssistantMessageItem(id="a", status="x")), "a", "status", "x"),
        (ConversationItemRetrieved(item=AssistantMessageItem(id="a", status="x")), "a", "status", "x"),
        (ResponseOutputItemAdded(item=AssistantMessageItem(id="a", status="x")), "a", "status", "x"),
        (ResponseOutputItemDone(item=AssistantMessageItem(id="a", status="x")), "a", "status", "x"),
        (ResponseDone(response=Response(output=(AssistantMessageItem(id="a", status="x"),))), "a", "status", "x"),
    ],
)
def test_an_event_changes_its_item(event: ServerEvent, item_id: str, field: str, value: Any) -> None:
    history = after(event)
    assert getattr(history.get(item_id), field) == value
    assert [item.id for item in history.snapshot()] == ["u", "a", "f", "m"]


@pytest.mark.parametrize(
    "event",
    [
        ResponseOutputTextDelta(item_id="a", content_index=1, delta="x"),
        ResponseOutputTextDone(item_id="a", content_index=1, text="x"),
        ResponseOutputAudioTranscriptDelta(item_id="a", content_index=1, delta="x"),
        ResponseOutputAudioTranscriptDone(item_id="a", content_index=1, transcript="x"),
        ResponseOutputAudioDelta(item_id="a", content_index=1, delta=b"x"),
        ResponseContentPartDone(item_id="a", content_index=1, part=OutputTextPart(text="x")),
        ConversationItemInputAudioTranscriptionDelta(item_id="u", content_index=1, delta="x"),
        ConversationItemInputAudioTranscriptionCompleted(item_id="u", content_index=1, transcript="x"),
    ],
)
def test_an_event_changes_its_part(event: Any) -> None:
    item = after(event).get(event.item_id)
    assert isinstance(item, (AssistantMessageItem, UserMessageItem))
    assert len(item.content) == 2


@pytest.mark.parametrize(
    "event",
    [
        ResponseOutputTextDone(item_id="a", text="whole"),
        ResponseContentPartDone(item_id="a", part=OutputTextPart(text="whole")),
        ConversationItemDone(item=AssistantMessageItem(id="a", content=(OutputTextPart(text="whole"),))),
    ],
)
def test_an_end_counts_more_than_its_pieces(event: ServerEvent) -> None:
    history = after(ResponseOutputTextDelta(item_id="a", delta="piece"), event)
    assert history.get("a") == AssistantMessageItem(id="a", content=(OutputTextPart(text="whole"),))


@pytest.mark.parametrize(
    ("delta", "done"),
    [
        (ResponseFunctionCallArgumentsDelta, ResponseFunctionCallArgumentsDone),
        (ResponseMcpCallArgumentsDelta, ResponseMcpCallArgumentsDone),
    ],
)
def test_arguments_end_once(delta: type[Any], done: type[Any]) -> None:
    history = after(done(item_id="f", arguments="{}"), delta(item_id="f", delta="late"))
    assert (getattr(history.get("f"), "arguments", None), history.stale) == ("{}", 1)


def test_a_part_that_ends_empty_is_empty() -> None:
    ended = ResponseContentPartDone(item_id="a", part=OutputTextPart(text=""))
    history = after(ResponseOutputTextDelta(item_id="a", delta="wrong"), ended)
    assert history.get("a") == AssistantMessageItem(id="a", content=(OutputTextPart(text=""),))


def test_a_part_that_opens_does_not_erase_what_came_before() -> None:
    opened = ResponseContentPartAdded(item_id="a", part=OutputTextPart(text=""))
    history = after(ResponseOutputTextDelta(item_id="a", delta="early"), opened)
    assert history.get("a") == AssistantMessageItem(id="a", content=(OutputTextPart(text="early"),))


@pytest.mark.parametrize("kind", [ConversationItemAdded, ConversationItemCreated])
def test_only_added_says_where_an_item_stands(kind: type[Any]) -> None:
    history = after(kind(item=AssistantMessageItem(id="b"), previous_item_id="u"))
    assert history.index_of("b") == 1
    # Live servers say null where the item before is the first of the conversation.
    apply(history, ConversationItemDone(item=AssistantMessageItem(id="b"), previous_item_id=None), 0.0)
    assert history.index_of("b") == 1
    later = after(kind(item=AssistantMessageItem(id="b"), previous_item_id="missing"))
    assert later.next_deadline() == 5.0


def test_an_item_that_is_done_takes_no_more_words() -> None:
    for event in (
        ConversationItemDone(item=AGENT),
        ResponseOutputItemDone(item=AGENT),
        ConversationItemRetrieved(item=AGENT),
    ):
        history = after(event, ResponseOutputTextDelta(item_id="a", delta="late"))
        assert (history.get("a"), history.stale) == (AGENT, 1)


def test_a_commit_gives_the_callers_turn_its_place() -> None:
    history = after(InputAudioBufferCommitted(item_id="v"), InputAudioBufferCommitted())
    assert history.snapshot()[-1] == UserMessageItem(id="v", status="completed", content=(InputAudioPart(),))
    assert len(history) == 5
    apply(history, ConversationItemInputAudioTranscriptionCompleted(item_id="v", transcript="hi"), 0.0)
    item = history.get("v")
    assert isinstance(item, UserMessageItem)
    assert item.content == (InputAudioPart(transcript="hi"),)


def test_servers_that_say_nothing_before_the_end() -> None:
    history = History()
    apply(history, ResponseDone(response=Response(output=(AGENT, CALL))), 0.0)
    apply(history, ResponseDone(response=Response(output=None)), 0.0)
    assert history.snapshot() == (AGENT, CALL)


def test_a_truncation() -> None:
    history = after(
        ResponseOutputAudioTranscriptDone(item_id="a", content_index=1, transcript="x"),
        ConversationItemTruncated(item_id="a", content_index=1, audio_end_ms=300),
    )
    entry = history.entry("a")
    assert entry is not None
    assert entry.heard_ms == 300
    history = after(ConversationItemTruncated(item_id="a"))
    entry = history.entry("a")
    assert entry is not None
    assert entry.heard_ms is None


def test_a_deletion() -> None:
    assert [item.id for item in after(ConversationItemDeleted(item_id="a")).snapshot()] == ["u", "f", "m"]


def test_other_events_say_nothing() -> None:
    assert InputAudioBufferCleared not in FACTS
    before = after().snapshot()
    assert after(InputAudioBufferCleared()).snapshot() == before
