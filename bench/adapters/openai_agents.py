"""``openai-agents`` for Python: its model (a transport) and its session."""

from __future__ import annotations

import asyncio
import os
from typing import Any

os.environ.setdefault("OPENAI_AGENTS_DISABLE_TRACING", "1")

from agents.realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeModelSendAudio,
    RealtimeModelSendRawMessage,
    RealtimeRunner,
)

from bench.adapters import Heard, url
from bench.job import Job

NAMES = {"transcript": "transcript_delta", "response": "turn_ended"}


def _config(job: Job) -> Any:
    settings = {"model_name": "gpt-realtime", "instructions": "Hi."}
    return {"api_key": "sk-bench", "url": url(job), "initial_model_settings": settings}


class Model:
    """``OpenAIRealtimeWebSocketModel`` with one listener."""

    async def open(self, job: Job, heard: Heard) -> None:
        self._wanted, self._heard = NAMES.get(job.frame, "audio"), heard
        self._model = OpenAIRealtimeWebSocketModel()
        self._model.add_listener(self)
        await self._model.connect(_config(job))

    async def on_event(self, event: Any) -> None:
        if event.type == self._wanted:
            self._heard(event)

    async def respond(self) -> None:
        await self._model.send_event(RealtimeModelSendRawMessage(message={"type": "response.create"}))

    async def send(self, audio: bytes) -> None:
        await self._model.send_event(RealtimeModelSendAudio(audio=audio))

    async def close(self) -> None:
        await self._model.close()


class Session:
    """``RealtimeSession`` of ``openai-agents``, read as its documentation does: ``async for event in session``."""

    async def open(self, job: Job, heard: Heard) -> None:
        agent = RealtimeAgent(name="bench", instructions="Hi.")
        self._wanted, self._heard = NAMES.get(job.frame, "audio"), heard
        self._session = await RealtimeRunner(agent).run(model_config=_config(job))
        await self._session.enter()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        wanted, heard = self._wanted, self._heard
        if wanted == "audio":
            async for event in self._session:
                if event.type == "audio":
                    heard(event)
            return
        async for event in self._session:
            if event.type == "raw_model_event" and event.data.type == wanted:
                heard(event)

    async def respond(self) -> None:
        await self._session.model.send_event(RealtimeModelSendRawMessage(message={"type": "response.create"}))

    async def send(self, audio: bytes) -> None:
        await self._session.send_audio(audio)

    async def close(self) -> None:
        self._reading.cancel()
        await self._session.close()
