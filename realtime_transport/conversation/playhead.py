"""Where the listener is: two ways to know how much of the agent's speech was heard.

A playhead answers one question for the ledger, "how many milliseconds of this part has the listener heard by now?".
``EstimatedPlayhead`` computes it from the arrival of the audio; ``ReportedPlayhead`` is told by whoever can really
know: a telephone line that follows its carrier's marks, or an application with a sound card.
"""

from __future__ import annotations

import abc
import math
from itertools import takewhile

import attrs

from realtime_transport.audio.formats import AudioFormat

WHOLE_MS = 1.0
"""Marks and counters of players are whole milliseconds: what is less than one short of the end is at the end."""


@attrs.define(eq=False, kw_only=True)
class Part:
    """The audio of one content part: what was generated of it, and how far the listener is."""

    response_id: str
    item_id: str
    content_index: int
    fmt: AudioFormat
    """In force when the first bytes came: the server changes it between responses only."""
    size: int = 0
    """Bytes generated so far, decoded and before any resampling."""
    finished: bool = False
    """The server said that no more audio of it will come."""
    generating: bool = True
    """Its response is not done: more of it may still arrive, wanted or not."""
    ends_at: float = math.inf
    """When the listener hears, or heard, the last of what was received; infinite while nobody can tell."""
    passed: int = 0
    """Bytes that the estimated playhead has left behind. Bytes, because milliseconds would add up rounding errors."""
    said: float = 0.0
    """Milliseconds heard by the last report."""
    cut_at: float | None = None
    """Milliseconds that were heard when it was cut; None when it was not."""

    @property
    def received_ms(self) -> float:
        """Milliseconds generated so far."""
        return self.fmt.ms(self.size)

    def whole(self, now: float) -> bool:
        """Tell whether the listener has heard all there will ever be of it."""
        return self.finished and self.ends_at <= now


class Playhead(abc.ABC):
    """One listener, who hears the parts one after another."""

    @abc.abstractmethod
    def received(self, part: Part, size: int, now: float) -> None:
        """Take note of ``size`` more bytes of a part."""

    @abc.abstractmethod
    def heard_ms(self, part: Part, now: float) -> float:
        """Return how much of a part was heard by ``now``: never more than was received."""

    @abc.abstractmethod
    def playing(self, now: float) -> Part | None:
        """Return the part that sounds now, None in silence."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Forget all that was not heard: the listener's queue was thrown away."""

    @abc.abstractmethod
    def forget(self, part: Part) -> None:
        """Let go of one part: it was heard to its end, or the ledger is full."""

    def heard(self, part: Part, ms: float, now: float) -> bool:
        """Take a report: ``ms`` of a part were heard so far. False when it says nothing new."""
        return False


# --- by the clock ------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class _Run:
    """Bytes of one part that are heard without a break, and when."""

    part: Part
    starts_at: float
    ends_at: float = math.inf
    size: int = 0


class EstimatedPlayhead(Playhead):
    """Assume a player that plays what arrives at once, in order of arrival, in real time.

    So the time at which a byte is heard is known when it comes: now, or after all that came before it. A gap in the
    delivery pauses the playhead by itself, because the next run starts when its bytes are there; silence never counts
    as heard. Runs that are over are dropped at the next question, so both asking and telling cost the same at any age.
    """

    def __init__(self, max_runs: int) -> None:
        self._max_runs = max_runs
        # What is not wholly heard yet, in play order. A part that goes on without a gap prolongs its run, so that
        # there are as many runs as changes from one part to another.
        self._runs: list[_Run] = []

    def received(self, part: Part, size: int, now: float) -> None:
        """Place ``size`` bytes behind all that is to be heard."""
        self._advance(now)
        runs = self._runs
        run = runs[-1] if runs else None
        if run is None or run.part is not part:
            starts_at = now if run is None else run.ends_at
            run = _Run(part, starts_at)
            runs.append(run)
            if len(runs) > self._max_runs:
                self._pass(runs.pop(0))
        run.size += size
        run.ends_at = part.ends_at = run.starts_at + part.fmt.ms(run.size) / 1000
        part.size += size

    def heard_ms(self, part: Part, now: float) -> float:
        """Return the milliseconds of what was passed, and of the run that sounds now."""
        self._advance(now)
        ms = part.fmt.ms(part.passed)
        if self._runs and self._runs[0].part is part:
            # Below zero only where runs were given up: this one's turn has not come yet.
            ms += max(0.0, now - self._runs[0].starts_at) * 1000
        return min(ms, part.received_ms)

    def playing(self, now: float) -> Part | None:
        """Return the part of the run that sounds now."""
        self._advance(now)
        return self._runs[0].part if self._runs else None

    def clear(self) -> None:
        """Drop all runs."""
        self._runs.clear()

    def forget(self, part: Part) -> None:
        """Do nothing: runs leave when their time has passed, and until then others wait behind them."""

    def _advance(self, now: float) -> None:
        runs = self._runs
        while runs and runs[0].ends_at <= now:
            self._pass(runs.pop(0))

    @staticmethod
    def _pass(run: _Run) -> None:
        run.part.passed += run.size


# --- by reports --------------------------------------------------------------------------------------------------


class ReportedPlayhead(Playhead):
    """Believe reports and nothing between them: who can tell more between two marks reports right before a cut."""

    def __init__(self) -> None:
        # In play order; a dict for its order. Bounded by the ledger, which forgets parts.
        self._parts: dict[Part, None] = {}

    def received(self, part: Part, size: int, now: float) -> None:
        """Take note of ``size`` more bytes: the end, if it was reported, is not the end."""
        self._parts[part] = None
        part.size += size
        part.ends_at = math.inf

    def heard(self, part: Part, ms: float, now: float) -> bool:
        """Believe that ``ms`` were heard, and all finished parts before this one to their end."""
        if part not in self._parts or not ms > part.said:  # not <=: that is no answer to a NaN
            return False
        # Parts play one after another. A report may be lost; the next one proves it.
        for earlier in takewhile(lambda each: each is not part, self._parts):
            if earlier.finished:
                self._believe(earlier, earlier.received_ms, now)
        self._believe(part, min(ms, part.received_ms), now)
        return True

    def heard_ms(self, part: Part, now: float) -> float:
        """Return what was reported."""
        return part.said

    def playing(self, now: float) -> Part | None:
        """Return the first part of which something was received that is not heard."""
        return next((part for part in self._parts if part.received_ms - part.said >= WHOLE_MS), None)

    def clear(self) -> None:
        """Forget all parts."""
        self._parts.clear()

    def forget(self, part: Part) -> None:
        """Let go of one part."""
        self._parts.pop(part, None)

    @staticmethod
    def _believe(part: Part, ms: float, now: float) -> None:
        part.said = ms
        if part.received_ms - ms < WHOLE_MS:
            part.ends_at = now
