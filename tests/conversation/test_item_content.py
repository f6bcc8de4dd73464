"""What items are made of: pure functions, so each rule is one line."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.conversation.item_content import (
    ITEM_BYTES,
    MAX_PARTS,
    Field,
    heard_text,
    merge,
    put_part,
    read,
    size_of,
    without_audio,
    without_sound,
    write,
)
from realtime_transport.events.base import UNSET
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    InputImagePart,
    InputTextPart,
    Item,
    McpApprovalResponseItem,
    McpCallItem,
    McpListToolsItem,
    McpToolInfo,
    OutputAudioPart,
    OutputTextPart,
    SystemMessageItem,
    UnknownItem,
    UnknownPart,
    UserMessageItem,
)

SPOKEN = AssistantMessageItem(id="a", content=(OutputAudioPart(transcript="hi", audio=b"12"), OutputTextPart(text="x")))
CALL = FunctionCallItem(id="c", name="f", call_id="c1", arguments="{}")


# --- reading and writing ---------------------------------------------------------------------------------------------


def test_read() -> None:
    assert read(SPOKEN, "transcript", 0) == "hi"
    assert read(SPOKEN, "audio", 0) == b"12"
    assert read(SPOKEN, "text", 1) == "x"
    assert read(SPOKEN, "text", 0) is None
    assert read(SPOKEN, "text", 2) is None
    assert read(SPOKEN, "text", -1) is None
    assert read(CALL, "arguments", 0) == "{}"
    assert read(CALL, "text", 0) is None
    for silent in (InputAudioPart(transcript=None), InputAudioPart()):
        assert read(UserMessageItem(content=(silent,)), "transcript", 0) is None


@pytest.mark.parametrize(
    ("item", "field", "part"),
    [
        (SystemMessageItem(), "text", InputTextPart(text="x")),
        (UserMessageItem(), "text", InputTextPart(text="x")),
        (UserMessageItem(), "transcript", InputAudioPart(transcript="x")),
        (UserMessageItem(), "audio", InputAudioPart(audio=b"x")),
        (AssistantMessageItem(), "text", OutputTextPart(text="x")),
        (AssistantMessageItem(), "transcript", OutputAudioPart(transcript="x")),
        (AssistantMessageItem(), "audio", OutputAudioPart(audio=b"x")),
    ],
)
def test_write_opens_the_part_that_is_missing(item: Any, field: Field, part: Any) -> None:
    value = b"x" if field == "audio" else "x"
    assert write(item, field, 0, value).content == (part,)
    assert write(item, field, 1, value).content == (type(part)(), part)
    assert write(attrs.evolve(item, content=(UnknownPart(type="odd"),)), field, 0, value).content == (part,)


def test_write_keeps_the_rest() -> None:
    item = write(SPOKEN, "transcript", 0, "hello")
    assert item == attrs.evolve(SPOKEN, content=(OutputAudioPart(transcript="hello", audio=b"12"), SPOKEN.content[1]))
    assert write(CALL, "arguments", 0, "[]") == attrs.evolve(CALL, arguments="[]")
    mcp = McpCallItem(server_label="s", name="f")
    assert write(mcp, "arguments", 0, "[]").arguments == "[]"


@pytest.mark.parametrize(
    ("item", "field", "index"),
    [
        (CALL, "text", 0),
        (SPOKEN, "arguments", 0),
        (SystemMessageItem(), "transcript", 0),
        (FunctionCallOutputItem(call_id="c", output="1"), "text", 0),
        (SPOKEN, "text", MAX_PARTS),
        (SPOKEN, "text", -1),
    ],
)
def test_write_leaves_alone_what_has_no_such_text(item: Item, field: Field, index: int) -> None:
    assert write(item, field, index, "x") is item


def test_an_item_has_at_most_64_parts() -> None:
    assert len(write(SPOKEN, "text", 63, "x").content) == 64
    assert len(put_part(SPOKEN, 63, OutputTextPart(text="x"), final=True).content) == 64


def test_put_part_opens_and_ends_a_part() -> None:
    opened = put_part(AssistantMessageItem(), 1, OutputAudioPart(type="audio", transcript=""), final=False)
    assert opened.content == (OutputAudioPart(), OutputAudioPart(transcript=""))
    grown = write(opened, "transcript", 1, "hello")
    assert put_part(grown, 1, OutputAudioPart(transcript=""), final=False) == grown
    assert put_part(grown, 1, OutputAudioPart(transcript=""), final=True) == opened
    assert put_part(grown, 1, OutputAudioPart(transcript="bye"), final=True).content[1].transcript == "bye"
    assert put_part(grown, 1, OutputTextPart(type="text", text="t"), final=False).content[1] == OutputTextPart(text="t")
    assert put_part(AssistantMessageItem(), 0, UnknownPart(type="odd"), final=False).content[0].type == "odd"


@pytest.mark.parametrize("index", [-1, MAX_PARTS])
def test_put_part_leaves_alone_what_has_no_such_part(index: int) -> None:
    part = OutputTextPart(text="x")
    assert put_part(SPOKEN, index, part, final=True) is SPOKEN
    assert put_part(CALL, 0, part, final=True) is CALL


def test_without_audio() -> None:
    item = without_audio(SPOKEN)
    assert item.content == (OutputAudioPart(transcript="hi"), OutputTextPart(text="x"))
    assert without_audio(item) is item
    assert without_audio(CALL) is CALL
    assert without_sound(InputAudioPart(audio=b"1", transcript="hi")) == InputAudioPart(transcript="hi")
    assert without_sound(InputTextPart(text="x")) == InputTextPart(text="x")


# --- putting together ------------------------------------------------------------------------------------------------


def test_what_is_absent_null_or_empty_erases_nothing() -> None:
    known = AssistantMessageItem(
        id="a", status="in_progress", phase="commentary", content=(OutputTextPart(text="hello"),), extra={"x": 1}
    )
    assert merge(known, AssistantMessageItem(id="a", status=None), final=True) == known
    assert merge(known, AssistantMessageItem(id="a", status="completed"), final=True) == attrs.evolve(
        known, status="completed"
    )


def test_what_is_said_counts() -> None:
    news = AssistantMessageItem(id="a", content=(OutputTextPart(text="new"), OutputTextPart(text="more")))
    known = AssistantMessageItem(id="a", content=(OutputTextPart(text="old"),))
    assert merge(known, news, final=False) == news
    assert merge(news, known, final=False).content == (OutputTextPart(text="old"), OutputTextPart(text="more"))


def test_an_empty_text_counts_only_at_the_end() -> None:
    known = AssistantMessageItem(content=(OutputTextPart(text="hello"),))
    empty = AssistantMessageItem(content=(OutputTextPart(text=""),))
    absent = AssistantMessageItem(content=(OutputTextPart(),))
    assert merge(known, empty, final=False) == known
    assert merge(known, empty, final=True) == empty
    assert merge(known, absent, final=True) == known


def test_an_item_or_part_of_another_kind_replaces_the_known_one() -> None:
    known = AssistantMessageItem(content=(OutputTextPart(text="hello"),))
    assert merge(known, CALL, final=False) is CALL
    news = AssistantMessageItem(content=(OutputAudioPart(transcript="hi"),))
    assert merge(known, news, final=True) == news


def test_calls_and_steps_keep_what_they_had() -> None:
    opened = attrs.evolve(CALL, arguments="", call_id=UNSET)
    assert merge(CALL, opened, final=True) == CALL
    assert merge(opened, CALL, final=False) == CALL
    tools = (McpToolInfo(name="t"),)
    known = McpListToolsItem(id="m", server_label="s", tools=tools)
    assert merge(known, McpListToolsItem(id="m", server_label="s"), final=True) == known
    ran = McpCallItem(server_label="s", name="f", output="42")
    assert merge(ran, McpCallItem(server_label="s", name="f", output=None), final=True) == ran


def test_false_is_an_answer() -> None:
    yes = McpApprovalResponseItem(approval_request_id="r", approve=True)
    no = attrs.evolve(yes, approve=False)
    assert merge(yes, no, final=False) == no


# --- measuring -------------------------------------------------------------------------------------------------------


def test_size() -> None:
    assert size_of(UnknownItem()) == ITEM_BYTES
    assert size_of(SPOKEN) == ITEM_BYTES + 2 + 2 + 1
    assert size_of(CALL) == ITEM_BYTES + 2
    assert size_of(FunctionCallOutputItem(call_id="c", output="12345")) == ITEM_BYTES + 5
    assert size_of(UserMessageItem(content=(InputImagePart(image_url="data:1234"),))) == ITEM_BYTES + 9
    assert size_of(attrs.evolve(SPOKEN, extra={"x": "1"})) == size_of(SPOKEN) + len("{'x': '1'}")
    assert size_of(UnknownItem(extra={"x": "1234"})) == ITEM_BYTES + len("{'x': '1234'}")
    assert size_of(McpListToolsItem(server_label="s", tools=(McpToolInfo(name="t"),))) > ITEM_BYTES + 10


def test_the_size_of_a_class_of_somebody_else_counts_the_same_texts() -> None:
    class Own(FunctionCallItem):
        pass

    own = Own(id="1", call_id="c", name="n", arguments="{}")
    assert size_of(own) == size_of(FunctionCallItem(id="1", call_id="c", name="n", arguments="{}")) == ITEM_BYTES + 2


# --- what was heard --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "words"),
    [(0, ""), (399, ""), (400, "four"), (899, "four"), (900, "four five"), (999, "four five"), (1000, "four five ")],
)
def test_a_word_counts_when_all_of_it_was_heard(heard: int, words: str) -> None:
    assert heard_text("four five ", heard, 1000) == words


def test_all_of_nothing_was_heard() -> None:
    assert heard_text("word", 0, 0) == "word"
    assert heard_text("", 5, 10) == ""
    assert heard_text(" a b", 50, 100) == " a"


@given(st.text(alphabet="ab \n"), st.integers(0, 100), st.integers(0, 100))
def test_more_time_never_means_fewer_words(transcript: str, one: int, other: int) -> None:
    shorter, longer = (heard_text(transcript, ms, 100) for ms in sorted((one, other)))
    assert transcript.startswith(longer)
    assert longer.startswith(shorter)
