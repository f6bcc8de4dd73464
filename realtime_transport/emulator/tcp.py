"""The TCP connection under a WebSocket, within reach of the faults that happen there."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

from realtime_transport.emulator.line import WIRE_KEY


class TappedTransport:
    """An asyncio transport that can be cut after so many bytes, and be made half-open."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._left: int | None = None
        """Bytes until the cut; None where none is wanted."""
        self._frozen = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def cut_after(self, size: int) -> None:
        """End the connection in ``size`` bytes, in the middle of whatever is sent then."""
        self._left = size

    def freeze(self) -> None:
        """Read and write nothing any more: not even pings are answered."""
        self._frozen = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, unless frozen: the WebSocket above asks for it after each message."""
        if not self._frozen:
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send what is still to be sent of ``data``."""
        if self._frozen:
            return
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self._transport.write(data)
        if self._left == 0:
            self._transport.close()


_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _TappedProtocol(WebSocketsSansIOProtocol):  # private: its base has no public types
    """uvicorn's WebSocket, which lets the application at its transport."""

    _was_asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the tap between the protocol and its transport."""
        super().connection_made(cast("asyncio.Transport", TappedTransport(transport)))

    def send_500_response(self) -> None:
        """Answer in the place of the application, unless the upgrade was no upgrade and has its 400 already.

        uvicorn asks for it when it stops while such a connection is still open; websockets refuses to answer twice.
        """
        if not self.conn.eof_sent:
            super().send_500_response()

    def shutdown(self) -> None:
        """Close because the server stops; at once where the client has said goodbye and takes no answer to it.

        uvicorn would begin the closing handshake there, which websockets refuses to do twice.
        """
        if self.handshake_complete and not self.close_sent and self.conn.state is not State.OPEN:
            self.stop_keepalive()
            self.transport.abort()
            return
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Answer a handshake that is no HTTP request of its kind (one with a body, say), which would hang else."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self._was_asked and not self.transport.is_closing():
            self.transport.write(_BAD_REQUEST)
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        """Note that the handshake could be read: it is answered by the application."""
        self._was_asked = True
        super().handle_connect(event)

    async def send(self, message: Any) -> None:
        """Send for the application. A refusal is an end too: uvicorn would log an error for each of them."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True

    async def run_asgi(self) -> None:
        """Hand the tap to the application."""
        self.scope[WIRE_KEY] = self.transport  # type: ignore[typeddict-unknown-key]
        await super().run_asgi()


TAPPED_PROTOCOL: Final[str] = f"{__name__}:{_TappedProtocol.__name__}"
"""What uvicorn's option ``ws`` takes."""
