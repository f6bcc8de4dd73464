"""Waiting for the last word before a call is ended or passed on: one outcome, for however many wait for it."""

from __future__ import annotations

import asyncio
from typing import Literal, TypeAlias

HangupOutcome: TypeAlias = Literal["confirmed", "unconfirmed", "cancelled"]
"""Whether the caller heard the last word, as far as the carrier says; or spoke over it, and the call goes on."""


Purpose: TypeAlias = Literal["hangup", "transfer"]


class Farewell:
    """A call that is about to be ended, or passed on."""

    def __init__(self, purpose: Purpose) -> None:
        self.purpose: Purpose = purpose
        self._outcome: asyncio.Future[HangupOutcome] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: HangupOutcome) -> None:
        """Note how it came out; the first word counts."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    async def wait(self, timeout: float) -> HangupOutcome:
        """Wait for the outcome, ``unconfirmed`` after ``timeout`` seconds. Cancelling leaves it to the others."""
        await asyncio.wait({self._outcome}, timeout=timeout)
        self.settle("unconfirmed")
        return self._outcome.result()
