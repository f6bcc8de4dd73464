"""One response being written: its frames in the order of the live service, its items, its bill."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Literal

import pytest

from realtime_transport.audio import PCM16_24K, PCMU, AudioFormat
from realtime_transport.conversation.brain import CallMcp, CallTool, Say, Write
from realtime_transport.conversation.server_items import Entry, ItemChain
from realtime_transport.conversation.server_outbox import Padding, ServerOutbox, counted_ids, no_padding
from realtime_transport.conversation.server_output import ResponseOutput
from realtime_transport.conversation.server_usage import Tokens
from realtime_transport.events import UNSET, McpApprovalRequestItem, McpCallItem, UserMessageItem
from realtime_transport.wire import to_dict


def sound(ms: float) -> bytes:
    return b"\x01\x02" * (PCM16_24K.bytes_for(ms) // 2)


class Case:
    """A response ``r``, the conversation it joins, and what was said of it."""

    def __init__(
        self,
        modality: Literal["audio", "text"] = "audio",
        *,
        outside: bool = False,
        after: tuple[str, ...] = (),
        audio_format: AudioFormat = PCM16_24K,
        padding: Padding = no_padding,
    ) -> None:
        self.out = ServerOutbox(counted_ids(1), padding)
        self.chain = ItemChain(retained_audio_bytes=1 << 20)
        for item_id in after:
            self.chain.insert(item_id, Entry(UserMessageItem(id=item_id, content=())), self.chain.last)
        self.output = ResponseOutput(
            "r", self.out, chain=None if outside else self.chain, modality=modality, audio_format=audio_format
        )

    def frames(self) -> list[tuple[str, dict[str, Any]]]:
        """What was said since: type, and all the rest but the ids of the event and the response, which are checked."""
        told: list[tuple[str, dict[str, Any]]] = []
        for frame in map(to_dict, self.out.drain()):
            assert frame.pop("event_id").startswith("event_")
            kind = frame.pop("type")
            assert frame.pop("response_id", None) == ("r" if kind.startswith("response.") else None)
            told.append((kind, frame))
        return told

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.frames()]

    def items(self) -> list[dict[str, Any]]:
        return [to_dict(item) for item in self.output.items]


def message(status: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"type": "message", "role": "assistant", "id": "item_1", "status": status}
    return {**whole, "content": list(content), **more}


AT = {"item_id": "item_1", "output_index": 0, "content_index": 0}

# --- messages ------------------------------------------------------------------------------------------------------


def test_speech_word_for_word() -> None:
    case = Case(after=("a", "b"))
    case.output.say(Say(transcript="Hello", audio=sound(100)))
    case.output.say(Say(transcript=" there.", audio=sound(50)))
    opened, done = message("in_progress"), message("completed", {"type": "output_audio", "transcript": "Hello there."})
    assert case.frames() == [
        ("response.output_item.added", {"output_index": 0, "item": opened}),
        ("conversation.item.added", {"previous_item_id": "b", "item": opened}),
        ("response.content_part.added", {**AT, "part": {"type": "audio", "transcript": ""}}),
        ("response.output_audio_transcript.delta", {**AT, "delta": "Hello"}),
        ("response.output_audio.delta", {**AT, "delta": b64encode(sound(100)).decode()}),
        ("response.output_audio_transcript.delta", {**AT, "delta": " there."}),
        ("response.output_audio.delta", {**AT, "delta": b64encode(sound(50)).decode()}),
    ]
    case.output.close_message("completed")
    assert case.frames() == [
        ("response.output_audio.done", AT),
        ("response.output_audio_transcript.done", {**AT, "transcript": "Hello there."}),
        ("response.content_part.done", {**AT, "part": {"type": "audio", "transcript": "Hello there."}}),
        ("conversation.item.done", {"previous_item_id": "b", "item": done}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
    ]
    assert case.items() == [done]
    assert case.output.audio_ms == 150


def test_text_word_for_word() -> None:
    case = Case("text", after=("a", "b"))
    case.output.write(Write(text="Hello"))
    case.output.write(Write(text=" there."))
    opened, done = message("in_progress"), message("completed", {"type": "output_text", "text": "Hello there."})
    assert case.frames() == [
        ("response.output_item.added", {"output_index": 0, "item": opened}),
        ("conversation.item.added", {"previous_item_id": "b", "item": opened}),
        ("response.content_part.added", {**AT, "part": {"type": "text", "text": ""}}),
        ("response.output_text.delta", {**AT, "delta": "Hello"}),
        ("response.output_text.delta", {**AT, "delta": " there."}),
    ]
    case.output.close_message("completed")
    assert case.frames() == [
        ("response.output_text.done", {**AT, "text": "Hello there."}),
        ("response.content_part.done", {**AT, "part": {"type": "text", "text": "Hello there."}}),
        ("conversation.item.done", {"previous_item_id": "b", "item": done}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
    ]
    assert case.items() == [done]
    assert case.output.audio_ms == 0


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_a_message_that_is_broken_off_is_incomplete_and_closed_once(modality: Literal["audio", "text"]) -> None:
    case = Case(modality)
    case.output.close_message("incomplete")
    assert case.frames() == []
    case.output.say(Say(transcript="He"))
    case.output.close_message("incomplete")
    assert case.items()[0]["status"] == "incomplete"
    case.frames()
    case.output.close_message("completed")
    assert case.frames() == []
    assert len(case.items()) == 1


def test_the_next_message_is_another_item() -> None:
    case = Case("text")
    for text in ("one", "two"):
        case.output.write(Write(text=text))
        case.output.close_message("completed")
    assert [(item["id"], item["content"][0]["text"]) for item in case.items()] == [("item_1", "one"), ("item_2", "two")]
    told = [frame for kind, frame in case.frames() if kind == "response.output_text.delta"]
    assert told == [{**AT, "delta": "one"}, {**AT, "item_id": "item_2", "output_index": 1, "delta": "two"}]


@pytest.mark.parametrize(
    ("modality", "output"),
    [
        ("audio", Say(transcript="Wait.", phase="commentary")),
        ("audio", Write(text="Wait.", phase="commentary")),
        ("text", Say(transcript="Wait.", phase="commentary")),
        ("text", Write(text="Wait.", phase="commentary")),
    ],
)
def test_a_message_has_the_phase_of_its_first_output(modality: Literal["audio", "text"], output: Say | Write) -> None:
    case = Case(modality)
    for each in (output, Write(text="!")):
        if isinstance(each, Write):
            case.output.write(each)
        else:
            case.output.say(each)
    (_, added), *_ = case.frames()
    case.output.close_message("completed")
    assert added["item"]["phase"] == case.items()[0]["phase"] == "commentary"


@pytest.mark.parametrize("phase", [UNSET, None, ""])
def test_a_message_without_a_phase_has_no_such_field(phase: Any) -> None:
    case = Case()
    case.output.say(Say(transcript="Hi.", phase=phase))
    case.output.close_message("completed")
    assert "phase" not in case.items()[0]


def test_sound_is_not_written() -> None:
    case = Case("text")
    case.output.say(Say(transcript="Hello.", audio=sound(100)))
    case.output.close_message("completed")
    assert case.items() == [message("completed", {"type": "output_text", "text": "Hello."})]
    assert case.output.tokens == Tokens(text=2)
    heard = case.chain.get("item_1")
    assert heard
    assert heard.speech == {}


def test_words_without_sound_and_sound_without_words() -> None:
    case = Case()
    case.output.write(Write(text="Hi."))
    case.output.say(Say(transcript="", audio=sound(20)))
    case.output.say(Say(transcript="", audio=b""))
    assert case.kinds()[3:] == ["response.output_audio_transcript.delta", "response.output_audio.delta"]
    case.output.close_message("completed")
    assert case.items() == [message("completed", {"type": "output_audio", "transcript": "Hi."})]


def test_no_text_is_no_delta_but_opens_the_message() -> None:
    case = Case("text")
    case.output.write(Write(text=""))
    assert case.kinds()[-1] == "response.content_part.added"
    assert case.output.tokens == Tokens()


def test_padding_is_put_beside_everything_but_sound() -> None:
    case = Case(padding=lambda text: f"<{text}>")
    case.output.say(Say(transcript="Hi.", audio=sound(20)))
    case.output.call(CallTool(name="f", arguments="{}"))
    case.output.call_mcp(CallMcp(server_label="s", name="f", arguments="[]"), ask_first=False)
    deltas = {kind: frame for kind, frame in case.frames() if kind.endswith(".delta")}
    assert {kind: frame.get("obfuscation") for kind, frame in deltas.items()} == {
        "response.output_audio_transcript.delta": "<Hi.>",
        "response.output_audio.delta": None,
        "response.function_call_arguments.delta": "<{}>",
        "response.mcp_call_arguments.delta": "<[]>",
    }
    written = Case("text", padding=lambda text: f"<{text}>")
    written.output.write(Write(text="Hi."))
    assert written.frames()[-1][1]["obfuscation"] == "<Hi.>"


# --- sound ---------------------------------------------------------------------------------------------------------


def test_sound_is_converted_to_the_end_of_a_message_that_is_completed() -> None:
    lengths: dict[str, int] = {}
    for status in ("completed", "incomplete"):
        case = Case(audio_format=PCMU)
        case.output.say(Say(transcript="Hi.", audio=sound(100)))
        case.output.say(Say(transcript="", audio=sound(100)))
        case.output.close_message("completed" if status == "completed" else "incomplete")
        entry = case.chain.get("item_1")
        assert entry
        lengths[status] = len(entry.speech[0].audio)
        assert entry.speech[0].transcript == "Hi."
        assert entry.speech[0].format == PCMU
        assert case.output.audio_ms == PCMU.ms(lengths[status])
    assert lengths["completed"] == PCMU.bytes_for(200)
    assert lengths["incomplete"] < lengths["completed"]


def test_sound_of_another_format_is_read_as_what_it_is() -> None:
    case = Case()
    case.output.say(Say(transcript="Hi.", audio=bytes(800), format=PCMU))
    case.output.close_message("completed")
    assert case.output.audio_ms == pytest.approx(100)


def test_the_conversation_knows_how_the_words_lie_in_the_sound() -> None:
    case = Case()
    case.output.say(Say(transcript="one", audio=sound(100)))
    case.output.write(Write(text=" two"))
    case.output.say(Say(transcript=" three", audio=sound(50)))
    case.output.say(Say(transcript="", audio=sound(10)))
    case.output.close_message("completed")
    entry = case.chain.get("item_1")
    assert entry
    assert entry.item == case.output.items[0]
    (speech,) = entry.speech.values()
    assert speech.audio == sound(160)
    ends = [PCM16_24K.bytes_for(ms) for ms in (100, 100, 150, 160)]
    assert speech.words == tuple(zip(ends, ("one", " two", " three", ""), strict=True))


# --- calls ---------------------------------------------------------------------------------------------------------


def test_a_function_call_word_for_word() -> None:
    case = Case(after=("a", "b"))
    case.output.call(CallTool(name="get", arguments='{"city": "Lisbon"}'))
    call: dict[str, Any] = {"type": "function_call", "id": "item_1", "call_id": "call_0000000000000001", "name": "get"}
    opened, done = call | {"status": "in_progress", "arguments": ""}, call | {"status": "completed"}
    done["arguments"] = '{"city": "Lisbon"}'
    at = {"item_id": "item_1", "output_index": 0, "call_id": "call_0000000000000001"}
    assert case.frames() == [
        ("response.output_item.added", {"output_index": 0, "item": opened}),
        ("conversation.item.added", {"previous_item_id": "b", "item": opened}),
        ("response.function_call_arguments.delta", {**at, "delta": '{"city": "Li'}),
        ("response.function_call_arguments.delta", {**at, "delta": 'sbon"}'}),
        ("response.function_call_arguments.done", {**at, "name": "get", "arguments": '{"city": "Lisbon"}'}),
        ("conversation.item.done", {"previous_item_id": "b", "item": done}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
    ]
    assert case.items() == [done]


def test_a_brain_may_name_its_call() -> None:
    case = Case()
    case.output.call(CallTool(name="f", call_id="call_mine"))
    assert case.items()[0]["call_id"] == "call_mine"


MESSAGE_CLOSES = [
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]


def test_a_message_is_closed_once_the_arguments_of_the_call_after_it_are_written() -> None:
    case = Case("text")
    case.output.write(Write(text="Wait."))
    case.frames()
    case.output.call(CallTool(name="f"))
    case.output.write(Write(text="Now."))
    told = case.frames()
    assert [kind for kind, _ in told][:10] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        *MESSAGE_CLOSES,
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
    ]
    assert [frame["output_index"] for _, frame in told if "output_index" in frame] == [1, 1, 0, 0, 0, 1, 1, 2, 2, 2]
    assert [(item["type"], item["status"]) for item in case.items()] == [
        ("message", "completed"),
        ("function_call", "completed"),
    ]


MCP = CallMcp(server_label="weather", name="get", arguments='{"city": "Lisbon"}')


@pytest.mark.parametrize("ask_first", [True, False])
def test_an_mcp_call_word_for_word(ask_first: bool) -> None:
    case = Case("text", after=("a", "b"))
    case.output.call_mcp(MCP, ask_first=ask_first)
    call: dict[str, Any] = {"server_label": "weather", "name": "get"}
    call |= {"type": "mcp_approval_request", "id": "mcpr_1"} if ask_first else {"type": "mcp_call", "id": "mcp_1"}
    call |= {} if ask_first else {"output": None, "error": None}
    opened, done = {**call, "arguments": ""}, {**call, "arguments": MCP.arguments}
    at = {"item_id": call["id"], "output_index": 0}
    assert case.frames() == [
        ("response.output_item.added", {"output_index": 0, "item": opened}),
        ("conversation.item.added", {"previous_item_id": "b", "item": opened}),
        ("response.mcp_call_arguments.delta", {**at, "delta": '{"city": "Li'}),
        ("response.mcp_call_arguments.delta", {**at, "delta": 'sbon"}'}),
        ("response.mcp_call_arguments.done", {**at, "arguments": MCP.arguments}),
        *([("conversation.item.done", {"previous_item_id": "b", "item": done})] if ask_first else []),
        ("response.output_item.done", {"output_index": 0, "item": done}),
    ]
    assert case.items() == [done]
    entry = case.chain.get(call["id"])
    assert entry
    assert to_dict(entry.item) == (done if ask_first else opened)


def test_an_mcp_call_waits_for_the_end_of_the_response_unless_it_is_asked_for_first() -> None:
    case = Case("text")
    case.output.write(Write(text="Wait."))
    case.frames()
    case.output.call_mcp(MCP, ask_first=False)
    case.output.call_mcp(MCP, ask_first=True)
    told = case.frames()
    assert [kind for kind, _ in told[4:9]] == [*MESSAGE_CLOSES, "response.mcp_call_arguments.done"]
    assert [frame["output_index"] for kind, frame in told if kind == "response.output_item.done"] == [0, 1, 2]
    assert case.items()[0]["status"] == "completed"
    ((run, index),) = case.output.mcp_calls
    assert (run, index) == (case.output.items[1], 1)
    assert [type(item) for item in case.output.items[1:]] == [McpCallItem, McpApprovalRequestItem]


# --- the conversation ----------------------------------------------------------------------------------------------


def test_outside_the_conversation_nothing_is_said_of_it() -> None:
    case = Case(outside=True, after=("a",))
    case.output.say(Say(transcript="Hi.", audio=sound(20)))
    case.output.call(CallTool(name="f"))
    case.output.call_mcp(MCP, ask_first=True)
    assert not [kind for kind in case.kinds() if kind.startswith("conversation.")]
    assert len(case.chain) == 1
    assert len(case.items()) == 3


@pytest.mark.parametrize(("before", "added", "done"), [((), None, None), (("a",), "a", None), (("a", "b"), "b", "b")])
def test_done_forgets_a_predecessor_that_is_the_first_item(
    before: tuple[str, ...], added: str | None, done: str | None
) -> None:
    """Seen in every capture of the live service; ``added`` is right."""
    case = Case(after=before)
    case.output.say(Say(transcript="Hi."))
    case.output.close_message("completed")
    places = [frame["previous_item_id"] for _, frame in case.frames() if "previous_item_id" in frame]
    assert places == [added, done]


def test_an_item_that_was_deleted_is_done_for_the_response_only() -> None:
    case = Case()
    case.output.say(Say(transcript="Hi.", audio=sound(20)))
    case.chain.delete("item_1")
    case.frames()
    case.output.close_message("completed")
    assert case.kinds()[-2:] == ["response.content_part.done", "response.output_item.done"]
    assert len(case.items()) == 1


def test_an_item_that_took_over_the_id_of_a_deleted_one_is_left_alone() -> None:
    case = Case()
    case.output.say(Say(transcript="Hi.", audio=sound(20)))
    case.chain.delete("item_1")
    clients = Entry(UserMessageItem(id="item_1", content=()))
    case.chain.insert("item_1", clients, None)
    case.frames()
    case.output.close_message("completed")
    assert case.kinds()[-2:] == ["response.content_part.done", "response.output_item.done"]
    assert clients == Entry(UserMessageItem(id="item_1", content=()))


# --- the bill ------------------------------------------------------------------------------------------------------


def test_words_and_sound_are_counted() -> None:
    case = Case()
    case.output.say(Say(transcript="x" * 8, audio=sound(100)))
    case.output.say(Say(transcript="x" * 5, audio=sound(60)))
    assert case.output.tokens == Tokens(text=4)
    assert case.output.so_far == Tokens(text=4, audio=4)
    case.output.close_message("completed")
    assert (
        case.output.tokens == case.output.so_far == Tokens(text=4, audio=4)
    )  # 160 ms at 20 tokens a second, once and rounded up
    case.output.write(Write(text="x" * 4))
    case.output.close_message("completed")
    assert case.output.tokens == Tokens(text=5, audio=4)


def test_calls_are_counted_by_name_and_arguments() -> None:
    case = Case("text")
    case.output.write(Write(text="x" * 4))
    case.output.call(CallTool(name="four", arguments="[1, 2]"))
    assert case.output.tokens == Tokens(text=4)
    case.output.call_mcp(CallMcp(server_label="a label", name="four", arguments="{}"), ask_first=False)
    assert case.output.tokens == Tokens(text=6)
    case.output.write(Write(text="x" * 8))
    assert case.output.tokens == Tokens(text=8)
