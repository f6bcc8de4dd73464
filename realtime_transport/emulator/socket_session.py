"""One connection: a ``ServerPeer`` turned by a WebSocket and the clock of the running loop."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from realtime_transport.conversation.brain import GenerationRequest, Stop
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import Close
from realtime_transport.dialects import Dialect
from realtime_transport.emulator.brains import AsyncBrain
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
        plan: FaultPlan,
        wire: Wire | None = None,
        family: Family = "realtime",
    ) -> None:
        self._socket = socket
        self._line = Line(socket, plan, wire)
        self._read_delay = plan.faults.read_delay_ms / 1000
        self._peer = peer
        self._asking = (peer, brain) if brain is not None and isinstance(peer, ServerPeer) else None
        self._codec: Codec[ClientEvent, ServerEvent] = Codec(dialect, role="server", family=family)
        self._omits = dialect.omits
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
        reader = loop.create_task(self._read(), name="emulator reader")
        writer = loop.create_task(self._line.run(), name="emulator writer")
        try:
            self._peer.open(loop.time(), unix_time)
            self._turn()
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()  # a fault of ours is not to pass in silence
        finally:
            self._disarm()
            tasks = (reader, writer, *self._answers.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.over.set()

    def stop(self, code: int = 1001, reason: str = "The server is shutting down.") -> None:
        """Close once what is queued was sent."""
        self._line.close(code, reason)

    # --- in ----------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            if self._line.is_frozen:
                continue
            if self._read_delay:
                await asyncio.sleep(self._read_delay)
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
                self._line.send(event.type, self._codec.encode(event).decode())
        if self._peer.closing is not None:
            self.stop(self._peer.closing.code, self._peer.closing.reason)
        self._set_timer()

    def _set_timer(self) -> None:
        deadline = self._peer.next_deadline()
        if deadline == self._timer_at:  # as after most appends, of which fifty come in a second
            return
        self._disarm()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(deadline, self._wake) if deadline is not None else None
        self._timer_at = deadline

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

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
