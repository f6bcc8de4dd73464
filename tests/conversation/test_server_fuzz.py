"""Frames that are nearly right: whatever a client sends, the session lives and every flaw has its error."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.conversation.brains import Echo
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events import ErrorFrame
from realtime_transport.wire import Codec

CODEC = Codec(role="server")
TEXT = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
VAD = {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": 5000}
CALL = {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"}
TOOL = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
SESSION = {
    "type": "realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "tools": [TOOL, {"type": "mcp", "server_label": "m", "server_url": "http://x", "require_approval": "never"}],
    "tool_choice": {"type": "function", "name": "f"},
    "max_output_tokens": 100,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
    "tracing": {"workflow_name": "w"},
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "turn_detection": VAD,
            "transcription": {"model": "whisper-1", "language": "en"},
            "noise_reduction": {"type": "near_field"},
        },
        "output": {"voice": "echo", "speed": 1.0, "format": {"type": "audio/pcmu"}},
    },
}
FRAMES: list[dict[str, Any]] = [
    {"type": "session.update", "session": SESSION},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": {"id": "mine", **TEXT}, "previous_item_id": "root"},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"},
    },
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "1"}},
    {"type": "conversation.item.retrieve", "item_id": "mine"},
    {"type": "conversation.item.truncate", "item_id": "mine", "content_index": 0, "audio_end_ms": 10},
    {"type": "conversation.item.delete", "item_id": "mine"},
    {"type": "response.create", "response": {"input": [TEXT], "conversation": "none", "metadata": {"a": "b"}}},
    {"type": "response.create"},
    {"type": "response.cancel", "response_id": "resp_1"},
]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "inf", "root", "audio", "server_vad", "x" * 600, "\ud83d\ude00", "realtime", "audio/pcma"]),
    st.sampled_from([[], {}, [[]], {"type": "x"}, [None], {"a": {"b": []}}]),
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in inner for found in paths(part, (*path, key)))]


@st.composite
def nearly_right(draw: st.DrawFn) -> dict[str, Any]:
    frame = json.loads(json.dumps(draw(st.sampled_from(FRAMES))))
    for _ in range(draw(st.integers(0, 2))):
        *way, last = draw(st.sampled_from(paths(frame)[1:]))
        place = frame
        for step in way:
            place = place[step]
        change = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if change == "remove":
            del place[last]
        elif change == "add" and isinstance(place, dict):
            place["surprise"] = deepcopy(draw(ODD))
        else:
            place[last] = deepcopy(draw(ODD))
        if len(paths(frame)) < 2:
            break
    return frame


@settings(max_examples=400, deadline=None)
@given(st.lists(nearly_right(), min_size=1, max_size=6))
def test_frames_that_are_nearly_right(frames: list[dict[str, Any]]) -> None:
    peer, now = ServerPeer(Echo(), pace=None), 0.0
    peer.open(now)
    peer.frames_to_send()
    for number, frame in enumerate(frames):
        named = {**frame, "event_id": f"mine_{number}"}
        decoded = CODEC.decode(json.dumps(named))
        if decoded.event is None or decoded.problems:
            peer.receive_unreadable(decoded.problems[0].error, decoded.event)
        else:
            peer.receive(decoded.event, now)
        now += 0.5
        peer.wake(now)
        said = peer.frames_to_send()
        for event in said:
            CODEC.encode(event)  # whatever a client put in comes out in the protocol's own shape
        errors = [event for event in said if isinstance(event, ErrorFrame)]
        assert len(errors) <= 1
        if decoded.problems:
            assert errors
        for error in errors:
            assert error.error.type == "invalid_request_error"
            assert error.error.code is None or error.error.code
            assert error.error.event_id in {f"mine_{number}", None}
    assert peer.closing is None


def test_the_frames_are_right_to_begin_with() -> None:
    for frame in FRAMES:
        assert CODEC.decode(json.dumps(frame)).problems == (), frame["type"]
