"""What a call on the command line waits for, and what it keeps: fed with the transport's events."""

from __future__ import annotations

import asyncio

from realtime_transport.audio import AudioFormat
from realtime_transport.events import (
    AudioDoneEvent,
    AudioEvent,
    AudioInterruptedEvent,
    DisconnectedEvent,
    TurnDoneEvent,
)
from realtime_transport.exceptions import ConnectionLost
from realtime_transport.transports import RealtimeTransportLayer

MOST_SECONDS = 600.0
"""Speech kept for the answer's file: ten minutes are 29 MB, and more is no answer to one question."""


class Answer:
    """Collects what the listener hears of the agent, in order, cut where the ledger cut it."""

    def __init__(self, transport: RealtimeTransportLayer, fmt: AudioFormat) -> None:
        self._parts: dict[tuple[str, int], bytearray] = {}
        self._format = fmt
        self._room = fmt.bytes_for(MOST_SECONDS * 1000)
        self.is_full: bool = False
        transport.on("audio", self._add)
        transport.on("audio_interrupted", self._cut)

    def pcm(self) -> bytes:
        """Return everything heard so far."""
        return b"".join(self._parts.values())

    def _add(self, event: AudioEvent) -> None:
        piece = event.data[: self._room]
        self._parts.setdefault((event.item_id, event.content_index), bytearray()).extend(piece)
        self._room -= len(piece)
        self.is_full = self.is_full or len(piece) < len(event.data)

    def _cut(self, event: AudioInterruptedEvent) -> None:
        for cut in event.cuts:
            part = self._parts.get((cut.item_id, cut.content_index))
            if part is not None:
                del part[self._format.bytes_for(cut.heard_ms) :]


class Exchange:
    """Knows when a conversation has come to rest: nobody speaks, nothing plays, and the last question was answered."""

    def __init__(self, transport: RealtimeTransportLayer) -> None:
        self.turns: list[TurnDoneEvent] = []
        self._speaking = False
        self._owed = False
        self._running: set[str] = set()
        self._playing: set[tuple[str, int]] = set()
        self._spoken = asyncio.Event()
        self._rest = asyncio.Event()
        self._lost: ConnectionLost | None = None
        transport.on("speech_started", lambda _: self._note(speaking=True))
        transport.on("speech_stopped", lambda _: self._note(speaking=False))
        transport.on("turn_started", lambda event: self._note(started=event.response_id))
        transport.on("turn_done", self._turn_done)
        transport.on("audio_done", self._plays)
        transport.on("audio_heard", lambda event: self._silent((event.item_id, event.content_index)))
        transport.on("audio_interrupted", self._interrupted)
        transport.on("disconnected", self._disconnected)

    async def heard_speech(self) -> None:
        """Wait until the server's turn detection has heard the caller. Raises ``ConnectionLost`` when the line dies."""
        await self._spoken.wait()
        self._raise_if_lost()

    async def rest(self) -> None:
        """Wait until the caller is quiet, every turn has ended and all was heard. Raises likewise."""
        await self._rest.wait()
        self._raise_if_lost()

    def _note(self, *, speaking: bool | None = None, started: str | None = None) -> None:
        if speaking is not None:
            self._speaking = speaking
            self._owed = True
            self._spoken.set()
        if started is not None:
            self._running.add(started)
        self._settle()

    def _turn_done(self, event: TurnDoneEvent) -> None:
        self.turns.append(event)
        self._running.discard(event.response_id)
        # A turn of calls only is half an answer: the words follow when the functions have returned.
        calls_only = bool(event.output) and all(item.type == "function_call" for item in event.output)
        if event.status != "cancelled" and not calls_only:
            self._owed = False
        self._settle()

    def _plays(self, event: AudioDoneEvent) -> None:
        self._playing.add((event.item_id, event.content_index))
        self._settle()

    def _interrupted(self, event: AudioInterruptedEvent) -> None:
        for cut in event.cuts:
            self._playing.discard((cut.item_id, cut.content_index))
        self._settle()

    def _silent(self, part: tuple[str, int]) -> None:
        self._playing.discard(part)
        self._settle()

    def _disconnected(self, event: DisconnectedEvent) -> None:
        reason = event.reason or "the server hung up"
        self._lost = ConnectionLost(f"the connection ended: {reason}", close_code=event.code, close_reason=event.reason)
        self._spoken.set()
        self._rest.set()

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _settle(self) -> None:
        if self._speaking or self._owed or self._running or self._playing:
            self._rest.clear()
        else:
            self._rest.set()
