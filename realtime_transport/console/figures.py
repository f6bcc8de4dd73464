"""The figures of a call: how many turns, how fast, how much. Pure: it is told what happened and when, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import attrs

from realtime_transport.events.base import Maybe
from realtime_transport.events.usage import Usage
from realtime_transport.session.latency import LatencyMeter


@attrs.define
class CallFigures:
    """Counts what the summary shows."""

    meter: LatencyMeter = attrs.field(factory=LatencyMeter)
    turns: int = 0
    """How often the caller spoke."""
    responses: int = 0
    interruptions: int = 0
    tool_calls: int = 0
    errors: int = 0
    sent_ms: float = 0.0
    """The caller's audio."""
    generated_ms: float = 0.0
    cut_ms: float = 0.0
    """What was generated and not heard."""
    tokens: Usage | None = None
    duration_s: float = 0.0

    def rows(self) -> list[tuple[str, str]]:
        """Return the summary: what, and how much. What did not happen is left out."""
        rows = [
            ("duration", f"{self.duration_s:.1f} s"),
            ("turns", self._turns()),
            ("time to first audio", _times([turn.to_first_audio for turn in self.meter.turns])),
            ("barge-in to silence", _times(self.meter.barge_ins)),
            ("audio in", f"{self.sent_ms / 1000:.1f} s"),
            ("audio out", self._heard()),
            ("tool calls", str(self.tool_calls) if self.tool_calls else ""),
            ("tokens", _tokens(self.tokens)),
            ("errors", str(self.errors) if self.errors else ""),
        ]
        return [(name, value) for name, value in rows if value]

    def _turns(self) -> str:
        cut = f", {self.interruptions} interrupted" if self.interruptions else ""
        return f"{self.turns} of the caller, {self.responses} of the agent{cut}"

    def _heard(self) -> str:
        generated = f"{self.generated_ms / 1000:.1f} s"
        if not self.cut_ms:
            return generated
        return f"{(self.generated_ms - self.cut_ms) / 1000:.1f} s heard of {generated}"


def _times(values: Sequence[float | None]) -> str:
    known = [value * 1000 for value in values if value is not None]
    if len(known) < 2:
        return "".join(f"{value:.0f} ms" for value in known)
    return f"{median(known):.0f} ms (median), {max(known):.0f} ms at most"


def _tokens(usage: Usage | None) -> str:
    if usage is None or not usage.total_tokens:
        return ""
    sides = [f"{_count(usage.input_tokens)} in", f"{_count(usage.output_tokens)} out"]
    return f"{_count(usage.total_tokens)} ({', '.join(sides)})"


def _count(tokens: Maybe[int]) -> str:
    return f"{tokens or 0:,}"
