"""This library: the transport alone, the session around it, and the transport with its server in the same process."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

from bench.adapters import Heard, url
from bench.job import Job
from realtime_transport import (
    LoopbackTransport,
    RealtimeAgent,
    RealtimeSession,
    WebSocketOptions,
    WebSocketTransport,
)
from realtime_transport.conversation.brain import GenerationRequest, Output, Say
from realtime_transport.conversation.core import Limits
from realtime_transport.conversation.peer import ServerPeer

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


LOOPBACK_PACE = 1_000.0
"""Times real time: a timer for every piece, and never a heap of them."""


class Loopback:
    """``LoopbackTransport`` with one listener: client, server and both codecs in this process, and no socket."""

    async def open(self, job: Job, heard: Heard) -> None:
        piece = bytes({"a1k": 960, "a8k": 9_600, "a20k": 19_200}[job.frame])
        peer = ServerPeer(Talker(piece, job.warm + job.count), pace=LOOPBACK_PACE, chunk_ms=len(piece) / 48)
        self._transport = LoopbackTransport(peer)
        await self._transport.connect(session={"type": "realtime", "instructions": "Hi."})
        self._transport.on("audio", heard)

    async def respond(self) -> None:
        self._transport.request_response()

    async def send(self, audio: bytes) -> None:
        await self._transport.send_audio(audio)

    async def close(self) -> None:
        await self._transport.close()


class Talker:
    """Says the same piece over and over."""

    def __init__(self, piece: bytes, count: int) -> None:
        self._piece, self._count = piece, count

    def answer(self, request: GenerationRequest) -> Iterator[Output]:
        del request
        for _ in range(self._count):
            yield Say(transcript="", audio=self._piece)
