"""The client connection of ``websockets`` with a shorter way for what comes all the time.

It is theirs in everything but two things. It reads into a buffer that is there already (asyncio's own way allocates
256 KiB for every read, over TLS several times an event), and it hands whole text messages on at once, without a queue
and a task in between. Handshake, proxies, keepalive, close, limits and whatever is unusual stay where they are.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.protocol import State

from realtime_transport.transports.scanning import FrameScanner

BUFFER_BYTES: Final = 64 * 1024
"""Bytes read at once. Larger ones were slower: what is copied out of them no longer fits the processor's cache."""

_END_OF_HEADERS: Final = b"\r\n\r\n"


class _Shared(threading.local):
    """One buffer for all connections of a thread: between two reads it holds nothing."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_BYTES))


_shared: Final = _Shared()


class FaithfulConnect(connect):
    """Dials without following redirects: the handshake carries the key."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Keep the redirect as the error that it is."""
        return exc


class QuickConnection(ClientConnection, asyncio.BufferedProtocol):
    """A client connection for which ``create_connection`` of ``websockets.asyncio.client.connect`` asks.

    Without ``deliver_to`` it behaves like its parent. Under loops that have no buffered protocols (uvloop) only the
    buffer is theirs.
    """

    # The parent has as many attributes as Python keeps without a dictionary of 1.6 kB for each connection.
    __slots__ = ("_buffer", "_deliver_to", "_full", "_head", "_look", "_scanner")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._scanner = FrameScanner(self._deliver, self._hand_over, max_size=sys.maxsize)
        self._deliver_to: Callable[[bytes], bool] | None = None
        self._look: Callable[[], None] | None = None
        self._head: bytes | None = b""
        """The last bytes of the handshake's response; None when it is over."""
        # Where a read goes on in the background (Windows), a buffer cannot be shared.
        self._buffer = memoryview(bytearray(BUFFER_BYTES)) if sys.platform == "win32" else None
        self._full = False

    # --- messages --------------------------------------------------------------------------------------------------

    def deliver_to(self, deliver: Callable[[bytes], bool], look: Callable[[], None], *, max_size: int) -> None:
        """Give each text message to ``deliver`` as soon as it is here; those that came before wait in ``recv``.

        ``max_size`` is what ``connect`` was given: larger messages are refused by the protocol.

        When ``deliver`` returns False the messages after it wait in ``recv`` too. ``look`` is called whenever something
        may be in ``recv``, and at the end of the connection: then ``recv`` until ``at_rest``, with ``taken`` after
        each. From there on messages are delivered at once again, and nobody has to wait in ``recv``.
        """
        self._deliver_to, self._look, self._scanner.max_size = deliver, look, max_size
        self._scanner.direct = not self._scanner.queued
        if not self._scanner.at_rest:
            look()

    def leave_to_recv(self) -> None:
        """Take ``deliver_to`` back: all messages wait in ``recv``."""
        self._deliver_to = self._look = None
        self._scanner.direct = False

    def taken(self) -> None:
        """Note that a message was received and dealt with."""
        self._scanner.queued -= 1
        self._scanner.direct = not self._scanner.queued

    @property
    def at_rest(self) -> bool:
        """Whether there is nothing in ``recv``, nor the beginning of anything."""
        return self._scanner.at_rest

    def _deliver(self, message: bytes) -> None:
        assert self._deliver_to is not None  # noqa: S101 - for the type checker: nothing is direct without it
        if not self._deliver_to(message):
            self._scanner.direct = False

    def write_now(self, message: bytes) -> bool:
        """Send a text message without waiting; False, and no effect, when it would have to wait: then use ``send``."""
        if self._full or self.protocol.state is not State.OPEN:
            return False
        self.protocol.send_text(message)
        self.send_data()
        return True

    def _hand_over(self, data: bytes) -> None:
        super().data_received(data)
        if self._look is not None and not self._scanner.at_rest:
            self._look()

    # --- what asyncio calls ----------------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to read to."""
        return _shared.view if self._buffer is None else self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self._received(self.get_buffer(nbytes)[:nbytes])

    def data_received(self, data: bytes) -> None:
        """Take what was read, from loops that have no buffered protocols."""
        self._received(data)

    def eof_received(self) -> None:
        """Let the protocol see the beginning of a frame that never came to its end."""
        self._scanner.end()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let whoever listens see the end."""
        super().connection_lost(exc)
        look, self._look = self._look, None
        if look is not None:
            look()

    def pause_writing(self) -> None:
        """Note that the network takes nothing more."""
        self._full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that there is room again."""
        self._full = False
        super().resume_writing()

    def _received(self, data: bytes | memoryview) -> None:
        if self._head is None:
            self._scanner.receive(data)
        else:
            self._handshake(bytes(data))

    def _handshake(self, data: bytes) -> None:
        """Pass the response on, up to its very end: behind it the frames begin."""
        assert self._head is not None  # noqa: S101 - for the type checker
        known = len(self._head)
        at = (self._head + data).find(_END_OF_HEADERS)
        if at < 0:
            self._head = (self._head + data)[-len(_END_OF_HEADERS) + 1 :]
            super().data_received(data)
            return
        end = at + len(_END_OF_HEADERS) - known
        self._head = None
        super().data_received(data[:end])
        if self.protocol.state is not State.OPEN:
            self._scanner.give_up()
        if len(data) > end:
            self._scanner.receive(data[end:])
