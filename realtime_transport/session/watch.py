"""Runs output guardrails beside the agent's speech: at a pace, never two passes of one response at a time, and once
more at its end, so that short answers are checked as well.

Pure of the session: it is told the words and says what tripped. Its only own time is the deadline of a check.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs

from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import GuardrailSettings, OutputGuardrail, Verdict, verdict_of


@attrs.frozen(kw_only=True)
class Trip:
    """One guardrail that tripped, and on which words."""

    response_id: str
    guardrail: OutputGuardrail
    verdict: Verdict
    text: str
    context: RunContext[Any]
    error: BaseException | None = None
    """The check's own failure, when failing closed tripped it."""


@attrs.define
class _Watched:
    response_id: str
    context: RunContext[Any]
    guardrails: Sequence[OutputGuardrail]
    text: str = ""
    audio_ms: float = 0.0
    next_at: float = 0.0
    checked: str | None = None
    """The text of the last pass that was started."""
    running: bool = False
    again: bool = False
    finished: bool = False
    tripped: bool = False


class OutputWatch:
    """The output guardrails of one session."""

    def __init__(
        self,
        settings: GuardrailSettings,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        on_trip: Callable[[Trip], None],
        on_pass: Callable[[str, float], None],
        on_error: Callable[[OutputGuardrail, BaseException], None],
    ) -> None:
        """Make a watch.

        :param on_pass: told the response id when a pass over its words found nothing, and when on the loop's clock
            that pass began; infinity after the last one.
        :param on_error: told of a check that raised or took too long and did not count as tripped.
        """
        self._settings = settings
        self._spawn = spawn
        self._on_trip = on_trip
        self._on_pass = on_pass
        self._on_error = on_error
        self._watched: dict[str, _Watched] = {}
        self._slots = asyncio.Semaphore(settings.at_once)

    def begin(self, response_id: str, context: RunContext[Any], guardrails: Sequence[OutputGuardrail]) -> None:
        """Watch a response. Without guardrails there is nothing to watch."""
        if guardrails:
            self._watched[response_id] = _Watched(response_id, context, guardrails, next_at=self._settings.every)

    def watches(self, response_id: str) -> bool:
        """Say whether this response's words still have to pass."""
        return response_id in self._watched

    def words(self, response_id: str, delta: str) -> None:
        """Take in more of what is said or written."""
        watched = self._watched.get(response_id)
        if watched is not None and not watched.tripped:
            watched.text += delta
            self._pace(watched)

    def audio(self, response_id: str, ms: float) -> None:
        """Take in that ``ms`` more of speech were generated."""
        watched = self._watched.get(response_id)
        if watched is not None and not watched.tripped:
            watched.audio_ms += ms
            self._pace(watched)

    def finish(self, response_id: str) -> None:
        """Check the whole, unless the last pass already saw all of it; then forget the response."""
        watched = self._watched.get(response_id)
        if watched is None:
            return
        watched.finished = True
        if watched.tripped:
            del self._watched[response_id]
        else:
            self._pass(watched)

    def forget(self, response_id: str) -> None:
        """Stop watching: the words were cut and will not be heard."""
        self._watched.pop(response_id, None)

    def _pace(self, watched: _Watched) -> None:
        unit = self._settings.unit
        measure = {"characters": len(watched.text), "ms": watched.audio_ms}.get(unit)
        reached = len(watched.text.split()) if measure is None else measure
        if reached < watched.next_at:
            return
        watched.next_at = (reached // self._settings.every + 1) * self._settings.every
        self._pass(watched)

    def _pass(self, watched: _Watched) -> None:
        if watched.running:
            watched.again = True  # one more pass when this one ends; three deltas in between need no three passes
        elif watched.text and watched.checked != watched.text:
            watched.running = True
            watched.checked = watched.text
            self._spawn(self._check(watched, watched.text), f"guardrails:{watched.response_id}")
        elif watched.finished:
            del self._watched[watched.response_id]
            self._on_pass(watched.response_id, math.inf)

    async def _check(self, watched: _Watched, text: str) -> None:
        began = asyncio.get_running_loop().time()
        trips = await asyncio.gather(*(self._one(watched, guardrail, text) for guardrail in watched.guardrails))
        watched.running = False
        if watched.response_id not in self._watched:
            return
        trip = next((trip for trip in trips if trip is not None), None)
        if trip is not None:
            watched.tripped = True
            if watched.finished:
                del self._watched[watched.response_id]
            self._on_trip(trip)
            return
        again, watched.again = watched.again, False
        if not watched.finished:
            self._on_pass(watched.response_id, began)
        if again or watched.finished:
            self._pass(watched)

    async def _one(self, watched: _Watched, guardrail: OutputGuardrail, text: str) -> Trip | None:
        error: Exception | None = None
        try:
            async with self._slots, asyncio.timeout(self._settings.timeout):
                verdict = await verdict_of(guardrail.check(watched.context, text))
        except Exception as raised:  # noqa: BLE001  a check is the application's code: its failure is a finding
            error, verdict = raised, Verdict(tripped=self._settings.fail_closed, message="the check failed")
            if not verdict.tripped:
                self._on_error(guardrail, raised)
        if not verdict.tripped:
            return None
        return Trip(
            response_id=watched.response_id,
            guardrail=guardrail,
            verdict=verdict,
            text=text,
            context=watched.context,
            error=error,
        )
