"""The cost of an event depends on nothing but the event. Counted in calls, not measured in seconds."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bench import frames
from realtime_transport import RealtimeAgent, RealtimeSession
from realtime_transport.conversation import Limits
from realtime_transport.events.transport import TRANSPORT_EVENTS
from tests.transports.bare import Bare

pytestmark = pytest.mark.virtual_time

PIECES = 20
EARLY_IS_OVER = 10.0
"""Seconds after which nothing is kept any more for listeners that come late."""


class Server(Bare):
    """A medium on which the test plays the server; it confirms what is asked."""

    async def _write(self, frame: bytes) -> None:
        event = json.loads(frame)
        if event["type"] == "session.update":
            self.feed(frames.event("session.updated", session=frames.SESSION)[4:])


def payloads(stream: bytes) -> list[bytes]:
    """Take the payloads out of encoded frames."""
    found = []
    while stream:
        size, start = stream[1], 2
        if size == 126:
            size, start = int.from_bytes(stream[2:4], "big"), 4
        found.append(stream[start : start + size])
        stream = stream[start + size :]
    return found


async def connected(*, session: bool = False) -> Server:
    transport = Server(limits=Limits(history_items=20_000))
    if session:
        around = RealtimeSession(RealtimeAgent(name="Ada"), transport)
        await around.connect()
        around.on("audio", ignore)
    else:
        await transport.connect(session={"instructions": "Hi."})
        transport.on("audio", ignore)
    await asyncio.sleep(EARLY_IS_OVER)
    return transport


def ignore(event: object) -> None:
    """Hear, and do nothing."""


def speak(transport: Bare) -> None:
    for payload in payloads(frames.beginning("resp_bench", "item_bench")):
        transport.feed(payload)


def calls(do: Callable[[], Any]) -> int:
    """Count the Python functions that are called meanwhile."""
    count = 0
    gc.collect()  # what earlier tests left would be cleared away, and counted, in the middle

    def counted(frame: object, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        do()
    finally:
        sys.setprofile(None)
    return count


def cost(transport: Bare, kind: str, first: int = 0) -> int:
    """Count the calls that ``PIECES`` events take, after some that settle what is settled once."""
    make = frames.make(kind)
    said = [payload for number in range(first, first + PIECES * 2) for payload in payloads(make(number))]
    for payload in said[:PIECES]:
        transport.feed(payload)
    return calls(lambda: [transport.feed(payload) for payload in said[PIECES:]])


@pytest.mark.parametrize("session", [False, True], ids=["transport", "session"])
@pytest.mark.parametrize("kind", ["a1k", "transcript"])
async def test_an_event_costs_the_same_at_10_items_and_at_10_000(kind: str, session: bool) -> None:
    counted = []
    for items in (10, 10_000):
        transport = await connected(session=session)
        for frame in frames.history(items):
            transport.feed(payloads(frame)[0])
        speak(transport)
        counted.append(cost(transport, kind))
        await transport.close()
    assert counted[0] == counted[1]


async def test_an_event_costs_the_same_however_many_listen_to_others() -> None:
    alone, crowded = await connected(), await connected()
    for name in set(TRANSPORT_EVENTS) - {"audio", "*", "sent"}:
        for _ in range(20):
            crowded._emitter.on(name, lambda event: None)
    counted = []
    for transport in (alone, crowded):
        speak(transport)
        counted.append(cost(transport, "a1k"))
        await transport.close()
    assert counted[0] == counted[1]


@pytest.mark.parametrize("kind", ["a1k", "transcript"])
async def test_an_event_costs_the_same_in_an_old_session(kind: str) -> None:
    """After 6,000 events: more than the ids that are remembered against duplicates."""
    transport = await connected()
    speak(transport)
    young = cost(transport, kind)
    make = frames.make(kind)
    for number in range(1_000, 7_000):
        transport.feed(payloads(make(number))[0])
    assert cost(transport, kind, first=10_000) == young
    await transport.close()


async def test_a_piece_of_speech_takes_a_bounded_number_of_calls() -> None:
    """From the medium to the listener; the ceiling is generous, a new layer in the hot path is not."""
    transport = await connected()
    speak(transport)
    assert cost(transport, "a1k") / PIECES <= 40
    await transport.close()


@pytest.mark.parametrize(("session", "most"), [(False, 450), (True, 600)], ids=["transport", "session"])
async def test_a_response_takes_a_bounded_number_of_calls_and_no_task(session: bool, most: int) -> None:
    """From ``response.created`` to ``turn_done``, where nobody waits, guards, hooks or traces."""
    transport = await connected(session=session)
    others = asyncio.all_tasks()
    assert cost(transport, "response") / (PIECES * 1.5) <= most
    assert asyncio.all_tasks() <= others
    await transport.close()


async def test_a_history_that_is_shown_costs_the_same_at_10_items_and_at_1_000() -> None:
    """What is unchanged is copied, not looked at."""
    counted = []
    for items in (10, 1_000):
        transport = Server(limits=Limits(history_items=20_000))
        around = RealtimeSession(RealtimeAgent(name="Ada"), transport)
        await around.connect()
        around.on("history_updated", ignore)
        await asyncio.sleep(EARLY_IS_OVER)
        for frame in frames.history(items):
            transport.feed(payloads(frame)[0])
        counted.append(cost(transport, "response"))
        await transport.close()
    assert counted[0] == counted[1]


async def test_an_append_takes_a_bounded_number_of_calls() -> None:
    transport = await connected()
    transport.send_audio(bytes(960))
    audio = bytes(960)
    assert calls(lambda: [transport.send_audio(audio) for _ in range(PIECES)]) / PIECES <= 50
    await transport.close()
