"""Search the client role exhaustively: every sequence of things that can happen, up to a depth.

    python scripts/model_check.py --depth 7

The world is the real ``ClientConversation``, a server of a few lines that may do anything a server may, and a queue of
frames in each direction whose delivery is a step like any other; so every crossing of intents, answers, turn detection,
silence, lost frames and lost connections is tried. Two worlds that differ only in the names of ids and in absolute time
are one state. In every state the invariants of ``World.check`` must hold, and from every state the conversation must
come to rest when the network delivers and time passes: that is the absence of deadlocks.

Exit status 1, and the steps that led there, when something does not hold.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import attrs

from realtime_transport.conversation import ClientConversation, Connection, client, responses, turns
from realtime_transport.conversation.states import TRANSITIONS, Slot
from realtime_transport.events import (
    AudioEvent,
    ClientEvent,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemTruncate,
    ConversationItemTruncated,
    ErrorDetail,
    ErrorFrame,
    InputAudioBufferSpeechStarted,
    RealtimeSessionConfig,
    Response,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    TurnDoneEvent,
    TurnStartedEvent,
)

MAX_REQUESTS = 2
"""Requests for a response that one world makes: two are enough for every order of "mine, theirs, the next"."""

MAX_EACH = 2
"""Responses a server begins by itself, pieces of audio it sends, connections: each at most so many."""

FAULTS = 1
"""Times that a server surprises: swallows a request, refuses it for no reason, forgets to say created or done, says
that the session changed though nobody asked."""


class Server:
    """A server reduced to what matters here: one response at a time, and answers in order."""

    def __init__(self) -> None:
        self.active = ""
        self.count = itertools.count(1)
        self.begun = 0
        self.spoken = 0
        self.faults = 0
        self.swallow = False
        self.refuse = False

    def begin(self, metadata: Mapping[str, str] | None) -> Iterator[ServerEvent]:
        self.active = f"resp_{next(self.count)}"
        yield ResponseCreated(response=Response(id=self.active, conversation_id="conv_1", metadata=metadata))

    def end(self, status: str) -> Iterator[ServerEvent]:
        ended, self.active = self.active, ""
        yield ResponseDone(response=Response(id=ended, conversation_id="conv_1", status=status))

    def speak(self) -> Iterator[ServerEvent]:
        yield ResponseOutputAudioDelta(response_id=self.active, item_id=f"item_of_{self.active}", delta=bytes(24_000))

    def take(self, frame: ClientEvent) -> Iterator[ServerEvent]:
        match frame:
            case ResponseCreate() if self.swallow:
                self.swallow = False
            case ResponseCreate() if self.refuse:
                self.refuse = False
                yield refusal("invalid_value", frame)
            case ResponseCreate() if self.active:
                yield refusal("conversation_already_has_active_response", frame)
            case ResponseCreate(response=options):
                assert options
                yield from self.begin(options.metadata or None)
            case ResponseCancel(response_id=named) if not self.active or (named and named != self.active):
                yield refusal("response_cancel_not_active", frame)
            case ResponseCancel():
                yield from self.end("cancelled")
            case ConversationItemTruncate():
                yield ConversationItemTruncated(item_id=frame.item_id, audio_end_ms=frame.audio_end_ms)
            case ConversationItemDelete():
                yield ConversationItemDeleted(item_id=frame.item_id)
            case _:
                raise AssertionError(f"the client was not expected to send {frame}")


def refusal(code: str, frame: ClientEvent) -> ErrorFrame:
    """Refuse a frame by name."""
    return ErrorFrame(error=ErrorDetail(code=code, message=code, event_id=frame.event_id))


class World:
    """A client, a server, a queue in each direction, and what a listener has heard."""

    def __init__(self) -> None:
        self.now = 0.0
        count = itertools.count(1)
        self.talk = ClientConversation(ids=lambda prefix: f"{prefix}_{next(count)}")
        self.open: set[str] = set()
        self.turns: set[str] = set()
        self.cut: set[str] = set()
        self.requests = 0
        self.epochs = 0
        self._reopen()
        self.step("down")

    def _reopen(self) -> None:
        self.server = Server()
        self.up: deque[ClientEvent] = deque()
        self.down: deque[ServerEvent] = deque([SessionCreated(session=RealtimeSessionConfig())])
        self.cancelled: list[str] = []
        self.epochs += 1
        self.talk.opened(self.now)

    # --- steps -------------------------------------------------------------------------------------------------------

    def enabled(self) -> Iterator[str]:
        """Name what can happen now."""
        connected = self.talk.is_connected()
        server = self.server
        steps = {
            "request": connected and self.requests < MAX_REQUESTS,
            "cancel": connected,
            "interrupt": connected,
            "up": connected and bool(self.up),
            "down": connected and bool(self.down),
            "begin": connected and not server.active and server.begun < MAX_EACH,
            "speak": connected and bool(server.active) and server.spoken < MAX_EACH,
            "finish": connected and bool(server.active),
            "barge": connected and bool(server.active),
            "swallow": connected and server.faults < FAULTS,
            "refuse": connected and server.faults < FAULTS,
            "forget": connected and server.faults < FAULTS and isinstance(self._next(), ResponseCreated | ResponseDone),
            "moment": True,
            "wait": self.talk.next_deadline() is not None,
            "announce": connected and server.faults < FAULTS,
            "lose": connected and self.epochs <= MAX_EACH,
            "close": self.talk.connection is not Connection.CLOSED,
            "reopen": self.talk.connection is Connection.LOST and self.epochs < MAX_EACH,
        }
        return (name for name, possible in steps.items() if possible)

    def step(self, name: str) -> None:
        """Do one thing and check the world."""
        getattr(self, f"_{name}")()
        self._drain()
        self.check()

    def _request(self) -> None:
        self.requests += 1
        self.open.add(self.talk.request_response(None, self.now))

    def _cancel(self) -> None:
        self.open.add(self.talk.cancel_response(self.now))

    def _interrupt(self) -> None:
        self.cut |= self.turns
        self.open.add(self.talk.interrupt(self.now))

    def _up(self) -> None:
        self.down.extend(self.server.take(self.up.popleft()))

    def _down(self) -> None:
        event = self.down.popleft()
        if isinstance(event, InputAudioBufferSpeechStarted):
            self.cut |= self.turns
        self.talk.receive(event, self.now)

    def _begin(self) -> None:
        self.server.begun += 1
        self.down.extend(self.server.begin(None))

    def _speak(self) -> None:
        self.server.spoken += 1
        self.down.extend(self.server.speak())

    def _finish(self) -> None:
        self.down.extend(self.server.end("completed"))

    def _barge(self) -> None:
        self.down.append(InputAudioBufferSpeechStarted())
        self.down.extend(self.server.end("cancelled"))

    def _swallow(self) -> None:
        self.server.swallow = True
        self.server.faults += 1

    def _refuse(self) -> None:
        self.server.refuse = True
        self.server.faults += 1

    def _forget(self) -> None:
        self.down.popleft()
        self.server.faults += 1

    def _announce(self) -> None:
        self.down.append(SessionUpdated(session=RealtimeSessionConfig()))
        self.server.faults += 1

    def _next(self) -> ServerEvent | None:
        return self.down[0] if self.down else None

    def _moment(self) -> None:
        self.now += 0.125
        self.talk.wake(self.now)

    def _wait(self) -> None:
        self.now = max(self.now, self.talk.next_deadline() or 0.0)
        self.talk.wake(self.now)

    def _lose(self) -> None:
        self.talk.connection_lost(self.now)

    def _close(self) -> None:
        self.talk.close(self.now)

    # --- what holds --------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        for frame in self.talk.frames_to_send():
            self.up.append(frame)
            if isinstance(frame, ResponseCancel) and frame.response_id:
                assert frame.response_id not in self.cancelled, f"{frame.response_id} was cancelled twice"
                self.cancelled.append(frame.response_id)
        for event in self.talk.events_received():
            if isinstance(event, TurnStartedEvent):
                self.turns.add(event.response_id)
            elif isinstance(event, TurnDoneEvent):
                assert event.response_id in self.turns, f"{event.response_id} ended twice, or never began"
                self.turns.discard(event.response_id)
                self.cut.discard(event.response_id)
            elif isinstance(event, AudioEvent):
                assert event.response_id in self.turns, "audio outside a turn"
                assert event.response_id not in self.cut, "audio of a response that was cut"
        for settlement in self.talk.settlements():
            assert settlement.event_id in self.open, f"{settlement.event_id} was settled twice"
            self.open.discard(settlement.event_id)

    def check(self) -> None:
        """Check what must hold in every state."""
        queue = self.talk._core.responses
        assert len(self.turns) <= 1, "two responses of the conversation at a time"
        assert (queue.active is not None) == (queue.slot in {Slot.ACTIVE, Slot.CONTENDED}), "the slot lies"
        assert (queue.sent is not None) == (queue.slot in {Slot.REQUESTED, Slot.CONTENDED}), "the slot lies"
        assert queue.slot is not Slot.IDLE or not queue.waiting(), "a request waits for a free slot"
        assert sum(isinstance(frame, ResponseCreate) for frame in self.up) <= 1 + self.epochs, "requests piled up"
        if not self.talk.is_connected():
            assert not self.open, "the end left calls unsettled"
            assert not self.turns, "the end left a turn open"

    def rest(self) -> None:
        """Let the network deliver, the server finish and time pass: everything must come to an end."""
        for _ in range(400):
            busy = [name for name in ("up", "down", "finish") if name in self.enabled()]
            name = busy[0] if busy else "wait" if self.talk.next_deadline() is not None else ""
            if not name:
                break
            self.step(name)
        assert not self.open, f"never settled: {self.open}"
        assert not self.turns, f"never ended: {self.turns}"
        assert self.talk._core.responses.slot is Slot.IDLE, "the slot is never free again"

    # --- one state, whatever its names -------------------------------------------------------------------------------

    def signature(self) -> int:
        """Describe all that can matter from now on, with ids numbered as they are met and times as distances."""
        core = self.talk._core
        parts = (
            self.talk.connection,
            core.responses,
            core.requests,
            core.playout,
            core.history,
            core.session,
            core.heard_items,
            core.told,
            core.gone,
            core.kept_ms,
            self.server,
            self.up,
            self.down,
            (self.requests, self.epochs, len(self.open), sorted(self.turns), sorted(self.cut)),
        )
        return hash(Canon(self.now).describe(parts))


ID = re.compile(r"[a-z_]*_\d+$")

IGNORED = {
    *("count", "refused", "stale", "dropped", "forgotten", "_sequence"),  # counters
    *("_outbox", "_settlements", "_snapshot"),  # drained, or made again when asked for
    *("_limits", "_request_timeout", "_response_timeout", "_patience", "_max_runs"),  # settings: durations, no times
}
"""Attributes that say nothing about the future of one world rather than another."""


class Canon:
    """Turn a graph of objects into nested tuples in which neither names nor absolute times are left."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._names: dict[str, int] = {}

    def describe(self, thing: Any) -> Any:
        """Describe one object and all it holds."""
        match thing:
            case Enum() | bool() | int() | None:
                return thing
            case float():
                return round(thing - self._now, 6)
            case str():
                return self._names.setdefault(thing, len(self._names)) if ID.match(thing) else thing
            case bytes():
                return len(thing)
            case Mapping():
                return tuple((self.describe(key), self.describe(value)) for key, value in thing.items())
            case tuple() | list() | deque():
                return tuple(self.describe(part) for part in thing)
            case set() | frozenset():
                return tuple(sorted(map(repr, map(self.describe, thing))))
        return (type(thing).__name__, *self._fields(thing))

    def _fields(self, thing: Any) -> Iterator[Any]:
        if attrs.has(type(thing)):
            values = {field.name: getattr(thing, field.name) for field in attrs.fields(type(thing))}
        else:
            values = getattr(thing, "__dict__", {})
        for name, value in values.items():
            if name not in IGNORED and not callable(value):
                yield self.describe(value)


