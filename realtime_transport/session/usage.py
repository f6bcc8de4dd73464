"""What a session cost: tokens by modality and cached share, transcription, and a budget that can stop it.

Prices are the application's data: a table in this library would be wrong by the next morning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from realtime_transport.events import (
    CachedTokenDetails,
    InputTokenDetails,
    OutputTokenDetails,
    TranscriptionDurationUsage,
    TranscriptionTokenUsage,
    TranscriptionUsage,
    Usage,
)
from realtime_transport.exceptions import InvalidArgument


@attrs.frozen(kw_only=True)
class TokenCounts:
    """Tokens by direction and modality. ``input_*`` counts the tokens that were not cached."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    """Reasoning included."""
    output_audio: int = 0
    reasoning: int = 0
    """Already counted in ``output_text``."""
    transcription_input: int = 0
    transcription_output: int = 0

    def __add__(self, other: TokenCounts) -> TokenCounts:
        return TokenCounts(**{name: getattr(self, name) + getattr(other, name) for name in COUNTED})

    @property
    def input(self) -> int:
        """All input tokens of the conversation, cached ones included."""
        return self.input_text + self.input_audio + self.input_image + self.cached

    @property
    def cached(self) -> int:
        """Input tokens that came from the cache."""
        return self.cached_text + self.cached_audio + self.cached_image

    @property
    def output(self) -> int:
        """All output tokens of the conversation."""
        return self.output_text + self.output_audio

    @property
    def total(self) -> int:
        """Every token of the conversation, without transcription, which is billed apart."""
        return self.input + self.output

    @property
    def cached_share(self) -> float:
        """Which part of the input was cached, 0 to 1."""
        return self.cached / self.input if self.input else 0.0

    @classmethod
    def of(cls, usage: Usage) -> TokenCounts:
        """Split a response's usage. What the server left out counts as text, and missing numbers as 0."""
        details = usage.input_token_details or InputTokenDetails()
        cached = details.cached_tokens_details or CachedTokenDetails(text_tokens=details.cached_tokens or 0)
        output = usage.output_token_details or OutputTokenDetails(text_tokens=usage.output_tokens or 0)
        text = (usage.input_tokens or 0) if not usage.input_token_details else (details.text_tokens or 0)
        return cls(
            input_text=max(0, text - (cached.text_tokens or 0)),
            input_audio=max(0, (details.audio_tokens or 0) - (cached.audio_tokens or 0)),
            input_image=max(0, (details.image_tokens or 0) - (cached.image_tokens or 0)),
            cached_text=cached.text_tokens or 0,
            cached_audio=cached.audio_tokens or 0,
            cached_image=cached.image_tokens or 0,
            output_text=output.text_tokens or 0,
            output_audio=output.audio_tokens or 0,
            reasoning=output.reasoning_tokens or 0,
        )


COUNTED = tuple(field.name for field in attrs.fields(TokenCounts))
PRICED = tuple(name for name in COUNTED if name != "reasoning")


def _known_prices(_: object, __: object, value: Mapping[str, float]) -> None:
    unknown = sorted(set(value) - set(PRICED))
    if unknown:
        raise InvalidArgument(
            f"no such tokens: {', '.join(unknown)}; known are {', '.join(PRICED)}", path="per_million"
        )


@attrs.frozen(kw_only=True)
class Prices:
    """A price list of the application, in any currency."""

    per_million: Mapping[str, float] = attrs.field(validator=_known_prices)
    """Field name of ``TokenCounts`` -> price of a million such tokens. What is missing is free."""
    transcription_minute: float = 0.0
    """For models whose transcription is billed by the minute."""

    def cost(self, usage: SessionUsage) -> float:
        """Return what ``usage`` cost."""
        counts = attrs.asdict(usage.tokens)
        millionths = sum(counts[name] * price for name, price in self.per_million.items())
        return float(millionths / 1_000_000) + usage.transcription_seconds / 60 * self.transcription_minute


@attrs.frozen(kw_only=True)
class SessionUsage:
    """Everything a session spent so far."""

    responses: int = 0
    tokens: TokenCounts = attrs.field(factory=TokenCounts)
    transcription_seconds: float = 0.0
    last: TokenCounts | None = None
    """The last response's share."""

    def with_response(self, usage: Usage) -> SessionUsage:
        """Return the sum with one more response."""
        counts = TokenCounts.of(usage)
        return SessionUsage(
            responses=self.responses + 1,
            tokens=self.tokens + counts,
            transcription_seconds=self.transcription_seconds,
            last=counts,
        )

    def with_transcription(self, usage: TranscriptionUsage) -> SessionUsage:
        """Return the sum with one more transcription. A kind of billing newer than this library adds nothing."""
        if isinstance(usage, TranscriptionDurationUsage):
            return attrs.evolve(self, transcription_seconds=self.transcription_seconds + usage.seconds)
        if not isinstance(usage, TranscriptionTokenUsage):
            return self
        counts = TokenCounts(
            transcription_input=usage.input_tokens or 0,
            transcription_output=usage.output_tokens or 0,
        )
        return attrs.evolve(self, tokens=self.tokens + counts)


@attrs.frozen(kw_only=True)
class Budget:
    """A limit on what one session may spend; the first limit reached counts."""

    cost: float | None = None
    """In the currency of ``prices``."""
    prices: Prices | None = None
    tokens: int | None = None
    on_exceeded: Literal["close", "report"] = "close"
    """``close`` ends the session after ``budget_exceeded`` was heard; ``report`` leaves it to your listener."""

    def __attrs_post_init__(self) -> None:
        if self.cost is not None and self.prices is None:
            raise InvalidArgument("a cost limit needs prices", path="budget.prices")

    def exceeded_by(self, usage: SessionUsage) -> bool:
        """Say whether ``usage`` has reached a limit."""
        if self.tokens is not None and usage.tokens.total >= self.tokens:
            return True
        return self.cost is not None and self.prices is not None and self.prices.cost(usage) >= self.cost
