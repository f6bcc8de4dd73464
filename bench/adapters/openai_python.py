"""``openai`` for Python: typed events, audio as base64 text, which is decoded here because every program must."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any

from openai import AsyncOpenAI

from bench.adapters import Heard
from bench.job import Job

NAMES = {"transcript": "response.output_audio_transcript.delta", "response": "response.done"}


class OpenAI:
    """``client.realtime.connect``."""

    async def open(self, job: Job, heard: Heard) -> None:
        scheme = "wss" if job.tls else "ws"
        self._client = AsyncOpenAI(api_key="sk-bench", websocket_base_url=f"{scheme}://localhost:{job.port}/v1")
        options: Any = {"ssl": ssl.create_default_context(cafile=job.certificate)} if job.tls else {}
        manager = self._client.realtime.connect(model="gpt-realtime", websocket_connection_options=options)
        self._connection = await manager.enter()
        self._wanted, self._heard = NAMES.get(job.frame, "response.output_audio.delta"), heard
        self._ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        await self._connection.session.update(session={"type": "realtime", "instructions": "Hi."})
        await self._ready.wait()

    async def _read(self) -> None:
        heard, wanted = self._heard, self._wanted
        async for event in self._connection:
            if event.type == wanted:
                heard(base64.b64decode(event.delta) if event.type == "response.output_audio.delta" else event)
            elif event.type == "session.updated":
                self._ready.set()

    async def respond(self) -> None:
        await self._connection.response.create()

    async def send(self, audio: bytes) -> None:
        await self._connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())

    async def close(self) -> None:
        await self._connection.close()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._client.close()
