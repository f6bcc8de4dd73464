"""Items of the conversation as the server tells of them."""

import attrs
import pytest

from realtime_transport.events import (
    UNSET,
    Conversation,
    ConversationCreated,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    InputTextPart,
    ItemDeletedEvent,
    ItemUpdateEvent,
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
    McpListToolsItem,
    McpToolInfo,
    McpToolsFailedEvent,
    McpToolsListedEvent,
    UserMessageItem,
)
from realtime_transport.events.base import Maybe
from tests.conversation.client_case import Case, message

HELLO = UserMessageItem(id="item_u", content=(InputTextPart(text="Hello"),))
EMPTY_LIST = McpListToolsItem(id="item_m", server_label="docs")
TOOLS = McpListToolsItem(id="item_m", server_label="docs", tools=(McpToolInfo(name="search"),))


def test_added_places_an_item_and_settles_its_creation() -> None:
    case = Case()
    event_id = case.do("create_item", HELLO)
    answer = ConversationItemAdded(item=HELLO, previous_item_id=None)
    case.server(answer)
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result is answer
    assert case.heard(ItemUpdateEvent) == [ItemUpdateEvent(item=HELLO, index=0, added=True)]


def test_late_news_of_an_item_that_has_to_go_do_not_settle_the_one_after_it() -> None:
    case = Case()
    case.do("create_item", HELLO)
    case.server(ConversationItemAdded(item=HELLO, previous_item_id=None))
    case.clear()
    anew = attrs.evolve(HELLO, content=(InputTextPart(text="Goodbye"),))
    event_id = case.do("reset_history", [anew])
    case.server(
        ConversationItemDone(item=HELLO), ConversationItemAdded(item=HELLO), ConversationItemDeleted(item_id="item_u")
    )
    assert case.settled == {}
    case.server(ConversationItemAdded(item=anew, previous_item_id=None))
    assert case.settled == {event_id: "acknowledged"}
    assert case.talk.history == (anew,)


def test_an_item_that_is_to_be_deleted_is_created_first() -> None:
    case = Case()
    created, deleted = case.do("create_item", HELLO), case.do("delete_item", "item_u")
    case.server(ConversationItemAdded(item=HELLO, previous_item_id=None))
    assert case.settled == {created: "acknowledged"}
    case.server(ConversationItemDeleted(item_id="item_u"))
    assert case.settled == {created: "acknowledged", deleted: "acknowledged"}


def test_the_betas_word_for_it_does_the_same() -> None:
    case = Case()
    event_id = case.do("create_item", HELLO)
    case.server(ConversationItemCreated(item=HELLO))
    assert case.settled == {event_id: "acknowledged"}


def test_done_alone_does_the_same() -> None:
    case = Case()
    event_id = case.do("create_item", HELLO)
    answer = ConversationItemDone(item=HELLO)
    case.server(answer)
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result is answer
    assert case.talk.history == (HELLO,)


def test_an_item_without_an_id_is_nobodys() -> None:
    case = Case()
    event_id = case.do("create_item", HELLO)
    case.server(ConversationItemAdded(item=UserMessageItem()), ConversationItemRetrieved(item=UserMessageItem()))
    assert event_id not in case.settled


def test_fm48_an_item_whose_predecessor_never_comes_is_placed_in_the_end() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=HELLO, previous_item_id="item_missing"))
    assert case.talk.history == ()
    case.wait(10.0)
    assert case.talk.history == (HELLO,)
    entry = case.talk.history_entry("item_u")
    assert entry is not None
    assert entry.uncertain


def test_fm50_the_late_end_of_a_deleted_item_does_not_bring_it_back() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=HELLO), ConversationItemDeleted(item_id="item_u"))
    case.server(ConversationItemDone(item=HELLO), ConversationItemDone(item=HELLO))
    assert case.talk.history == ()
    assert case.talk.counts.stale == 2


def test_deleted_settles_and_is_told() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=HELLO))
    event_id = case.do("delete_item", "item_u")
    case.server(ConversationItemDeleted(item_id="item_u"))
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result == ConversationItemDeleted(item_id="item_u")
    assert case.heard(ItemDeletedEvent) == [ItemDeletedEvent(item_id="item_u")]


