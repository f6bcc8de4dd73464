"""The conversation in memory: a whole server at the other end, no socket, and whatever clock the loop has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Unpack

from realtime_transport.conversation.brains import Echo
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.transports.base import LayerOptions, RealtimeTransportLayer
from realtime_transport.transports.request import ConnectRequest
from realtime_transport.wire import Codec


def echo() -> ServerPeer:
    """Make a peer that says back what it hears, at once."""
    return ServerPeer(Echo(), pace=None)


class LoopbackTransport(RealtimeTransportLayer):
    """A conversation with a ``ServerPeer`` in the same process; every frame passes through both codecs.

    ``peer`` is the other end, or a function that makes one for each connection. With virtual time
    (``realtime_transport.testing.virtual_time``) an hour-long call takes milliseconds.
    """

    def __init__(self, peer: ServerPeer | Callable[[], ServerPeer] = echo, **layer: Unpack[LayerOptions]) -> None:
        super().__init__(**layer)
        self._new_peer = peer
        self._peer: ServerPeer | None = None
        self._peer_timer: asyncio.TimerHandle | None = None
        self._peer_codec = Codec(self._dialect, role="server")

    @property
    def peer(self) -> ServerPeer | None:
        """The other end of this connection, or of the last one."""
        return self._peer

    async def _open(self, request: ConnectRequest) -> None:
        new = self._new_peer
        self._peer = new if isinstance(new, ServerPeer) else new()
        self._peer_codec = Codec(request.dialect, role="server")
        if "type" in request.dialect.frame_in({"type": "session.update", "session": {}})["session"]:
            self._peer.conversation.needs_session_type = False  # the dialect has no such field, and fills it in
        self._peer.open(asyncio.get_running_loop().time())
        self._turn(self._peer)

    async def _write(self, frame: bytes) -> None:
        peer = self._peer
        assert peer is not None  # noqa: S101 - for the type checker
        decoded = self._peer_codec.decode(frame)
        if decoded.event is not None and not decoded.problems:
            peer.receive(decoded.event, asyncio.get_running_loop().time())
        else:
            peer.receive_unreadable(decoded.problems[0].error, decoded.event)
        self._turn(peer)

    async def _close(self, code: int, reason: str) -> None:
        if self._peer_timer is not None:
            self._peer_timer.cancel()
            self._peer_timer = None

    def _turn(self, peer: ServerPeer) -> None:
        """Carry away what the peer made, and come back when it will have more."""
        for event in peer.frames_to_send():
            self.feed(self._peer_codec.encode(event))
        if peer.closing is not None:
            self.feed_closed(peer.closing.code, peer.closing.reason)
            return
        if self._peer_timer is not None:
            self._peer_timer.cancel()
        deadline = peer.next_deadline()
        loop = asyncio.get_running_loop()
        self._peer_timer = loop.call_at(deadline, self._wake, peer) if deadline is not None else None

    def _wake(self, peer: ServerPeer) -> None:
        self._peer_timer = None
        peer.wake(asyncio.get_running_loop().time())
        self._turn(peer)
