from __future__ import annotations

import asyncio
import json

import pytest

from realtime_transport.exceptions import PayloadTooLarge, ProtocolError
from realtime_transport.gateway.limits import GatewayLimits
from realtime_transport.gateway.opening import MAX_FIRST, GuardedSocket, first_words
from realtime_transport.telephony.codecs import Frame, TwilioCodec
from realtime_transport.testing.carriers import FakeTwilio
from realtime_transport.testing.virtual_time import run

OPENING = FakeTwilio(call_id="CA1").opening()


class Phone:
    """A socket in memory: what it has been given, then silence, or the end."""

    def __init__(self, *messages: Frame | None) -> None:
        self.messages = list(messages)
        self.sent: list[Frame] = []
        self.closed: tuple[int, str] | None = None

    async def receive(self) -> Frame | None:
        if not self.messages:
            await asyncio.get_running_loop().create_future()
        return self.messages.pop(0)

    async def send(self, message: Frame) -> None:
        self.sent.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


def guarded(*messages: Frame | None, **limits: float) -> tuple[Phone, GuardedSocket]:
    phone = Phone(*messages)
    return phone, GuardedSocket(phone, GatewayLimits(**limits))  # type: ignore[arg-type]


def test_what_was_read_comes_once_more() -> None:
    async def scene() -> None:
        _, socket = guarded(*OPENING, "next", None)
        opening = await first_words(socket, TwilioCodec, 5.0)
        assert opening.call is not None
        assert opening.call.call_id == "CA1"
        assert [await socket.receive() for _ in range(4)] == [*OPENING, "next", None]

    run(scene())


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ((None,), "hung up before"),
        ((OPENING[0], None), "hung up before"),
        ((OPENING[0],), "did not say in 5 s"),
        (tuple(["{}"] * MAX_FIRST + OPENING), f"did not say in {MAX_FIRST} messages"),
        (("x" * 70_000,), "above the limit"),
    ],
)
def test_a_stream_that_is_no_call(messages: tuple[Frame | None, ...], reason: str) -> None:
    async def scene() -> None:
        _, socket = guarded(*messages)
        opening = await first_words(socket, TwilioCodec, 5.0)
        assert opening.call is None
        assert reason in opening.reason

    run(scene())


def test_a_codec_that_is_slow_to_say_it_gets_all_messages_back() -> None:
    """Sixty-three messages before ``start``, and the call begins all the same."""

    async def scene() -> None:
        junk: list[Frame] = [json.dumps({"event": "x", "n": number}) for number in range(MAX_FIRST - 1)]
        _, socket = guarded(*junk, OPENING[1])
        assert (await first_words(socket, TwilioCodec, 5.0)).call is not None
        assert [await socket.receive() for _ in range(MAX_FIRST)] == [*junk, OPENING[1]]

    run(scene())


def test_a_long_message_ends_it() -> None:
    async def scene() -> None:
        phone, socket = guarded(b"x" * 11, max_message=10)
        with pytest.raises(PayloadTooLarge):
            await socket.receive()
        assert phone.closed == (1009, "a message is too long")

    run(scene())


def test_too_many_messages_end_it() -> None:
    async def scene() -> None:
        phone, socket = guarded(*["{}"] * 5, messages_per_second=1, message_burst=3)
        for _ in range(3):
            assert await socket.receive() == "{}"
        with pytest.raises(ProtocolError, match="more than a call"):
            await socket.receive()
        assert phone.closed == (1008, "too many messages")

    run(scene())


def test_a_carrier_in_real_time_is_never_too_fast() -> None:
    async def scene() -> None:
        phone, socket = guarded(*["{}"] * 10_000)
        for _ in range(10_000):
            await asyncio.sleep(0.02)
            assert await socket.receive() == "{}"
        assert phone.closed is None

    run(scene())


def test_what_is_sent_goes_through() -> None:
    async def scene() -> None:
        phone, socket = guarded()
        await socket.send("hello")
        await socket.close(1000, "bye")
        assert (phone.sent, phone.closed) == (["hello"], (1000, "bye"))

    run(scene())
