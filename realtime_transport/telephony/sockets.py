"""What a phone call comes in on: one small interface, and Starlette, ``websockets`` and TCP behind it."""

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
        """Pass a message on. Servers raise OSError or RuntimeError for a socket that went away: the reader's news."""
        if self._is_open:
            with contextlib.suppress(OSError, RuntimeError):
                await self._websocket.send(message)


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
