"""When a failed HTTP call is made again, and after how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from realtime_transport.exceptions import ApiError, ConnectError, ConnectionLost, RealtimeError

REFUSED: Final = frozenset({429, 503})
"""Statuses by which a server says that it has not begun: safe to repeat whatever the call does."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Full-jitter back-off: the wait is random between zero and a ceiling that doubles."""

    attempts: int = 3
    """Calls in all, the first included. 1 never repeats."""
    base: float = 0.5
    """Ceiling of the first wait, in seconds."""
    longest: float = 8.0
    """No wait is longer. A server that asks for more gets its error raised instead, with ``retry_after`` in it."""

    def delay(self, failure: RealtimeError, made: int, *, idempotent: bool, rng: Callable[[], float]) -> float | None:
        """Return the seconds to wait before the next call, None when this failure is final.

        ``made`` counts the calls so far. ``rng`` gives a number from 0 to 1. What may have happened already is repeated
        only when the call is ``idempotent``.
        """
        if made >= self.attempts or not _worth_repeating(failure, idempotent):
            return None
        asked = failure.retry_after if isinstance(failure, ApiError) else None
        if asked is not None:
            return asked if asked <= self.longest else None
        return rng() * min(self.longest, self.base * 2.0 ** (made - 1))


def _worth_repeating(failure: RealtimeError, idempotent: bool) -> bool:
    """Tell whether the same call may succeed, and cannot do its work twice."""
    if isinstance(failure, ConnectError):
        return failure.retryable
    if isinstance(failure, ApiError):
        return failure.status in REFUSED or (idempotent and failure.retryable)
    return isinstance(failure, ConnectionLost) and idempotent
