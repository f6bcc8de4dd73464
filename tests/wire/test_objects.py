from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from realtime_transport.events import (
    UNSET,
    AudioConfig,
    AudioOutputConfig,
    ConversationItemTruncate,
    FunctionTool,
    InputAudioPart,
    RealtimeSessionConfig,
    ResponseCreate,
    ResponseOptions,
    SessionUpdate,
    UnknownItem,
    UserMessageItem,
)
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.wire import from_dict, item_from_dict, to_dict


def test_an_item_is_stored_and_restored_with_its_audio() -> None:
    item = UserMessageItem(id="i", content=(InputAudioPart(audio=b"\x01\x02", transcript=None),))
    stored = to_dict(item)
    assert stored["content"] == [{"type": "input_audio", "audio": "AQI=", "transcript": None}]
    assert item_from_dict(stored) == item


def test_an_item_of_an_unknown_kind_is_restored_too() -> None:
    stored = {"type": "hologram", "id": "i", "x": [1]}
    assert to_dict(item_from_dict(stored)) == stored


def test_an_item_that_could_not_be_read_is_stored_as_it_came() -> None:
    item = UnknownItem(type="function_call", extra={"name": 5})
    assert to_dict(item) == {"type": "function_call", "name": 5}


def test_any_mapping_is_read() -> None:
    assert from_dict(MappingProxyType({"name": "f"}), FunctionTool) == FunctionTool(name="f")


@pytest.mark.parametrize(
    ("value", "cls", "path"),
    [
        ({"session": {"tools": [{"type": "function", "name": 1}]}}, SessionUpdate, "session.tools[0].name"),
        ({"item_id": "i"}, ConversationItemTruncate, "audio_end_ms"),
        ({"metadata": {"a": 1}}, ResponseOptions, "metadata.a"),
    ],
)  # fmt: skip
def test_a_flaw_is_raised_with_its_path(value: dict[str, Any], cls: type[Any], path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        from_dict(value, cls)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("value", "complaint"),
    [(["type", "realtime"], "got an array"), ("session", "got a text"), (5, "got a number"), (None, "got null")],
)
def test_what_is_no_object_is_refused_and_named(value: Any, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=f"expected an object, {complaint}"):
        from_dict(value, FunctionTool)
    with pytest.raises(InvalidArgument, match=f"expected an object, {complaint}"):
        item_from_dict(value)


def wrong(value: object) -> Any:
    return value


@pytest.mark.parametrize(
    ("value", "path", "complaint"),
    [
        (ConversationItemTruncate(item_id=wrong(UNSET), audio_end_ms=0), "item_id", "got nothing"),
        (ConversationItemTruncate(item_id="i", audio_end_ms=wrong(1.5)), "audio_end_ms", "expected an integer"),
        (ConversationItemTruncate(item_id="i", audio_end_ms=wrong(True)), "audio_end_ms", "got a boolean"),
        (AudioConfig(output=AudioOutputConfig(speed=float("nan"))), "output.speed", "no nan"),
        (RealtimeSessionConfig(tools=(FunctionTool(name="f", parameters={"a": {1}}),)), "tools[0].parameters.a", "set"),
        (RealtimeSessionConfig(audio=wrong({"output": 5})), "audio.output", "expected an object"),
        (ResponseCreate(response=ResponseOptions(metadata=wrong({"a": b"x"}))), "response.metadata.a", "got bytes"),
        (FunctionTool(name="f", extra={"x": object()}), "x", "object is not JSON"),
        (FunctionTool(name="\udc00"), "name", "surrogate"),
    ],
)  # fmt: skip
def test_what_would_not_be_read_is_not_written(value: Any, path: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint) as caught:
        to_dict(value)
    assert caught.value.path == path
