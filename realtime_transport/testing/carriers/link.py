"""How a fake carrier's messages reach the application: in memory, over a WebSocket, over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs import Frame

MAX_MESSAGES: Final = 100_000
"""Messages that one side has not read: more means that it never will."""

DIAL_TIMEOUT: Final = 10.0
"""Seconds for the application to take a call, and to close it."""

_READ_BYTES: Final = 4096


class FakeSocket:
    """The application's end of the socket: a ``PhoneSocket``.

    ``take`` gets what the application sends, ``closed`` its close.
    """

    def __init__(
        self,
        later: Callable[[Callable[[], None]], None],
        take: Callable[[Frame], None],
        on_close: Callable[[], None],
    ) -> None:
        self._later = later
        self._take = take
        self._on_close = on_close
        self.incoming: asyncio.Queue[Frame | None] = asyncio.Queue(maxsize=MAX_MESSAGES)
        self.closed: tuple[int | None, str] | None = None

    async def receive(self) -> Frame | None:
        """Return the carrier's next message, None after its end."""
        return await self.incoming.get()

    async def send(self, message: Frame) -> None:
        """Give the carrier a message."""
        self._later(lambda: self._arrive(message))

    def _arrive(self, message: Frame) -> None:
        if self.closed is None:
            self._take(message)

    async def close(self, code: int, reason: str) -> None:
        """End the call from the application's side."""
        self._later(lambda: self.end(code, reason))

    def end(self, code: int | None, reason: str) -> None:
        """Note that the application has closed; the first time counts."""
        if self.closed is None:
            self.closed = code, reason
            self._on_close()


class Line(Protocol):
    """A connection that was made: carries messages both ways until one side ends it."""

    async def carry(self, phone: FakeSocket) -> None:
        """Move messages between ``phone`` and the wire; return when both sides are done."""
        ...


class WebSocketLine:
    """A WebSocket to the application."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def carry(self, phone: FakeSocket) -> None:
        """Carry text and binary messages as they are."""
        writer = asyncio.create_task(self._write(phone), name="a fake carrier's writer")
        try:
            async for message in self._connection:
                await phone.send(message)
        except ConnectionClosed:
            pass  # closed with an error: the code says it
        finally:
            phone.end(self._connection.close_code, self._connection.close_reason or "")
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, phone: FakeSocket) -> None:
        with contextlib.suppress(ConnectionClosed):
            while (message := await phone.receive()) is not None:
                await self._connection.send(message)
        await self._connection.close()


class TcpLine:
    """A TCP connection to the application."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def carry(self, phone: FakeSocket) -> None:
        """Carry bytes, in whatever pieces TCP has them."""
        writer = asyncio.create_task(self._write(phone), name="a fake carrier's writer")
        try:
            with contextlib.suppress(OSError):
                while data := await self._reader.read(_READ_BYTES):
                    await phone.send(data)
        finally:
            phone.end(None, "")
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, phone: FakeSocket) -> None:
        with contextlib.suppress(OSError):
            while (message := await phone.receive()) is not None:
                self._writer.write(message if isinstance(message, bytes) else message.encode())
                await self._writer.drain()
            self._writer.write_eof()


@contextlib.asynccontextmanager
async def dialled(
    url: str, headers: Mapping[str, str], subprotocols: Sequence[str], tls: ssl.SSLContext | None
) -> AsyncGenerator[Line]:
    """Connect to ``ws://``, ``wss://`` or ``tcp://host:port``; close it at the end.

    Raises ``InvalidArgument`` for another URL, ``websockets``' ``InvalidStatus`` when the application refuses, and
    ``OSError`` or ``TimeoutError`` when nobody answers.
    """
    parts = urlsplit(url)
    if parts.scheme in {"ws", "wss"}:
        offered = [Subprotocol(name) for name in subprotocols] or None
        # Carriers do not compress: their audio is compressed already.
        async with connect(
            url,
            additional_headers=headers,
            subprotocols=offered,
            ssl=tls or (True if parts.scheme == "wss" else None),
            compression=None,
            proxy=None,
            open_timeout=DIAL_TIMEOUT,
            close_timeout=DIAL_TIMEOUT,
        ) as connection:
            yield WebSocketLine(connection)
    elif parts.scheme == "tcp" and parts.hostname and parts.port:
        async with asyncio.timeout(DIAL_TIMEOUT):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            yield TcpLine(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    else:
        raise InvalidArgument("has to be ws://, wss:// or tcp://host:port", path="url")