def test_retrieved_settles_with_the_item() -> None:
    case = Case()
    event_id = case.do("retrieve_item", "item_u")
    answer = ConversationItemRetrieved(item=HELLO)
    case.server(answer)
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result is answer


def test_truncated_is_recorded_also_when_the_server_did_it_by_itself() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=message("item_a", transcript="one two")))
    case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=400))
    entry = case.talk.history_entry("item_a")
    assert entry is not None
    assert entry.heard_ms == 400


def test_truncated_settles() -> None:
    case = Case()
    case.turn(1.0, ours=False)
    event_id = case.do("truncate_item", "item_a", 0, 400)
    answer = ConversationItemTruncated(item_id="item_a", audio_end_ms=400)
    case.server(answer)
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result is answer


def test_the_conversation_itself_is_nothing_to_tell() -> None:
    case = Case()
    case.server(ConversationCreated(conversation=Conversation(id="conv_1")))
    assert case.events == []


# --- hosted tools ------------------------------------------------------------------------------------------------


def test_tools_are_told_when_their_item_is_complete_before_or_after_the_listing() -> None:
    for order in ("done first", "completed first"):
        case = Case()
        case.server(ConversationItemAdded(item=EMPTY_LIST), McpListToolsInProgress(item_id="item_m"))
        done, completed = ConversationItemDone(item=TOOLS), McpListToolsCompleted(item_id="item_m")
        case.server(*((done, completed) if order == "done first" else (completed, done)))
        assert case.heard(McpToolsListedEvent) == [McpToolsListedEvent(item=TOOLS)], order


def test_tools_that_were_filled_in_by_a_retrieval_are_told_with_the_listing() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=EMPTY_LIST), ConversationItemRetrieved(item=TOOLS))
    case.server(McpListToolsCompleted(item_id="item_m"), McpListToolsCompleted(item_id="item_m"))
    assert case.heard(McpToolsListedEvent) == [McpToolsListedEvent(item=TOOLS)]


def test_a_listing_of_an_item_that_is_not_here_is_not_told() -> None:
    case = Case()
    case.server(McpListToolsCompleted(item_id="item_m"))
    assert case.events == []


def test_a_failed_listing_is_told() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=EMPTY_LIST), ConversationItemDone(item=EMPTY_LIST))
    case.server(McpListToolsFailed(item_id="item_m"))
    assert case.heard(McpToolsFailedEvent) == [McpToolsFailedEvent(item_id="item_m")]
    assert case.heard(McpToolsListedEvent) == []


# --- truncation ------------------------------------------------------------------------------------------------------


def test_the_words_that_a_truncation_leaves_are_known() -> None:
    """Also when the application asks for it, and nothing interrupted the sound."""
    case = Case()
    case.turn(2.0, ours=False)
    case.do("truncate_item", "item_a", 0, 1000)
    case.server(ConversationItemTruncated(item_id="item_a", content_index=0, audio_end_ms=1000))
    entry = case.talk.history_entry("item_a")
    assert entry is not None
    assert (entry.heard_ms, entry.heard_text) == (1000, "word word word word word")
    assert case.heard(ItemUpdateEvent)[-1].item.id == "item_a"


@pytest.mark.parametrize(("received", "end_ms"), [(0.0, 1000), (2.0, UNSET)])
def test_where_the_audio_went_another_way_or_no_time_is_told_the_words_are_not_known(
    received: float, end_ms: Maybe[int]
) -> None:
    case = Case()
    case.created(ours=False)
    case.item(message("item_a", transcript="Hello there"))
    case.speak(received)
    case.server(ConversationItemTruncated(item_id="item_a", content_index=0, audio_end_ms=end_ms))
    entry = case.talk.history_entry("item_a")
    assert entry is not None
    assert (entry.heard_ms, entry.heard_text) == (1000 if end_ms else None, None)


def test_the_answer_to_the_truncation_of_an_interrupt_changes_nothing() -> None:
    case = Case()
    case.created(ours=False)
    case.item(message("item_a", transcript="four words"))
    case.speak(1.0005)
    case.wait(0.4)
    case.do("interrupt")
    before = case.talk.history_entry("item_a")
    assert before is not None
    assert before.heard_text == "four"
    case.server(ConversationItemTruncated(item_id="item_a", content_index=0, audio_end_ms=400))
    assert case.talk.history_entry("item_a") == before
