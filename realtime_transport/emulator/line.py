"""The way out of one connection: frames in order, each at its moment, and never too many that nobody takes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Protocol

from realtime_transport.conversation.server import Close
from realtime_transport.emulator.faults import FaultPlan, Send, Shut, Step

MAX_UNSENT_BYTES: Final = 32 * 1024 * 1024
"""Frames that the client has not taken yet: eight minutes of speech. One that reads no more is cut off with 1008."""


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


WIRE_KEY: Final = "realtime_transport.wire"
"""Where the application finds the ``Wire`` in its ASGI scope; absent under a server that is not ours."""


class Wire(Protocol):
    """What is under a WebSocket: the TCP connection."""

    def cut_after(self, size: int) -> None:
        """End it in ``size`` bytes."""
        ...

    def freeze(self) -> None:
        """Make it half-open: nothing goes in or out any more, and it stays."""
        ...


class Line:
    """Sends what is queued, and ends the connection when it is told to, or when a fault wants it."""

    def __init__(self, socket: Socket, plan: FaultPlan, wire: Wire | None = None) -> None:
        self._socket = socket
        self._plan = plan
        self._wire = wire
        self._steps: deque[Step] = deque()
        self._unsent_bytes = 0
        self._changed = asyncio.Event()
        """Set when there is something to do."""
        self._closing: Close | None = None
        self.is_frozen: bool = False
        """Half-open by a fault: the other direction is dead too."""

    def send(self, event_type: str, text: str) -> None:
        """Queue a frame; nothing any more once the end is decided."""
        if self._closing is not None:
            return
        for step in self._plan.outgoing(event_type, text, asyncio.get_running_loop().time()):
            self._steps.append(step)
            self._unsent_bytes += _size(step)
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self._steps.clear()
            self.close(1008, "The client does not read.")
        self._changed.set()

    def close(self, code: int, reason: str) -> None:
        """Close once what is queued was sent. The first reason stands."""
        self._closing = self._closing or Close(code, reason)
        self._changed.set()

    async def run(self) -> None:
        """Send until the end; returns when the close frame was sent, or at once when there is to be none."""
        if self._wire is not None and self._plan.faults.cut_after_bytes is not None:
            self._wire.cut_after(self._plan.faults.cut_after_bytes)
        while True:
            while self._steps:
                if await self._take(self._steps.popleft()):
                    return
            if self._closing is not None:
                await self._socket.close(self._closing.code, self._closing.reason)
                return
            await self._wait()

    async def _take(self, step: Step) -> bool:
        """Take one step at its moment; tell whether it was the last."""
        late = step.at - asyncio.get_running_loop().time()
        if late > 0:
            await asyncio.sleep(late)
        if isinstance(step, Send):
            self._unsent_bytes -= _size(step)
            await self._socket.send({"type": "websocket.send", "text": step.text})
            return False
        if isinstance(step, Shut):
            if step.code is not None:
                await self._socket.close(step.code, step.reason)
            return True
        self.is_frozen = True
        if self._wire is not None:
            self._wire.freeze()
        while self._closing is None:
            await self._wait()
        return True

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _size(step: Step) -> int:
    return len(step.text) if isinstance(step, Send) else 0
