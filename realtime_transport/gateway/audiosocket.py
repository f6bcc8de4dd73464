"""AudioSocket, served: Asterisk dials in over TCP and says a UUID, which is a token that the webhook gave out."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from types import TracebackType
from typing import Final, Self

from realtime_transport.exceptions import StateError
from realtime_transport.gateway.door import Refusal
from realtime_transport.gateway.gateway import Gateway
from realtime_transport.gateway.opening import POLICY_VIOLATION
from realtime_transport.telephony import StreamSocket
from realtime_transport.telephony.codecs import Frame
from realtime_transport.telephony.signatures import SignedRequest

HEADER: Final = b"\x01\x00\x10"
"""Kind and length of the first message: 16 bytes of UUID follow."""


class _Reread:
    """A stream whose first bytes were read already."""

    def __init__(self, first: bytes, socket: StreamSocket) -> None:
        self._first = first
        self._socket = socket

    async def receive(self) -> Frame | None:
        first, self._first = self._first, b""
        return first or await self._socket.receive()

    async def send(self, message: Frame) -> None:
        await self._socket.send(message)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)


class AudioSocketServer:
    """Listen for Asterisk; enter the context to start, leave it to stop. Calls go to ``gateway``.

    The protocol has no authentication at all, so the UUID has to be one that ``/answer`` gave out, unless the gateway
    allows what is unsigned. Listen on a private network all the same: nothing is encrypted.
    """

    def __init__(self, gateway: Gateway, *, host: str = "127.0.0.1", port: int = 9092) -> None:
        self._gateway = gateway
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        # Bounded by the gateway's limits, and by those of a connection that says nothing.
        self._calls: set[asyncio.Task[None]] = set()
        self._silent = 0

    @property
    def port(self) -> int:
        """Where it listens. Raises ``StateError`` before it was started."""
        port: int = self._running().sockets[0].getsockname()[1]
        return port

    def _running(self) -> asyncio.Server:
        if self._server is None:
            raise StateError("the AudioSocket server is not running")
        return self._server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running().close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's, which it makes of a coroutine, must not be cancelled before Python 3.12.
        call = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="an AudioSocket call")
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._take(reader, writer)
        finally:
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._silent >= self._gateway.limits.max_unstarted:
            return
        self._silent += 1
        first = b""
        try:
            async with asyncio.timeout(self._gateway.limits.start_timeout):
                first = await reader.readexactly(len(HEADER) + 16)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._silent -= 1
        socket = StreamSocket(reader, writer)
        if not first.startswith(HEADER):
            return
        name = str(uuid.UUID(bytes=first[len(HEADER) :]))
        ticket = self._gateway.admit(SignedRequest(url="tcp:", headers={}), name if self._gateway.expects(name) else "")
        if isinstance(ticket, Refusal):
            with contextlib.suppress(OSError):
                await socket.close(POLICY_VIOLATION, "")
            return
        await self._gateway.take(_Reread(first, socket), ticket)
