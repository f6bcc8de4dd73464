"""The conversation over a WebSocket: ``websockets`` does the protocol, this file the decisions.

Defaults, all of them options: messages up to 16 MiB (retrieved audio items are large), no compression (audio in base64
gains little, and a bomb could be inflated), a ping every 20 s with 20 s for its pong (a dead line is noticed within
40 s and dropped 5 s later). The environment's proxies are honoured. A redirect is never followed: it would carry the
key.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl as ssl_module
import weakref
from typing import Any, Final, Literal, Unpack

import attrs

from realtime_transport.exceptions import (
    AuthenticationError,
    CredentialExpired,
    InvalidArgument,
    PayloadTooLarge,
    ProtocolError,
    RealtimeError,
)
from realtime_transport.tasks import begin
from realtime_transport.transports import sockets
from realtime_transport.transports.base import LayerOptions, RealtimeTransportLayer
from realtime_transport.transports.minting import may_have_expired
from realtime_transport.transports.redacting import RedactingLogger
from realtime_transport.transports.request import ConnectRequest, Dial, is_address

logger: logging.Logger = logging.getLogger("realtime_transport.websocket")

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Largest message accepted. The service takes 15 MiB of audio per event and sends as much in a retrieved item."""

HAPPY_EYEBALLS_DELAY: Final = 0.25
"""Seconds before the next address of a host is tried beside the first: RFC 8305's recommendation."""

TOO_BIG: Final = 1009
"""The close code for a message above the limit."""


MOST_REASON: Final = 123
"""Bytes of a close reason, by RFC 6455; whoever gives more text wants to close all the same."""


