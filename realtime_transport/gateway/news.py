"""What a gateway tells: one piece of news for whoever watches, and the numbers for ``/metrics``."""

from __future__ import annotations

from collections import Counter
from typing import Literal, TypeAlias

import attrs

NewsKind: TypeAlias = Literal["answered", "refused", "started", "connected", "rejoined", "ended", "status", "draining"]
"""``answered``: the webhook gave out a stream. ``refused``: somebody did not get in, for ``reason``. ``started``: the
carrier has said which call it is. ``connected``: the model is on the line. ``rejoined``: it goes on in another stream.
``ended``: it is over, for ``reason``. ``status``: the carrier's status callback. ``draining``: no more calls."""

RefusalReason: TypeAlias = Literal["signature", "draining", "full", "rate", "unstarted"]


@attrs.frozen(kw_only=True)
class GatewayNews:
    """One thing that happened. Callers' numbers are personal data: hence no repr of them."""

    kind: NewsKind
    call_id: str = ""
    caller: str = attrs.field(default="", repr=False)
    called: str = attrs.field(default="", repr=False)
    reason: str = ""
    seconds: float = 0.0
    """How long the call lasted, when it ended."""


class Tally:
    """What is counted. Counters only grow; what can shrink is asked for when it is shown."""

    def __init__(self) -> None:
        self.calls: int = 0
        """Calls that were started."""
        self.failed: int = 0
        """Calls that ended because something here broke: the agent, the model."""
        self.seconds: float = 0.0
        """Time of all calls that are over."""
        self.refused: Counter[RefusalReason] = Counter()


def metrics_text(tally: Tally, *, calls: int, waiting: int, max_calls: int, draining: bool) -> str:
    """Return the numbers in Prometheus's text format."""
    plain = {
        "calls gauge": calls,
        "calls_expected gauge": waiting,
        "calls_max gauge": max_calls,
        "draining gauge": int(draining),
        "calls_started_total counter": tally.calls,
        "calls_failed_total counter": tally.failed,
        "call_seconds_total counter": round(tally.seconds, 3),
    }
    lines: list[str] = []
    for what, value in plain.items():
        name, kind = what.split()
        lines += [f"# TYPE realtime_gateway_{name} {kind}", f"realtime_gateway_{name} {value}"]
    lines.append("# TYPE realtime_gateway_refused_total counter")
    lines += [f'realtime_gateway_refused_total{{reason="{why}"}} {n}' for why, n in sorted(tally.refused.items())]
    return "\n".join(lines) + "\n"
