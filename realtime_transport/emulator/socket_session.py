"""One connection: a WebSocket, its dialect, and the conversation that it takes part in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from realtime_transport.dialects import Dialect
from realtime_transport.emulator.faults import FaultPlan
from realtime_transport.emulator.line import Line, Socket, Wire
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.exceptions import DecodeError
from realtime_transport.wire import Codec
from realtime_transport.wire.codec import Family

MAX_FRAME_BYTES: Final = 24 * 1024 * 1024
"""An append may carry 15 MiB of audio: 20 MiB of base64, and something around it."""

CLOSE_SECONDS: Final = 5.0
"""How long a client that goes on sending is waited for after our close frame."""


class Observer(Protocol):
    """Whoever wants to know what is said in one session, in order. It must not wait; it may raise ``OSError``."""

    def received(self, event: ClientEvent) -> None:
        """Take what the client said."""
        ...

    def sent(self, event: ServerEvent) -> None:
        """Take what the server says."""
        ...

    async def close(self) -> None:
        """The session is over."""
        ...


class Seat(Protocol):
    """What a socket takes part in: a session of its own, or a call that others are in too."""

    def open(self, unix_time: float) -> None:
        """The socket is open."""
        ...

    def receive(self, event: ClientEvent) -> None:
        """Take what the client said."""
        ...

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None) -> None:
        """Answer a frame that has a flaw."""
        ...

    async def end(self) -> None:
        """The socket is gone."""
        ...


Seating: TypeAlias = Callable[[Callable[[ServerEvent], None], Callable[[int, str], None]], Seat]
"""Makes a seat from what takes the events for the client, and what closes its socket."""


class SocketSession:
    """Holds one socket from its acceptance to its end."""

    def __init__(
        self,
        socket: Socket,
        seating: Seating,
        dialect: Dialect,
        *,
        plan: FaultPlan,
        wire: Wire | None = None,
        family: Family = "realtime",
        observer: Observer | None = None,
    ) -> None:
        self._socket = socket
        self._line = Line(socket, plan, wire)
        self._read_delay = plan.faults.read_delay_ms / 1000
        self._seat = seating(self._say, self.stop)
        self._codec: Codec[ClientEvent, ServerEvent] = Codec(dialect, role="server", family=family)
        self._omits = dialect.omits
        self._observer = observer
        self.over: asyncio.Event = asyncio.Event()
        """Set when ``run`` has returned."""

    async def run(self, unix_time: float) -> None:
        """Hold the session until either side ends it. ``unix_time`` is for ``expires_at`` only."""
        loop = asyncio.get_running_loop()
        reader = loop.create_task(self._read(), name="emulator reader")
        writer = loop.create_task(self._line.run(), name="emulator writer")
        try:
            self._seat.open(unix_time)
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()  # a fault of ours is not to pass in silence
        finally:
            await self._seat.end()
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            if self._observer is not None:
                await self._observer.close()
            self.over.set()

    def stop(self, code: int = 1001, reason: str = "The server is shutting down.") -> None:
        """Close once what is queued was sent."""
        self._line.close(code, reason)

    async def _read(self) -> None:
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            if self._line.is_frozen:
                continue
            if self._read_delay:
                await asyncio.sleep(self._read_delay)
            self._take(message.get("text") or message.get("bytes") or "")

    def _take(self, data: str | bytes) -> None:
        decoded = self._codec.decode(data)
        if self._observer is not None and decoded.event is not None:
            self._observer.received(decoded.event)
        if decoded.event is None or decoded.problems:
            self._seat.receive_unreadable(decoded.problems[0].error, decoded.event)
        else:
            self._seat.receive(decoded.event)

    def _say(self, event: ServerEvent) -> None:
        if event.type not in self._omits:
            if self._observer is not None:
                self._observer.sent(event)
            self._line.send(event.type, self._codec.encode(event).decode())
