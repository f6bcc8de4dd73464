"""The chain of items: adding, placing, deleting, retrieving and truncating."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_24K, PCMU
from realtime_transport.conversation.brain import Say
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.server import ServerLimits
from realtime_transport.conversation.server_items import Entry, ItemChain, Speech, words_of
from realtime_transport.events import (
    AssistantMessageItem,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
    ConversationItemTruncated,
    FunctionCallItem,
    InputAudioBufferSpeechStarted,
    InputAudioPart,
    InputTextPart,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    OutputAudioPart,
    OutputTextPart,
    ServerEvent,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.exceptions import ServerError
from tests.conversation.serving import PHRASE, Canned, Served, plain, silence, types

TEXT = UserMessageItem(content=(InputTextPart(text="Hi."),))


def put(served: Served, item_id: str, **where: Any) -> list[ServerEvent]:
    item = UserMessageItem(id=item_id, content=(InputTextPart(text="Hi."),))
    return served.send(ConversationItemCreate(item=item, **where))


def order(served: Served) -> list[Any]:
    return [item.id for item in served.conversation.items]


# --- adding --------------------------------------------------------------------------------------------------------


def test_an_item_is_added_and_done_at_once() -> None:
    served = Served()
    added, done = served.send(ConversationItemCreate(item=TEXT))
    assert (added.type, done.type) == ("conversation.item.added", "conversation.item.done")
    item = plain(added)["item"]
    assert item == {
        "type": "message",
        "role": "user",
        "id": "item_0001",
        "status": "completed",
        "content": [{"type": "input_text", "text": "Hi."}],
    }
    assert plain(added)["previous_item_id"] is None
    assert plain(done)["item"] == item


def test_places() -> None:
    served = Served()
    put(served, "b")
    put(served, "c")
    put(served, "a", previous_item_id="root")
    assert served.last(ConversationItemAdded).previous_item_id is None
    put(served, "b2", previous_item_id="b")
    assert served.last(ConversationItemAdded).previous_item_id == "b"
    put(served, "d", previous_item_id=None)
    assert order(served) == ["a", "b", "b2", "c", "d"]


@pytest.mark.parametrize(
    ("item_id", "where", "code"),
    [
        ("a", {}, "item_create_duplicate_item_id"),
        ("b", {"previous_item_id": "nobody"}, "item_create_invalid_previous_item_id"),
        ("x" * 33, {}, "string_above_max_length"),
    ],
)
def test_what_cannot_be_added_is_not(item_id: str, where: dict[str, str], code: str) -> None:
    served = Served()
    put(served, "a")
    put(served, item_id, **where)
    assert served.codes == [code]
    assert order(served) == ["a"]


def test_items_of_every_kind() -> None:
    served = Served()
    served.send(
        ConversationItemCreate(item=SystemMessageItem(content=(InputTextPart(text="Be kind."),))),
        ConversationItemCreate(item=AssistantMessageItem(content=(OutputTextPart(text="Hello."),))),
        ConversationItemCreate(item=AssistantMessageItem(content=(OutputAudioPart(transcript="Hello."),))),
        ConversationItemCreate(item=FunctionCallItem(name="f", arguments="{}")),
        ConversationItemCreate(item=McpApprovalRequestItem(id="mcpr_1", server_label="w", name="f", arguments="{}")),
        ConversationItemCreate(item=McpApprovalResponseItem(approval_request_id="mcpr_1", approve=False)),
    )
    assert served.codes == []
    call: Any = served.conversation.items[3]
    assert call.call_id.startswith("call_")
    assert order(served) == [*(f"item_000{n}" for n in range(1, 5)), "mcpr_1", "item_0005"]


def test_sound_inside_an_item_is_kept_and_not_echoed() -> None:
    class Knows:
        def transcribe(self, audio: bytes) -> str:
            return f"{len(audio)} bytes"

    brain = Canned()
    served = Served(brain, transcriber=Knows())
    sound = hum("hello")
    item = UserMessageItem(id="u", content=(InputTextPart(text="Listen:"), InputAudioPart(audio=sound)))
    (added, _) = served.send(ConversationItemCreate(item=item))
    assert plain(added)["item"]["content"][1] == {"type": "input_audio", "transcript": None}
    served.respond()
    (heard,) = brain.requests[0].heard
    assert (heard.item_id, heard.audio, heard.words) == ("u", sound, f"{len(sound)} bytes")
    assert brain.requests[0].words == f"Listen: {len(sound)} bytes"
    served.send(ConversationItemRetrieve(item_id="u"))
    retrieved: Any = served.last(ConversationItemRetrieved).item
    assert retrieved.content[1].audio == sound


def test_an_id_that_a_turn_was_announced_under_is_taken() -> None:
    served = Served()
    served.speak(silence(1000) + PHRASE)
    put(served, str(served.last(InputAudioBufferSpeechStarted).item_id))
    assert served.codes == ["item_create_duplicate_item_id"]


def test_items_of_another_session_may_be_brought_along() -> None:
    """A client that reconnects replays its history; ids that the server makes must not be among those."""
    served = Served(Canned(SPOKEN))
    put(served, "item_0001")
    put(served, "item_0002")
    served.respond()
    assert order(served) == ["item_0001", "item_0002", "item_0003"]


# --- taking out and looking up -------------------------------------------------------------------------------------


def test_delete_joins_the_neighbours() -> None:
    served = Served()
    for name in "abc":
        put(served, name)
    assert types(served.send(ConversationItemDelete(item_id="b"))) == ["conversation.item.deleted"]
    put(served, "b2", previous_item_id="a")
    served.send(ConversationItemDelete(item_id="c"))
    put(served, "d")
    assert served.last(ConversationItemAdded).previous_item_id == "b2"
    assert order(served) == ["a", "b2", "d"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (ConversationItemDelete(item_id="x"), "item_delete_invalid_item_id"),
        (ConversationItemRetrieve(item_id="x"), "item_retrieve_invalid_item_id"),
        (ConversationItemTruncate(item_id="x", audio_end_ms=0), "item_truncate_invalid_item_id"),
    ],
)
def test_unknown_items(event: Any, code: str) -> None:
    served = Served()
    served.send(event)
    assert served.codes == [code]


def test_retrieve_text() -> None:
    served = Served()
    put(served, "a")
    served.send(ConversationItemCreate(item=FunctionCallItem(id="f", name="f")))
    served.send(ConversationItemRetrieve(item_id="a"), ConversationItemRetrieve(item_id="f"))
    assert [event.item.id for event in served.all(ConversationItemRetrieved)] == ["a", "f"]


def test_the_callers_sound_comes_back_in_the_sessions_format() -> None:
    served = Served()
    served.send(ConversationItemCreate(item=UserMessageItem(id="u", content=(InputAudioPart(audio=hum("hello")),))))
    served.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    served.send(ConversationItemRetrieve(item_id="u"))
    item: Any = served.last(ConversationItemRetrieved).item
    assert PCMU.ms(len(item.content[0].audio)) == pytest.approx(PCM16_24K.ms(len(hum("hello"))), abs=1)


def test_old_sound_is_forgotten_before_memory_runs_out() -> None:
    served = Served(limits=ServerLimits(retained_audio_bytes=100_000))
    too_long = UserMessageItem(id="z", content=(InputAudioPart(audio=bytes(100_002)),))
    served.send(ConversationItemCreate(item=too_long), ConversationItemRetrieve(item_id="z"))
    for name in ("a", "b", "c"):
        item = UserMessageItem(id=name, content=(InputAudioPart(audio=bytes(48_000)),))
        served.send(ConversationItemCreate(item=item))
        served.send(ConversationItemRetrieve(item_id=name))
    served.send(ConversationItemRetrieve(item_id="a"))
    items: list[Any] = [event.item for event in served.all(ConversationItemRetrieved)]
    assert [len(item.content[0].audio or b"") for item in items] == [100_002, 48_000, 48_000, 48_000, 0]


# --- truncating ----------------------------------------------------------------------------------------------------

WORDS = "one two three four five six seven eight nine ten"
SPOKEN = Say(transcript=WORDS, audio=bytes(range(250)) * 384)  # 2 s, every 250 bytes alike
ITEM = "item_0001"


def spoken() -> Served:
    served = Served(Canned(SPOKEN), chunk_ms=100)
    served.respond()
    return served


def kept(served: Served) -> tuple[bytes, str]:
    served.send(ConversationItemRetrieve(item_id=ITEM))
    item: Any = served.last(ConversationItemRetrieved).item
    return item.content[0].audio, item.content[0].transcript


def test_truncation_cuts_sound_and_words() -> None:
    served = spoken()
    assert kept(served) == (SPOKEN.audio, WORDS)
    (truncated,) = served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=1000))
    assert isinstance(truncated, ConversationItemTruncated)
    assert plain(truncated) == {
        "type": "conversation.item.truncated",
        "item_id": ITEM,
        "content_index": 0,
        "audio_end_ms": 1000,
    }
    audio, words = kept(served)
    assert audio == SPOKEN.audio[: PCM16_24K.bytes_for(1000)]
    assert words
    assert WORDS.startswith(words)
    assert len(words) == pytest.approx(len(WORDS) / 2, abs=8)


def test_the_model_no_longer_knows_what_was_not_heard() -> None:
    brain = Canned(SPOKEN, [])
    served = Served(brain, chunk_ms=100)
    served.respond()
    served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=500))
    served.respond()
    item: Any = brain.requests[1].items[0]
    assert item.content[0].transcript in WORDS[: len(WORDS) // 3]


def test_truncating_twice_and_to_nothing() -> None:
    served = spoken()
    served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=1500))
    served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=1500))
    served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=1501))
    assert served.codes == ["invalid_value"]
    served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=0))
    assert kept(served) == (b"", "")


def test_truncating_speech_whose_sound_is_forgotten() -> None:
    served = Served(Canned(SPOKEN), chunk_ms=100, limits=ServerLimits(retained_audio_bytes=1000))
    served.respond()
    put(served, "a")
    served.send(ConversationItemCreate(item=UserMessageItem(content=(InputAudioPart(audio=bytes(4800)),))))
    served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=1000))
    assert served.codes == []
    sound, words = kept(served)
    assert sound == b""
    assert WORDS.startswith(words)
    assert 0 < len(words) < len(WORDS)


@pytest.mark.parametrize(
    ("ms", "code", "param"),
    [
        (2001, "invalid_value", "audio_end_ms"),
        (-1, "integer_below_min_value", "audio_end_ms"),
    ],
)
def test_truncating_where_there_is_nothing(ms: int, code: str, param: str) -> None:
    served = spoken()
    (error,) = served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=ms))
    assert (plain(error)["error"]["code"], plain(error)["error"]["param"]) == (code, param)
    assert kept(served) == (SPOKEN.audio, WORDS)


def test_truncating_to_the_very_end() -> None:
    served = spoken()
    assert types(served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=2000))) == [
        "conversation.item.truncated"
    ]
    assert kept(served) == (SPOKEN.audio, WORDS)


@pytest.mark.parametrize(
    "item",
    [
        TEXT,
        AssistantMessageItem(content=(OutputTextPart(text="Hi."),)),
        UserMessageItem(content=(InputAudioPart(audio=bytes(4800)),)),
    ],
)
def test_only_the_models_speech_can_be_truncated(item: Any) -> None:
    served = Served()
    served.send(ConversationItemCreate(item=item))
    (error,) = served.send(ConversationItemTruncate(item_id=ITEM, audio_end_ms=0))
    assert plain(error)["error"]["code"] is None
    assert plain(error)["error"]["message"] == "Only model output audio messages can be truncated"


@given(
    marks=st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["a", " bc", " d e", ""])), max_size=8), data=st.data()
)
def test_a_cut_never_keeps_more_than_was_heard(marks: list[tuple[int, str]], data: st.DataObject) -> None:
    at, words = 0, []
    for samples, text in marks:
        at += 2 * samples
        words.append((at, text))
    speech = Speech(audio=bytes(at), format=PCM16_24K, words=tuple(words))
    end = data.draw(st.integers(0, 2))
    cut = speech.cut(end)
    assert len(cut.audio) <= PCM16_24K.bytes_for(end)
    assert speech.transcript.startswith(cut.transcript)
    assert all(until <= len(cut.audio) for until, _ in cut.words)


@given(st.text(alphabet="ab .\n", max_size=40))
def test_words_join_again(text: str) -> None:
    words = words_of(text)
    assert "".join(words) == (text if text.strip() else "")
    assert all(word.strip() for word in words)


# 3 ms of sound, in stretches of 1 ms and of 2 ms, and a word at whose end there is no more sound
STRETCHES = ((48, "one two"), (144, "  three four\nfive six"), (144, " seven"))


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, ()),
        (1, STRETCHES[:1]),
        (2, (*STRETCHES[:1], (96, "  three four"))),
        (3, STRETCHES),
        (4, STRETCHES),
    ],
)
def test_of_a_stretch_that_is_cut_its_share_of_whole_words_stays(ms: int, words: tuple[tuple[int, str], ...]) -> None:
    speech = Speech(audio=bytes(144), format=PCM16_24K, words=STRETCHES).cut(ms)
    assert (speech.words, speech.ms, len(speech.audio)) == (words, min(ms, 3), 48 * min(ms, 3))


def test_the_first_words_count_from_the_first_sample() -> None:
    speech = Speech(audio=bytes(96), format=PCM16_24K, words=((96, "one two"),))
    assert speech.cut(1).transcript == "one"


# --- what the chain keeps ------------------------------------------------------------------------------------------


def sound(size: int) -> dict[int, Speech]:
    return {0: Speech(audio=bytes(size), format=PCM16_24K)}


def kept_sounds(chain: ItemChain) -> dict[Any, int]:
    """How many bytes of sound each item still has; the length of the speech stays what it was."""
    return {entry.item.id: sum(len(speech.audio) for speech in entry.speech.values()) for entry in chain}


def chain_of(**sizes: int) -> ItemChain:
    """A chain that keeps 100 bytes of sound."""
    chain = ItemChain(retained_audio_bytes=100)
    for name, size in sizes.items():
        chain.insert(name, Entry(UserMessageItem(id=name), sound(size)), chain.last)
    return chain


@pytest.mark.parametrize(
    ("sizes", "left"),
    [
        ({"a": 60, "b": 40}, {"a": 60, "b": 40}),
        ({"a": 60, "b": 42}, {"a": 0, "b": 42}),
        ({"a": 50, "b": 50, "c": 50}, {"a": 0, "b": 50, "c": 50}),
        ({"a": 50, "b": 200}, {"a": 0, "b": 200}),
        ({"a": 200, "b": 50, "c": 50}, {"a": 0, "b": 50, "c": 50}),
    ],
)
def test_the_oldest_sound_is_forgotten_first_and_the_newest_never(sizes: dict[str, int], left: dict[str, int]) -> None:
    chain = chain_of(**sizes)
    assert kept_sounds(chain) == left
    assert {entry.item.id: entry.speech[0].length for entry in chain} == sizes


def test_sound_that_is_put_before_everything_is_bounded_too() -> None:
    chain = chain_of(a=60)
    chain.insert("b", Entry(UserMessageItem(id="b"), sound(60)), None)
    assert kept_sounds(chain) == {"b": 60, "a": 0}


def test_a_deleted_item_makes_room() -> None:
    chain = chain_of(a=60, b=40)
    chain.delete("a")
    chain.insert("c", Entry(UserMessageItem(id="c"), sound(60)), "b")
    assert kept_sounds(chain) == {"b": 40, "c": 60}


def test_sound_that_takes_the_place_of_other_sound_counts_once() -> None:
    chain = chain_of(a=10, b=40)
    chain.hear("b", 0, sound(60)[0])
    chain.insert("c", Entry(UserMessageItem(id="c"), sound(30)), "b")
    assert kept_sounds(chain) == {"a": 10, "b": 60, "c": 30}
    chain.hear("c", 1, sound(10)[0])
    assert kept_sounds(chain) == {"a": 0, "b": 60, "c": 40}
    chain.hear("c", 0, sound(200)[0])
    assert kept_sounds(chain) == {"a": 0, "b": 0, "c": 210}


def test_words_of_the_caller_join_the_item_if_it_is_still_here() -> None:
    chain = ItemChain(retained_audio_bytes=100)
    chain.insert("u", Entry(UserMessageItem(id="u", content=(InputAudioPart(transcript=None),))), None)
    chain.insert("a", Entry(AssistantMessageItem(id="a", content=(OutputAudioPart(transcript="Hi."),))), "u")
    text = UserMessageItem(id="t", content=(InputTextPart(text="Hi."), InputAudioPart(transcript=None)))
    nothing = UserMessageItem(id="n", content=())
    chain.insert("t", Entry(text), "a")
    chain.insert("n", Entry(nothing), "t")
    for item_id in ("u", "a", "t", "n", "gone"):
        chain.transcribed(item_id, "Hello.")
    user, agent, *others = (entry.item for entry in chain)
    assert user == UserMessageItem(id="u", content=(InputAudioPart(transcript="Hello."),))
    assert agent == AssistantMessageItem(id="a", content=(OutputAudioPart(transcript="Hi."),))
    assert others == [text, nothing]


def test_only_the_call_that_is_meant_is_found() -> None:
    chain = chain_of(a=0)
    chain.insert("f", Entry(FunctionCallItem(id="f", name="f", call_id="call_1")), None)
    assert chain.has_call("call_1")
    assert not chain.has_call("call_2")


REFUSALS: list[tuple[Callable[[ItemChain], object], str, str]] = [
    (
        lambda chain: chain.place("a", None),
        "item.id",
        "Error adding item: an item with id 'a' already exists.",
    ),
    (
        lambda chain: chain.place("b", "gone"),
        "previous_item_id",
        "Error adding item: the previous item with id 'gone' does not exist.",
    ),
    (lambda chain: chain.delete("gone"), "item_id", "Error deleting item: the item with id 'gone' does not exist."),
    (
        lambda chain: chain.truncate("gone", 0, 0),
        "item_id",
        "Error truncating item: the item with id 'gone' does not exist.",
    ),
    (lambda chain: chain.truncate("a", 1, 0), "item_id", "Only model output audio messages can be truncated"),
    (lambda chain: chain.truncate("a", 0, 4), "audio_end_ms", "Audio content of 1ms is already shorter than 4ms"),
    (
        lambda chain: chain.with_audio("gone", PCM16_24K),
        "item_id",
        "Error retrieving item: the item with id 'gone' does not exist.",
    ),
]


@pytest.mark.parametrize(("act", "param", "message"), REFUSALS, ids=[row[2] for row in REFUSALS])
def test_a_refusal_names_the_item_and_changes_nothing(
    act: Callable[[ItemChain], object], param: str, message: str
) -> None:
    chain = ItemChain(retained_audio_bytes=100)
    entry = Entry(AssistantMessageItem(id="a", content=(OutputAudioPart(transcript="Hi."),)), sound(48))
    chain.insert("a", entry, None)
    with pytest.raises(ServerError) as caught:
        act(chain)
    assert (caught.value.param, caught.value.message) == (param, message)
    assert list(chain) == [Entry(entry.item, sound(48))]


def test_the_models_sound_comes_back_as_it_was_said() -> None:
    chain = ItemChain(retained_audio_bytes=100)
    entry = Entry(AssistantMessageItem(id="a", content=(OutputAudioPart(transcript="Hi."),)))
    entry.speech[0] = Speech(audio=b"\x7f" * 80, format=PCMU)
    chain.insert("a", entry, None)
    assert chain.with_audio("a", PCM16_24K) == AssistantMessageItem(
        id="a", content=(OutputAudioPart(transcript="Hi.", audio=b"\x7f" * 80),)
    )


# --- the chain against a list --------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.data())
def test_the_chain_is_a_list(data: st.DataObject) -> None:
    chain, model = ItemChain(retained_audio_bytes=1000), list[str]()
    for step in range(data.draw(st.integers(1, 30))):
        if model and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(model))
            chain.delete(gone)
            model.remove(gone)
        else:
            name = f"i{step}"
            where = data.draw(st.sampled_from([None, "root", *model]))
            after = chain.place(name, where)
            chain.insert(name, Entry(UserMessageItem(id=name)), after)
            model.insert(len(model) if where is None else 0 if where == "root" else model.index(where) + 1, name)
        assert [entry.item.id for entry in chain] == model
        assert len(chain) == len(model)
        assert chain.last == (model[-1] if model else None)
        assert [chain.previous(name) for name in model] == [None, *model][:-1]
    with pytest.raises(ServerError):
        chain.delete("nobody")
