"""One item of the record: how its words come together, and what can be said of it."""

from __future__ import annotations

import pytest

from realtime_transport.conversation.history_entry import HistoryEntry, Record, Words, with_words
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    InputAudioPart,
    McpListToolsItem,
    OutputAudioPart,
    OutputTextPart,
    UserMessageItem,
)

SPOKEN = AssistantMessageItem(id="a", content=(OutputAudioPart(transcript="one two"),))


def record(item: object = SPOKEN) -> Record:
    return Record(item, Words())  # type: ignore[arg-type]


def test_words_are_joined_when_somebody_looks() -> None:
    one = record()
    one.words.pieces[("transcript", 0)] = [" three", " four"]
    one.words.pieces[("text", 1)] = ["new"]
    one.words.pieces[("audio", 0)] = [b"1", b"2"]
    looked = one.current()
    assert looked.content == (OutputAudioPart(transcript="one two three four", audio=b"12"), OutputTextPart(text="new"))
    assert one.words.pieces == {}
    assert one.current() is looked is one.item


def test_what_was_generated_ends_with_its_item_and_the_callers_words_do_not() -> None:
    agent, caller = record(), record(UserMessageItem(id="u"))
    assert not agent.generated_whole
    agent.complete = caller.complete = True
    assert agent.generated_whole
    assert not caller.generated_whole


def test_early_words_are_taken_unless_the_announcement_has_more() -> None:
    words = Words(pieces={("transcript", 0): ["one", " two"]})
    assert with_words(AssistantMessageItem(), words, final=False).content == (OutputAudioPart(transcript="one two"),)
    longer = AssistantMessageItem(content=(OutputAudioPart(transcript="one two three"),))
    assert with_words(longer, words, final=False) == longer
    same = AssistantMessageItem(content=(OutputAudioPart(transcript="ONE TWO"),))
    assert with_words(same, words, final=False) == same
    words.closed.add(("transcript", 0))
    assert with_words(longer, words, final=False).content == (OutputAudioPart(transcript="one two"),)


def test_early_words_only_fill_what_the_end_of_an_item_leaves_out() -> None:
    words = Words(pieces={("transcript", 0): ["one two"]}, closed={("transcript", 0)})
    for transcript in ("end", ""):
        ended = AssistantMessageItem(content=(OutputAudioPart(transcript=transcript),))
        assert with_words(ended, words, final=True) == ended
    assert with_words(AssistantMessageItem(), words, final=True).content == (OutputAudioPart(transcript="one two"),)
    heard = UserMessageItem(content=(InputAudioPart(transcript=None),))
    assert with_words(heard, words, final=True).content == (InputAudioPart(transcript="one two"),)
    arguments = Words(pieces={("arguments", 0): ["{}"]})
    assert with_words(FunctionCallItem(name="f"), arguments, final=True).arguments == "{}"  # type: ignore[union-attr]
    called = FunctionCallItem(name="f", arguments="[]")
    assert with_words(called, arguments, final=True) == called


def test_an_entry_of_an_item_that_nobody_spoke_of() -> None:
    assert record().entry(uncertain=True) == HistoryEntry(
        item=SPOKEN,
        status="in_progress",
        heard_ms=None,
        heard_text=None,
        restored_as_text=False,
        uncertain=True,
    )


@pytest.mark.parametrize(
    ("item", "complete", "status"),
    [
        (AssistantMessageItem(status="incomplete"), True, "incomplete"),
        (FunctionCallItem(name="f", status=None), True, "completed"),
        (McpListToolsItem(server_label="s"), False, "in_progress"),
        (McpListToolsItem(server_label="s"), True, "completed"),
    ],
)
def test_status(item: object, complete: bool, status: str) -> None:
    one = record(item)
    one.complete = complete
    assert one.entry(uncertain=False).status == status


def test_what_was_heard_of_several_parts() -> None:
    parts = (OutputAudioPart(transcript="one two"), OutputTextPart(text="-"), OutputAudioPart(transcript="three four"))
    one = record(AssistantMessageItem(content=parts))
    one.restored_as_text = True
    one.heard = {2: (500, 1000), 0: (1000, 1000)}
    entry = one.entry(uncertain=False)
    assert (entry.heard_ms, entry.heard_text) == (1500, "one two three")
    assert entry.restored_as_text
    one.heard = {0: (0, 1000), 2: (500, 1000)}
    assert one.entry(uncertain=False).heard_text == "three"


@pytest.mark.parametrize("heard", [{0: (500, None)}, {1: (500, 1000)}])
def test_heard_words_cannot_be_told_without_a_length_or_a_transcript(
    heard: dict[int, tuple[float, float | None]],
) -> None:
    one = record()
    one.heard = heard
    entry = one.entry(uncertain=False)
    assert (entry.heard_ms, entry.heard_text) == (500, None)
