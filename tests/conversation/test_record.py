from realtime_transport.events import (
    ConversationItemAdded,
    ItemUpdateEvent,
    ResponseOutputAudioTranscriptDelta,
    UserMessageItem,
)
from tests.conversation.client_case import Case, message


def test_what_changes_is_told_once_and_deltas_alone_are_not() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.clear()
    case.server(ResponseOutputAudioTranscriptDelta(response_id="resp_1", item_id="item_a", delta="Hi"))
    assert case.heard(ItemUpdateEvent) == []
    case.item_done(message("item_a", status="completed", transcript="Hi"))
    updates = case.heard(ItemUpdateEvent)
    assert [update.added for update in updates] == [False] * len(updates)
    assert updates


def test_what_was_heard_is_recorded_to_the_end_and_to_the_cut() -> None:
    case = Case()
    case.turn(1.0, item_id="item_a", response_id="resp_a", ours=False)
    case.turn(2.0, item_id="item_b", response_id="resp_b", ours=False)
    case.wait(1.5)
    case.do("interrupt")
    heard = [case.talk.history_entry(item_id) for item_id in ("item_a", "item_b")]
    words = [10 * "word ", 2 * "word "]
    assert [(entry.heard_ms, entry.heard_text) for entry in heard if entry is not None] == [
        (1000, words[0]),
        (500, words[1].strip()),
    ]


def test_an_item_that_waited_for_its_place_is_told_when_it_has_one() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=UserMessageItem(id="item_u"), previous_item_id="item_x"))
    assert case.heard(ItemUpdateEvent) == []
    case.wait(10.0)
    assert [update.item.id for update in case.heard(ItemUpdateEvent)] == ["item_u"]
