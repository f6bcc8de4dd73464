"""The record of a conversation: facts in any sequence, one answer."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections.abc import Callable

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from realtime_transport.conversation.history import MAX_GONE, MAX_UNBORN, MAX_UNBORN_BYTES, History
from realtime_transport.conversation.item_content import ITEM_BYTES, MAX_PARTS
from realtime_transport.events.base import UNSET
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    InputAudioPart,
    Item,
    OutputAudioPart,
    OutputTextPart,
    UserMessageItem,
)
from realtime_transport.events.transport import ItemDeletedEvent, ItemUpdateEvent


def agent(item_id: str, transcript: str | None = None) -> AssistantMessageItem:
    content = () if transcript is None else (OutputAudioPart(transcript=transcript),)
    return AssistantMessageItem(id=item_id, content=content)


def caller(item_id: str, transcript: str | None = None) -> UserMessageItem:
    return UserMessageItem(id=item_id, content=(InputAudioPart(transcript=transcript),))


def history_of(*items: Item, **options: object) -> History:
    history = History(**options)  # type: ignore[arg-type]
    for item in items:
        history.added(item, UNSET, 0.0)
    history.changes()
    return history


def ids(history: History) -> list[object]:
    return [item.id for item in history.snapshot()]


def words(history: History, item_id: str) -> object:
    item = history.get(item_id)
    assert isinstance(item, (AssistantMessageItem, UserMessageItem))
    part = item.content[0]
    assert isinstance(part, (OutputAudioPart, InputAudioPart))
    return part.transcript


# --- items and order -------------------------------------------------------------------------------------------------


def test_an_empty_history() -> None:
    history = History()
    assert history.snapshot() == ()
    assert len(history) == history.size == 0
    assert history.get("a") is history.entry("a") is history.index_of("a") is history.next_deadline() is None
    assert "a" not in history
    assert history.changes() == ()


def test_items_stand_where_the_server_says() -> None:
    history = History()
    for item_id, previous in (("b", UNSET), ("a", None), ("d", "b"), ("c", "b")):
        history.added(agent(item_id), previous, 0.0)
    assert ids(history) == ["a", "b", "c", "d"]
    assert [history.index_of(each) for each in "abcd"] == [0, 1, 2, 3]
    assert len(history) == 4
    assert "c" in history


@pytest.mark.parametrize("n", range(1, 7))
def test_fm48_every_order_of_arrival_gives_the_same_record(n: int) -> None:
    told = [(f"i{k}", f"i{k - 1}" if k else None) for k in range(n)]
    for arrival in itertools.permutations(told):
        history = History()
        for item_id, previous in arrival:
            history.added(agent(item_id), previous, 0.0)
            history.grow(item_id, 0, "transcript", item_id)
        assert history.snapshot() == tuple(agent(item_id, item_id) for item_id, _ in told)


def test_fm48_an_item_that_waits_is_kept_placed_in_the_end_and_marked() -> None:
    history = history_of(agent("a"))
    history.added(agent("b", "hi"), "missing", 1.0)
    assert ids(history) == ["a"]
    assert history.get("b") == agent("b", "hi")
    assert history.index_of("b") is None
    assert history.changes() == ()
    assert history.next_deadline() == 6.0
    history.wake(6.0)
    assert ids(history) == ["a", "b"]
    assert history.changes() == (ItemUpdateEvent(item=agent("b", "hi"), index=1, added=True),)
    entry = history.entry("b")
    assert entry is not None
    assert entry.uncertain
    assert History(patience=1.0).next_deadline() is None
    impatient = history_of(patience=1.0)
    impatient.added(agent("b"), "missing", 1.0)
    assert impatient.next_deadline() == 2.0


def test_that_a_place_was_guessed_is_news_of_its_item() -> None:
    history = History()
    history.opened(agent("a"))
    history.added(agent("a"), "missing", 0.0)
    history.changes()
    history.wake(5.0)
    history.opened(agent("a"))
    assert history.changes() == (ItemUpdateEvent(item=agent("a"), index=0, added=False),)
    history.opened(agent("a"))
    assert history.changes() == ()


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("opened", "opened", "two"),
        ("opened", "completed", "two"),
        ("completed", "completed", "two"),
        ("completed", "opened", "one"),
    ],
)
def test_later_news_count_more_unless_the_earlier_were_the_end(first: str, second: str, said: str) -> None:
    history = History()
    getattr(history, first)(agent("a", "one"))
    getattr(history, second)(agent("a", "two"))
    assert history.snapshot() == (agent("a", said),)


def test_the_end_of_an_item_counts_more_than_words_that_came_before_it() -> None:
    history = History()
    history.grow("a", 0, "transcript", "one two three")
    history.completed(agent("a", "one"))
    assert history.snapshot() == (agent("a", "one"),)


def test_an_item_whose_place_was_not_told_is_moved_when_it_is() -> None:
    history = history_of(agent("a"), agent("b"))
    history.opened(agent("c"))
    assert ids(history) == ["a", "b", "c"]
    history.changes()
    history.added(agent("c"), "a", 0.0)
    assert ids(history) == ["a", "c", "b"]
    assert history.changes() == (ItemUpdateEvent(item=agent("c"), index=1, added=False),)


def test_an_item_without_an_id_is_counted() -> None:
    history = History()
    history.added(AssistantMessageItem(), UNSET, 0.0)
    history.opened(AssistantMessageItem())
    history.completed(AssistantMessageItem())
    assert (len(history), history.stale) == (0, 3)


def test_the_snapshot_is_the_same_object_until_something_changes() -> None:
    history = history_of(agent("a", "x"))
    first = history.snapshot()
    assert history.snapshot() is first
    changes: list[Callable[[], None]] = [
        lambda: history.grow("a", 0, "transcript", "y"),
        lambda: history.settle("a", 0, "transcript", "z"),
        lambda: history.part("a", 1, OutputTextPart(text="t"), final=True),
        lambda: history.added(agent("b"), UNSET, 0.0),
        lambda: history.deleted("b"),
        lambda: history.completed(agent("a", "end")),
    ]
    for change in changes:
        before = history.snapshot()
        change()
        assert history.snapshot() is not before
        assert history.snapshot() is history.snapshot()
        assert history.snapshot() == tuple(history.get(str(item_id)) for item_id in ids(history))


def test_items_that_come_and_go_leave_nothing_behind_when_nobody_asks_for_the_snapshot_again() -> None:
    history = history_of(agent("a"))
    history.snapshot()

    def come_and_go(times: int) -> None:
        for number in range(times):
            history.added(agent(f"{number:>200}"), UNSET, 0.0)
            history.deleted(f"{number:>200}")
            history.changes()

    tracemalloc.start()
    come_and_go(2 * MAX_GONE)  # the ids that are kept of those that left are as many as they will ever be
    before, _ = tracemalloc.get_traced_memory()
    come_and_go(4 * MAX_GONE)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after < 1.2 * before


# --- words -----------------------------------------------------------------------------------------------------------


def test_words_grow_in_place_without_an_event_for_each() -> None:
    history = history_of(agent("a"))
    for delta in ("Hel", "lo"):
        history.grow("a", 0, "transcript", delta)
    assert words(history, "a") == "Hello"
    assert history.changes() == ()
    history.settle("a", 0, "transcript", "Hello!")
    assert history.changes() == (ItemUpdateEvent(item=agent("a", "Hello!"), index=0, added=False),)


def test_words_of_parts_are_kept_apart() -> None:
    history = history_of(agent("a"), FunctionCallItem(id="f", name="f"))
    history.grow("a", 0, "transcript", "spoken")
    history.grow("a", 1, "text", "written")
    history.grow("f", 0, "arguments", "{}")
    assert history.get("a") == attrs.evolve(
        agent("a"), content=(OutputAudioPart(transcript="spoken"), OutputTextPart(text="written"))
    )
    assert history.get("f") == FunctionCallItem(id="f", name="f", arguments="{}")


def test_fm47_any_sequence_of_facts_ends_in_the_whole_text() -> None:
    def facts(history: History) -> list[Callable[[], None]]:
        return [
            lambda: history.added(agent("a"), UNSET, 0.0),
            lambda: history.grow("a", 0, "transcript", "the "),
            lambda: history.grow("a", 0, "transcript", "words"),
            lambda: history.settle("a", 0, "transcript", "the whole words"),
            lambda: history.part("a", 0, OutputAudioPart(type="audio", transcript="the whole words"), final=True),
            lambda: history.completed(attrs.evolve(agent("a", "the whole words"), status="completed")),
        ]

    for order in itertools.permutations(range(6)):
        history = History()
        for n in order:
            facts(history)[n]()
        assert history.snapshot() == (attrs.evolve(agent("a", "the whole words"), status="completed"),)


def test_fm47_a_whole_text_counts_more_than_its_pieces() -> None:
    for complete in (False, True):
        history = history_of(agent("a"))
        history.grow("a", 0, "transcript", "wrong")
        if complete:
            history.completed(agent("a", ""))
            history.settle("a", 0, "transcript", "too late")
        else:
            history.settle("a", 0, "transcript", "")
        assert words(history, "a") == ""


def test_fm49_the_callers_words_go_to_their_item_whenever_they_come() -> None:
    history = history_of(caller("u"), agent("a", "answer"))
    history.completed(caller("u"))
    history.grow("u", 0, "transcript", "Hel")
    history.completed(caller("u"))
    assert words(history, "u") == "Hel"
    history.grow("u", 0, "transcript", "p")
    assert words(history, "u") == "Help"
    history.settle("u", 0, "transcript", "Help!")
    history.grow("u", 0, "transcript", "late")
    history.completed(caller("u"))
    assert words(history, "u") == "Help!"
    assert ids(history) == ["u", "a"]
    assert history.stale == 1


def test_words_may_come_before_their_item() -> None:
    history = History()
    for delta in ("early ", "words"):
        history.grow("u", 0, "transcript", delta)
    assert "u" not in history
    assert history.get("u") is None
    assert history.size == 0
    history.added(caller("u"), None, 0.0)
    assert words(history, "u") == "early words"
    assert history.size == ITEM_BYTES + len("early words")
    history.settle("v", 0, "transcript", "whole")
    history.grow("v", 0, "transcript", "late")
    history.added(caller("v"), UNSET, 0.0)
    assert words(history, "v") == "whole"


def test_words_before_their_item_are_bounded() -> None:
    history = History()
    for n in range(MAX_UNBORN + 1):
        history.grow(f"u{n}", 0, "transcript", "x")
    assert history.stale == 1
    for n in range(MAX_UNBORN + 1):
        history.added(caller(f"u{n}"), UNSET, 0.0)
    assert [words(history, f"u{n}") for n in (0, 1, MAX_UNBORN)] == [None, "x", "x"]
    assert MAX_UNBORN == 64

    history = History()
    history.grow("u", 0, "transcript", "x" * (MAX_UNBORN_BYTES - 1))
    history.grow("u", 0, "transcript", "yy")
    history.grow("u", 0, "transcript", "z")
    history.grow("u", 0, "transcript", "!")
    assert history.stale == 2
    history.added(caller("u"), UNSET, 0.0)
    assert words(history, "u") == "x" * (MAX_UNBORN_BYTES - 1) + "z"
    history.settle("v", 0, "transcript", "x" * MAX_UNBORN_BYTES)
    history.settle("v", 1, "transcript", "y")
    history.settle("w", 0, "transcript", "x" * (MAX_UNBORN_BYTES + 1))
    assert history.stale == 4
    for index in range(3):
        history.settle("x", index, "transcript", "x" * (MAX_UNBORN_BYTES // 2))
    assert history.stale == 5


def test_more_of_what_is_over_is_stale() -> None:
    history = history_of(agent("a"), agent("b"))
    history.settle("a", 0, "transcript", "whole")
    history.grow("a", 0, "transcript", "late")
    history.completed(agent("b", "end"))
    history.grow("b", 0, "transcript", "late")
    history.part("b", 0, OutputAudioPart(transcript="late"), final=True)
    assert (words(history, "a"), words(history, "b")) == ("whole", "end")
    assert history.stale == 2


def test_the_end_of_an_item_is_not_taken_back_by_a_late_beginning() -> None:
    history = history_of()
    history.completed(attrs.evolve(agent("a", "end"), status="completed"))
    history.added(attrs.evolve(agent("a"), status="in_progress"), None, 0.0)
    history.opened(attrs.evolve(agent("a", ""), status="in_progress"))
    assert history.snapshot() == (attrs.evolve(agent("a", "end"), status="completed"),)


def test_a_late_beginning_adds_what_the_end_left_out() -> None:
    history = history_of()
    history.completed(agent("a", ""))
    history.opened(attrs.evolve(agent("a", "early"), phase="commentary"))
    assert history.snapshot() == (attrs.evolve(agent("a", ""), phase="commentary"),)


def test_every_news_of_an_item_is_announced() -> None:
    for fact in (History.completed, History.opened, lambda history, item: history.added(item, UNSET, 0.0)):
        history = history_of(agent("a"))
        fact(history, agent("a", "x"))
        assert history.changes() == (ItemUpdateEvent(item=agent("a", "x"), index=0, added=False),)
        assert history.changes() == ()


def test_the_same_news_again_is_not_announced() -> None:
    """One item is reported up to four times; deltas are not announced by themselves, but counted as news."""
    history = history_of(agent("a", "x"))
    history.completed(agent("a", "x"))  # that it is complete is news, for an item that has no status of its own
    assert len(history.changes()) == 1
    history.completed(agent("a", "x"))
    history.opened(agent("a", "x"))
    history.added(agent("a", "x"), UNSET, 0.0)
    assert history.changes() == ()
    history = history_of(agent("b", ""))
    history.grow("b", 0, "transcript", "hello")
    assert history.get("b") == agent("b", "hello")
    assert history.changes() == ()
    history.settle("b", 0, "transcript", "hello")
    assert history.changes() == (ItemUpdateEvent(item=agent("b", "hello"), index=0, added=False),)
    history.heard("b", 0, 100.0, 200.0)
    assert len(history.changes()) == 1
    history.heard("b", 0, 100.0, 200.0)
    assert history.changes() == ()
    history.added(agent("c"), None, 0.0)
    assert [(event.item.id, event.index) for event in history.changes()] == [("c", 0)]
    history.added(agent("b", "hello"), "c", 0.0)
    assert [(event.item.id, event.index) for event in history.changes()] == [("b", 1)]


def test_a_part_opens_and_ends() -> None:
    history = history_of(agent("a"))
    history.part("a", 0, OutputAudioPart(type="audio", transcript="", audio=b"1"), final=False)
    assert history.get("a") == agent("a", "")
    history.grow("a", 0, "transcript", "words")
    history.part("a", 0, OutputAudioPart(type="audio", transcript="", audio=b"1"), final=False)
    assert words(history, "a") == "words"
    history.part("a", 0, OutputAudioPart(type="audio", transcript="end", audio=b"1"), final=True)
    assert words(history, "a") == "end"
    history.part("a", 0, OutputAudioPart(type="audio", transcript=""), final=True)
    assert words(history, "a") == ""
    assert [type(event) for event in history.changes()] == [ItemUpdateEvent]


@pytest.mark.parametrize("index", [-1, MAX_PARTS])
def test_a_part_that_no_item_has_is_counted(index: int) -> None:
    history = history_of(agent("a"))
    history.grow("a", index, "transcript", "x")
    history.settle("a", index, "transcript", "x")
    history.part("a", index, OutputTextPart(text="x"), final=True)
    history.heard("a", index, 1.0, 2.0)
    history.truncated("a", index, 1.0)
    assert history.stale == 5
    assert history.snapshot() == (agent("a"),)
    history.grow("a", MAX_PARTS - 1, "transcript", "x")
    history.settle("a", MAX_PARTS - 2, "transcript", "x")
    history.heard("a", MAX_PARTS - 1, 1.0, 2.0)
    assert history.stale == 5


# --- audio -----------------------------------------------------------------------------------------------------------


def test_audio_is_dropped_unless_it_is_kept() -> None:
    spoken = attrs.evolve(agent("a"), content=(OutputAudioPart(transcript="hi", audio=b"12"),))
    for keep in (False, True):
        history = history_of(spoken, keep_audio=keep)
        history.grow("a", 0, "audio", b"34")
        history.part("a", 1, OutputAudioPart(audio=b"5"), final=True)
        audio = [getattr(part, "audio", None) for part in history.snapshot()[0].content]  # type: ignore[union-attr]
        assert audio == ([b"1234", b"5"] if keep else [UNSET, UNSET])
        assert history.size == ITEM_BYTES + 2 + (5 if keep else 0)
        assert history.stale == 0


# --- what was heard --------------------------------------------------------------------------------------------------


def test_what_was_heard_stands_beside_what_was_generated() -> None:
    history = history_of(agent("a", "one two three four"))
    history.heard("a", 0, 500, 1000)
    entry = history.entry("a")
    assert entry is not None
    assert (entry.heard_ms, entry.heard_text) == (500, "one two")
    assert entry.item == agent("a", "one two three four")
    assert [type(event) for event in history.changes()] == [ItemUpdateEvent]


def test_a_truncation_keeps_the_words_and_takes_no_more() -> None:
    history = history_of(agent("a", "one two three four"))
    history.heard("a", 0, 500, 1000)
    history.changes()
    history.truncated("a", 0, 450)
    history.grow("a", 0, "transcript", "late")
    entry = history.entry("a")
    assert entry is not None
    assert (entry.heard_ms, entry.heard_text) == (450, "one two")
    assert (words(history, "a"), history.stale) == ("one two three four", 1)
    assert [type(event) for event in history.changes()] == [ItemUpdateEvent]


def test_a_truncation_by_the_server_alone_says_how_long_but_not_which_words() -> None:
    history = history_of(agent("a", "one two"), agent("b", "x"))
    history.truncated("a", 0, 450)
    history.truncated("b", 0, None)
    entries = [history.entry(each) for each in "ab"]
    assert [(entry.heard_ms, entry.heard_text) for entry in entries if entry] == [(450, None), (None, None)]


def test_restored_as_text() -> None:
    history = history_of(agent("a"))
    history.restored("a")
    history.restored("nobody")
    entry = history.entry("a")
    assert entry is not None
    assert entry.restored_as_text
    assert history.stale == 1


# --- leaving ---------------------------------------------------------------------------------------------------------


def test_fm50_what_still_comes_of_a_deleted_item_is_counted() -> None:
    history = history_of(agent("a", "x"), agent("b"))
    history.deleted("a")
    assert history.changes() == (ItemDeletedEvent(item_id="a"),)
    assert (ids(history), history.size) == (["b"], ITEM_BYTES)
    history.grow("a", 0, "transcript", "late")
    history.settle("a", 0, "transcript", "late")
    history.completed(agent("a", "late"))
    history.opened(agent("a", "late"))
    history.part("a", 0, OutputTextPart(text="late"), final=True)
    history.truncated("a", 0, 100)
    history.heard("a", 0, 100, 100)
    history.deleted("a")
    assert history.stale == 8
    assert ids(history) == ["b"]
    assert history.changes() == ()


@pytest.mark.parametrize(
    "fact",
    [
        lambda history: history.added(AssistantMessageItem(), UNSET, 0.0),
        lambda history: history.opened(AssistantMessageItem()),
        lambda history: history.deleted("x"),
        lambda history: history.truncated("x", 0, 1),
        lambda history: history.heard("x", 0, 1, 1),
        lambda history: history.restored("x"),
        lambda history: history.grow("a", -1, "text", "x"),
        lambda history: history.settle("a", -1, "text", "x"),
        lambda history: history.part("x", 0, OutputTextPart(), final=True),
    ],
)
def test_each_fact_that_comes_too_late_counts_one(fact: Callable[[History], None]) -> None:
    history = history_of(agent("a"))
    for count in (1, 2):
        fact(history)
        assert history.stale == count
    assert history.snapshot() == (agent("a"),)


def test_too_many_early_words_count_one_each() -> None:
    history = History()
    for n in range(MAX_UNBORN + 2):
        history.grow(f"u{n}", 0, "transcript", "x")
    assert history.stale == 2


def test_an_id_may_be_created_anew() -> None:
    history = history_of(agent("a", "old"), agent("b"))
    history.completed(agent("a", "old"))
    history.deleted("a")
    history.changes()
    history.added(agent("a", "new"), "b", 0.0)
    assert history.snapshot() == (agent("b"), agent("a", "new"))
    assert history.changes() == (ItemUpdateEvent(item=agent("a", "new"), index=1, added=True),)
    history.grow("a", 0, "transcript", "!")
    assert words(history, "a") == "new!"
    history.completed(agent("a", "end"))
    assert words(history, "a") == "end"


def test_an_item_that_came_and_went_unseen_is_not_announced() -> None:
    history = History()
    history.added(agent("a"), UNSET, 0.0)
    history.deleted("a")
    assert history.changes() == ()


def test_early_words_of_a_deleted_item_are_forgotten() -> None:
    history = History()
    history.grow("a", 0, "transcript", "old")
    history.deleted("a")
    history.added(agent("a"), UNSET, 0.0)
    assert history.snapshot() == (agent("a"),)


def test_deletions_are_remembered_for_a_while() -> None:
    history = History()
    for n in range(MAX_GONE + 1):
        history.deleted(f"i{n}")
    history.opened(agent("i1"))
    assert len(history) == 0
    history.opened(agent("i0"))
    assert len(history) == 1
    assert MAX_GONE == 1024


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_fm94_the_oldest_items_leave_when_there_are_too_many() -> None:
    history = History(max_items=2)
    for n in range(4):
        history.added(agent(f"i{n}"), UNSET, 0.0)
    assert ids(history) == ["i2", "i3"]
    assert history.dropped == 2
    assert history.size == 2 * ITEM_BYTES
    assert [event.item.id for event in history.changes() if isinstance(event, ItemUpdateEvent)] == ["i2", "i3"]
    history.completed(agent("i0", "late"))
    assert ids(history) == ["i2", "i3"]
    history.opened(agent("i4"))
    assert ids(history) == ["i3", "i4"]


def test_an_item_that_left_may_be_created_anew() -> None:
    history = history_of(agent("a"), max_items=1)
    history.added(agent("b"), UNSET, 0.0)
    history.changes()
    history.added(agent("a"), UNSET, 0.0)
    assert history.changes() == (ItemUpdateEvent(item=agent("a"), index=0, added=True),)


def test_fm94_the_oldest_items_leave_when_they_are_too_big() -> None:
    history = history_of(agent("a", "x" * 50), agent("b"), max_bytes=2 * ITEM_BYTES + 60)
    history.grow("b", 0, "transcript", "y" * 10)
    assert (ids(history), history.size) == (["a", "b"], 2 * ITEM_BYTES + 60)
    history.grow("b", 0, "transcript", "y")
    assert (ids(history), history.dropped) == (["b"], 1)
    history.settle("b", 0, "transcript", "y" * 10_000)
    assert ids(history) == ["b"]
    assert history.size == ITEM_BYTES + 10_000


def test_the_last_item_stays_whatever_its_size() -> None:
    history = history_of(agent("a"), agent("b", "x" * 1000), max_bytes=ITEM_BYTES)
    assert (ids(history), history.dropped) == (["b"], 1)


def test_fm94_an_item_that_never_ends_stops_growing_where_all_would_be_too_big() -> None:
    history = history_of(agent("a"), max_bytes=ITEM_BYTES + 10)
    history.grow("a", 0, "transcript", "y" * 9)
    history.grow("a", 0, "transcript", "zz")
    history.grow("a", 0, "transcript", "z")
    assert (history.size, history.stale) == (ITEM_BYTES + 10, 1)
    history.grow("a", 0, "transcript", "z")
    assert (history.size, history.stale) == (ITEM_BYTES + 10, 2)
    assert history.snapshot() == (agent("a", "y" * 9 + "z"),)


def test_items_that_wait_count_and_leave_last() -> None:
    history = History(max_items=2)
    history.added(agent("w"), "missing", 0.0)
    history.added(agent("v"), "missing", 1.0)
    history.added(agent("u"), "missing", 2.0)
    assert [each in history for each in "wvu"] == [False, True, True]
    history.added(agent("a"), UNSET, 0.0)
    assert [each in history for each in "vua"] == [True, True, False]


def test_the_default_bounds() -> None:
    history = History()
    for n in range(2001):
        history.added(agent(f"i{n}"), UNSET, 0.0)
    assert (len(history), history.dropped) == (2000, 1)
    history = history_of(agent("a", "x" * (32 * 1024 * 1024 - 2 * ITEM_BYTES)), agent("b"))
    assert len(history) == 2
    history.grow("b", 0, "transcript", "x")
    assert len(history) == 1


def test_one_more_event_costs_the_same_at_ten_thousand_items() -> None:
    def cost(n: int) -> float:
        history = history_of(*(agent(f"i{k}") for k in range(n)), max_items=100_000)
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            for k in range(200):
                history.grow(f"i{n - 1}", 0, "transcript", "word ")
                history.index_of(f"i{k % n}")
                history.changes()
            best = min(best, time.perf_counter() - began)
        return best

    # Generous, as machines are shared: the target of 1.2 is measured in bench/. A scan would be 1,000 times slower.
    assert cost(10_000) < 5 * cost(10)


# --- against a plain model -------------------------------------------------------------------------------------------

IDS = st.sampled_from([f"i{n}" for n in range(6)])


class Model(RuleBasedStateMachine):
    """Random facts for the record, and for a list and three dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self.order: list[str] = []
        self.told: set[str] = set()
        self.texts: dict[str, str] = {}
        self.early: dict[str, str] = {}
        self.closed: set[str] = set()
        self.complete: set[str] = set()
        self.gone: set[str] = set()
        self.announced: dict[str, Item] = {}

    @rule(item_id=IDS, place=st.integers(-1, 6))
    def add(self, item_id: str, place: int) -> None:
        previous = (
            UNSET if place < 0 else None if place == 0 else self.order[place - 1] if place <= len(self.order) else UNSET
        )
        if previous == item_id:
            return
        self.history.added(agent(item_id), previous, 0.0)
        self.gone.discard(item_id)
        if item_id not in self.told and not (item_id in self.order and previous is UNSET):
            if item_id in self.order:
                self.order.remove(item_id)
            after = len(self.order) if previous is UNSET else self.order.index(previous) + 1 if previous else 0
            self.order.insert(after, item_id)
        self.told.add(item_id)
        self.texts.setdefault(item_id, self.early.pop(item_id, ""))

    @rule(item_id=IDS)
    def open(self, item_id: str) -> None:
        self.history.opened(agent(item_id))
        if item_id not in self.gone:
            if item_id not in self.order:
                self.order.append(item_id)
            self.texts.setdefault(item_id, self.early.pop(item_id, ""))

    @rule(item_id=IDS, delta=st.text("ab", min_size=1, max_size=3))
    def grow(self, item_id: str, delta: str) -> None:
        self.history.grow(item_id, 0, "transcript", delta)
        if item_id not in self.gone | self.closed | self.complete:
            texts = self.texts if item_id in self.texts else self.early
            texts[item_id] = texts.get(item_id, "") + delta

    @rule(item_id=IDS, text=st.text("xy", max_size=3))
    def settle(self, item_id: str, text: str) -> None:
        self.history.settle(item_id, 0, "transcript", text)
        if item_id not in self.gone | self.complete:
            self.closed.add(item_id)
            (self.texts if item_id in self.texts else self.early)[item_id] = text

    @rule(item_id=IDS, text=st.text("pq", min_size=1, max_size=3))
    def complete_item(self, item_id: str, text: str) -> None:
        self.history.completed(agent(item_id, text))
        if item_id in self.gone:
            return
        if item_id not in self.order:
            self.order.append(item_id)
            self.early.pop(item_id, None)
        self.complete.add(item_id)
        self.texts[item_id] = text

    @rule(item_id=IDS)
    def delete(self, item_id: str) -> None:
        self.history.deleted(item_id)
        self.gone.add(item_id)
        if item_id in self.order:
            self.order.remove(item_id)
        for known in (self.texts, self.early):
            known.pop(item_id, None)
        for some in (self.told, self.closed, self.complete):
            some.discard(item_id)

    @rule()
    def look(self) -> None:
        """A rule and no invariant: what is between two looks is the snapshot's own business."""
        snapshot = self.history.snapshot()
        assert [item.id for item in snapshot] == self.order
        for place, item in enumerate(snapshot):
            item_id = str(item.id)
            assert self.history.index_of(item_id) == place
            assert isinstance(item, AssistantMessageItem)
            said = [part.transcript or "" for part in item.content if isinstance(part, OutputAudioPart)]
            assert "".join(said) == self.texts[item_id]
        assert snapshot == tuple(self.history.get(item_id) for item_id in self.order)

    def teardown(self) -> None:
        self.look()

    @rule()
    def announce(self) -> None:
        for event in self.history.changes():
            if isinstance(event, ItemDeletedEvent):
                del self.announced[event.item_id]
            else:
                assert event.index == self.order.index(str(event.item.id))
                assert event.added or event.item.id in self.announced
                self.announced[str(event.item.id)] = event.item
        assert sorted(self.announced) == sorted(self.order)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
