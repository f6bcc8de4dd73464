"""Session configs: what a client asks for and what the server says is in force.

One class serves both directions. Every field is ``Maybe``: an update names only what it changes, and servers echo
what they please.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from realtime_transport.events.audio_config import AudioConfig, InputTranscription, NoiseReduction
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.objects import ProtocolObject, UnknownObject
from realtime_transport.events.tools import Tool, ToolChoice

# --- small settings ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Tracing(ProtocolObject):
    """How the server's traces of this session are labelled. The word ``"auto"`` may stand in its place."""

    workflow_name: Maybe[str] = UNSET
    group_id: Maybe[str] = UNSET
    metadata: Maybe[Mapping[str, Any]] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TokenLimits(ProtocolObject):
    """Limits on what is kept of a conversation."""

    post_instructions: Maybe[int] = UNSET
    """Tokens after the instructions."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RetentionRatio(ProtocolObject):
    """Cut the conversation to a share of the window when it overflows, so that the cache is hit for longer."""

    type: ClassVar[str] = "retention_ratio"
    retention_ratio: float
    """0 to 1."""
    token_limits: Maybe[TokenLimits] = UNSET


Truncation: TypeAlias = Literal["auto", "disabled"] | str | RetentionRatio | UnknownObject


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Reasoning(ProtocolObject):
    """How much a reasoning model thinks before it speaks."""

    effort: Maybe[Literal["minimal", "low", "medium", "high", "xhigh"] | str] = UNSET
    """``low`` is the server's default."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Prompt(ProtocolObject):
    """A prompt stored on the server, with values for its variables."""

    id: str
    version: Maybe[str] = UNSET
    variables: Maybe[Mapping[str, Any]] = UNSET
    """Name -> text, or an ``input_text`` / ``input_image`` / ``input_file`` object as JSON."""


MaxOutputTokens: TypeAlias = int | Literal["inf"] | str
"""1 to 4096 (more on newer models), or ``"inf"``."""

# --- the sessions ------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionConfig(ProtocolObject):
    """A speech-to-speech session."""

    type: Literal["realtime"] | str = "realtime"
    """Required by the server in every ``session.update``."""
    id: Maybe[str] = UNSET
    """Server only: ``sess_...``."""
    object: Maybe[str] = UNSET
    """Server only: ``realtime.session``."""
    expires_at: Maybe[int] = UNSET
    """Server only: Unix seconds, an hour after the session began."""
    model: Maybe[str] = UNSET
    """Chosen by the URL; a model in an update is accepted and ignored."""
    output_modalities: Maybe[tuple[Literal["audio", "text"] | str, ...]] = UNSET
    """Exactly one: ``audio`` (with transcript) or ``text``."""
    instructions: Maybe[str] = UNSET
    """The system prompt; an empty text clears it."""
    audio: Maybe[AudioConfig] = UNSET
    tools: Maybe[tuple[Tool, ...]] = UNSET
    """An empty tuple takes all tools away."""
    tool_choice: Maybe[ToolChoice] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    """Reasoning models only."""
    max_output_tokens: Maybe[MaxOutputTokens] = UNSET
    reasoning: Maybe[Reasoning] = UNSET
    tracing: Maybe[Literal["auto"] | str | Tracing] = UNSET
    """Cannot change once set, except to ``None``."""
    truncation: Maybe[Truncation] = UNSET
    prompt: Maybe[Prompt] = UNSET
    include: Maybe[tuple[str, ...]] = UNSET
    """``item.input_audio_transcription.logprobs`` is the one word so far."""
    client_secret: Maybe[Mapping[str, Any]] = attrs.field(default=UNSET, repr=False)
    """Server only, over HTTP: the short-lived key (``value``, ``expires_at``)."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranscriptionSessionConfig(ProtocolObject):
    """A session that only transcribes: no responses, no output."""

    type: Literal["transcription"] | str = "transcription"
    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    """Server only: ``realtime.transcription_session``."""
    expires_at: Maybe[int] = UNSET
    model: Maybe[str] = UNSET
    audio: Maybe[AudioConfig] = UNSET
    include: Maybe[tuple[str, ...]] = UNSET
    client_secret: Maybe[Mapping[str, Any]] = attrs.field(default=UNSET, repr=False)
    """Server only, over HTTP: the short-lived key (``value``, ``expires_at``)."""


# --- translation -------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationInputConfig(ProtocolObject):
    """What is done with the speech before it is translated."""

    transcription: Maybe[InputTranscription] = UNSET
    """Needed for ``session.input_transcript.delta`` to come at all."""
    noise_reduction: Maybe[NoiseReduction] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationOutputConfig(ProtocolObject):
    """What to translate into."""

    language: Maybe[str] = UNSET
    """ISO-639-1 (``es``)."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationAudioConfig(ProtocolObject):
    """``audio`` of a translation session. Its format is fixed: 24 kHz PCM16 both ways."""

    input: Maybe[TranslationInputConfig] = UNSET
    output: Maybe[TranslationOutputConfig] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationSessionConfig(ProtocolObject):
    """A session that interprets speech continuously into another language."""

    type: Maybe[Literal["translation"] | str] = UNSET
    """Server only: an update of a translation session has no ``type``."""
    id: Maybe[str] = UNSET
    model: Maybe[str] = UNSET
    expires_at: Maybe[int] = UNSET
    audio: Maybe[TranslationAudioConfig] = UNSET
    client_secret: Maybe[Mapping[str, Any]] = attrs.field(default=UNSET, repr=False)
    """Server only, over HTTP: the short-lived key (``value``, ``expires_at``)."""


AnySession: TypeAlias = RealtimeSessionConfig | TranscriptionSessionConfig | TranslationSessionConfig
"""Whatever a ``session`` field may hold."""
