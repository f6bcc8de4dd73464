"""What was spent and what is left: tokens, seconds of transcription, rate limits."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import attrs

from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.objects import ProtocolObject, UnknownObject


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CachedTokenDetails(ProtocolObject):
    """Cached input tokens by modality."""

    text_tokens: Maybe[int] = UNSET
    audio_tokens: Maybe[int] = UNSET
    image_tokens: Maybe[int] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputTokenDetails(ProtocolObject):
    """Input tokens by modality; audio counts 10 tokens per second."""

    text_tokens: Maybe[int] = UNSET
    audio_tokens: Maybe[int] = UNSET
    image_tokens: Maybe[int] = UNSET
    cached_tokens: Maybe[int] = UNSET
    """Part of the input that was cached, and is cheaper."""
    cached_tokens_details: Maybe[CachedTokenDetails] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OutputTokenDetails(ProtocolObject):
    """Output tokens by modality; audio counts 20 tokens per second."""

    text_tokens: Maybe[int] = UNSET
    audio_tokens: Maybe[int] = UNSET
    reasoning_tokens: Maybe[int] = UNSET
    """Counted in ``text_tokens`` too; present only when above zero."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Usage(ProtocolObject):
    """Tokens of one response. Several servers leave all or half of it out."""

    total_tokens: Maybe[int] = UNSET
    input_tokens: Maybe[int] = UNSET
    output_tokens: Maybe[int] = UNSET
    input_token_details: Maybe[InputTokenDetails] = UNSET
    output_token_details: Maybe[OutputTokenDetails] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranscriptionTokenUsage(ProtocolObject):
    """Transcription paid by the token (the ``gpt-4o-transcribe`` family)."""

    type: ClassVar[str] = "tokens"
    total_tokens: Maybe[int] = UNSET
    input_tokens: Maybe[int] = UNSET
    input_token_details: Maybe[InputTokenDetails] = UNSET
    output_tokens: Maybe[int] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranscriptionDurationUsage(ProtocolObject):
    """Transcription paid by the second (``whisper-1``, ``gpt-realtime-whisper``)."""

    type: ClassVar[str] = "duration"
    seconds: float


TranscriptionUsage: TypeAlias = TranscriptionTokenUsage | TranscriptionDurationUsage | UnknownObject
"""What one transcription cost. It is billed apart from the conversation's model."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class LogProb(ProtocolObject):
    """How sure the transcriber was of one token."""

    token: str
    logprob: float
    bytes: Maybe[tuple[int, ...]] = UNSET
    """The token in UTF-8, 0 to 255 each; a token may hold half a character."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranscriptionLanguage(ProtocolObject):
    """A language that the transcriber heard."""

    code: str
    """ISO-639-1."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RateLimit(ProtocolObject):
    """One limit of the account, and what is left of it."""

    name: Maybe[Literal["requests", "tokens"] | str] = UNSET
    limit: Maybe[int] = UNSET
    remaining: Maybe[int] = UNSET
    reset_seconds: Maybe[float] = UNSET
    """Seconds until it is full again."""
