"""What a phone call comes in on: one small interface, and Starlette, ``websockets``, aiohttp and TCP behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final, Protocol

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from realtime_transport.telephony.codecs.base import Frame

READ_BYTES: Final = 4096
"""Bytes read from a TCP stream at once: a dozen frames of 20 ms."""


class PhoneSocket(Protocol):
    """The carrier's side of one call."""

    async def receive(self) -> Frame | None:
        """Return the next message, None when there will be no more. Raises nothing for a socket that is gone."""
        ...

    async def send(self, message: Frame) -> None:
        """Hand over one message; wait while the socket is full. A socket that is gone takes it in silence."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close it, whatever its state."""
        ...


class WebsocketsSocket:
    """A connection of ``websockets``: of its server, or of its client for Asterisk that is dialled."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def receive(self) -> Frame | None:
        """Return the next message, None at the end."""
        try:
            return await self._connection.recv()
        except ConnectionClosed:
            return None

    async def send(self, message: Frame) -> None:
        """Send one message."""
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(message)

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        await self._connection.close(code, reason)


class AsgiWebSocket(Protocol):
    """As much of ``starlette.websockets.WebSocket`` (FastAPI's too) as a call needs; it has to be accepted already."""

    async def receive(self) -> Any:
        """Return the next ASGI message."""
        ...

    async def send(self, message: Any) -> None:
        """Send an ASGI message."""
        ...


class StarletteSocket:
    """A WebSocket of Starlette or FastAPI, by the ASGI messages that are the same in all of them."""

    def __init__(self, websocket: AsgiWebSocket) -> None:
        self._websocket = websocket
        self._is_open = True
        self._gone = _what_starlette_raises()

    async def receive(self) -> Frame | None:
        """Return the next message, None at the end."""
        message: Mapping[str, Any] = await self._websocket.receive() if self._is_open else {}
        text, data = message.get("text"), message.get("bytes")
        found: Frame | None = text if isinstance(text, str) else data if isinstance(data, bytes) else None
        self._is_open = found is not None
        return found

    async def send(self, message: Frame) -> None:
        """Send one message."""
        if isinstance(message, str):
            await self._give({"type": "websocket.send", "text": message})
        else:
            await self._give({"type": "websocket.send", "bytes": message})

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        await self._give({"type": "websocket.close", "code": code, "reason": reason})
        self._is_open = False

    async def _give(self, message: Mapping[str, Any]) -> None:
        """Pass a message on. That the socket went away is the reader's news."""
        if self._is_open:
            with contextlib.suppress(*self._gone):
                await self._websocket.send(message)


def _what_starlette_raises() -> tuple[type[Exception], ...]:
    """Return what sending on a socket that is gone raises: of the server, and what Starlette makes of it."""
    try:
        from starlette.websockets import WebSocketDisconnect
    except ImportError:  # another framework: it has the server's errors only
        return OSError, RuntimeError
    return OSError, RuntimeError, WebSocketDisconnect


class AiohttpMessage(Protocol):
    """What ``WebSocketResponse.receive`` of aiohttp returns."""

    @property
    def type(self) -> int:
        """A ``WSMsgType``: 1 is text, 2 is binary, and all others that come out mean the end."""
        ...

    @property
    def data(self) -> Any:
        """The content, of a type that goes with ``type``."""
        ...


class AiohttpWebSocket(Protocol):
    """As much of ``aiohttp.web.WebSocketResponse`` as a call needs; it has to be prepared already."""

    async def receive(self) -> AiohttpMessage:
        """Return the next message."""
        ...

    async def send_str(self, data: str) -> None:
        """Send a text message."""
        ...

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        ...

    async def close(self, *, code: int, message: bytes) -> object:
        """Close with a code and a reason."""
        ...


_AIOHTTP_CONTENT: Final = frozenset({1, 2})
"""``WSMsgType.TEXT`` and ``WSMsgType.BINARY``."""


class AiohttpSocket:
    """A WebSocket of aiohttp's server (or of its client). Leave ``autoping`` on: pings are answered inside."""

    def __init__(self, websocket: AiohttpWebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> Frame | None:
        """Return the next message, None at the end."""
        message = await self._websocket.receive()
        if message.type not in _AIOHTTP_CONTENT:
            return None
        content: Frame = message.data
        return content

    async def send(self, message: Frame) -> None:
        """Send one message. aiohttp raises a ``ConnectionResetError`` for a socket that is closing."""
        with contextlib.suppress(OSError):
            if isinstance(message, str):
                await self._websocket.send_str(message)
            else:
                await self._websocket.send_bytes(message)

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        await self._websocket.close(code=code, message=reason.encode())


class StreamSocket:
    """A TCP connection (``asyncio.start_server``), for AudioSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> Frame | None:
        """Return what has come, None at the end."""
        try:
            return await self._reader.read(READ_BYTES) or None
        except OSError:
            return None

    async def send(self, message: Frame) -> None:
        """Send one message; a text is sent as its bytes."""
        with contextlib.suppress(OSError):
            self._writer.write(message.encode() if isinstance(message, str) else message)
            await self._writer.drain()

    async def close(self, code: int, reason: str) -> None:
        """Close it; TCP knows neither codes nor reasons."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
