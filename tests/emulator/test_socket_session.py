"""One connection on virtual time, with a socket made of two queues."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping
from functools import partial
from typing import Any

import pytest

from realtime_transport.conversation.brain import GenerationRequest, Output, Pause, Reply, Say
from realtime_transport.conversation.brains import Echo, Script, hum
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.dialects import OPENAI, Dialect, get_dialect
from realtime_transport.emulator import AsyncBrain
from realtime_transport.emulator import line as module
from realtime_transport.emulator.driver import Driver
from realtime_transport.emulator.faults import FaultPlan, Faults
from realtime_transport.emulator.socket_session import SocketSession
from realtime_transport.events import ClientEvent, ServerEvent
from tests.conversation.serving import Canned

pytestmark = pytest.mark.virtual_time


class Line:
    """The client's end is ``say`` and ``heard``; it may stop reading."""

    def __init__(self) -> None:
        self._in: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.heard: list[dict[str, Any]] = []
        self.closed: tuple[int, str | None] | None = None
        self.reading = asyncio.Event()
        self.reading.set()

    def say(self, frame: Any) -> None:
        key = "bytes" if isinstance(frame, bytes) else "text"
        self._in.put_nowait({"type": "websocket.receive", key: frame if key == "bytes" else json.dumps(frame)})

    def hang_up(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def receive(self) -> Mapping[str, Any]:
        return await self._in.get()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.reading.wait()
        self.heard.append(json.loads(message["text"]))

    async def close(self, code: int, reason: str | None) -> None:
        self.closed = (code, reason)
        self.hang_up()

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.heard]


class Call:
    """A session that runs beside the test."""

    def __init__(
        self, brain: Any, *, dialect: Dialect = OPENAI, pace: float | None = None, wire: Any = None, **faults: Any
    ) -> None:
        self.line = Line()
        waits = isinstance(brain, AsyncBrain)
        peer = ServerPeer(None if waits else brain, pace=pace)
        self.session = SocketSession(
            self.line,
            partial(Driver, peer, brain if waits else None),
            dialect,
            plan=FaultPlan(Faults(**faults), 1),
            wire=wire,
        )
        self.task = asyncio.create_task(self.session.run(0.0))

    async def __aenter__(self) -> Call:
        await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.line.hang_up()
        async with asyncio.timeout(1):
            await self.task
        assert self.session.over.is_set()

    async def ask(self) -> None:
        self.line.say({"type": "response.create"})
        await asyncio.sleep(0.001)

    def done(self) -> dict[str, Any]:
        response: dict[str, Any] = next(
            frame["response"] for frame in reversed(self.line.heard) if frame["type"] == "response.done"
        )
        return response


async def test_frames_in_and_out() -> None:
    async with Call(Script(otherwise="Hello there.")) as call:
        assert call.line.types == ["session.created"]
        await call.ask()
        assert call.done()["status"] == "completed"


async def test_answers_come_on_the_clock_of_the_loop() -> None:
    async with Call(Script(otherwise=Say(transcript="Hi.", audio=hum("hi"))), pace=1) as call:
        await call.ask()
        assert call.line.types[-1] == "response.output_audio.delta"
        await asyncio.sleep(0.3)
        assert call.done()["status"] == "completed"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\xff\xfe", "invalid_json"),
        (b'{"type":"response.cancel"}', "response_cancel_not_active"),
        ([], "invalid_json"),
    ],
)
async def test_odd_frames(frame: Any, code: str) -> None:
    async with Call(Echo()) as call:
        call.line.say(frame)
        await asyncio.sleep(0.001)
        assert call.line.heard[-1]["error"]["code"] == code


async def test_what_a_dialect_never_sends() -> None:
    async with Call(Echo(), dialect=get_dialect("azure")) as call:
        await call.ask()
        assert call.line.types[-1] == "response.done"


async def test_stop_says_goodbye() -> None:
    async with Call(Echo()) as call:
        call.session.stop()
        call.session.stop(4000, "once is enough")
        await asyncio.sleep(0.001)
        assert call.line.closed == (1001, "The server is shutting down.")


