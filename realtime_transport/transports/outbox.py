"""What waits for the medium: frames in order, bounded, with audio as the only thing that may be given up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

import attrs

from realtime_transport.events.client import ClientEvent
from realtime_transport.exceptions import ConnectionLost
from realtime_transport.transports.latch import Latch

HIGH_WATER_MS: Final = 1_000.0
"""Audio that may wait before an awaited receipt waits too: what a network stalls for without anybody minding."""

HIGH_WATER_BYTES: Final = 256 * 1024
"""The same for all frames, in bytes. At half of either mark there is room again."""

AUDIO_LIMIT_MS: Final = 30_000.0
"""Audio that may wait before the oldest is given up. Half a minute is late for a conversation already; more would be
a file, and whoever sends a file awaits the receipts."""

BYTES_LIMIT: Final = 32 * 1024 * 1024
"""Everything that may wait, two of the largest frames (16 MiB) that either side takes. Control frames are never given
up, so a peer that lets this much pile up is taken for dead."""

FRAMES_LIMIT: Final = 65_536
"""The same as a count, for a flood of tiny frames."""

GAP_REPORT_SECONDS: Final = 0.5
"""Given-up audio is told twice a second at most, not for every 20 ms chunk."""

STALL_SECONDS: Final = 30.0
"""How long one frame may take to be written: longer than any ping timeout that is still patient."""


@attrs.define
class _Frame:
    data: bytes
    event: ClientEvent
    ms: float
    given_up: bool = False


_NOTHING: Final[deque[_Frame]] = deque(maxlen=0)
"""Stands for both queues while nothing waits, in all connections: an empty queue weighs 760 bytes."""


class Outbox:
    """A queue with one writer. ``put`` never waits; ``room`` is for callers who want to.

    ``gap`` is told how much audio was given up, ``stalled`` that the peer takes nothing any more.
    """

    def __init__(
        self,
        *,
        gap: Callable[[float], None],
        stalled: Callable[[ConnectionLost], None],
        audio_limit_ms: float = AUDIO_LIMIT_MS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._tell_gap = gap
        self._tell_stalled = stalled
        self._audio_limit_ms = audio_limit_ms
        self._stall_seconds = stall_seconds
        self._frames: deque[_Frame] = _NOTHING
        # The audio among them, to find the oldest.
        self._audio: deque[_Frame] = _NOTHING
        self._ms = 0.0
        self._bytes = 0
        self._gap_ms = 0.0
        self._has_room = Latch()
        self._idle = Latch()
        self._writing_since = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._gap_report: asyncio.TimerHandle | None = None
        self._ended: ConnectionLost | None = None

    # --- callers ---------------------------------------------------------------------------------------------------

    def put(self, data: bytes, event: ClientEvent, ms: float = 0.0) -> None:
        """Queue a frame; ``ms`` is how much audio it carries. Does nothing after ``end``."""
        if self._ended is not None:
            return
        if self._bytes > BYTES_LIMIT or len(self._frames) == FRAMES_LIMIT:
            self._tell_stalled(ConnectionLost(f"the peer lags {self._bytes} bytes behind and was given up"))
            return
        if self._frames is _NOTHING:
            self._frames, self._audio = deque(maxlen=FRAMES_LIMIT), deque(maxlen=FRAMES_LIMIT)
        frame = _Frame(data, event, ms)
        if ms:
            # The newest is never given up for its own size: one call may carry a whole file.
            while self._audio and self._ms > self._audio_limit_ms:
                self._give_up(self._audio.popleft())
            self._audio.append(frame)
        self._frames.append(frame)
        self._ms += ms
        self._bytes += len(data)
        self._idle.shut()
        if self._ms > HIGH_WATER_MS or self._bytes > HIGH_WATER_BYTES:
            self._has_room.shut()

    def room(self) -> Coroutine[object, None, None] | None:
        """Return what to await until little enough waits, None when there is room.

        It raises ``ConnectionLost`` when the connection ends first.
        """
        return None if self._has_room.is_open else self._room()

    async def _room(self) -> None:
        await self._has_room.passed()
        if self._ended is not None:
            raise self._ended

    async def flush(self) -> None:
        """Wait until everything was handed to the medium, or the connection ended."""
        await self._idle.passed()

    def end(self, error: ConnectionLost) -> None:
        """Forget what waits, telling how much audio that was, and let go of everybody who does."""
        self._ended = error
        self._gap_ms += sum(frame.ms for frame in self._audio)
        self._frames = self._audio = _NOTHING
        self._has_room.open()
        self._idle.open()
        for timer in (self._watchdog, self._gap_report):
            if timer is not None:
                timer.cancel()
        self._report_gap()

    # --- the writer ------------------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._frames)

    async def write(
        self, write: Callable[[bytes], Awaitable[None]], about_to_write: Callable[[ClientEvent], None]
    ) -> None:
        """Hand frame after frame to the medium until nothing waits. Raises what ``write`` raises."""
        clock = asyncio.get_running_loop().time
        while self._frames:
            frame = self._frames.popleft()
            if frame.given_up:
                continue
            if frame.ms:
                self._audio.popleft()  # the same one: it is leaving, and cannot be given up any more
            about_to_write(frame.event)
            self._writing_since = clock()
            self._watch()
            await write(frame.data)
            self._note_written(frame)
        self._frames = self._audio = _NOTHING
        self._idle.open()
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None

    def _note_written(self, frame: _Frame) -> None:
        self._ms -= frame.ms
        self._bytes -= len(frame.data)
        if self._ms <= HIGH_WATER_MS / 2 and self._bytes <= HIGH_WATER_BYTES / 2:
            self._has_room.open()

    # --- giving up -------------------------------------------------------------------------------------------------

    def _give_up(self, frame: _Frame) -> None:
        frame.given_up = True
        self._ms -= frame.ms
        self._bytes -= len(frame.data)
        frame.data = b""
        self._gap_ms += frame.ms
        if self._gap_report is None:
            self._gap_report = asyncio.get_running_loop().call_later(GAP_REPORT_SECONDS, self._report_gap)

    def _report_gap(self) -> None:
        self._gap_report = None
        if self._gap_ms:
            ms, self._gap_ms = self._gap_ms, 0.0
            self._tell_gap(ms)

    def _watch(self) -> None:
        """Keep one timer while there is something to write; a timer for each frame would cost as much as the frame."""
        if self._watchdog is None:
            loop = asyncio.get_running_loop()
            self._watchdog = loop.call_at(self._writing_since + self._stall_seconds, self._check_progress)

    def _check_progress(self) -> None:
        self._watchdog = None
        if self._idle.is_open:
            return
        if asyncio.get_running_loop().time() - self._writing_since < self._stall_seconds:
            self._watch()
        else:
            self._tell_stalled(ConnectionLost(f"the peer took nothing for {self._stall_seconds:g} s and was given up"))
