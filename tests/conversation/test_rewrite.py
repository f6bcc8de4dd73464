"""Rewrites: applied to a plain list they give the new history, with the fewest events, or are refused beforehand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.conversation.rewrite import MAX_ID_CHARS, Edit, plan_rewrite
from realtime_transport.events.client import ConversationItemCreate, ConversationItemDelete
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    InputImagePart,
    InputTextPart,
    Item,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpListToolsItem,
    OutputAudioPart,
    OutputTextPart,
    SystemMessageItem,
    UnknownItem,
    UserMessageItem,
)
from realtime_transport.exceptions import InvalidArgument


def user(item_id: str, text: str = "hello") -> UserMessageItem:
    return UserMessageItem(id=item_id, content=(InputTextPart(text=text),))


def spoken(item_id: str, transcript: str = "hi") -> AssistantMessageItem:
    return AssistantMessageItem(id=item_id, content=(OutputAudioPart(transcript=transcript),))


def heard(item_id: str, transcript: str = "hi", audio: bytes | None = None) -> UserMessageItem:
    return UserMessageItem(id=item_id, content=(InputAudioPart(transcript=transcript, audio=audio),))


def call(item_id: str, call_id: str = "c1") -> FunctionCallItem:
    return FunctionCallItem(id=item_id, call_id=call_id, name="f", arguments="{}")


def output(item_id: str, call_id: str = "c1") -> FunctionCallOutputItem:
    return FunctionCallOutputItem(id=item_id, call_id=call_id, output="1")


def numbered(prefix: str) -> str:
    return f"{prefix}_new{next(_numbers)}"


_numbers = itertools.count()


def plan(old: Sequence[Item], new: Sequence[Item]) -> tuple[Edit, ...]:
    return plan_rewrite(old, new, numbered)


def applied(old: Sequence[Item], edits: Sequence[Edit]) -> list[Item]:
    """The server, as simple as can be."""
    items = list(old)
    for edit in edits:
        ids = [item.id for item in items]
        if isinstance(edit, ConversationItemDelete):
            del items[ids.index(edit.item_id)]
        else:
            assert edit.item.id not in ids
            place = 0 if edit.previous_item_id == "root" else ids.index(edit.previous_item_id) + 1
            items.insert(place, edit.item)
    return items


def refusal(old: Sequence[Item], new: Sequence[Item]) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        plan(old, new)
    return caught.value


# --- the plan ----------------------------------------------------------------------------------------------------


def test_equal_histories_need_nothing() -> None:
    items = [user("a"), spoken("b")]
    assert plan(items, items) == ()
    assert plan([], []) == ()


def test_all_goes_in_the_old_order() -> None:
    assert [edit.item_id for edit in plan([user("a"), spoken("b"), user("c")], [])] == ["a", "b", "c"]


def test_creates_name_the_item_before_them_and_the_front_by_root() -> None:
    edits = plan([user("b")], [user("a"), user("b"), user("c"), user("d")])
    assert [(edit.item.id, edit.previous_item_id) for edit in edits] == [("a", "root"), ("c", "b"), ("d", "c")]


def test_deletes_come_first() -> None:
    edits = plan([user("a"), user("b")], [user("x"), user("b"), user("y")])
    assert [type(edit) for edit in edits] == [ConversationItemDelete, ConversationItemCreate, ConversationItemCreate]


def test_a_changed_item_is_made_anew_under_its_id() -> None:
    edits = plan([user("a"), user("b", "old"), user("c")], [user("a"), user("b", "new"), user("c")])
    assert edits == (
        ConversationItemDelete(item_id="b"),
        ConversationItemCreate(item=user("b", "new"), previous_item_id="a"),
    )


def test_an_item_without_an_id_is_new_and_gets_one() -> None:
    new = attrs.evolve(user("a"), id="")
    (edit,) = plan([], [new])
    assert edit.item.id.startswith("item_new")
    (_, first, second) = plan([user("a")], [new, new])
    assert first.item.id != second.item.id
    assert second.previous_item_id == first.item.id


def test_an_id_that_nobody_had_is_kept() -> None:
    (edit,) = plan([], [user("mine")])
    assert edit.item.id == "mine"


def test_what_the_server_adds_makes_no_difference() -> None:
    old = AssistantMessageItem(
        id="a",
        object="realtime.item",
        status="completed",
        content=(OutputAudioPart(type="audio", transcript="hi"),),
        extra={"x": 1},
    )
    assert plan([old], [spoken("a")]) == ()
    assert plan([attrs.evolve(old, phase=None)], [old]) == ()
    assert plan([attrs.evolve(user("u"), status="completed")], [user("u")]) == ()


def test_audio_counts_where_both_have_it() -> None:
    without, one, other = heard("a"), heard("a", audio=b"1"), heard("a", audio=b"2")
    assert plan([without], [one]) == plan([one], [without]) == plan([one], [one]) == ()
    assert len(plan([one], [other])) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (user("a", "x"), user("a", "y")),
        (user("a"), SystemMessageItem(id="a", content=(InputTextPart(text="hello"),))),
        (user("a"), attrs.evolve(user("a"), content=(InputTextPart(text="hello"), InputImagePart(image_url="data:")))),
        (user("a"), attrs.evolve(user("a"), content=())),
        (call("a"), attrs.evolve(call("a"), arguments='{"x": 1}')),
        (UnknownItem(id="a", type="x"), UnknownItem(id="a", type="y")),
        (UnknownItem(id="a", type="x", extra={"n": 1}), UnknownItem(id="a", type="x", extra={"n": 2})),
    ],
)
def test_any_difference_in_what_is_said_is_a_change(old: Item, new: Item) -> None:
    assert [type(edit) for edit in plan([old], [new])] == [ConversationItemDelete, ConversationItemCreate]


def test_false_is_something_said() -> None:
    yes = McpApprovalResponseItem(id="a", approval_request_id="r", approve=True)
    assert "approve anew" in str(refusal([yes], [attrs.evolve(yes, approve=False)]))


def test_ten_thousand_items_take_no_time() -> None:
    old = [user(f"i{n}") for n in range(10_000)]
    new = [item for n, item in enumerate(old) if n % 10] + [user("last")]
    began = time.process_time()
    edits = plan(old, new)
    # 0.02 s on the machine this was written on; quadratic work would take a minute.
    assert time.process_time() - began < 2.0
    assert len(edits) == 1001
    assert len(plan(old, list(reversed(old)))) == 2 * 9_999


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (spoken("n"), "send its transcript as an OutputTextPart"),
        (heard("n"), ": the audio of this item is not here: send its transcript as an InputTextPart instead"),
        (output("n"), "add its FunctionCallItem"),
        (McpListToolsItem(id="n", server_label="s"), "only the server makes it"),
        (McpCallItem(id="n", server_label="s", name="f"), "only the server makes it"),
        (McpApprovalRequestItem(id="n", server_label="s", name="f"), "only the server makes it"),
        (McpApprovalResponseItem(id="n", approval_request_id="r", approve=True), "send_mcp_response"),
    ],
)
def test_what_the_protocol_cannot_create_is_refused_unless_it_stays(item: Item, words: str) -> None:
    error = refusal([user("a")], [user("a"), user("b"), item])
    assert error.path == "items[2]"
    assert str(error).endswith(words) or not words.startswith(":")
    assert words in str(error)
    edits = plan([user("a"), item, user("c")], [user("b"), item])
    assert [type(edit) for edit in edits] == [ConversationItemDelete] * 2 + [ConversationItemCreate]
    assert plan([item], []) == (ConversationItemDelete(item_id="n"),)
    moved = refusal([spoken("s"), item], [item, spoken("s")])
    assert moved.path == "items[1]"
    assert "cannot be moved: the protocol cannot create assistant audio" in str(moved)


def test_changed_speech_is_refused() -> None:
    assert refusal([spoken("a", "old")], [spoken("a", "new")]).path == "items[0]"


def test_what_can_be_created_moves_around_what_cannot() -> None:
    old = [user("a"), spoken("b"), user("c"), user("d")]
    new = [user("c"), user("d"), spoken("b"), user("a")]
    edits = plan(old, new)
    # Without the speech, c and d would stay; it binds, so that all three go and come back around it.
    assert [edit.item_id for edit in edits[:3]] == ["a", "c", "d"]
    assert applied(old, edits) == new


def test_the_callers_speech_can_be_made_anew_with_its_audio() -> None:
    old = [heard("a", audio=b"1"), spoken("b")]
    assert applied(old, plan(old, old[::-1])) == old[::-1]


def test_written_assistant_text_can_be_created() -> None:
    item = AssistantMessageItem(id="a", content=(OutputTextPart(text="hi"),))
    assert plan([], [item]) == (ConversationItemCreate(item=item, previous_item_id="root"),)


def test_an_output_follows_its_call() -> None:
    assert applied([], plan([], [call("a"), output("b")])) == [call("a"), output("b")]
    assert refusal([], [output("b"), call("a")]).path == "items[0]"
    assert refusal([], [call("a", "c2"), output("b")]).path == "items[1]"


def test_an_id_twice_or_too_long_is_refused() -> None:
    twice = refusal([], [user("a"), user("b"), user("a", "other")])
    assert twice.path == "items[2].id"
    assert "'a' is the id of an earlier item" in str(twice)
    long = refusal([], [user("x" * (MAX_ID_CHARS + 1))])
    assert long.path == "items[0].id"
    assert "has 33 characters, at most 32 are allowed" in str(long)
    assert len(plan([], [user("x" * MAX_ID_CHARS)])) == 1


# --- properties --------------------------------------------------------------------------------------------------


@st.composite
def rewrites(draw: st.DrawFn) -> tuple[list[Item], list[Item]]:
    """Two histories of up to six items each that share some, with speech among them."""
    ids = draw(st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True))
    old: list[Item] = [spoken(i) if draw(st.integers(0, 5)) == 0 else user(i) for i in ids]
    others = st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True)
    new_ids = draw(st.one_of(others, st.permutations(ids)))
    known = {item.id: item for item in old}
    new = [known[i] if i in known and draw(st.integers(0, 4)) else user(i, "changed") for i in new_ids]
    return old, new


def fewest(old: Sequence[Item], new: Sequence[Item]) -> int | None:
    """Try every choice of what could stay."""
    shared = [item for item in new if item in old]
    for size in range(len(shared), -1, -1):
        for stay in itertools.combinations(shared, size):
            in_order = [item for item in old if item in stay] == list(stay)
            makeable = all(item in stay or isinstance(item, UserMessageItem) for item in new)
            if in_order and makeable:
                return len(old) + len(new) - 2 * size
    return None


@given(rewrites())
def test_a_rewrite_gives_the_new_history_with_the_fewest_events(histories: tuple[list[Item], list[Item]]) -> None:
    old, new = histories
    best = fewest(old, new)
    if best is None:
        refusal(old, new)
        return
    edits = plan(old, new)
    assert applied(old, edits) == new
    assert len(edits) == best
    deletes = [isinstance(edit, ConversationItemDelete) for edit in edits]
    assert deletes == sorted(deletes, reverse=True)


@given(st.lists(st.integers(0, 30), max_size=30, unique=True))
def test_what_stays_is_a_longest_rising_choice(order: list[int]) -> None:
    old = [user(f"i{n}") for n in sorted(order)]
    new = [user(f"i{n}") for n in order]
    longest: list[int] = []
    for place, n in enumerate(order):
        longest.append(1 + max((longest[k] for k in range(place) if order[k] < n), default=0))
    edits = plan(old, new)
    assert applied(old, edits) == new
    assert len(edits) == 2 * (len(order) - max(longest, default=0))
