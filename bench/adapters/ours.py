"""This library: the transport alone, and the session around it."""

from __future__ import annotations

import ssl
from typing import Any

from bench.adapters import Heard, url
from bench.job import Job
from realtime_transport import RealtimeAgent, RealtimeSession, WebSocketOptions, WebSocketTransport
from realtime_transport.conversation.core import Limits

NAMES = {"transcript": "transcript_delta", "response": "turn_done"}
"""What is listened to, by frame; audio for all others."""


def _transport(job: Job) -> WebSocketTransport:
    context = ssl.create_default_context(cafile=job.certificate) if job.tls else None
    limits = Limits(history_items=20_000)  # so that a history of 10,000 can be measured at all
    return WebSocketTransport(options=WebSocketOptions(ssl=context), limits=limits)


def _dial(job: Job) -> dict[str, Any]:
    return {"url": url(job), "api_key": "sk-bench", "timeout": 60}


class Transport:
    """``WebSocketTransport`` with one listener."""

    async def open(self, job: Job, heard: Heard) -> None:
        self._transport = _transport(job)
        await self._transport.connect(session={"type": "realtime", "instructions": "Hi."}, **_dial(job))
        self._transport.on(NAMES.get(job.frame, "audio"), heard)  # type: ignore[call-overload]

    async def respond(self) -> None:
        self._transport.request_response()

    async def send(self, audio: bytes) -> None:
        await self._transport.send_audio(audio)

    async def close(self) -> None:
        await self._transport.close()


class Session:
    """``RealtimeSession`` over ``WebSocketTransport`` with one listener."""

    async def open(self, job: Job, heard: Heard) -> None:
        agent = RealtimeAgent(name="bench", instructions="Hi.")
        self._session = RealtimeSession(agent, _transport(job), connect_options=_dial(job))
        await self._session.connect()
        self._session.on(NAMES.get(job.frame, "audio"), heard)  # type: ignore[call-overload]

    async def respond(self) -> None:
        self._session.request_response()

    async def send(self, audio: bytes) -> None:
        await self._session.send_audio(audio)

    async def close(self) -> None:
        await self._session.close()
