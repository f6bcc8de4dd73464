"""Brains that need nothing but their input: ``Echo`` and ``Script``, and a voice without a synthesiser."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, cast

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import GenerationRequest, Output, Reply, Say
from realtime_transport.exceptions import InvalidArgument

# --- a voice -----------------------------------------------------------------------------------------------------

_LETTER_MS: Final = 60
"""Speech has about 16 letters a second."""
_GAP_MS: Final = 80
_HUM: Final = struct.pack("<120h", *(round(8000 * math.sin(math.tau * step / 120)) for step in range(120)))
"""One period of 200 Hz at 24 kHz, 12 dB below full scale: 5 ms."""
_PERIODS_PER_LETTER: Final = round(_LETTER_MS * PCM16_24K.bytes_for(1) / len(_HUM))


def hum(text: str) -> bytes:
    """Hum ``text``: a tone as long as each word takes to say, a short silence after it. PCM16, 24 kHz, mono.

    Turn detection hears it as speech, and its length follows the words: enough wherever nobody listens.
    """
    gap = PCM16_24K.silence(_GAP_MS)
    return b"".join(_HUM * (_PERIODS_PER_LETTER * len(word)) + gap for word in text.split())


# --- echo --------------------------------------------------------------------------------------------------------


class Echo:
    """Say back what the caller said: their own audio and, where known, their words."""

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        """Give back the caller's speech, or what they wrote, or the outputs of their tools."""
        words, speech = request.words, request.speech
        if speech and request.modality == "audio":
            return [Say(transcript=words, audio=speech)]
        outputs = " ".join(output for _, output in request.tool_outputs)
        return [Reply(text=words or outputs or "I heard nothing.")]


# --- script ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Rule:
    """When all conditions hold, answer with ``outputs``. A rule without conditions always holds."""

    outputs: tuple[Output, ...]
    says: str | None = None
    """A regular expression that is found in the caller's words, whatever the case."""
    text: str | None = None
    """These are the caller's words, all of them, whatever the case."""
    by: Literal["speech", "writing"] | None = None
    """How the caller spoke to us; speech counts even when nobody knows its words."""
    turn: int | None = None
    """Only the nth response of the conversation, from 1."""
    tool: str | None = None
    """The output of this function has just come; ``""`` for any function."""
    times: int | None = None
    """How often the rule may be used; None for always."""

    def __attrs_post_init__(self) -> None:
        try:
            re.compile(self.says or "")
        except re.error as error:
            raise InvalidArgument(f"not a regular expression: {error}", path="says") from error

    def holds(self, request: GenerationRequest) -> bool:
        """Tell whether the conditions hold. A rule that asks for no function's output does not answer one."""
        answered = [name for name, _ in request.tool_outputs]
        asked = not answered if self.tool is None else self.tool in answered or (self.tool == "" and bool(answered))
        return (
            asked
            and self.turn in {None, request.turn}
            and (self.text is None or self.text.strip().casefold() == request.words.strip().casefold())
            and self.by in {None, "speech" if request.speech else "writing"}
            and (self.says is None or re.search(self.says, request.words, re.IGNORECASE) is not None)
        )


def when(
    says: str | None = None,
    *answer: Output | str,
    turn: int | None = None,
    tool: str | None = None,
    times: int | None = None,
) -> Rule:
    """Make a rule: ``when("weather", CallTool(name="get_weather"))``, ``when(None, "Hi.", turn=1)``.

    Text is spoken, or written in a text response. In it ``{words}`` is what the caller said, ``{output}`` what the
    function returned, and ``{fields[celsius]}`` one field of that when it is a JSON object.
    """
    outputs = tuple(Reply(text=part) if isinstance(part, str) else part for part in answer)
    return Rule(outputs=outputs, says=says, turn=turn, tool=tool, times=times)


def after(tool: str, *answer: Output | str, times: int | None = None) -> Rule:
    """Make a rule for the moment when the output of the function ``tool`` has come."""
    return when(None, *answer, tool=tool, times=times)


class Script:
    """Answer by rules, the first that holds; ``otherwise`` when none does."""

    def __init__(self, *rules: Rule, otherwise: str | Output = "I have nothing to say to that.") -> None:
        self._rules = rules
        self._used = [0] * len(rules)
        self._otherwise = when(None, otherwise)

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        """Use the first rule that holds and is not used up."""
        rule = self._otherwise
        for index, candidate in enumerate(self._rules):
            if candidate.holds(request) and (candidate.times is None or self._used[index] < candidate.times):
                self._used[index] += 1
                rule = candidate
                break
        return [_filled(output, request) for output in rule.outputs]


def _filled(output: Output, request: GenerationRequest) -> Output:
    """Put the caller's words and the function's output where the script has a place for them."""
    if not isinstance(output, Reply) or "{" not in output.text:
        return output
    returned = request.tool_outputs[-1][1] if request.tool_outputs else ""
    return attrs.evolve(
        output, text=output.text.format(words=request.words, output=returned, fields=_json_object(returned))
    )


def _json_object(text: str) -> Mapping[str, Any]:
    """Read a function's output; by custom it is a JSON object."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, dict) else {}
