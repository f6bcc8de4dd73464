"""The driver of a phone leg: whatever the socket does, the leg ends once and nothing is left."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from realtime_transport.telephony.codecs import CallStarted, Frame, make_codec
from realtime_transport.telephony.leg_events import LegEnded
from realtime_transport.telephony.line import PartName
from realtime_transport.telephony.phone import MAX_UNSENT, PARTING_TIMEOUT, Phone
from realtime_transport.testing.carriers import FakeGenesys, FakeSocket, FakeTwilio, Wait

pytestmark = pytest.mark.virtual_time

A = PartName(item_id="a", content_index=0)
OPENING = FakeTwilio(lambda _: asyncio.sleep(0)).opening()


class Socket:
    """A socket that is told how to behave."""

    def __init__(self, *, takes: bool = True, error: Exception | None = None) -> None:
        self.incoming: asyncio.Queue[Any] = asyncio.Queue(maxsize=100)
        for message in OPENING:
            self.incoming.put_nowait(message)
        self.takes = takes
        self.error = error
        self.sent: list[Frame] = []
        self.closed: list[tuple[int, str]] = []

    async def receive(self) -> Frame | None:
        message = await self.incoming.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def send(self, message: Frame) -> None:
        if not self.takes:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        self.sent.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))


def phone(socket: Socket) -> tuple[Phone, list[Any]]:
    events: list[Any] = []
    return Phone(socket, make_codec("twilio"), events.append), events


def speak(made: Phone, seconds: int) -> None:
    made.leg.play(bytes(8000 * seconds), A, asyncio.get_running_loop().time())
    made.turn()


async def test_what_waits_is_sent_before_closing() -> None:
    socket = Socket()
    made, events = phone(socket)
    await asyncio.sleep(0.1)
    assert isinstance(events[0], CallStarted)
    speak(made, 1)
    await made.close(1000, "bye")
    await made.close(1000, "bye")
    assert len(socket.sent) == 1 + 8  # the mark that measures the way, and the lead
    assert socket.closed == [(1000, "bye")]
    assert await made.wait_ended() == "bye"


async def test_a_socket_that_raises_while_reading() -> None:
    socket = Socket()
    made, events = phone(socket)
    socket.incoming.put_nowait(OSError("cable cut"))
    assert await made.wait_ended() == "the phone's socket failed: OSError: cable cut"
    assert isinstance(events[-1], LegEnded)
    await made.close(1000, "")


async def test_a_socket_that_raises_while_writing() -> None:
    socket = Socket(error=OSError("cable cut"))
    made, _ = phone(socket)
    assert await made.wait_ended() == "the phone's socket failed: OSError: cable cut"
    await made.close(1000, "")


async def test_a_carrier_that_takes_nothing() -> None:
    socket = Socket(takes=False)
    made, _ = phone(socket)
    await asyncio.sleep(0.1)
    speak(made, 60)
    assert await made.wait_ended() == "the carrier takes nothing any more"
    assert asyncio.get_running_loop().time() == pytest.approx(MAX_UNSENT / 55, rel=0.1)
    made.abort()
    await asyncio.sleep(0)


async def test_an_abort_leaves_nothing() -> None:
    socket = Socket(takes=False)
    made, _ = phone(socket)
    await asyncio.sleep(0.1)
    speak(made, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await made.close(1000, "bye")
    made.abort()
    await asyncio.sleep(0)
    assert socket.closed == []


async def test_an_abort_without_a_writer() -> None:
    made, _ = phone(Socket())
    await asyncio.sleep(0.1)
    made.abort()
    await asyncio.sleep(0)
    assert await made.wait_ended() == "aborted"


async def test_events_keep_their_order_when_a_listener_causes_more() -> None:
    told: list[str] = []

    def tell(event: Any) -> None:
        told.append(type(event).__name__)
        if isinstance(event, CallStarted):
            made.leg.hung_up("at once")
            made.turn()
            told.append("after")

    made = Phone(Socket(), make_codec("twilio"), tell)
    await made.wait_ended()
    assert told == ["CallStarted", "after", "LegEnded"]
    await made.close(1000, "")


async def test_a_carrier_that_closes_last_is_answered_first() -> None:
    async def answer(socket: FakeSocket) -> None:
        made = Phone(socket, make_codec("genesys"), lambda event: None)
        await asyncio.sleep(0.5)
        made.leg.hang_up("the agent hung up")
        await made.close(1000, "the agent hung up")

    record = await FakeGenesys(answer, latency=0.05).call(Wait(5))
    assert record.faults == ()
    assert record.seconds == pytest.approx(0.65, abs=0.001)
    assert [json.loads(message)["type"] for message in record.messages] == ["opened", "pong", "disconnect", "closed"]


async def test_a_carrier_that_never_closes_is_not_waited_for_long() -> None:
    socket = Socket()
    socket.incoming = asyncio.Queue(maxsize=100)
    for message in FakeGenesys().opening():
        socket.incoming.put_nowait(message)
    made = Phone(socket, make_codec("genesys"), lambda event: None)
    await asyncio.sleep(0)
    await made.close(1000, "over")
    assert asyncio.get_running_loop().time() == PARTING_TIMEOUT
    assert socket.closed == [(1000, "over")]


async def test_closing_hangs_up_where_the_stream_can() -> None:
    socket = Socket()
    made = Phone(socket, make_codec("asterisk"), lambda event: None)
    made.leg.receive("MEDIA_START connection_id:m channel_id:c format:ulaw optimal_frame_size:160", 0.0)
    await made.close(1000, "over")
    assert socket.sent == ["MARK_MEDIA 0-1", "HANGUP"]
