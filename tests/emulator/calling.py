"""A client made of nothing but a WebSocket: what it receives is what the server really sends."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from realtime_transport.emulator import Emulator

SECONDS = 10.0
"""Deadline of every wait: a server that says nothing fails the test instead of stopping the suite."""

Frame = dict[str, Any]


class Caller:
    """Sends frames, collects frames."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def update(self, **session: Any) -> Frame:
        await self.send("session.update", session={"type": "realtime", **session})
        return await self.until("session.updated")

    async def write(self, text: str) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.send("conversation.item.create", item=item)

    async def speak(self, audio: bytes, size: int = 9600) -> None:
        for at in range(0, len(audio), size):
            await self.send("input_audio_buffer.append", audio=base64.b64encode(audio[at : at + size]).decode())

    async def next(self) -> Frame:
        async with asyncio.timeout(SECONDS):
            frame: Frame = json.loads(await self.socket.recv())
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, where: Callable[[Frame], bool] = lambda _: True) -> Frame:
        while True:
            frame = await self.next()
            if frame["type"] == kind and where(frame):
                return frame

    async def closed(self) -> tuple[int | None, str]:
        async with asyncio.timeout(SECONDS):
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason or ""

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]


@asynccontextmanager
async def calling(server: Emulator, query: str = "", **options: Any) -> AsyncIterator[Caller]:
    """Connect to the server's usual address and read the first frame."""
    async with connect(server.url + query, max_size=None, **options) as socket:
        caller = Caller(socket)
        assert (await caller.next())["type"] == "session.created"
        yield caller
