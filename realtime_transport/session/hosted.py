"""Hosted MCP calls: the server runs them, but does not go on by itself.

After ``response.mcp_call.completed`` nothing more is said until a client asks. Completion may come before or after
``response.done``, so a response's calls are collected until both are in; then one follow-up is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

RESPONSES_KEPT = 64
"""Responses with unfinished calls. Each ends within minutes; more means that the server forgot them."""


class HostedCalls:
    """The hosted calls of one session, by response."""

    def __init__(self, *, on_batch_done: Callable[[], None]) -> None:
        self._on_batch_done = on_batch_done
        self._unfinished: dict[str, set[str]] = {}
        self._early: dict[str, None] = {}
        """Calls that completed before their response was over; ordered, so that the oldest can be forgotten."""

    def response_done(self, response_id: str, call_ids: Iterable[str]) -> None:
        """Note the calls that a finished response made."""
        calls = set(call_ids)
        if not calls:
            return
        early = {call for call in calls if call in self._early}
        for call in early:
            del self._early[call]
        if calls == early:
            self._on_batch_done()
            return
        self._unfinished[response_id] = calls - early
        if len(self._unfinished) > RESPONSES_KEPT:
            del self._unfinished[next(iter(self._unfinished))]

    def completed(self, call_id: str) -> None:
        """Note that a call ended, well or not."""
        for response_id, calls in self._unfinished.items():
            if call_id in calls:
                calls.discard(call_id)
                if not calls:
                    del self._unfinished[response_id]
                    self._on_batch_done()
                return
        self._early[call_id] = None
        if len(self._early) > RESPONSES_KEPT:
            del self._early[next(iter(self._early))]
