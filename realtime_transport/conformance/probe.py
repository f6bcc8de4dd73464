"""What is asked of a server, and what was found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from realtime_transport.conformance.line import Line, Note

Verdict: TypeAlias = Literal["passed", "deviates", "missing"]


@attrs.frozen(kw_only=True)
class Probe:
    """One expectation, small enough to be looked at alone."""

    area: str
    """``session``, ``items``, ``responses``, ``audio``, ``errors``."""
    name: str
    expects: str
    """What a server of this family does, in one sentence."""
    breaks: str
    """What of a client's work goes wrong where it does not."""
    run: Callable[[Line], Awaitable[object]]
    """Raises ``Deviation`` or ``Missing``."""
    intent: str | None = None
    """``transcription`` for a session of that kind."""


@attrs.frozen(kw_only=True)
class Finding:
    """What came of one probe."""

    probe: Probe
    verdict: Verdict
    why: str = ""
    """What was seen instead; empty when it passed."""
    evidence: tuple[Note, ...] = ()
    """The last frames of the probe's connection, both ways."""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            "area": self.probe.area,
            "name": self.probe.name,
            "expects": self.probe.expects,
            "breaks": self.probe.breaks,
            "verdict": self.verdict,
            "why": self.why,
            "seconds": round(self.seconds, 3),
            "evidence": [{note.direction: note.frame} for note in self.evidence],
        }


@attrs.frozen(kw_only=True)
class Report:
    """Everything that was found of one server."""

    url: str
    """Without its query, which may hold a key."""
    dialect: str
    findings: Sequence[Finding]

    @property
    def conforms(self) -> bool:
        """Whether every probe passed."""
        return all(finding.verdict == "passed" for finding in self.findings)

    def count(self, verdict: Verdict) -> int:
        """Count the findings with a verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            "url": self.url,
            "dialect": self.dialect,
            "conforms": self.conforms,
            "findings": [finding.to_json() for finding in self.findings],
        }
