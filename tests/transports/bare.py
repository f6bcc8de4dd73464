"""The smallest transport there is: what is written lands in a list, what arrives is fed by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from realtime_transport.transports import ConnectRequest, RealtimeTransportLayer

SESSION: dict[str, Any] = {"type": "realtime", "id": "sess_1", "model": "gpt-test"}


def counted() -> Callable[[str], str]:
    """Ids that a test can write down."""
    counts: dict[str, int] = {}

    def make(prefix: str) -> str:
        counts[prefix] = counts.get(prefix, 0) + 1
        return f"{prefix}_{counts[prefix]}"

    return make


class Bare(RealtimeTransportLayer):
    """Greets when opened (unless told not to), and keeps what is written."""

    def __init__(self, *, greets: bool = True, **layer: Any) -> None:
        super().__init__(**{"ids": counted(), **layer})
        self.greets = greets
        self.greeting: dict[str, Any] = SESSION
        self.requests: list[ConnectRequest] = []
        self.written: list[dict[str, Any]] = []
        self.closed: list[tuple[int, str]] = []
        self.aborted = 0
        self.opening: Callable[[], Any] | None = None
        self.writing: Callable[[dict[str, Any]], Any] | None = None
        self.closing: Callable[[], Any] | None = None

    async def _open(self, request: ConnectRequest) -> None:
        self.requests.append(request)
        if self.opening is not None:
            await self.opening()
        if self.greets:
            self.say("session.created", session=self.greeting)

    async def _write(self, frame: bytes) -> None:
        written = json.loads(frame)
        if self.writing is not None:
            await self.writing(written)
        self.written.append(written)

    async def _close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))
        if self.closing is not None:
            await self.closing()

    def _abort(self) -> None:
        self.aborted += 1

    def say(self, wire_type: str, **fields: Any) -> None:
        """Let the server say something."""
        self.feed(json.dumps({"type": wire_type, **fields}))

    def types(self) -> list[str]:
        """What was written, by type."""
        return [frame["type"] for frame in self.written]


async def idle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)
