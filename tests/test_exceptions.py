"""The tree of errors: drawn as it is, carrying its facts, fit to travel between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from pathlib import Path

import pytest

from realtime_transport import exceptions
from realtime_transport.exceptions import (
    ApiError,
    ConnectionLost,
    ConnectTimeout,
    DecodeError,
    HandshakeError,
    InvalidArgument,
    ListenerError,
    MissingExtra,
    PayloadTooLarge,
    RateLimitError,
    RealtimeError,
    ServerError,
    SignatureError,
    SlowConsumer,
)

CLASSES = [cls for _, cls in inspect.getmembers(exceptions, inspect.isclass) if cls.__module__ == exceptions.__name__]


def drawn() -> dict[str, str]:
    """Read the drawing: class -> parent, by how far each name is indented."""
    path: list[tuple[int, str]] = []
    parents: dict[str, str] = {}
    for line in (exceptions.__doc__ or "").splitlines():
        found = re.match(r"^(    [│├└─ ]*)([A-Z]\w+)", line)
        if found is None:
            continue
        depth, name = len(found[1]), found[2]
        while path and path[-1][0] >= depth:
            path.pop()
        parents[name] = path[-1][1] if path else ""
        path.append((depth, name))
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    ours = {cls.__name__: next(base.__name__ for base in cls.__bases__) for cls in CLASSES}
    assert drawn() == {**ours, "RealtimeError": ""}


def test_every_error_is_in_the_guide() -> None:
    guide = (Path(__file__).parent.parent / "docs" / "errors.md").read_text(encoding="utf-8")
    named = [cls.__name__ for cls in CLASSES if cls is not RealtimeError]
    assert [name for name in named if f"`{name}`" not in guide] == []


def test_whoever_catches_the_builtin_gets_ours_too() -> None:
    assert issubclass(InvalidArgument, ValueError)
    assert issubclass(MissingExtra, ImportError)


@pytest.mark.parametrize(
    "error",
    [
        RealtimeError("plain"),
        InvalidArgument("too long", path="session.instructions"),
        MissingExtra("rich", "cli"),
        ConnectTimeout("opening", 10.0),
        RateLimitError(429, body="slow down", retry_after=2.5),
        ConnectionLost("gone", close_code=1006),
        DecodeError("odd", path="delta", frame="{"),
        PayloadTooLarge(None, 16),
        SignatureError("no", reason="missing"),
        ServerError("no", code="invalid_value", event_id="e"),
        ApiError("no", status=500, request_id="req_1"),
        ListenerError("audio", "speaker", ValueError("x")),
        SlowConsumer("audio", "speaker", limit=256, dropped=3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_the_way_to_another_process(error: RealtimeError) -> None:
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert vars(copied) == vars(error)


@pytest.mark.parametrize(("status", "again"), [(401, False), (404, False), (408, True), (503, True)])
def test_a_status_says_whether_trying_again_may_help(status: int, again: bool) -> None:
    assert HandshakeError(status).retryable is again
    assert ApiError("no", status=status).retryable is again


def test_a_body_is_quoted_in_part() -> None:
    error = HandshakeError(500, body="x" * 1000)
    assert str(error) == "the server refused the connection with HTTP 500: " + "x" * 300
    assert error.body == "x" * 1000
    assert str(HandshakeError(500)) == "the server refused the connection with HTTP 500"


def test_a_listener_is_told_with_what_it_raised() -> None:
    cause = ValueError("odd")
    error = ListenerError("audio", "play", cause)
    assert str(error) == "listener play of 'audio' raised ValueError: odd"
    assert error.__cause__ is cause


@pytest.mark.parametrize(("dropped", "fate"), [(3, "missed 3"), (None, "was taken off")])
def test_a_slow_listener_is_told_what_it_missed(dropped: int | None, fate: str) -> None:
    error = SlowConsumer("audio", "play", limit=256, dropped=dropped)
    assert str(error) == f"listener play of 'audio' {fate}: 256 events were waiting for it"