async def test_the_end_of_the_hour() -> None:
    async with Call(Echo()) as call:
        await asyncio.sleep(3600)
        assert call.line.heard[-1]["error"]["code"] == "session_expired"
        assert call.line.closed == (1001, "Your session hit the maximum duration of 60 minutes.")


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSENT_BYTES", 100_000)
    async with Call(Script(otherwise=Say(transcript="", audio=bytes(240_000)))) as call:
        call.line.reading.clear()
        await call.ask()
        call.line.reading.set()
        await asyncio.sleep(0.001)
        assert call.line.closed == (1008, "The client does not read.")
        assert "response.done" not in call.line.types


async def test_an_end_on_purpose() -> None:
    async with Call(Echo(), close_after=1, close_code=1011) as call:
        assert call.line.closed == (1011, "")
        assert call.task.done()


async def test_half_open_is_deaf_too() -> None:
    brain = Canned()
    async with Call(brain, freeze_after=1) as call:
        await call.ask()
        assert call.line.types == ["session.created"]
        assert brain.requests == []
        call.session.stop()


# --- brains that have to be waited for -----------------------------------------------------------------------------


class Slow(AsyncBrain):
    """Needs a second for every word."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.ended: list[str] = []

    async def answer(self, request: GenerationRequest) -> AsyncIterator[Output]:
        try:
            for word in self.words:
                await asyncio.sleep(1)
                if word == "broken":
                    raise RuntimeError("no such word")
                yield Reply(text=word)
            self.ended.append("well")
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise


async def test_a_slow_brain() -> None:
    brain = Slow("one ", "two")
    async with Call(brain) as call:
        await call.ask()
        await asyncio.sleep(1.5)
        assert call.line.types[-1] == "response.output_audio.delta"
        await asyncio.sleep(1)
        assert call.done()["output"][0]["content"][0]["transcript"] == "one two"
        assert brain.ended == ["well"]


async def test_a_slow_brain_is_stopped_with_its_response() -> None:
    brain = Slow("one ", "two")
    async with Call(brain) as call:
        await call.ask()
        call.line.say({"type": "response.cancel"})
        await asyncio.sleep(0.001)
        assert brain.ended == ["cancelled"]
        assert call.done()["status"] == "cancelled"


async def test_a_brain_that_breaks() -> None:
    async with Call(Slow("one ", "broken")) as call:
        await call.ask()
        await asyncio.sleep(3)
        assert call.done()["status_details"]["error"] == {
            "type": "server_error",
            "code": "brain_failed",
            "message": "RuntimeError: no such word",
        }
        await call.ask()
        assert call.line.types[-1] == "response.created"


async def test_hanging_up_stops_a_slow_brain() -> None:
    brain = Slow("one")
    async with Call(brain) as call:
        await call.ask()
    assert brain.ended == ["cancelled"]


async def test_a_pause_of_a_slow_brain() -> None:
    class Thoughtful(AsyncBrain):
        async def answer(self, request: GenerationRequest) -> AsyncIterator[Output]:
            yield Pause(ms=500)
            yield Reply(text="Well.")

    async with Call(Thoughtful()) as call:
        await call.ask()
        assert call.line.types[-1] == "response.created"
        await asyncio.sleep(0.6)
        assert call.done()["status"] == "completed"


# --- observers ----------------------------------------------------------------------------------------------------


class Ears:
    """Hears what is said in one session."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.closed = False

    def received(self, event: ClientEvent) -> None:
        self.heard.append(f"> {event.type}")

    def sent(self, event: ServerEvent) -> None:
        self.heard.append(f"< {event.type}")

    async def close(self) -> None:
        self.closed = True


async def test_an_observer_hears_both_sides() -> None:
    line, ears = Line(), Ears()
    seating = partial(Driver, ServerPeer(Script(otherwise="Hi."), pace=None), None)
    session = SocketSession(line, seating, OPENAI, plan=FaultPlan(Faults(), 1), observer=ears)
    task = asyncio.create_task(session.run(0.0))
    await asyncio.sleep(0.001)
    line.say({"type": "response.create"})
    await asyncio.sleep(0.001)
    assert ears.heard[:3] == ["< session.created", "> response.create", "< response.created"]
    assert "< response.done" in ears.heard
    line.hang_up()
    async with asyncio.timeout(1):
        await task
    assert ears.closed
