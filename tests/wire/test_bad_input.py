"""Rows 34 to 44 of the failure catalogue, as far as they are the codec's: what a peer sends never raises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from realtime_transport.events import (
    SERVER_EVENTS,
    UNSET,
    ConversationItemRetrieved,
    UnknownServerEvent,
    UserMessageItem,
)
from realtime_transport.wire import Codec
from tests.corpus import FOLDER, lines

CODEC = Codec()
ODD = [json.loads(line) for line in Path(FOLDER / "odd.jsonl").read_text().splitlines()]
SHORTEST = {
    (line.sender, line.frame["type"]): line
    for line in sorted(lines(besides=("odd",)), key=lambda line: -len(json.dumps(line.frame)))
}
"""Of each event its shortest frame: cutting those covers every shape, cutting all of them takes a minute."""

KNOWN = {line.frame["type"]: line.frame for line in lines(besides=("odd", "translation")) if line.sender == "server"}
SERVER_CLASSES = [cls for name, cls in SERVER_EVENTS.items() if name in KNOWN]


@pytest.mark.parametrize("entry", ODD, ids=lambda entry: entry["why"])
def test_fm_34_to_40_frames_of_the_field(entry: dict[str, Any]) -> None:
    decoded = CODEC.decode(json.dumps(entry["frame"]))
    assert type(decoded.event).__name__ == entry["event"]
    assert decoded.event is not None
    assert decoded.event.raw == entry["frame"]
    assert sorted(problem.path for problem in decoded.problems) == entry["problems"]


@pytest.mark.parametrize("line", SHORTEST.values(), ids=str)
def test_fm_37_truncated_at_every_byte(line: Any) -> None:
    codec: Any = Codec(role="server" if line.sender == "client" else "client")
    frame = json.dumps(line.frame, ensure_ascii=False).encode()
    for end in range(len(frame)):
        decoded = codec.decode(frame[:end])
        assert decoded.event is None
        assert len(decoded.problems) == 1


def in_a_frame(value: str) -> str:
    return f'{{"type":"response.output_text.delta","item_id":"i","delta":"x","odd":{value}}}'


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("[" * 10_000 + "]" * 10_000, id="10000 levels"),
        pytest.param("9" * 5000, id="an integer of 5000 digits"),
        pytest.param("1e400", id="a float out of range"),
        pytest.param("NaN", id="NaN"),
        pytest.param("-Infinity", id="Infinity"),
        pytest.param("'x'", id="another quote"),
        pytest.param("{a:1}", id="a bare key"),
        pytest.param("1,", id="a trailing comma"),
        pytest.param('"\t"', id="a bare control character"),
    ],
)
def test_fm_37_outside_of_json(value: str) -> None:
    for frame in (in_a_frame(value), in_a_frame(value).encode()):
        decoded = CODEC.decode(frame)
        assert decoded.event is None
        assert len(decoded.problems) == 1


@pytest.mark.parametrize("value", ['{"a":1,"a":2}', '"\\ud800"', "9" * 30, "[" * 200 + "]" * 200, '"\\u0000"'])
def test_fm_37_inside_of_json(value: str) -> None:
    decoded = CODEC.decode(in_a_frame(value))
    assert decoded.problems == ()
    assert decoded.event is not None
    assert "odd" in decoded.event.extra


@pytest.mark.parametrize("value", ["[]", "1", '"x"', "null", "true", '[{"type":"session.created"}]'])
def test_fm_38_not_an_object(value: str) -> None:
    assert CODEC.decode(value).event is None


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01\x02", b"\xff\xfe{", b"\x1f\x8b\x08", bytes(range(256)), bytearray(b"{"), memoryview(b"}")]
)
def test_fm_39_binary(data: Any) -> None:
    decoded = CODEC.decode(data)
    assert decoded.event is None
    assert len(decoded.problems) == 1


@pytest.mark.parametrize("cls", SERVER_CLASSES, ids=lambda cls: cls.type)
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, True])
def test_fm_36_every_field_retyped(cls: Any, value: Any) -> None:
    """Each event is delivered, typed or raw, and a field that was refused is named."""
    known = KNOWN[cls.type]
    for field in known.keys() - {"type"}:
        frame = {**known, field: value}
        decoded = CODEC.decode(json.dumps(frame))
        assert decoded.event is not None
        assert decoded.event.raw == frame
        assert all(problem.path.startswith(field) for problem in decoded.problems)
        if type(decoded.event) is UnknownServerEvent:
            assert decoded.problems


@pytest.mark.parametrize("cls", SERVER_CLASSES, ids=lambda cls: cls.type)
def test_fm_36_every_field_deleted(cls: Any) -> None:
    known = KNOWN[cls.type]
    required = {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING}
    for field in known.keys() - {"type"}:
        frame = {name: value for name, value in known.items() if name != field}
        decoded = CODEC.decode(json.dumps(frame))
        if field in required:
            assert type(decoded.event) is UnknownServerEvent
            assert [problem.path for problem in decoded.problems] == [field]
        else:
            assert type(decoded.event) is not UnknownServerEvent
            assert decoded.problems == ()


def test_fm_42_a_frame_of_16_mib_is_read() -> None:
    audio = "A" * (12 * 2**20)
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "audio": audio}],
        "pad": "x" * 4 * 2**20,
    }
    event = CODEC.decode(json.dumps({"type": "conversation.item.retrieved", "item": item})).event
    assert isinstance(event, ConversationItemRetrieved)
    assert isinstance(event.item, UserMessageItem)
    assert event.item.content[0].audio == bytes(9 * 2**20)  # type: ignore[union-attr]


MESSAGE = {"type": "message", "role": "user", "content": [0] * 40}
HOSTILE: dict[str, Any] = {
    "millions of broken elements": {"type": "rate_limits.updated", "rate_limits": [0] * 2_000_000},
    "in an object": {"type": "response.done", "response": {"output": [[]] * 1_000_000}},
    "in a map": {"type": "response.done", "response": {"metadata": {str(key): 1 for key in range(500_000)}}},
    "in nested arrays": {"type": "response.done", "response": {"output": [MESSAGE] * 4000}},
}


@pytest.mark.parametrize("frame", HOSTILE.values(), ids=HOSTILE.keys())
def test_fm_43_a_hostile_frame_costs_no_more_than_its_size(frame: dict[str, Any]) -> None:
    """Each flaw costs an exception and a problem, so their number is bounded."""
    decoded = CODEC.decode(json.dumps(frame))
    assert 0 < len(decoded.problems) <= 300
    assert len(str(decoded.problems)) < 200_000


def test_a_lone_surrogate_is_replaced_and_the_rest_is_kept() -> None:
    decoded = CODEC.decode('{"type":"response.output_text.delta","item_id":"i","delta":"a\\ud83d"}')
    assert decoded.event is not None
    assert decoded.event.raw == {"type": "response.output_text.delta", "item_id": "i", "delta": "a\ufffd"}
    assert decoded.event.event_id is UNSET
