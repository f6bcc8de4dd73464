"""What was written to the carrier since the last clear, and how much of it the caller has heard.

The carrier says so itself, mark by mark. Between two marks time tells: playback runs on from the last mark, in real
time, to the next one that has not come back. A mark that is lost would stop it there for ever, so each has a deadline,
after which the clock is believed. Where a carrier has no marks the clock is all there is: the same, with a deadline
at the moment of playing.

A mark needs time to come back, and a clear to get there: what is cut now was heard for a round trip longer than the
marks say. A mark in silence, at the beginning of the call, measures that; a mark that comes back sooner than it allows
makes it shorter. Where the carrier does not answer it, the estimate is behind by the round trip: it errs on the side of
less heard, as far as the next mark at most.

A clear begins a new generation. Marks of an older one mean nothing, whether the clear returned them or destroyed them.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.telephony.leg_events import PartPlayed

MARK_PATIENCE: Final = 2.0
"""Seconds that a mark may come later than our clock expects. Jitter buffers hold some hundred milliseconds."""

MAX_ROUND_TRIP: Final = 0.5
"""Seconds. A carrier that answers a mark in silence later than this was not asked the way: it had something to do."""

_EARLY: Final = 0.02
"""Seconds that an end of playback may be told before our clock expects it: a frame, for clocks are not the same."""

MAX_MARKS: Final = 256
"""Marks that are out at once. We write a fraction of a second ahead: a carrier that returns none meets the deadline
of the oldest long before. Beyond it no more are set, and those that are out speak for what follows."""

MAX_SPANS: Final = 1024
"""Runs of audio of one part that are not confirmed: a few. Beyond it the oldest is given up as unheard."""


@attrs.frozen(kw_only=True)
class PartName:
    """The audio of one content part of an item."""

    item_id: str
    content_index: int


@attrs.frozen
class _Mark:
    name: str
    at: int
    """Bytes of the line before it."""
    expected: float
    """When our clock says that it is reached."""
    patience: float
    """Seconds after that until the clock is believed."""


@attrs.define
class _Span:
    """A run of bytes of one part."""

    part: PartName
    begin: int
    end: int
    offset: int
    """Bytes of the part before this run."""

    def follows(self, part: PartName, begin: int, offset: int) -> bool:
        """Tell whether bytes of ``part`` at ``begin`` simply prolong this run."""
        return self.part == part and self.end == begin and self.offset + self.end - self.begin == offset


class Line:
    """The line to one caller. Positions are bytes in ``fmt`` since the last clear: they add up without rounding."""

    def __init__(self, fmt: AudioFormat, *, has_marks: bool, reports_end: bool = False) -> None:
        self._fmt = fmt
        self._patience = MARK_PATIENCE if has_marks else 0.0
        self._reports_end = reports_end
        self._has_marks = has_marks
        self._generation = 0
        self._numbers = 0
        self.confirmed: bool = True
        """Whether the last word about the position was the carrier's own, not our clock's."""
        self.stale_marks: int = 0
        """Marks that came back after a clear, twice, too late, or that nobody had set."""
        self._probe: tuple[str, float] | None = None
        """The mark in silence that is out, and when it was set."""
        self._round_trip = 0.0
        """Seconds to the carrier and back, as far as is known; never too long."""
        self._begin(0.0)

    def _begin(self, now: float) -> None:
        self.written: int = 0
        """Bytes written."""
        self._heard = 0
        self._spans: deque[_Span] = deque(maxlen=MAX_SPANS)
        self._marks: deque[_Mark] = deque(maxlen=MAX_MARKS)
        self._anchor, self._anchored_at = 0, now
        self._run, self._run_began = 0, now

    # --- writing ---------------------------------------------------------------------------------------------------

    @property
    def ends_at(self) -> float:
        """When the caller hears the last that was written, by our clock. Absolute: rounding never adds up."""
        return self._run_began + self._fmt.ms(self._run) / 1000

    def write(self, size: int, now: float) -> None:
        """Note that ``size`` more bytes are on the line; where it had run dry they are heard from now on."""
        if self.ends_at <= now:
            if self.position(now) >= self.written:
                self._anchor, self._anchored_at = self.written, now
            self._run, self._run_began = 0, now
        self._run += size
        self.written += size
        if self._reports_end and self._marks:
            self._marks[-1] = attrs.evolve(self._marks[-1], patience=0.0)  # it is not the last any more

    def name(self, part: PartName, size: int, offset: int) -> None:
        """Say of the next ``size`` bytes, before they are written, that they are ``part`` from ``offset`` on."""
        last = self._spans[-1] if self._spans else None
        begin = max(self.written, last.end) if last is not None else self.written
        if last is not None and last.follows(part, begin, offset):
            last.end += size
        else:
            self._spans.append(_Span(part, begin, begin + size, offset))

    def mark(self) -> str | None:
        """Set a mark behind what was written and return its name; None when too many are out."""
        if len(self._marks) == MAX_MARKS:
            return None
        self._numbers += 1
        name = f"{self._generation}-{self._numbers}"
        self._marks.append(_Mark(name, self.written, self.ends_at, self._patience))
        return name

    def end(self) -> None:
        """Note that the last mark is behind all that there is to say: a carrier that reports the end tells of it."""
        if self._reports_end and self._marks:
            self._marks[-1] = attrs.evolve(self._marks[-1], patience=MARK_PATIENCE)

    def probe(self, now: float) -> str | None:
        """Set a mark in silence, to see how far away the carrier is, and return its name; None without marks."""
        if not self._has_marks:
            return None
        self._numbers += 1
        self._probe = f"{self._generation}-{self._numbers}", now
        return self._probe[0]

    # --- hearing ---------------------------------------------------------------------------------------------------

    @property
    def is_silent(self) -> bool:
        """Whether all that was written is known to be heard."""
        return self._heard == self.written

    def reached(self, name: str, now: float) -> list[PartPlayed]:
        """Take a mark that came back, which proves those before it; return what was heard since the last one."""
        if self._probe is not None and self._probe[0] == name:
            gone, self._probe = now - self._probe[1], None
            self._round_trip = gone if gone <= MAX_ROUND_TRIP else 0.0
            return []
        mark = next((mark for mark in self._marks if mark.name == name), None)
        if mark is None:
            self.stale_marks += 1
            return []
        while self._marks.popleft() is not mark:
            pass
        self._round_trip = max(0.0, min(self._round_trip, now - mark.expected))
        return self._believe(mark.at, now - self._round_trip, confirmed=True)

    def drained(self, now: float) -> list[PartPlayed]:
        """Take the news that the carrier has played all it had; return what was heard.

        It means the last word when there was one, and its time has come: a hang-up ends playback too.
        """
        mark = self._marks[-1] if self._marks else None
        if not self._reports_end or mark is None or not mark.patience or mark.expected > now + _EARLY:
            return []
        self._marks.clear()
        return self._believe(mark.at, now, confirmed=True)

    def next_deadline(self) -> float | None:
        """Return when the clock has to be believed, because no mark has come."""
        return self._marks[0].expected + self._marks[0].patience if self._marks else None

    def wake(self, now: float) -> list[PartPlayed]:
        """Give up the marks that are overdue, and return what must have been heard."""
        played: list[PartPlayed] = []
        while self._marks and self._marks[0].expected + self._marks[0].patience <= now:
            mark = self._marks.popleft()
            played += self._believe(mark.at, mark.expected, confirmed=False)
        return played

    def position(self, now: float) -> float:
        """Return the byte that the caller hears when a clear of this moment gets there, as well as can be told."""
        limit = float(self.written)
        if self._marks and self._has_marks:
            # It was not reached when the last news left the carrier; since then, and until ours arrives, it may be.
            limit = min(limit, self._marks[0].at + self._round_trip * self._fmt.bytes_per_second)
        gone = (now - self._anchored_at) * self._fmt.bytes_per_second
        return min(limit, self._anchor + gone)

    def heard(self, now: float, *, all_written: bool = False, is_over: bool = False) -> list[PartPlayed]:
        """Return what will have been heard of each part that is not confirmed, if it is cut now.

        With ``all_written`` that is the end of the line. With ``is_over`` the carrier itself has cut it, a way ago.
        """
        if is_over:
            way = self._round_trip * self._fmt.bytes_per_second
            return self._played(max(float(self._heard), self.position(now) - way))
        return self._played(self.written if all_written else self.position(now))

    def clear(self, now: float, *, taken_back: bool) -> None:
        """Forget what is on the line. Not ``taken_back``, it still sounds: what follows comes after it."""
        ends_at = self.ends_at
        self._generation += 1
        self._probe = None
        self._begin(now if taken_back else max(now, ends_at))

    def _believe(self, at: int, when: float, *, confirmed: bool) -> list[PartPlayed]:
        self.confirmed = confirmed
        self._anchor, self._anchored_at, self._heard = at, when, at
        played = self._played(at)
        while self._spans and self._spans[0].end <= at:
            self._spans.popleft()
        return played

    def _played(self, position: float) -> list[PartPlayed]:
        return [
            PartPlayed(
                item_id=span.part.item_id,
                content_index=span.part.content_index,
                ms=(span.offset + min(position, span.end) - span.begin) * 1000 / self._fmt.bytes_per_second,
            )
            for span in self._spans
            if span.begin < position
        ]