# --- the search --------------------------------------------------------------------------------------------------


class Walked(dict[Any, Any]):
    """A table of transitions that notes which of them were taken."""

    def __init__(self, machine: str, taken: set[tuple[str, Enum, Enum]]) -> None:
        super().__init__({state: _Row(machine, state, row, taken) for state, row in TRANSITIONS[machine].items()})


class _Row(dict[Any, Any]):
    def __init__(self, machine: str, state: Enum, row: Mapping[Enum, Enum], taken: set[tuple[str, Enum, Enum]]) -> None:
        super().__init__(row)
        self._note: Callable[[Enum], None] = lambda happened: taken.add((machine, state, happened))

    def get(self, happened: Any, default: Any = None) -> Any:
        if happened in self:
            self._note(happened)
        return super().get(happened, default)


def replay(path: tuple[str, ...]) -> World:
    """Make the world that a path leads to."""
    world = World()
    for name in path:
        world.step(name)
    return world


def search(depth: int) -> tuple[int, int, tuple[str, ...], str]:
    """Search breadth first; returns states, steps, and the path and reason of the first failure."""
    seen = {World().signature()}
    front: list[tuple[str, ...]] = [()]
    steps = 0
    for _ in range(depth):
        following: list[tuple[str, ...]] = []
        for path in front:
            for name in tuple(replay(path).enabled()):
                steps += 1
                longer = (*path, name)
                try:
                    world = replay(longer)
                    state = world.signature()
                    if state in seen:
                        continue
                    world.rest()
                except AssertionError as error:
                    return len(seen), steps, longer, str(error)
                seen.add(state)
                following.append(longer)
        front = following
    return len(seen), steps, (), ""


def main() -> int:
    """Search and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=6)
    depth = parser.parse_args().depth
    taken: set[tuple[str, Enum, Enum]] = set()
    client.CONNECTION = Walked("connection", taken)
    responses.SLOT = Walked("response", taken)
    turns.INTERRUPTION = Walked("interruption", taken)
    begin = time.perf_counter()
    states, steps, path, reason = search(depth)
    seconds = time.perf_counter() - begin
    print(f"depth {depth}: {states} states, {steps} steps, {seconds:.1f} s")
    for machine, table in TRANSITIONS.items():
        arrows = {(machine, state, happened) for state, row in table.items() for happened in row}
        missing = ", ".join(
            f"{state.value} -{happened.name}->" for _, state, happened in sorted(arrows - taken, key=str)
        )
        print(
            f"  {machine}: {len(arrows & taken)} of {len(arrows)} transitions taken"
            + (f"; not: {missing}" * bool(missing))
        )
    if path:
        print(f"FAILED: {reason}\n  after: {' '.join(path)}")
        return 1
    print("every invariant held in every state, and every state came to rest")
    return 0


if __name__ == "__main__":
    sys.exit(main())
