"""The caller on the command line: a voice from memory, spoken at the pace of a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from realtime_transport.audio import PCM16_24K

CHUNK_MS = 20
"""What a microphone or a phone leg delivers at a time."""


def chunks(pcm: bytes) -> Iterator[bytes]:
    """Cut 24 kHz PCM16 into pieces of ``CHUNK_MS``; the last one may be shorter."""
    size = PCM16_24K.bytes_for(CHUNK_MS)
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


async def speak(pcm: bytes, send: Callable[[bytes], object], heard: Callable[[float], None] | None = None) -> None:
    """Send audio at real-time pace, each chunk at its absolute deadline so that lateness never adds up.

    ``heard`` is told the seconds spoken so far, for a progress bar. Cancelling stops after a whole chunk.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    for index, chunk in enumerate(chunks(pcm), start=1):
        send(chunk)
        await asyncio.sleep(started + index * CHUNK_MS / 1000 - loop.time())
        if heard is not None:
            heard(index * CHUNK_MS / 1000)


async def stay_silent(send: Callable[[bytes], object]) -> None:
    """Send silence at real-time pace until cancelled: an open line, which turn detection needs to end a turn."""
    second = bytes(PCM16_24K.bytes_for(1000))
    while True:
        await speak(second, send)
