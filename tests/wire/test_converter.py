from __future__ import annotations

import enum
from typing import Any

import pytest
from cattrs import ClassValidationError

from realtime_transport.events import (
    UNSET,
    AnySession,
    AssistantMessageItem,
    AudioOutputConfig,
    ConversationItemCreate,
    ErrorDetail,
    ErrorFrame,
    FunctionCallOutputItem,
    FunctionTool,
    Item,
    McpCallItem,
    McpTool,
    McpToolFilter,
    NoiseReduction,
    OutputAudioPart,
    OutputTextPart,
    PcmFormat,
    RealtimeSessionConfig,
    ResponseError,
    ResponseStatusDetails,
    ServerVad,
    SystemMessageItem,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
    UnknownItem,
    UnknownObject,
    UnknownPart,
    UnknownServerEvent,
    VoiceId,
)
from realtime_transport.wire.converter import CONVERTER


def structure(value: Any, cls: Any) -> Any:
    return CONVERTER.structure(value, cls)


# --- absent, null, value -----------------------------------------------------------------------------------------


def test_absent_is_omitted_and_null_is_sent() -> None:
    session = RealtimeSessionConfig(instructions="", prompt=None, tools=())
    assert CONVERTER.unstructure(session) == {"type": "realtime", "instructions": "", "prompt": None, "tools": []}


def test_absent_null_and_value_are_read_apart() -> None:
    read = structure({"voice": None, "speed": 1}, AudioOutputConfig)
    assert read == AudioOutputConfig(voice=None, speed=1)
    assert read.format is UNSET


# --- unions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "declared", "result"),
    [
        ({"type": "message", "role": "system"}, Item, SystemMessageItem()),
        ({"type": "message", "role": "developer"}, Item, UnknownItem(type="message", extra={"role": "developer"})),
        ({"type": "message", "role": ["user"]}, Item, UnknownItem(type="message", extra={"role": ["user"]})),
        ({"type": "hologram", "id": "i"}, Item, UnknownItem(type="hologram", id="i")),
        ({"role": "user"}, Item, UnknownItem(extra={"role": "user"})),
        ({}, AnySession, RealtimeSessionConfig()),
        ({"type": "realtime"}, AnySession, RealtimeSessionConfig()),
        ({"type": "transcription"}, AnySession, TranscriptionSessionConfig()),
        ({"type": "translation"}, AnySession, TranslationSessionConfig(type="translation")),
        ({"type": "dance"}, AnySession, RealtimeSessionConfig(type="dance")),
    ],
)
def test_objects_are_told_apart_by_their_words(value: Any, declared: Any, result: Any) -> None:
    assert structure(value, declared) == result


@pytest.mark.parametrize(
    ("voice", "result"),
    [
        ("marin", "marin"),
        ({"id": "voice_1"}, VoiceId(id="voice_1")),
        ({"type": "azure-standard", "name": "x"}, UnknownObject(type="azure-standard", extra={"name": "x"})),
        (None, None),
    ],
)
def test_a_voice_comes_in_three_forms(voice: Any, result: Any) -> None:
    assert structure({"voice": voice}, AudioOutputConfig).voice == result


@pytest.mark.parametrize(
    ("tools", "result"),
    [(["roll"], ("roll",)), ({"read_only": True}, McpToolFilter(read_only=True)), (None, None)],
)
def test_allowed_tools_are_a_list_or_a_filter(tools: Any, result: Any) -> None:
    tool = structure({"type": "mcp", "server_label": "s", "allowed_tools": tools}, McpTool)
    assert tool.allowed_tools == result


@pytest.mark.parametrize(
    ("cls", "field", "value", "complaint"),
    [
        (AudioOutputConfig, "voice", 5, "expected a text or an object, got a number"),
        (AudioOutputConfig, "speed", True, "expected a number, got a boolean"),
        (RealtimeSessionConfig, "max_output_tokens", [], "expected a number or a text, got an array"),
        (RealtimeSessionConfig, "parallel_tool_calls", 1, "expected a boolean, got a number"),
        (RealtimeSessionConfig, "include", "all", "expected an array, got a text"),
        (FunctionTool, "parameters", "{}", "expected an object, got a text"),
    ],
)
def test_a_union_says_what_it_takes(cls: Any, field: str, value: Any, complaint: str) -> None:
    with pytest.raises(ClassValidationError) as caught:
        structure({field: value, "name": "f"}, cls)
    assert complaint in str(caught.value.exceptions[0])


@pytest.mark.parametrize(("value", "kind"), [(5, "a number"), ("pcm", "a text"), ([], "an array"), (None, "null")])
def test_an_object_is_an_object(value: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"^expected an object, got {kind}$"):
        structure(value, PcmFormat)


