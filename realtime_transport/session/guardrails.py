"""Checks on what goes by: the agent's words, the caller's words, a tool's arguments and a tool's output.

A check is any function that looks and answers: True (or ``Verdict(tripped=True, ...)``) trips it. Sync checks run on
the loop and must be quick; anything that waits is ``async``. When and how often the session runs them, and what it
does when one trips, is in ``GuardrailSettings``.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import RunContext, ToolContext

Reaction: TypeAlias = Literal["tell", "cut", "report"]
"""What the session does when an output guardrail trips.

``tell`` cuts the answer, tells the model why and asks for a better one. ``cut`` only cuts. ``report`` only emits
``guardrail_tripped`` and leaves the rest to your listener.
"""

Pace: TypeAlias = Literal["characters", "words", "ms"]
"""What ``every`` counts: characters or words of the transcript, or milliseconds of generated audio."""

AUDIO_HELD_LIMIT_MS = 60_000
"""``hold_ms`` is at most a minute: longer than any answer is a configuration error, not a delay."""


@attrs.frozen(kw_only=True)
class Verdict:
    """What a check found. ``message`` is for the model, ``info`` for your own listeners."""

    tripped: bool
    message: str = ""
    info: Any = None


Answer: TypeAlias = bool | Verdict | Awaitable[bool | Verdict]


@attrs.frozen(kw_only=True)
class OutputGuardrail:
    """Watches what the agent says or writes, while it says it and once more at its end."""

    name: str
    check: Callable[[RunContext[Any], str], Answer] = attrs.field(repr=False)
    """Given all the words of the response so far."""
    hint: str = ""
    """Told to the model when it trips, unless the verdict has a message; the name otherwise."""
    reaction: Reaction | None = None
    """This guardrail's own reaction; None takes the session's."""


@attrs.frozen(kw_only=True)
class InputGuardrail:
    """Watches what the caller said, before a response is asked for. Needs input transcription."""

    name: str
    check: Callable[[RunContext[Any], str], Answer] = attrs.field(repr=False)
    """Given the transcript of the caller's turn."""
    hint: str = ""


@attrs.frozen(kw_only=True)
class ToolInputGuardrail:
    """Watches a tool's validated arguments. Tripped or failed, the tool does not run and the model is told."""

    name: str
    check: Callable[[ToolContext[Any], Mapping[str, Any]], Answer] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class ToolOutputGuardrail:
    """Watches a tool's output text. Tripped or failed, the model gets the refusal instead of the output."""

    name: str
    check: Callable[[ToolContext[Any], str], Answer] = attrs.field(repr=False)


def _positive(_: Any, attribute: Any, value: float) -> None:
    if value <= 0:
        raise InvalidArgument(f"{value!r} is not above 0", path=attribute.name)


def _hold(_: Any, attribute: Any, value: int) -> None:
    if not 0 <= value <= AUDIO_HELD_LIMIT_MS:
        raise InvalidArgument(f"{value!r} is not between 0 and {AUDIO_HELD_LIMIT_MS}", path=attribute.name)


def _default_feedback(name: str, message: str) -> str:
    return f"Your last answer was stopped by the rule {name!r}: {message}. Answer again, and keep to it."


def _default_input_feedback(name: str, message: str) -> str:
    return f"The caller's last words were taken out by the rule {name!r}: {message}. Say so, and do not answer them."


@attrs.frozen(kw_only=True)
class GuardrailSettings:
    """When guardrails run, and what a trip does."""

    every: int = attrs.field(default=100, validator=_positive)
    """Run each time this much more was generated. The end of a response is always checked, however short it is."""
    unit: Pace = "characters"
    hold_ms: int = attrs.field(default=0, validator=_hold)
    """Withhold each piece of audio from the session's ``audio`` listeners until a check that saw its words has passed,
    or this long at most. 0 passes audio on at once. A transport that plays audio by itself, as telephony does, is
    ahead of this; one whose ``playout`` is estimated counts held audio as heard, so report it instead."""
    reaction: Reaction = "tell"
    feedback_role: Literal["system", "user"] = "system"
    """In whose name the model is told."""
    feedback: Callable[[str, str], str] = attrs.field(default=_default_feedback, repr=False)
    """Makes the text that tells the model, from the guardrail's name and its message."""
    input_feedback: Callable[[str, str], str] = attrs.field(default=_default_input_feedback, repr=False)
    """The same for the caller's words, which are deleted from the conversation."""
    fail_closed: bool = False
    """A check that raises or takes too long counts as tripped. Input and tool guardrails always do."""
    timeout: float = attrs.field(default=5.0, validator=_positive)
    """Seconds for one check. Later than that, the words are heard anyway."""
    at_once: int = attrs.field(default=4, validator=_positive)
    """Checks that run at the same time."""


async def verdict_of(answer: Answer) -> Verdict:
    """Await and normalise what a check answered. Raises what the check raises."""
    settled = await answer if inspect.isawaitable(answer) else answer
    return settled if isinstance(settled, Verdict) else Verdict(tripped=bool(settled))


def output_guardrail(check: Callable[[RunContext[Any], str], Answer], /) -> OutputGuardrail:
    """Make an ``OutputGuardrail`` named after the decorated function, with its docstring as the hint."""
    return OutputGuardrail(name=check.__name__, check=check, hint=inspect.getdoc(check) or "")
