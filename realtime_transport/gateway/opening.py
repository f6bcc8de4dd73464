"""The first seconds of a stream: which call is it? And the guard that stands before every message of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import attrs

from realtime_transport.exceptions import PayloadTooLarge, ProtocolError
from realtime_transport.gateway.limits import Bucket, GatewayLimits
from realtime_transport.telephony import PhoneSocket
from realtime_transport.telephony.codecs import CallStarted, CarrierCodec, Frame

MAX_FIRST: Final = 64
"""Messages before ``start``. Carriers send one or none; more than a second of audio is somebody else."""

POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009


class GuardedSocket:
    """A carrier's socket whose messages are of a bearable size and frequency.

    What is not ends the call: the socket is closed with 1008 or 1009 and ``receive`` raises ``ProtocolError``.
    """

    def __init__(self, socket: PhoneSocket, limits: GatewayLimits) -> None:
        self._socket = socket
        self._limit = limits.max_message
        self._bucket = Bucket(limits.messages_per_second, limits.message_burst)
        # Read before the call was known; MAX_FIRST at most, see first_words.
        self._again: deque[Frame] = deque(maxlen=MAX_FIRST)

    async def receive(self) -> Frame | None:
        """Return the next message, None at the end."""
        if self._again:
            return self._again.popleft()
        message = await self._socket.receive()
        if message is None:
            return None
        if len(message) > self._limit:
            await self._socket.close(TOO_BIG, "a message is too long")
            raise PayloadTooLarge(len(message), self._limit)
        if not self._bucket.take(asyncio.get_running_loop().time()):
            await self._socket.close(POLICY_VIOLATION, "too many messages")
            raise ProtocolError("the carrier sends more than a call can mean")
        return message

    async def send(self, message: Frame) -> None:
        """Send one message."""
        await self._socket.send(message)

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        await self._socket.close(code, reason)

    def repeat(self, messages: list[Frame]) -> None:
        """Let ``messages`` come once more, before what follows."""
        self._again.extend(messages)


@attrs.frozen(kw_only=True)
class Opening:
    """How a stream began."""

    call: CallStarted | None = None
    """The call; None when there is none, for ``reason``."""
    reason: str = ""


async def first_words(socket: GuardedSocket, make: Callable[[], CarrierCodec], timeout: float) -> Opening:
    """Read until the carrier has said which call it is, and put everything back.

    A codec of its own reads along and is thrown away: the call that follows hears it all from the beginning, and
    answers what is to be answered. Nothing is connected to a model before that.
    """
    codec, read = make(), list[Frame]()
    try:
        async with asyncio.timeout(timeout):
            while len(read) < MAX_FIRST:
                message = await socket.receive()
                if message is None:
                    return Opening(reason="the carrier hung up before it said which call it is")
                read.append(message)
                started = next((event for event in codec.receive(message) if isinstance(event, CallStarted)), None)
                if started is not None:
                    socket.repeat(read)
                    return Opening(call=started)
    except TimeoutError:
        return Opening(reason=f"the carrier did not say in {timeout:g} s which call it is")
    except ProtocolError as error:
        return Opening(reason=str(error))
    return Opening(reason=f"the carrier did not say in {MAX_FIRST} messages which call it is")
