"""What a response costs: tokens by modality, the cached part of them, and what is left of the account's limit.

The live service counts 10 tokens for a second of input audio and 20 for a second of output. Text is counted at four
characters a token, which is close enough for bills to look like bills. All sums add up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import attrs

from realtime_transport.conversation.server_items import Entry
from realtime_transport.events.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    InputImagePart,
    InputTextPart,
    McpCallItem,
    OutputAudioPart,
    OutputTextPart,
)
from realtime_transport.events.usage import (
    CachedTokenDetails,
    InputTokenDetails,
    OutputTokenDetails,
    RateLimit,
    TranscriptionDurationUsage,
    TranscriptionTokenUsage,
    TranscriptionUsage,
    Usage,
)

INPUT_AUDIO_TOKENS_PER_SECOND: Final = 10
OUTPUT_AUDIO_TOKENS_PER_SECOND: Final = 20
_CHARACTERS_PER_TOKEN: Final = 4
_IMAGE_TOKENS: Final = 765
_ITEM_TOKENS: Final = 4
"""What the frame around a message costs."""
_CACHE_BLOCK: Final = 64
"""The cache works in whole blocks of tokens."""


@attrs.frozen
class Tokens:
    """Tokens by modality."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio + self.image

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)


def text_tokens(text: str) -> int:
    """Count the tokens of a text."""
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def audio_tokens(ms: float, per_second: int) -> int:
    """Count the tokens of a stretch of audio."""
    return math.ceil(ms * per_second / 1000)


def entry_tokens(entry: Entry) -> Tokens:
    """Count what an item costs as input."""
    item, texts, images = entry.item, "", 0
    for part in getattr(item, "content", ()):
        if isinstance(part, InputTextPart | OutputTextPart):
            texts += part.text or ""
        elif isinstance(part, OutputAudioPart):
            texts += part.transcript or ""
        elif isinstance(part, InputImagePart):
            images += 1
    if isinstance(item, FunctionCallItem | McpCallItem):
        texts += item.name + item.arguments
    if isinstance(item, FunctionCallOutputItem):
        texts += item.output
    heard = sum(speech.ms for index, speech in entry.speech.items() if _is_input(entry, index))
    return Tokens(
        text=_ITEM_TOKENS + text_tokens(texts),
        audio=audio_tokens(heard, INPUT_AUDIO_TOKENS_PER_SECOND),
        image=images * _IMAGE_TOKENS,
    )


def _is_input(entry: Entry, index: int) -> bool:
    parts = getattr(entry.item, "content", ())
    return index < len(parts) and isinstance(parts[index], InputAudioPart)


@attrs.define
class Meter:
    """Counts the responses of one session; knows which input the cache has seen."""

    _seen: tuple[tuple[str, Tokens], ...] = ()
    """What the last response read: key and cost of each piece of its input, in order."""

    def read(self, instructions: str, tools: str, entries: Iterable[tuple[str, Entry]]) -> InputTokenDetails:
        """Count the input of one response. What the last one began with too is cached."""
        pieces = (
            (instructions, Tokens(text=text_tokens(instructions))),
            (tools, Tokens(text=text_tokens(tools))),
            *((item_id, entry_tokens(entry)) for item_id, entry in entries),
        )
        total, cached, same = Tokens(), Tokens(), True
        for index, (key, cost) in enumerate(pieces):
            same = same and index < len(self._seen) and self._seen[index] == (key, cost)
            total += cost
            cached += cost if same else Tokens()
        self._seen = pieces
        kept = Tokens(*(count - count % _CACHE_BLOCK for count in (cached.text, cached.audio, cached.image)))
        return InputTokenDetails(
            text_tokens=total.text,
            audio_tokens=total.audio,
            image_tokens=total.image,
            cached_tokens=kept.total,
            cached_tokens_details=CachedTokenDetails(
                text_tokens=kept.text, audio_tokens=kept.audio, image_tokens=kept.image
            ),
        )


def usage_of(read: InputTokenDetails, written: Tokens) -> Usage:
    """Put input and output together; every total is the sum of its parts."""
    given = Tokens(read.text_tokens or 0, read.audio_tokens or 0, read.image_tokens or 0).total
    return Usage(
        total_tokens=given + written.total,
        input_tokens=given,
        output_tokens=written.total,
        input_token_details=read,
        output_token_details=OutputTokenDetails(text_tokens=written.text, audio_tokens=written.audio),
    )


NOTHING_READ: Final = InputTokenDetails(
    text_tokens=0,
    audio_tokens=0,
    image_tokens=0,
    cached_tokens=0,
    cached_tokens_details=CachedTokenDetails(text_tokens=0, audio_tokens=0, image_tokens=0),
)
"""A response that was stopped before it said anything is not charged."""

# --- the account -------------------------------------------------------------------------------------------------


@attrs.define
class RateLimiter:
    """The tokens of one minute, refilling steadily. It reports; whether somebody is refused is not its business."""

    limit: int
    """Tokens a minute."""
    _left: float = attrs.field(init=False)
    _at: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._left = float(self.limit)

    def wait(self, now: float) -> float:
        """Say how many seconds it takes until there is a token again; 0 while there is one."""
        self._refill(now)
        return max(0.0, 1 - self._left) * 60 / self.limit

    def _refill(self, now: float) -> None:
        self._left = min(self.limit, self._left + (now - self._at) * self.limit / 60)
        self._at = now

    def spend(self, tokens: int, now: float) -> tuple[RateLimit, ...]:
        """Take ``tokens`` and say what is left."""
        self._refill(now)
        self._left = max(0.0, self._left - tokens)
        missing = self.limit - self._left
        return (
            RateLimit(
                name="tokens",
                limit=self.limit,
                remaining=int(self._left),
                reset_seconds=round(missing * 60 / self.limit, 3),
            ),
        )


# --- transcription -----------------------------------------------------------------------------------------------

_PAID_BY_TOKEN: Final = ("gpt-4o-transcribe", "gpt-4o-mini-transcribe")
"""Models of these families are paid by the token, all others by the second."""


def transcription_usage(model: str, ms: float, transcript: str) -> TranscriptionUsage:
    """Say what transcribing so much audio into these words costs."""
    if not model.startswith(_PAID_BY_TOKEN):
        return TranscriptionDurationUsage(seconds=math.ceil(ms / 1000))
    heard, written = audio_tokens(ms, INPUT_AUDIO_TOKENS_PER_SECOND), text_tokens(transcript)
    return TranscriptionTokenUsage(
        total_tokens=heard + written,
        input_tokens=heard,
        input_token_details=InputTokenDetails(text_tokens=0, audio_tokens=heard),
        output_tokens=written,
    )
