"""How much a gateway takes at once, as data; and the bucket that counts by the second. Pure: time is passed in."""

from __future__ import annotations

from typing import Final

import attrs

from realtime_transport.exceptions import InvalidArgument


@attrs.frozen(kw_only=True)
class GatewayLimits:
    """What is refused rather than done badly. All limits are of one process."""

    max_calls: int = 50
    """Calls at once, those included that were told where to stream and have not come yet. One core mixes and paces
    some hundred; beyond its means every caller hears it, so better one more busy tone."""
    calls_per_second: float = 10.0
    """Calls admitted in the long run; ``call_burst`` of them at once."""
    call_burst: int = 20
    max_unstarted: int = 20
    """Open streams that have not said which call they are."""
    start_timeout: float = 5.0
    """Seconds for that. Carriers do it in the first packet."""
    token_lifetime: float = 30.0
    """Seconds between the answer to the webhook and the stream. Carriers dial within one; a queue may be between."""
    max_body: int = 64 * 1024
    """Bytes of a webhook. Real ones have a few hundred."""
    body_timeout: float = 5.0
    """Seconds for a webhook to be read: whoever sends a byte a second gets nothing."""
    max_message: int = 64 * 1024
    """Bytes of a message on a stream. A carrier sends 20 to 200 ms at a time."""
    messages_per_second: float = 200.0
    """Messages of a stream in the long run: four times what a carrier sends in pieces of 20 ms."""
    message_burst: int = 1500
    """Messages at once: what thirty seconds of a stalled network hold back."""
    max_call_seconds: float = 7200.0
    """A call is ended after two hours: the model's own sessions end before."""

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(GatewayLimits):
            if not getattr(self, field.name) > 0:
                raise InvalidArgument("must be above zero", path=f"limits.{field.name}")


class Bucket:
    """A token bucket: ``burst`` at once, ``rate`` a second in the long run."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate: Final = rate
        self._burst: Final = burst
        self._left = burst
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        if self._at is not None:
            self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
