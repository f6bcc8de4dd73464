"""When the response that goes on from tool outputs is asked for: not while the caller is talking.

A response that begins during the caller's speech would talk over them, and the server would not count it as
interrupted. So a follow-up that is due then waits: the server's own answer to the speech sees the outputs too and
takes its place; if none comes, the follow-up is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from realtime_transport.events.transport import SpeechStartedEvent, SpeechStoppedEvent, TurnStartedEvent

ANSWER_GRACE = 2.0
"""Seconds after the caller's speech within which turn detection begins its own answer, if it does at all."""

SPEECH_LIMIT = 30.0
"""Seconds that a follow-up waits for the caller to finish: the end of the speech may have been lost on the way."""


class FollowUp:
    """The follow-up responses of one session."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        """Make it; ``ask`` asks for a response, given the id of the one it follows."""
        self._ask = ask
        self._speaking = False
        self._owed: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    def due(self, response_id: str) -> None:
        """Ask for the response that follows ``response_id``, now or as soon as the caller has been answered."""
        if not self._speaking:
            self._ask(response_id)
        elif self._owed is None:
            self._wait(response_id, SPEECH_LIMIT)

    def turn_started(self, event: TurnStartedEvent) -> None:
        """Let a response that began meanwhile take the place of the one that waits: it sees the same outputs."""
        if not event.out_of_band:
            self._speaking = self._speaking and event.requested  # turn detection answers when the caller has finished
            self.forget()

    def speech_started(self, _: SpeechStartedEvent) -> None:
        """Note that the caller talks."""
        self._speech(True)

    def speech_stopped(self, _: SpeechStoppedEvent) -> None:
        """Note that the caller has finished."""
        self._speech(False)

    def forget(self) -> None:
        """Ask for nothing any more."""
        self._owed = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _speech(self, speaking: bool) -> None:
        self._speaking = speaking
        if self._owed is not None:
            self._wait(self._owed, SPEECH_LIMIT if speaking else ANSWER_GRACE)

    def _wait(self, owed: str, seconds: float) -> None:
        self.forget()
        self._owed = owed
        self._timer = asyncio.get_running_loop().call_later(seconds, self._overdue, owed)

    def _overdue(self, owed: str) -> None:
        self.forget()
        self._ask(owed)
