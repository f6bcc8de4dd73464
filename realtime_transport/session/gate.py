"""The input gate: with input guardrails nobody answers the caller before the words were looked at.

The server is configured not to answer by itself (``create_response: false``); the session reads the transcript, runs
the guardrails, and asks for the response. Closed by nature: a check that fails, and speech that could not be
transcribed, are not answered as if they had passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs

from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import InputGuardrail, Verdict, verdict_of


@attrs.frozen(kw_only=True)
class Refusal:
    """One turn of the caller that must not be answered."""

    item_id: str
    text: str
    guardrail: InputGuardrail
    verdict: Verdict
    context: RunContext[Any]
    error: BaseException | None = None


UNHEARD = InputGuardrail(name="transcription", check=lambda _, __: True, hint="the words could not be understood")
"""Stands for the guardrails when there are no words to show them."""


class InputGate:
    """The input guardrails of one session."""

    def __init__(
        self,
        *,
        timeout: float,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        on_pass: Callable[[str], None],
        on_refusal: Callable[[Refusal], None],
    ) -> None:
        self._timeout = timeout
        self._spawn = spawn
        self._on_pass = on_pass
        self._on_refusal = on_refusal

    def heard(self, item_id: str, text: str, context: RunContext[Any], guardrails: Sequence[InputGuardrail]) -> None:
        """Look at the caller's words, and say whether they may be answered."""
        self._spawn(self._look(item_id, text, context, guardrails), f"input:{item_id}")

    def unheard(self, item_id: str, context: RunContext[Any], error: BaseException) -> None:
        """Refuse speech without words."""
        verdict = Verdict(tripped=True, message=UNHEARD.hint)
        self._on_refusal(
            Refusal(item_id=item_id, text="", guardrail=UNHEARD, verdict=verdict, context=context, error=error)
        )

    async def _look(
        self, item_id: str, text: str, context: RunContext[Any], guardrails: Sequence[InputGuardrail]
    ) -> None:
        findings = await asyncio.gather(*(self._one(item_id, text, context, each) for each in guardrails))
        refusal = next((finding for finding in findings if finding is not None), None)
        if refusal is None:
            self._on_pass(item_id)
        else:
            self._on_refusal(refusal)

    async def _one(
        self, item_id: str, text: str, context: RunContext[Any], guardrail: InputGuardrail
    ) -> Refusal | None:
        error: Exception | None = None
        try:
            async with asyncio.timeout(self._timeout):
                verdict = await verdict_of(guardrail.check(context, text))
        except Exception as raised:  # noqa: BLE001  application code: its failure is a refusal
            error, verdict = raised, Verdict(tripped=True, message="the check failed")
        if not verdict.tripped:
            return None
        return Refusal(item_id=item_id, text=text, guardrail=guardrail, verdict=verdict, context=context, error=error)
