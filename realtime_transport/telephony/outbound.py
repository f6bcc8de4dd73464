"""The agent's speech on its way to the caller: queued here, written whole frame by whole frame, a little ahead.

The model speaks faster than anybody listens. What waits is kept on our side, where an interruption can drop it, and
only a lead of some frames is with the carrier. Deadlines are absolute (a run's beginning plus all that was written of
it), so that a late wake-up is made good by the next and nothing drifts.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from realtime_transport.audio.formats import SILENCE
from realtime_transport.telephony.codecs.base import CarrierCodec, Frame
from realtime_transport.telephony.leg_events import PartPlayed
from realtime_transport.telephony.line import Line, PartName

PIECE_MS: Final = 20.0
"""What is written at a time where the carrier takes any length: the frame of telephony."""

MARK_EVERY_MS: Final = 200.0
"""Audio between two marks: five small messages a second, and never more than that to extrapolate over."""

MAX_CHUNKS: Final = 65_536
"""Pieces that may wait; the limit of time is met before this one by any server that sends 10 ms or more at once."""

MAX_PARTS: Final = 64
"""Parts whose length so far is remembered. One or two are being spoken; the oldest is forgotten."""

_ROUNDING: Final = 1e-6
"""Seconds. 0.1 + 0.02 is a little more than 0.12."""


@attrs.frozen
class _Chunk:
    part: PartName
    offset: int
    data: bytes = attrs.field(repr=False)


class Outbound:
    """One call's queue and pacer. ``lead`` and ``prebuffer`` are seconds, ``limit_ms`` bounds what waits."""

    def __init__(self, codec: CarrierCodec, *, lead: float, prebuffer: float, limit_ms: float) -> None:
        able = codec.capabilities
        fmt = codec.output_format
        self._codec = codec
        self._fmt = fmt
        self._whole = able.frame_ms > 0
        self._piece = codec.frame_bytes if self._whole else fmt.bytes_for(PIECE_MS)
        self._can_clear, self._has_marks = able.can_clear, able.has_marks
        frame = fmt.ms(self._piece) / 1000
        # A frame has to fit into the lead, or nothing would ever be due.
        self._lead = min(max(lead, frame), max(able.max_ahead_ms / 1000, frame))
        self._frame = frame
        self._prebuffer = prebuffer
        self._limit = fmt.bytes_for(limit_ms)
        self._mark_every = fmt.bytes_for(MARK_EVERY_MS)
        self._queue: deque[_Chunk] = deque(maxlen=MAX_CHUNKS)
        self._waiting = 0
        self._given: dict[PartName, int] = {}
        """Bytes given of the latest parts: dropped ones count, they are part of what was said."""
        self._ended = True
        self._unmarked = 0
        self._held = False
        """A sentence waits for its ``prebuffer``: time alone does not make it due."""
        self.paused = False
        """The carrier has said that its buffer is full."""
        self.line: Line = Line(fmt, has_marks=able.has_marks, reports_end=able.reports_end)

    def probe(self, now: float) -> list[Frame]:
        """Return the mark in silence that tells how far away the carrier is; nothing where it has no marks."""
        name = self.line.probe(now)
        return [] if name is None else self._codec.mark(name)

    # --- queueing --------------------------------------------------------------------------------------------------

    def play(self, audio: bytes, part: PartName) -> float:
        """Queue audio of a part; return the milliseconds that there was no room for.

        The newest is dropped when the queue is full: a hole at the far end is better than one in what sounds next.
        """
        offset = self._given.pop(part, 0)
        self._given[part] = offset + len(audio)
        if len(self._given) > MAX_PARTS:
            del self._given[next(iter(self._given))]
        self._ended = False
        if self._waiting + len(audio) > self._limit or len(self._queue) == MAX_CHUNKS:
            return self._fmt.ms(len(audio))
        self._queue.append(_Chunk(part, offset, audio))
        self._waiting += len(audio)
        return 0.0

    def end(self) -> None:
        """Note that a part is over: a frame that it only began is filled up, unless another part follows at once."""
        self._ended = True

    def clear(self, now: float) -> list[Frame]:
        """Drop what waits and take back what the carrier has not played; return the messages for that."""
        had_written = not self.line.is_silent
        self._queue.clear()
        self._waiting = self._unmarked = 0
        self._given.clear()
        self._ended = True
        self.line.clear(now, taken_back=self._can_clear)
        return self._codec.clear() if had_written and self._can_clear else []

    def heard(self, now: float, *, is_over: bool) -> list[PartPlayed]:
        """Return what will have been heard of each part if it is cut now: all, where nothing can be taken back.

        With ``is_over`` the line is gone, and what was written is gone with it.
        """
        return self.line.heard(now, all_written=not (self._can_clear or is_over), is_over=is_over)

    @property
    def is_silent(self) -> bool:
        """Whether nothing waits, nothing sounds, and that is known."""
        return not self._queue and self.line.is_silent

    # --- pacing ----------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Return when the next frame is due; None while there is none, or the carrier takes none."""
        if self.paused or self._held or not self._available():
            return None
        return self.line.ends_at + self._frame - self._lead

    def pump(self, now: float) -> list[Frame]:
        """Return the messages that are due now, marks included."""
        frames: list[Frame] = []
        self._held = not self._may_begin(now)
        while (due := self.next_deadline()) is not None and due <= now + _ROUNDING:
            data = self._take()
            self.line.write(len(data), now)
            frames += self._codec.media(data)
            self._unmarked += len(data)
            if self._unmarked >= self._mark_every:
                frames += self._mark()
        if self._ended and not self._queue:
            frames += self._mark() if self._unmarked else []
            self.line.end()
        return frames

    def _available(self) -> bool:
        return self._waiting >= self._piece or (self._ended and self._waiting > 0)

    def _may_begin(self, now: float) -> bool:
        """Wait for some audio before the first sound, so that the second piece is not late at once."""
        return self._ended or self.line.ends_at > now or self._fmt.ms(self._waiting) / 1000 >= self._prebuffer

    def _take(self) -> bytes:
        """Take the next frame off the queue: of several parts, if they follow one another; silence at the very end."""
        taken: list[bytes] = []
        missing = self._piece
        while missing and self._queue:
            chunk = self._queue.popleft()
            data, rest = chunk.data[:missing], chunk.data[missing:]
            if rest:
                self._queue.appendleft(_Chunk(chunk.part, chunk.offset + len(data), rest))
            self.line.name(chunk.part, len(data), chunk.offset)
            taken.append(data)
            missing -= len(data)
        self._waiting -= self._piece - missing
        if missing and self._whole:
            taken.append(SILENCE[self._fmt.encoding] * (missing // self._fmt.bytes_per_sample))
        return b"".join(taken)

    def _mark(self) -> list[Frame]:
        name = self.line.mark()
        if name is None:
            return []  # the next wake-up tries again
        self._unmarked = 0
        return self._codec.mark(name) if self._has_marks else []
