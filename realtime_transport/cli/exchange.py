"""What a one-question conversation waits for: pure, fed with transport events by name."""

from __future__ import annotations

import asyncio

from realtime_transport.audio import PCM16_24K
from realtime_transport.events import AudioEvent, AudioInterruptedEvent, TurnDoneEvent


class Answer:
    """Collects what the listener hears of the agent, in order, cut where the ledger cut it.

    Bounded by what a file of ``limit_s`` seconds holds; beyond it the newest audio is not kept, and ``full`` says so.
    """

    def __init__(self, limit_s: float = 600.0) -> None:
        self._parts: dict[tuple[str, int], bytearray] = {}
        self._room = PCM16_24K.bytes_for(limit_s * 1000)
        self.full = False

    def audio(self, event: AudioEvent) -> None:
        """Take a piece of speech."""
        piece = event.data[: self._room]
        self._parts.setdefault((event.item_id, event.content_index), bytearray()).extend(piece)
        self._room -= len(piece)
        self.full = self.full or len(piece) < len(event.data)

    def interrupted(self, event: AudioInterruptedEvent) -> None:
        """Drop what was generated and never heard."""
        for cut in event.cuts:
            part = self._parts.get((cut.item_id, cut.content_index))
            if part is not None:
                del part[PCM16_24K.bytes_for(cut.heard_ms) :]

    def pcm(self) -> bytes:
        """Return everything heard so far as 24 kHz PCM16."""
        return b"".join(self._parts.values())


class Exchange:
    """Knows when a conversation has come to rest: nobody speaks, and the last question was answered."""

    def __init__(self) -> None:
        self.turns: list[TurnDoneEvent] = []
        self._speaking = False
        self._expected = 0
        self._active = 0
        self._rest = asyncio.Event()
        self._heard_speech = asyncio.Event()

    async def heard_speech(self) -> None:
        """Wait until the server's turn detection heard the caller."""
        await self._heard_speech.wait()

    async def rest(self) -> None:
        """Wait until the caller is quiet and every turn that began has ended."""
        await self._rest.wait()

    def speech_started(self) -> None:
        """Note that the caller speaks: an answer is owed."""
        self._heard_speech.set()
        self._speaking = True
        self._expected = 1
        self._settle()

    def speech_stopped(self) -> None:
        """Note that the caller is quiet."""
        self._speaking = False
        self._settle()

    def turn_started(self) -> None:
        """Note that a response began."""
        self._active += 1
        self._settle()

    def turn_done(self, event: TurnDoneEvent) -> None:
        """Note that a response ended; one that was cut off by the caller answers nothing."""
        self.turns.append(event)
        self._active = max(0, self._active - 1)
        if event.status != "cancelled":
            self._expected = 0
        self._settle()

    def _settle(self) -> None:
        if self._speaking or self._active or self._expected:
            self._rest.clear()
        else:
            self._rest.set()
