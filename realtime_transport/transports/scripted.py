"""A peer that follows a script: expect this, say that, fail like so. For tests of whatever talks to a transport.

    transport = ScriptedTransport([
        *opening(),
        expect("conversation.item.create", item={"content": [{"type": "input_text", "text": "Hello"}]}),
        emit(lambda sent: {"type": "conversation.item.added", "item": sent["item"]}),
        expect("response.create"),
        fail("internal_error"),
    ])
    await transport.connect()
    ...
    transport.verify()

What is said passes through the codec, so a script is written in the words of the wire. When something else is sent than
the script expects, the connection ends and ``verify`` shows where, and how it differs.
"""

from __future__ import annotations

import asyncio
import difflib
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, Unpack

import attrs

from realtime_transport.dialects.shapes import is_array, is_object
from realtime_transport.exceptions import (
    AuthenticationError,
    ConnectError,
    HandshakeError,
    InvalidArgument,
    PermissionDeniedError,
    RateLimitError,
    RealtimeError,
)
from realtime_transport.transports.base import LayerOptions, RealtimeTransportLayer
from realtime_transport.transports.outbox import FRAMES_LIMIT
from realtime_transport.transports.request import ConnectRequest

JSONFrame: TypeAlias = Mapping[str, Any]
Frame: TypeAlias = JSONFrame | str | Callable[[Any], JSONFrame | str]
"""A frame as an object, as raw text (not JSON, if you like), or made from what was last sent."""

IGNORED: Final = frozenset({"input_audio_buffer.append"})
"""Never part of a script unless it expects them: nobody counts the chunks of a microphone."""


class ScriptNotFollowed(AssertionError):
    """Something else happened than the script says. An ``AssertionError``, because it is a test that failed."""


# --- steps -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Expect:
    """The client sends a frame of this type that holds at least these fields."""

    type: str
    fields: JSONFrame

    def __str__(self) -> str:
        return f"expect {self.type}"


@attrs.frozen
class Emit:
    """The server sends a frame."""

    frame: Frame

    def __str__(self) -> str:
        if callable(self.frame):
            return "emit what a function makes"
        return f"emit {self.frame if isinstance(self.frame, str) else self.frame.get('type')}"


@attrs.frozen
class Fail:
    """The connection fails in a way that has a name."""

    name: str

    def __str__(self) -> str:
        return f"fail {self.name}"


@attrs.frozen
class Pause:
    """Nothing happens for some seconds of the loop's time."""

    seconds: float

    def __str__(self) -> str:
        return f"pause {self.seconds:g} s"


Step: TypeAlias = Expect | Emit | Fail | Pause


def expect(wire_type: str, /, **fields: Any) -> Expect:
    """Wait for a frame of this type. Fields may be nested; what they do not name may be anything."""
    return Expect(wire_type, fields)


def emit(frame: Frame | str, /, **fields: Any) -> Emit:
    """Send a frame: a mapping, a type with its fields, a function of what was last sent, or text as it is.

    Raises ``InvalidArgument`` for anything else.
    """
    given: object = frame
    if not isinstance(given, (Mapping, str)) and not callable(given):
        what = type(given).__name__
        raise InvalidArgument(f"a frame is a mapping, text or a function that returns one, no {what}", path="frame")
    if isinstance(frame, str) and fields:
        return Emit({"type": frame, **fields})
    return Emit(frame)


def fail(name: str, /) -> Fail:
    """Fail like this: a refused opening (first step only) or the end of the connection. See ``FAILURES``."""
    if name not in FAILURES:
        raise InvalidArgument(f"no failure {name!r}; there are {', '.join(sorted(FAILURES))}", path="name")
    return Fail(name)


def pause(seconds: float, /) -> Pause:
    """Let time pass before the next step."""
    return Pause(seconds)


def opening(session: JSONFrame | None = None, *, update: bool = False) -> list[Step]:
    """Begin like the real service; with ``update``, also expect one ``session.update`` and confirm it."""
    in_force = {"type": "realtime", "id": "sess_scripted", **(session or {})}
    steps: list[Step] = [emit("session.created", session=in_force)]
    if update:
        steps += [
            expect("session.update"),
            emit(lambda sent: {"type": "session.updated", "session": {**in_force, **sent["session"]}}),
        ]
    return steps


@attrs.frozen
class _Ending:
    code: int | None
    reason: str


FAILURES: Final[Mapping[str, _Ending | Callable[[], RealtimeError] | None]] = {
    # instead of opening
    "refused": lambda: ConnectError("connection refused", code="refused"),
    "dns": lambda: ConnectError("no such host", code="dns"),
    "unauthorized": lambda: AuthenticationError(401),
    "forbidden": lambda: PermissionDeniedError(403),
    "rate_limited": lambda: RateLimitError(429, retry_after=1.0),
    "unavailable": lambda: HandshakeError(503),
    # of an open connection
    "closed": _Ending(1000, ""),
    "going_away": _Ending(1001, "going away"),
    "protocol_error": _Ending(1002, "protocol error"),
    "policy": _Ending(1008, "policy violation"),
    "internal_error": _Ending(1011, "internal error"),
    "restart": _Ending(1012, "service restart"),
    "dropped": _Ending(None, "the socket went away"),
    # of either: nothing ever comes again
    "silence": None,
}
"""The ways to fail, by name."""


# --- the transport -----------------------------------------------------------------------------------------------