@pytest.mark.parametrize(("word", "cls"), [("text", OutputTextPart), ("audio", OutputAudioPart)])
def test_parts_answer_to_both_of_their_names(word: str, cls: Any) -> None:
    item = structure({"type": "message", "role": "assistant", "content": [{"type": word}]}, Item)
    assert item == AssistantMessageItem(content=(cls(type=word),))


# --- what is not known -------------------------------------------------------------------------------------------


def test_unknown_fields_are_kept_at_every_level() -> None:
    value = {"type": "message", "role": "assistant", "content": [{"type": "hum", "pitch": 3}], "mood": "gay"}
    item = structure(value, Item)
    assert item == AssistantMessageItem(content=(UnknownPart(type="hum", extra={"pitch": 3}),), extra={"mood": "gay"})
    assert CONVERTER.unstructure(item) == value


def test_unknown_words_are_kept() -> None:
    assert structure({"type": "mid_field"}, NoiseReduction).type == "mid_field"


def test_extra_never_overrides_a_field() -> None:
    tool = FunctionTool(name="f", extra={"name": "g", "type": "h", "x": 1})
    assert CONVERTER.unstructure(tool) == {"type": "function", "name": "f", "x": 1}


def test_keys_of_the_converter_itself_are_fields_like_any_other() -> None:
    frame = {"error": {"message": "m"}, "\0raw": 1, "\0extra": 2}
    event = structure(frame, ErrorFrame)
    assert event.raw == frame
    assert event.extra == {"\0raw": 1, "\0extra": 2}


# --- looseness of the field --------------------------------------------------------------------------------------


def test_an_error_may_be_a_text() -> None:
    assert structure({"error": "boom"}, ErrorFrame).error == ErrorDetail(message="boom")
    assert structure({"error": "boom"}, ResponseStatusDetails).error == ResponseError(message="boom")
    assert structure({"server_label": "s", "name": "n", "error": "boom"}, McpCallItem).error == "boom"


# --- writing -----------------------------------------------------------------------------------------------------


class Pet(str, enum.Enum):  # noqa: UP042  # its str() is its name, and that must not be sent
    CAT = "cat"


class Label(str):
    pass


def test_subclasses_of_plain_values_are_written_plainly() -> None:
    fields = CONVERTER.unstructure(FunctionTool(name=Label("f"), description=Pet.CAT, parameters={"a": 1}))
    assert fields == {"type": "function", "name": "f", "description": "cat", "parameters": {"a": 1}}
    assert type(fields["name"]) is str
    assert type(fields["description"]) is str


def test_numbers_and_booleans_stay_themselves() -> None:
    vad = ServerVad(threshold=0.5, create_response=True, silence_duration_ms=200)
    fields = CONVERTER.unstructure(vad)
    assert fields == {"type": "server_vad", "threshold": 0.5, "create_response": True, "silence_duration_ms": 200}
    assert fields["create_response"] is True


def test_lists_are_taken_where_tuples_are_declared() -> None:
    item = AssistantMessageItem(content=[OutputTextPart(text="a")])  # type: ignore[arg-type]
    assert CONVERTER.unstructure(item)["content"] == [{"type": "output_text", "text": "a"}]


def test_an_event_is_written_with_its_type_and_without_what_was_received() -> None:
    item = FunctionCallOutputItem(call_id="c", output="")
    event = ConversationItemCreate(item=item, raw={"x": 1})
    assert CONVERTER.unstructure(event) == {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": ""},
    }


@pytest.mark.parametrize(
    ("event", "frame"),
    [
        (UnknownServerEvent(type="x", raw={"a": 1}), {"a": 1, "type": "x"}),
        (
            UnknownServerEvent(type="x", event_id="e", raw={"type": "y", "event_id": "f"}),
            {"type": "x", "event_id": "e"},
        ),
        (UnknownServerEvent(type="", raw={"type": 5}), {"type": 5}),
    ],
)
def test_an_unknown_event_is_written_as_it_came(event: UnknownServerEvent, frame: dict[str, Any]) -> None:
    assert CONVERTER.unstructure(event) == frame


def test_an_unknown_event_is_read_into_raw_alone() -> None:
    frame = {"type": "x", "a": 1}
    assert structure(frame, UnknownServerEvent) == UnknownServerEvent(type="x", raw=frame)


def test_a_format_keeps_what_a_dialect_adds() -> None:
    assert structure({"type": "audio/pcm", "rate": 16000, "bits": 16}, PcmFormat) == PcmFormat(
        rate=16000, extra={"bits": 16}
    )
