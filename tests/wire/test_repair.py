from __future__ import annotations

import copy
from typing import Any

import attrs
import pytest

from realtime_transport.events import (
    UNSET,
    ConversationItemAdded,
    FunctionCallItem,
    FunctionTool,
    RateLimit,
    RateLimitsUpdated,
    ResponseDone,
    SessionCreated,
    UnknownItem,
    UnknownObject,
    UserMessageItem,
)
from realtime_transport.wire.converter import CONVERTER
from realtime_transport.wire.repair import read_soundly, spell


def read(cls: type[Any], frame: dict[str, Any]) -> tuple[Any, list[str]]:
    """Read soundly, and hold the reader to its word: the source is not touched."""
    before = copy.deepcopy(frame)
    event, flaws = read_soundly(frame, lambda tree: CONVERTER.structure(tree, cls))
    assert frame == before
    return event, [f"{spell(flaw.path)}: {flaw.message}" for flaw in flaws]


def test_a_sound_frame_has_no_flaws() -> None:
    event, flaws = read(RateLimitsUpdated, {"rate_limits": []})
    assert event == RateLimitsUpdated(rate_limits=())
    assert flaws == []


def test_a_broken_field_that_may_be_absent_is_absent() -> None:
    frame = {"session": {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": "x"}}}, "model": 5}}
    event, flaws = read(SessionCreated, frame)
    assert event.session.audio.input.turn_detection.threshold is UNSET
    assert event.session.model is UNSET
    assert flaws == [
        "session.model: expected a text, got a number",
        "session.audio.input.turn_detection.threshold: expected a number, got a text",
    ]


def test_a_broken_field_with_a_default_gets_it() -> None:
    item = {"type": "function_call", "name": "f", "arguments": None}
    event, flaws = read(ConversationItemAdded, {"item": item})
    assert event.item == FunctionCallItem(name="f", arguments="")
    assert flaws == ["item.arguments: expected a text, got null"]


@pytest.mark.parametrize(
    ("frame", "flaws"),
    [
        pytest.param({}, ["item: is required"], id="missing"),
        pytest.param({"item": None}, ["item: expected an object, got null"], id="null"),
        pytest.param(
            {"item": "x", "event_id": 5},
            ["event_id: expected a text, got a number", "item: expected an object, got a text"],
            id="of another kind",
        ),
    ],
)
def test_an_event_that_lacks_what_it_needs_is_none(frame: dict[str, Any], flaws: list[str]) -> None:
    assert read(ConversationItemAdded, frame) == (None, flaws)


def test_an_object_that_lacks_what_it_needs_becomes_unknown_and_stays_whole() -> None:
    item = {"type": "function_call", "id": "i", "name": 5, "call_id": 6, "arguments": "{}"}
    event, flaws = read(ResponseDone, {"response": {"output": [{"type": "message", "role": "user"}, item]}})
    rest = {key: item[key] for key in ("name", "call_id", "arguments")}
    assert event.response.output == (UserMessageItem(), UnknownItem(type="function_call", id="i", extra=rest))
    assert flaws == [
        "response.output[1].call_id: expected a text, got a number",
        "response.output[1].name: expected a text, got a number",
    ]


def test_an_unknown_object_may_itself_have_a_broken_id() -> None:
    event, flaws = read(ConversationItemAdded, {"item": {"type": "function_call", "id": 7}})
    assert event.item == UnknownItem(type="function_call")
    assert flaws == ["item.id: expected a text, got a number", "item.name: is required"]


def test_a_broken_tool_does_not_cost_the_others() -> None:
    tools = [{"type": "function", "name": "a"}, {"type": "function"}, 5]
    event, flaws = read(SessionCreated, {"session": {"tools": tools}})
    assert event.session.tools == (FunctionTool(name="a"), UnknownObject(type="function"))
    assert flaws == ["session.tools[2]: expected an object, got a number", "session.tools[1].name: is required"]


def test_a_broken_element_is_left_out_and_the_others_keep_their_index() -> None:
    event, flaws = read(RateLimitsUpdated, {"rate_limits": [5, {"name": "tokens"}, {"limit": "x"}]})
    assert event == RateLimitsUpdated(rate_limits=(RateLimit(name="tokens"), RateLimit()))
    assert flaws == [
        "rate_limits[0]: expected an object, got a number",
        "rate_limits[2].limit: expected a number, got a text",
    ]


def test_an_element_without_an_unknown_class_is_left_out() -> None:
    frame = {"item": {"type": "mcp_list_tools", "server_label": "s", "tools": [{"description": "no name"}]}}
    event, flaws = read(ConversationItemAdded, frame)
    assert event.item.tools == ()
    assert flaws == ["item.tools[0].name: is required"]


def test_a_flaw_may_reach_up_several_levels() -> None:
    event, flaws = read(
        SessionCreated, {"session": {"truncation": {"type": "retention_ratio"}, "prompt": {"id": None}}}
    )
    assert event.session.truncation == UnknownObject(type="retention_ratio")
    assert event.session.prompt is UNSET
    assert flaws == [
        "session.prompt.id: expected a text, got null",
        "session.truncation.retention_ratio: is required",
    ]


def test_flaws_are_values() -> None:
    _, flaws = read_soundly({"item": 1}, lambda tree: CONVERTER.structure(tree, ConversationItemAdded))
    assert attrs.asdict(flaws[0]) == {"path": ("item",), "message": "expected an object, got a number", "audio": False}