class ScriptedTransport(RealtimeTransportLayer):
    """A transport whose other end is a script, followed step by step.

    ``ignore`` are types of client frames that the script passes over when it does not expect them.
    """

    def __init__(
        self, script: Sequence[Step], *, ignore: frozenset[str] = IGNORED, **layer: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**layer)
        self._script = tuple(script)
        for index, step in enumerate(self._script):
            if not isinstance(step, Expect | Emit | Fail | Pause):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidArgument(f"is no step but a {type(step).__name__}", path=f"script[{index}]")
        self._ignore = ignore
        self._at = 0
        self._received: list[dict[str, Any]] = []
        self._wrong: ScriptNotFollowed | None = None
        self._timer: asyncio.TimerHandle | None = None
        # What was sent in a pause. No test sends so much in one; of more the oldest would be missing, which fails it.
        self._paused: deque[dict[str, Any]] = deque(maxlen=FRAMES_LIMIT)
        self._is_silent = False

    @property
    def sent(self) -> tuple[dict[str, Any], ...]:
        """Every frame that the client sent, in order."""
        return tuple(self._received)

    def verify(self) -> None:
        """Raise ``ScriptNotFollowed`` when something else was sent, or when steps are left."""
        if self._wrong is not None:
            raise self._wrong
        if self._at < len(self._script):
            raise ScriptNotFollowed(self._told("the script was left before its end"))

    async def _open(self, request: ConnectRequest) -> None:
        self._is_silent = False
        step = self._script[self._at] if self._at < len(self._script) else None
        failure = FAILURES[step.name] if isinstance(step, Fail) else None
        if callable(failure):
            self._at += 1
            raise failure()
        self._proceed()

    async def _write(self, frame: bytes) -> None:
        sent: dict[str, Any] = json.loads(frame)
        self._received.append(sent)
        if self._timer is not None:
            self._paused.append(sent)
        else:
            self._take(sent)

    def _take(self, sent: dict[str, Any]) -> None:
        """Hold a frame against the script."""
        step = self._script[self._at] if self._at < len(self._script) else None
        if isinstance(step, Expect) and sent["type"] == step.type and _holds(sent, dict(step.fields)):
            self._at += 1
            self._proceed()
        elif sent["type"] not in self._ignore and self._wrong is None and not self._is_silent:
            self._wrong = ScriptNotFollowed(self._told("something else was sent", step, sent))
            self.feed_closed(None, "the script was not followed")

    async def _close(self, code: int, reason: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._paused.clear()

    def _proceed(self) -> None:
        """Take every step that is the server's, up to the next that is the client's."""
        while self._at < len(self._script):
            step = self._script[self._at]
            if isinstance(step, Expect):
                return
            self._at += 1
            if isinstance(step, Pause):
                self._timer = asyncio.get_running_loop().call_later(step.seconds, self._resume)
                return
            self._act(step)
            if isinstance(step, Fail):
                return

    def _resume(self) -> None:
        """Go on after a pause, first with what was sent in it."""
        self._timer = None
        try:
            self._proceed()
            while self._paused and self._timer is None:
                self._take(self._paused.popleft())
        except ScriptNotFollowed:
            self.feed_closed(None, "the script was not followed")

    def _act(self, step: Emit | Fail) -> None:
        try:
            if isinstance(step, Emit):
                self._say(step.frame)
            else:
                self._fail(step)
        except Exception as error:
            self._at -= 1
            self._wrong = ScriptNotFollowed(self._told(f"a step raised {type(error).__name__}: {error}"))
            raise self._wrong from error

    def _say(self, frame: Frame) -> None:
        said = frame(self._received[-1] if self._received else {}) if callable(frame) else frame
        self.feed(said if isinstance(said, str) else json.dumps(said))

    def _fail(self, step: Fail) -> None:
        failure = FAILURES[step.name]
        if isinstance(failure, _Ending):
            self.feed_closed(failure.code, failure.reason)
        elif failure is None:
            self._is_silent = True
        else:
            raise InvalidArgument(f"{step.name!r} can only be the first step", path="step")

    def _told(self, what: str, step: Step | None = None, sent: JSONFrame | None = None) -> str:
        """Tell the script with a mark where it stands, and how what was sent differs from what it expects."""
        lines = [f"{what}:"]
        for index, each in enumerate((*self._script, "the end")):
            mark = "->" if index == self._at else "  "
            lines.append(f"{mark} {index + 1:3} {each}")
        if sent is not None:
            expected: JSONFrame = {"type": step.type, **step.fields} if isinstance(step, Expect) else {}
            lines += ["", *(_difference(expected, sent) if expected else [f"sent: {sent['type']}"])]
        return "\n".join(lines)


def _holds(sent: Any, wanted: Any) -> bool:
    """Whether ``sent`` holds everything that ``wanted`` names. Lists are compared item by item."""
    if is_object(wanted):
        return is_object(sent) and all(key in sent and _holds(sent[key], wanted[key]) for key in wanted)
    if is_array(wanted):
        return is_array(sent) and len(sent) == len(wanted) and all(map(_holds, sent, wanted))
    return bool(sent == wanted)


def _named(sent: Any, wanted: Any) -> Any:
    """Cut ``sent`` down to what ``wanted`` names: the rest may be anything, and would only hide the difference."""
    if is_object(wanted) and is_object(sent):
        return {key: _named(sent[key], wanted[key]) for key in wanted if key in sent}
    if is_array(wanted) and is_array(sent) and len(sent) == len(wanted):
        return [_named(*pair) for pair in zip(sent, wanted, strict=True)]
    return sent


def _difference(expected: JSONFrame, sent: JSONFrame) -> list[str]:
    shown = (expected, _named(sent, expected))
    ours, theirs = (json.dumps(frame, indent=2, sort_keys=True, default=repr).splitlines() for frame in shown)
    return list(difflib.unified_diff(ours, theirs, "expected", "sent", n=99, lineterm=""))