def _bounded(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or value < 1:
        raise InvalidArgument("is a number of bytes: there is no going without a limit", path=attribute.name)


@attrs.frozen(kw_only=True)
class WebSocketOptions:
    """How the socket is made. The names are those of ``websockets``."""

    max_size: int = attrs.field(default=MAX_MESSAGE_BYTES, validator=_bounded)
    compression: Literal["deflate"] | None = None
    ping_interval: float | None = 20.0
    ping_timeout: float | None = 20.0
    proxy: str | Literal[True] | None = True
    """True for the environment's, None for none, or a URL."""
    ssl: ssl_module.SSLContext | None = None
    """The TLS context of a ``wss://`` connection; None for the system's defaults."""
    allow_insecure: bool = False
    """Send a key over ``ws://`` to other machines: only where the way there is safe by other means."""
    create_connection: type[sockets.ClientConnection] | None = None
    """Class of the connection. None for ``QuickConnection``, which reads ahead of the protocol of ``websockets``; their
    own ``ClientConnection`` leaves everything to the protocol, for twice the price."""


DEFAULTS: Final = WebSocketOptions()


class WebSocketTransport(RealtimeTransportLayer):
    """A conversation with a server over a WebSocket.

    Takes what every transport takes, and ``options`` for the socket.
    """

    def __init__(
        self,
        *,
        options: WebSocketOptions = DEFAULTS,
        **layer: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**layer)
        self._options = options
        self._socket: sockets.Connection | None = None
        self._is_borrowed = False
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    def from_socket(cls, socket: sockets.Connection, **layer: Unpack[LayerOptions]) -> WebSocketTransport:
        """Make a transport that speaks over an open socket of ``websockets`` that somebody else owns.

        ``connect()`` then dials nothing, and ``close()`` stops reading and leaves the socket open. Nobody else may
        receive from it in between. Raises ``InvalidArgument`` for a socket of another kind.
        """
        if not isinstance(socket, sockets.Connection):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(
                f"is no connection of websockets.asyncio but a {type(socket).__name__}: to speak over something else, "
                "subclass RealtimeTransportLayer",
                path="socket",
            )
        transport = cls(**layer)
        transport._socket, transport._is_borrowed = socket, True
        return transport

    # --- the medium ------------------------------------------------------------------------------------------------

    async def _open(self, request: ConnectRequest) -> None:
        socket = self._socket
        if socket is None:
            dial = await request.dial(allow_insecure=self._options.allow_insecure)
            try:
                socket = self._socket = await self._dial(dial)
                socket.request = None  # the headers hold the key, and nobody looks at them any more
            except AuthenticationError as refused:
                if may_have_expired(request.api_key, dial.key):
                    raise CredentialExpired("the short-lived key was refused: mint another one") from refused
                raise
        # Weak: a transport that is forgotten can then be collected, which complains and drops the socket.
        reference: weakref.ref[WebSocketTransport] = weakref.ref(self)
        look = functools.partial(self._look, reference, socket)
        if isinstance(socket, sockets.QuickConnection):
            socket.deliver_to(functools.partial(self._take, reference), look, max_size=self._options.max_size)
        else:
            look()

    async def _dial(self, dial: Dial) -> sockets.ClientConnection:
        options = self._options
        log = RedactingLogger(logger, *dial.keys)
        more: dict[str, Any] = {}
        if options.ssl is not None and dial.url.startswith("wss:"):
            more["ssl"] = options.ssl
        # For names only: an address has nothing to race. Other loops than asyncio's (uvloop) do not know the option.
        if not is_address(dial.url) and isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
            more["happy_eyeballs_delay"] = HAPPY_EYEBALLS_DELAY
        try:
            return await sockets.FaithfulConnect(
                dial.url,
                additional_headers=dial.headers,
                subprotocols=[sockets.Subprotocol(name) for name in dial.sub_protocols] or None,
                compression=options.compression,
                proxy=options.proxy,
                max_size=options.max_size,
                ping_interval=options.ping_interval,
                ping_timeout=options.ping_timeout,
                open_timeout=None,  # connect() has one for everything
                close_timeout=self._close_timeout,
                logger=log,
                create_connection=options.create_connection or sockets.QuickConnection,
                **more,
            )
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where foreign errors become ours
            failure = log.masked(sockets.connect_error(error, sockets.way_to(dial, options.proxy)))
        raise failure  # outside of the block: what was raised there knows the key

    async def _write(self, frame: bytes) -> None:
        socket = self._socket
        assert socket is not None  # noqa: S101 - for the type checker
        if self._write_now(frame):
            return
        try:
            await socket.send(frame, text=True)
        except sockets.ConnectionClosed:
            # That is the reader's news: it knows the close code, and ends this task.
            self._look(weakref.ref(self), socket)
            assert self._reading is not None  # noqa: S101 - for the type checker
            await asyncio.wait({self._reading})

    def _write_now(self, frame: bytes) -> bool:
        socket = self._socket
        return isinstance(socket, sockets.QuickConnection) and socket.write_now(frame)

    async def _close(self, code: int, reason: str) -> None:
        socket = self._socket
        try:
            if socket is not None and not self._is_borrowed:
                self._socket = None
                await self._close_socket(socket, code, reason)
        finally:
            # Only now: the closing handshake needs a reader when the peer still talks.
            if isinstance(socket, sockets.QuickConnection):
                socket.leave_to_recv()
            if self._reading is not None:
                self._reading.cancel()
                await asyncio.gather(self._reading, return_exceptions=True)

    async def _close_socket(self, socket: sockets.Connection, code: int, reason: str) -> None:
        try:
            await socket.close(code, reason.encode()[:MOST_REASON].decode(errors="ignore"))
        finally:
            if socket.state is not sockets.State.CLOSED:  # no time left
                socket.transport.abort()
                await socket.wait_closed()

    def _abort(self) -> None:
        socket = self._socket
        if socket is None or self._is_borrowed or socket.loop.is_closed():
            return
        if socket.state is sockets.State.OPEN:
            socket.protocol.send_close(1001)
            socket.send_data()
        socket.transport.close()

    # --- reading ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _look(reference: weakref.ref[WebSocketTransport], socket: sockets.Connection) -> None:
        """Start to read what waits in the socket, if nobody does. A connection at rest has no task."""
        transport = reference()
        if transport is None or (transport._reading is not None and not transport._reading.done()):
            return
        reading = begin(transport._read(socket, reference), name="realtime_transport reader")
        transport._reading = reading
        reading.add_done_callback(functools.partial(transport._stopped_reading, reference))

    @staticmethod
    def _stopped_reading(reference: weakref.ref[WebSocketTransport], task: asyncio.Task[None]) -> None:
        """Take notice of what ended the reader: a listener's ``KeyboardInterrupt``, which went through the loop."""
        if not task.cancelled():
            task.exception()
        transport = reference()
        if transport is not None and transport._reading is task:
            transport._reading = None

    @staticmethod
    async def _read(socket: sockets.Connection, reference: weakref.ref[WebSocketTransport]) -> None:
        """Read until nothing waits, or for as long as there is a socket and a transport. Never waits for the
        application."""
        try:
            while True:
                data = await socket.recv(decode=False)
                transport = reference()
                if transport is None:
                    return
                transport.feed(data)
                del data  # it may be large, and the next one may be long in coming
                if transport._emitter.congested:
                    await transport._room_to_read()
                if isinstance(socket, sockets.QuickConnection):
                    socket.taken()
                    if socket.at_rest:
                        return
                del transport
        except sockets.ConnectionClosed as closed:
            transport = reference()
            if transport is not None:
                code, reason = sockets.close_code(closed)
                transport.feed_closed(code, reason, transport._why(closed))
        except sockets.ConcurrencyError as error:  # a borrowed socket, from which its owner receives
            transport = reference()
            if transport is not None:
                transport._broken(error)

    @staticmethod
    def _take(reference: weakref.ref[WebSocketTransport], data: bytes) -> bool:
        """Feed one message that came at once; False when the next one has to wait for room."""
        transport = reference()
        if transport is None:
            return True
        transport.feed(data)
        return not transport._emitter.congested

    def _why(self, closed: sockets.ConnectionClosed) -> RealtimeError | None:
        """Tell more than a close code does: a message above our limit is a fact about that message."""
        sent = closed.sent
        if sent is None or closed.rcvd_then_sent or sent.code != TOO_BIG:
            return None
        if "fragments" in sent.reason:  # the same code for thousands of pieces, however small
            return ProtocolError(f"a message came in {sent.reason}")
        return PayloadTooLarge(None, self._options.max_size)
