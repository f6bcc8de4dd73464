"""``GatewayServer``: the app under uvicorn, with a drain before the end."""

from __future__ import annotations

import asyncio
import signal
import socket
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from realtime_transport.exceptions import StateError
from realtime_transport.gateway.gateway import Gateway

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class _QuietProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which otherwise logs an error for every upgrade that was refused with a status."""

    async def send(self, message: Any) -> None:
        """Send an ASGI message, and count a refusal that is out as an answer."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True


class GatewayServer:
    """Serve an app of ``gateway_app``; enter the context to start, leave it to end all calls and stop.

    uvicorn by itself closes every WebSocket when SIGTERM comes; ``run`` waits for the calls first. ``port`` 0 takes a
    free one. ``tls`` is (certificate, key) as PEM files.
    """

    def __init__(
        self, app: Starlette, *, host: str = "127.0.0.1", port: int = 8090, tls: tuple[str, str] | None = None
    ) -> None:
        self.gateway: Gateway = app.state.gateway
        certificate, key = tls or (None, None)
        options: dict[str, Any] = {
            "log_config": None,  # the program that runs us has its own
            "access_log": False,
            "lifespan": "off",  # we end the calls ourselves
            "ws": _QuietProtocol,
            "ws_max_size": self.gateway.limits.max_message,
            "ws_per_message_deflate": False,  # speech in base64 does not get smaller, and carriers offer none
            "timeout_graceful_shutdown": 5,
            "ssl_certfile": certificate,
            "ssl_keyfile": key,
        }
        self._config = uvicorn.Config(app, **options)
        self._address = host, port
        self._server: uvicorn.Server | None = None
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where it listens. Raises ``StateError`` before it was started."""
        port: int = self._running()[1].getsockname()[1]
        return port

    def _running(self) -> tuple[uvicorn.Server, socket.socket]:
        if self._server is None or self._listener is None:
            raise StateError("the gateway is not running")
        return self._server, self._listener

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._listener = socket.create_server(self._address, family=family)
        # What is accepted inherits it. asyncio sees to that only for sockets that it made itself, and with Nagle's
        # algorithm a frame waits up to 40 ms for the acknowledgement of the one before.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._config.load()
        self._server = uvicorn.Server(self._config)
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup([self._listener])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.gateway.close()
        server, listener = self._running()
        await server.shutdown([listener])
        self._server = self._listener = None

    async def run(self, drain_seconds: float) -> int:
        """Serve until SIGTERM or SIGINT, then drain for up to ``drain_seconds``; return how many calls were cut off.

        A second signal ends the wait. Call it inside the context.
        """
        loop = asyncio.get_running_loop()
        first, second = asyncio.Event(), asyncio.Event()

        def signalled() -> None:
            (second if first.is_set() else first).set()

        for number in SIGNALS:
            loop.add_signal_handler(number, signalled)
        try:
            await first.wait()
            draining = asyncio.ensure_future(self.gateway.drain(drain_seconds))
            impatient = asyncio.ensure_future(second.wait())
            await asyncio.wait({draining, impatient}, return_when=asyncio.FIRST_COMPLETED)
            for task in (draining, impatient):
                task.cancel()
            await asyncio.gather(draining, impatient, return_exceptions=True)
            return self.gateway.calls
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
