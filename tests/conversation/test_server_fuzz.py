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
from tests.conversation.client_frames import FRAMES, OUT_OF_PLACE, SCENE, TYPELESS, Expected, flaws, typeless

CODEC = Codec(role="server")
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
    frame: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(FRAMES))))
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


# --- frames with exactly one flaw --------------------------------------------------------------------------------


def answers(*texts: str) -> list[tuple[Any, Any, Any]]:
    """Say something to a server that has heard ``SCENE``; give code, parameter and event of each error."""
    peer = ServerPeer(Echo(), pace=None)
    peer.open(0.0)
    for text in (*map(json.dumps, SCENE), *texts):
        decoded = CODEC.decode(text)
        if decoded.event is None or decoded.problems:
            peer.receive_unreadable(decoded.problems[0].error, decoded.event)
        else:
            peer.receive(decoded.event, 0.0)
    errors = [event.error for event in peer.frames_to_send() if isinstance(event, ErrorFrame)]
    return [(error.code, error.param, error.event_id or None) for error in errors]


def wanted(expected: Expected, event_id: str) -> list[tuple[Any, Any, Any]]:
    return [(expected.code, expected.param, event_id if expected.names_event else None)]


def test_every_flaw_of_every_field_has_its_error() -> None:
    found = list(flaws())
    assert len(found) > 500
    for flaw in (*found, *OUT_OF_PLACE):
        frame = {"event_id": "mine", **flaw.frame}
        assert answers(json.dumps(frame)) == wanted(flaw.expected, frame["event_id"]), (flaw.kind, frame)


def test_what_is_no_event_has_its_error() -> None:
    for kind, text, expected in typeless():
        assert answers(text) == wanted(expected, TYPELESS), (kind, text)


def test_a_message_of_no_known_role_is_told_which_there_are() -> None:
    peer = ServerPeer(Echo(), pace=None)
    peer.open(0.0)
    decoded = CODEC.decode('{"type": "conversation.item.create", "item": {"type": "message", "role": "boss"}}')
    assert decoded.event is not None
    peer.receive(decoded.event, 0.0)
    (error,) = (event.error for event in peer.frames_to_send() if isinstance(event, ErrorFrame))
    assert error.message == "Invalid value: 'boss'. Supported values are: 'assistant', 'system', 'user'."
