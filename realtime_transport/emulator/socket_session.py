"""One connection: a ``ServerPeer`` turned by a WebSocket and the clock of the running loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Protocol

from realtime_transport.conversation.brain import GenerationRequest, Stop
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import Close
from realtime_transport.dialects import Dialect
from realtime_transport.emulator.brains import AsyncBrain
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.exceptions import DecodeError
from realtime_transport.wire import Codec
from realtime_transport.wire.codec import Family

MAX_FRAME_BYTES: Final = 24 * 1024 * 1024
"""An append may carry 15 MiB of audio: 20 MiB of base64, and something around it."""

MAX_UNSENT_BYTES: Final = 32 * 1024 * 1024
"""Frames that the client has not taken yet: eight minutes of speech. One that reads no more is cut off with 1008."""

CLOSE_SECONDS: Final = 5.0
"""How long a client that goes on sending is waited for after our close frame."""


class Socket(Protocol):
    """What is needed of a WebSocket: the three of Starlette's methods that speak ASGI."""

    async def receive(self) -> Mapping[str, Any]:
        """Wait for a message."""
        ...

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send one, and wait for room."""
        ...

    async def close(self, code: int, reason: str | None) -> None:
        """Send the close frame."""
        ...


class Peer(Protocol):
    """What a session turns: a ``ServerPeer``, or a ``TranslationServer``."""

    def open(self, now: float, unix_time: float) -> None:
        """Begin the session."""
        ...

    def receive(self, event: ClientEvent, now: float) -> None:
        """Take what the client said."""
        ...

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None) -> None:
        """Answer a frame that has a flaw."""
        ...

    def frames_to_send(self) -> list[ServerEvent]:
        """Hand over what goes to the client."""
        ...

    @property
    def closing(self) -> Close | None:
        """Set when the connection is to be closed once the frames are sent."""
        ...

    def next_deadline(self) -> float | None:
        """When ``wake`` has something to do."""
        ...

    def wake(self, now: float) -> None:
        """Do what is due."""
        ...


class SocketSession:
    """Runs one session from the accepted socket to its end.

    ``brain`` is asked what the peer has no words for: a ``ServerPeer`` without a brain of its own.
    """

    def __init__(
        self,
        socket: Socket,
        peer: Peer,
        dialect: Dialect,
        brain: AsyncBrain | None = None,
        *,
        family: Family = "realtime",
    ) -> None:
        self._socket = socket
        self._peer = peer
        self._asking = (peer, brain) if brain is not None and isinstance(peer, ServerPeer) else None
        self._codec: Codec[ClientEvent, ServerEvent] = Codec(dialect, role="server", family=family)
        self._omits = dialect.omits
        self._unsent: deque[str] = deque()
        self._unsent_bytes = 0
        self._changed = asyncio.Event()
        """Set when there is something to send, or the session is over."""
        self._closing: Close | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        """When it fires; None when it is not set."""
        self._answers: dict[str, asyncio.Task[None]] = {}
        """Response id -> what waits for the brain's words."""
        self.over: asyncio.Event = asyncio.Event()
        """Set when ``run`` has returned."""

    async def run(self, unix_time: float) -> None:
        """Hold the session until either side ends it. ``unix_time`` is for ``expires_at`` only."""
        loop = asyncio.get_running_loop()
        writer = loop.create_task(self._write(), name="emulator writer")
        try:
            self._peer.open(loop.time(), unix_time)
            self._turn()
            await self._read()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            writer.cancel()
            for answer in self._answers.values():
                answer.cancel()
            await asyncio.gather(writer, *self._answers.values(), return_exceptions=True)
            self.over.set()

    def stop(self, code: int = 1001, reason: str = "The server is shutting down.") -> None:
        """Close once what is queued was sent."""
        self._closing = self._closing or Close(code, reason)
        self._changed.set()

    # --- in ----------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            self._take(message.get("text") or message.get("bytes") or "")
            self._turn()

    def _take(self, data: str | bytes) -> None:
        now = asyncio.get_running_loop().time()
        decoded = self._codec.decode(data)
        if decoded.event is None or decoded.problems:
            self._peer.receive_unreadable(decoded.problems[0].error, decoded.event)
        else:
            self._peer.receive(decoded.event, now)

    # --- turning -----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Carry away what the peer has to say, see to its questions and to its next deadline."""
        if self._asking is not None:
            self._ask(*self._asking)
        for event in self._peer.frames_to_send():
            if event.type not in self._omits:
                self._queue(self._codec.encode(event).decode())
        if self._peer.closing is not None:
            self.stop(self._peer.closing.code, self._peer.closing.reason)
        self._set_timer()

    def _queue(self, frame: str) -> None:
        if self._closing is not None:
            return
        self._unsent.append(frame)
        self._unsent_bytes += len(frame)
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self._unsent.clear()
            self._unsent_bytes = 0
            self.stop(1008, "The client does not read.")
        self._changed.set()

    def _set_timer(self) -> None:
        deadline = self._peer.next_deadline()
        if deadline == self._timer_at:  # as after most appends, of which fifty come in a second
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(deadline, self._wake) if deadline is not None else None
        self._timer_at = deadline

    def _wake(self) -> None:
        self._timer_at = None
        self._peer.wake(asyncio.get_running_loop().time())
        self._turn()

    # --- words from a brain that has to be waited for ----------------------------------------------------------------

    def _ask(self, peer: ServerPeer, brain: AsyncBrain) -> None:
        for request in peer.requests():
            self._begin(peer, brain, request)
        for response_id, answer in self._answers.items():
            if not peer.wants(response_id):
                answer.cancel()

    def _begin(self, peer: ServerPeer, brain: AsyncBrain, request: GenerationRequest) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(peer, brain, request), name="emulator answer")
        self._answers[request.response_id] = task
        task.add_done_callback(lambda _: self._answers.pop(request.response_id, None))

    async def _answer(self, peer: ServerPeer, brain: AsyncBrain, request: GenerationRequest) -> None:
        loop = asyncio.get_running_loop()
        try:
            async for output in brain.answer(request):
                peer.feed(request.response_id, output, loop.time())
                self._turn()
        except Exception as error:  # noqa: BLE001  # a brain is somebody else's code: the session outlives it
            failure = Stop(code="brain_failed", message=f"{type(error).__name__}: {error}")
            peer.feed(request.response_id, failure, loop.time())
        peer.end(request.response_id, loop.time())
        self._turn()

    # --- out ---------------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            while self._unsent:
                frame = self._unsent.popleft()
                self._unsent_bytes -= len(frame)
                await self._socket.send({"type": "websocket.send", "text": frame})
            if self._closing is not None:
                await self._socket.close(self._closing.code, self._closing.reason)
                return
            self._changed.clear()
            await self._changed.wait()
