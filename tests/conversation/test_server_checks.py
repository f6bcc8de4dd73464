"""What is refused although its types are right."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.wire import Codec
from tests.conversation.serving import Served, plain

READER = Codec(role="server")


def refused(frame: dict[str, Any]) -> tuple[Any, Any]:
    """Code and param of the answer to a frame as a client would write it; (None, None) when it is not an error."""
    import json

    served = Served()
    decoded = READER.decode(json.dumps(frame))
    if decoded.problems:
        served.conversation.receive_unreadable(decoded.problems[0].error, decoded.event)
        said = served.conversation.frames_to_send()
    else:
        assert decoded.event is not None
        said = served.send(decoded.event)
    errors = [plain(event)["error"] for event in said if event.type == "error"]
    if not errors:
        return None, None
    (error,) = errors
    assert error["type"] == "invalid_request_error"
    assert error["event_id"] == frame.get("event_id")
    return error["code"], error["param"]


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": "mine", "session": {"type": "realtime", **fields}}


def vad(**fields: Any) -> dict[str, Any]:
    return session(audio={"input": {"turn_detection": {"type": "server_vad", **fields}}})


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "event_id": "mine", "item": fields}


def message(role: str, part: dict[str, Any]) -> dict[str, Any]:
    return item(type="message", role=role, content=[part])


def response(**fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "event_id": "mine", "response": fields}


TOOL = {"type": "function", "name": "f", "parameters": {}}
WORDY = TOOL | {"description": "x" * 1025}
IMAGE = {"type": "input_image", "image_url": "data:x", "detail": "fine"}

CASES: list[tuple[dict[str, Any], str | None, str | None]] = [
    # frames
    ({"event_id": "mine"}, "invalid_event", None),
    ({"type": "foo.bar", "event_id": "mine"}, "invalid_value", "type"),
    ({"type": "", "event_id": "mine"}, "invalid_event", None),
    ({"type": "response.cancel", "event_id": "x" * 513}, "string_above_max_length", "event_id"),
    ({"type": "response.cancel", "event_id": "mine", "reason": "bored"}, "unknown_parameter", "reason"),
    ({"type": "input_audio_buffer.append", "event_id": "mine"}, "missing_required_parameter", "audio"),
    ({"type": "input_audio_buffer.append", "event_id": "mine", "audio": "@@"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.append", "event_id": "mine", "audio": 7}, "invalid_type", "audio"),
    ({"type": "conversation.item.delete", "event_id": "mine"}, "missing_required_parameter", "item_id"),
    ({"type": "output_audio_buffer.clear", "event_id": "mine"}, "invalid_value", "type"),
    # sessions
    ({"type": "session.update", "event_id": "mine", "session": {}}, "missing_required_parameter", "session.type"),
    (session(temperature=0.8), "unknown_parameter", "session.temperature"),
    (session(id="sess_mine"), "unknown_parameter", "session.id"),
    (session(instructions=7), "invalid_type", "session.instructions"),
    (session(output_modalities=["audio", "text"]), "invalid_value", "session.output_modalities"),
    (session(output_modalities=["smell"]), "invalid_value", "session.output_modalities"),
    (session(output_modalities=["text"]), None, None),
    (session(tool_choice="maybe"), "invalid_value", "session.tool_choice"),
    (session(tool_choice={"type": "function", "name": "f"}), None, None),
    (session(truncation="later"), "invalid_value", "session.truncation"),
    (session(truncation={"type": "retention_ratio", "retention_ratio": 0.5}), None, None),
    (
        session(truncation={"type": "retention_ratio", "retention_ratio": 1.5}),
        "integer_above_max_value",
        "session.truncation.retention_ratio",
    ),
    (session(max_output_tokens=0), "integer_below_min_value", "session.max_output_tokens"),
    (session(max_output_tokens="lots"), "invalid_value", "session.max_output_tokens"),
    (session(max_output_tokens="inf"), None, None),
    (session(reasoning={"effort": "enormous"}), "invalid_value", "session.reasoning.effort"),
    (session(tools=[TOOL | {"meta": {}}]), "unknown_parameter", "session.tools[0].meta"),
    (
        session(tools=[TOOL, WORDY]),
        "string_above_max_length",
        "session.tools[1].description",
    ),
    (session(tools=[{"type": "telepathy"}]), "invalid_value", "session.tools[0].type"),
    (
        session(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
        "integer_below_min_value",
        "session.audio.input.format.rate",
    ),
    (
        session(audio={"input": {"format": {"type": "audio/opus"}}}),
        "invalid_value",
        "session.audio.input.format.type",
    ),
    (
        session(audio={"input": {"noise_reduction": {"type": "vacuum"}}}),
        "invalid_value",
        "session.audio.input.noise_reduction.type",
    ),
    (session(audio={"output": {"speed": 2}}), "integer_above_max_value", "session.audio.output.speed"),
    (session(audio={"output": {"voice": "a voice of next year"}}), None, None),
    (vad(threshold=-0.1), "integer_below_min_value", "session.audio.input.turn_detection.threshold"),
    (vad(idle_timeout_ms=4999), "integer_below_min_value", "session.audio.input.turn_detection.idle_timeout_ms"),
    (vad(eagerness="low"), "unknown_parameter", "session.audio.input.turn_detection.eagerness"),
    # items
    (item(type="telepathy"), "invalid_value", "item.type"),
    (message("user", {"type": "output_text", "text": "x"}), "invalid_value", "item.content[0].type"),
    (message("assistant", {"type": "input_text", "text": "x"}), "invalid_value", "item.content[0].type"),
    (message("system", {"type": "input_audio", "audio": ""}), "invalid_value", "item.content[0].type"),
    (message("user", {"type": "smell"}), "invalid_value", "item.content[0].type"),
    (
        message("user", IMAGE),
        "invalid_value",
        "item.content[0].detail",
    ),
    (item(type="function_call_output", output="x"), "missing_required_parameter", "item.call_id"),
    (item(type="function_call", name="f", arguments="", call_id="x" * 33), "string_above_max_length", "item.call_id"),
    # responses
    (response(conversation="elsewhere"), "invalid_value", "response.conversation"),
    (response(voice="x"), "unknown_parameter", "response.voice"),
    (response(metadata={str(n): "x" for n in range(17)}), "integer_above_max_value", "response.metadata"),
    (response(metadata={"k" * 65: "x"}), "string_above_max_length", "response.metadata"),
    (response(metadata={"k": "x" * 513}), "string_above_max_length", "response.metadata.k"),
    (response(metadata={"k": 7}), "invalid_type", "response.metadata.k"),
]


@pytest.mark.parametrize(("frame", "code", "param"), CASES)
def test_checks(frame: dict[str, Any], code: str | None, param: str | None) -> None:
    assert refused(frame) == (code, param)
