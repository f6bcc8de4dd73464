"""What turns a peer: the clock of the running loop, brains that have to be waited for, and MCP servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from realtime_transport.conversation.brain import GenerationRequest, Stop
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import Close
from realtime_transport.conversation.server_mcp import McpListing, McpRequest
from realtime_transport.emulator import mcp_servers
from realtime_transport.emulator.brains import AsyncBrain
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.exceptions import DecodeError


class Peer(Protocol):
    """What is turned: a ``ServerPeer``, or a ``TranslationServer``."""

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


class Driver:
    """Turns one peer from ``open`` until ``end``.

    ``say`` takes every event for the client, ``close`` the wish of the peer to end. ``brain`` is asked what the peer
    has no words for: a ``ServerPeer`` without a brain of its own.
    """

    def __init__(
        self,
        peer: Peer,
        brain: AsyncBrain | None,
        say: Callable[[ServerEvent], None],
        close: Callable[[int, str], None],
    ) -> None:
        self.peer = peer
        self._server = peer if isinstance(peer, ServerPeer) else None
        self._brain = brain
        self._say = say
        self._close = close
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        """When it fires; None when it is not set."""
        self._answers: dict[str, asyncio.Task[None]] = {}
        """Response id -> what waits for the brain's words."""
        self._errands: set[asyncio.Task[None]] = set()
        """What waits for MCP servers: one for each server that is listed and each call that runs."""

    def open(self, unix_time: float) -> None:
        """Begin the session."""
        self.peer.open(asyncio.get_running_loop().time(), unix_time)
        self.turn()

    def receive(self, event: ClientEvent) -> None:
        """Take what the client said."""
        self.peer.receive(event, asyncio.get_running_loop().time())
        self.turn()

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None) -> None:
        """Answer a frame that has a flaw."""
        self.peer.receive_unreadable(error, event)
        self.turn()

    async def end(self) -> None:
        """Stop everything that is waited for."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = (*self._answers.values(), *self._errands)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- turning -------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Carry away what the peer has to say, see to its questions and to its next deadline."""
        if self._server is not None:
            self._ask(self._server)
        for event in self.peer.frames_to_send():
            self._say(event)
        if self.peer.closing is not None:
            self._close(self.peer.closing.code, self.peer.closing.reason)
        self._set_timer()

    def _set_timer(self) -> None:
        deadline = self.peer.next_deadline()
        if deadline == self._timer_at:  # as after most appends, of which fifty come in a second
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(deadline, self._wake) if deadline is not None else None
        self._timer_at = deadline

    def _wake(self) -> None:
        self._timer_at = None
        self.peer.wake(asyncio.get_running_loop().time())
        self.turn()

    # --- what has to be waited for -------------------------------------------------------------------------------

    def _ask(self, peer: ServerPeer) -> None:
        if self._brain is not None:
            for request in peer.requests():
                self._begin(peer, self._brain, request)
        for response_id, answer in self._answers.items():
            if not peer.wants(response_id):
                answer.cancel()
        for asked in peer.mcp_requests():
            errand = _task(self._run_errand(peer, asked), "emulator mcp")
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)

    def _begin(self, peer: ServerPeer, brain: AsyncBrain, request: GenerationRequest) -> None:
        task = _task(self._answer(peer, brain, request), "emulator answer")
        self._answers[request.response_id] = task
        task.add_done_callback(lambda _: self._answers.pop(request.response_id, None))

    async def _answer(self, peer: ServerPeer, brain: AsyncBrain, request: GenerationRequest) -> None:
        loop = asyncio.get_running_loop()
        try:
            async for output in brain.answer(request):
                peer.feed(request.response_id, output, loop.time())
                self.turn()
        except Exception as error:  # noqa: BLE001  # a brain is somebody else's code: the session outlives it
            failure = Stop(code="brain_failed", message=f"{type(error).__name__}: {error}")
            peer.feed(request.response_id, failure, loop.time())
        peer.end(request.response_id, loop.time())
        self.turn()

    async def _run_errand(self, peer: ServerPeer, asked: McpRequest) -> None:
        if isinstance(asked, McpListing):
            peer.conversation.mcp_listed(asked.item_id, await mcp_servers.list_tools(asked.tool))
        else:
            result = await mcp_servers.run_tool(asked.tool, asked.name, asked.arguments)
            peer.conversation.mcp_ran(asked.item_id, result)
        self.turn()


def _task(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work, name=name)
