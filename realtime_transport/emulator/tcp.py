"""The TCP connection under a WebSocket, within reach of the faults that happen there."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

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


class _TappedProtocol(WebSocketsSansIOProtocol):  # private: its base has no public types
    """uvicorn's WebSocket, which lets the application at its transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put the tap between the protocol and its transport."""
        super().connection_made(cast("asyncio.Transport", TappedTransport(transport)))

    async def run_asgi(self) -> None:
        """Hand the tap to the application."""
        self.scope[WIRE_KEY] = self.transport  # type: ignore[typeddict-unknown-key]
        await super().run_asgi()


TAPPED_PROTOCOL: Final[str] = f"{__name__}:{_TappedProtocol.__name__}"
"""What uvicorn's option ``ws`` takes."""
