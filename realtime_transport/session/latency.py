"""How long the caller waited, turn by turn, on the event loop's monotonic clock.

Pure: the session tells what happened and when; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

TURNS_KEPT = 1000
"""Turns remembered: an hour of rapid talk is about 700."""


@attrs.frozen(kw_only=True)
class TurnLatency:
    """The moments of one answer, in seconds of the event loop's clock; None for what did not happen."""

    response_id: str
    speech_stopped: float | None
    """The server noticed the end of the caller's speech: its configured silence is already over by then."""
    created: float
    first_audio: float | None = None
    """The first piece of the answer arrived."""
    first_heard: float | None = None
    """The first piece was given to the listener, after any hold-back."""

    @property
    def to_created(self) -> float | None:
        """Seconds from end of speech to ``response.created``."""
        return _between(self.speech_stopped, self.created)

    @property
    def to_first_audio(self) -> float | None:
        """Seconds from end of speech to the first audio; from ``response.created`` for an answer to text."""
        return _between(self.speech_stopped if self.speech_stopped is not None else self.created, self.first_audio)

    @property
    def to_first_heard(self) -> float | None:
        """Seconds from end of speech until the caller could hear the answer begin."""
        return _between(self.speech_stopped if self.speech_stopped is not None else self.created, self.first_heard)


@attrs.frozen(kw_only=True)
class LatencySummary:
    """Medians over the turns that have the figure, in seconds; None when none has."""

    turns: int
    to_created: float | None
    to_first_audio: float | None
    to_first_heard: float | None
    barge_ins: int
    barge_in_to_silence: float | None


class LatencyMeter:
    """Collects ``TurnLatency`` and barge-in times. Bounded: the oldest turns are forgotten."""

    def __init__(self) -> None:
        self._turns: dict[str, TurnLatency] = {}
        self._barge_ins: list[float] = []
        self._speech_started: float | None = None
        self._speech_stopped: float | None = None

    @property
    def turns(self) -> tuple[TurnLatency, ...]:
        """The turns so far, oldest first."""
        return tuple(self._turns.values())

    @property
    def barge_ins(self) -> tuple[float, ...]:
        """Seconds from the caller's first sound to the agent's silence, one per interruption."""
        return tuple(self._barge_ins)

    def speech_started(self, now: float) -> None:
        """Note that the server hears the caller."""
        self._speech_started = now

    def speech_stopped(self, now: float) -> None:
        """Note that the server heard the caller end: the next response answers this."""
        self._speech_stopped = now

    def created(self, response_id: str, now: float) -> None:
        """Note ``response.created``. Only the first response after the caller's speech is its answer."""
        self._turns[response_id] = TurnLatency(
            response_id=response_id, speech_stopped=self._speech_stopped, created=now
        )
        self._speech_stopped = None
        if len(self._turns) > TURNS_KEPT:
            del self._turns[next(iter(self._turns))]

    def audio(self, response_id: str, now: float) -> TurnLatency | None:
        """Note audio of a response; return the turn when it is its first."""
        turn = self._turns.get(response_id)
        if turn is None or turn.first_audio is not None:
            return None
        turn = self._turns[response_id] = attrs.evolve(turn, first_audio=now)
        return turn

    def heard(self, response_id: str, now: float) -> TurnLatency | None:
        """Note that audio of a response reached the listener; return the turn when it is its first."""
        turn = self._turns.get(response_id)
        if turn is None or turn.first_heard is not None:
            return None
        turn = self._turns[response_id] = attrs.evolve(turn, first_heard=now)
        return turn

    def interrupted(self, now: float) -> float | None:
        """Note the agent's silence; return the seconds since the caller began, None if nobody did."""
        if self._speech_started is None:
            return None
        taken = now - self._speech_started
        self._speech_started = None
        self._barge_ins.append(taken)
        del self._barge_ins[:-TURNS_KEPT]
        return taken

    def summary(self) -> LatencySummary:
        """Sum up all turns kept."""
        turns = self.turns
        return LatencySummary(
            turns=len(turns),
            to_created=_median([turn.to_created for turn in turns]),
            to_first_audio=_median([turn.to_first_audio for turn in turns]),
            to_first_heard=_median([turn.to_first_heard for turn in turns]),
            barge_ins=len(self._barge_ins),
            barge_in_to_silence=_median(self._barge_ins),
        )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    from statistics import median  # pulls in decimal, fractions and random: for whoever asks for a summary

    return median(known)
