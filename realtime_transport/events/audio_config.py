"""How audio is configured: formats, turn detection, transcription, noise reduction, voice."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import attrs

from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.objects import ProtocolObject, UnknownObject

# --- formats -----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PcmFormat(ProtocolObject):
    """Signed 16-bit little-endian PCM, one channel."""

    type: ClassVar[str] = "audio/pcm"
    rate: Maybe[int] = UNSET
    """Samples per second. OpenAI GA knows 24000 only; other dialects take other rates."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PcmuFormat(ProtocolObject):
    """G.711 mu-law, 8000 samples per second, one byte each."""

    type: ClassVar[str] = "audio/pcmu"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PcmaFormat(ProtocolObject):
    """G.711 A-law, 8000 samples per second, one byte each."""

    type: ClassVar[str] = "audio/pcma"


AudioFormatConfig: TypeAlias = PcmFormat | PcmuFormat | PcmaFormat | UnknownObject
"""A format as the session spells it."""

# --- turn detection ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ServerVad(ProtocolObject):
    """Turn detection by loudness: speech begins above ``threshold`` and ends after a silence."""

    type: ClassVar[str] = "server_vad"
    threshold: Maybe[float] = UNSET
    """0 to 1; higher needs louder speech. The server's default is 0.5."""
    prefix_padding_ms: Maybe[int] = UNSET
    """Audio kept from before the speech was noticed, in milliseconds (300)."""
    silence_duration_ms: Maybe[int] = UNSET
    """Silence that ends the turn, in milliseconds (500; ``gpt-realtime`` itself: 200)."""
    idle_timeout_ms: Maybe[int] = UNSET
    """The server speaks up after this silence, counted from the end of its last audio: 5000 to 30000."""
    create_response: Maybe[bool] = UNSET
    """Answer when the turn ends (true)."""
    interrupt_response: Maybe[bool] = UNSET
    """Cancel the running response when speech starts (true)."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SemanticVad(ProtocolObject):
    """Turn detection by meaning: a model judges whether the caller has finished."""

    type: ClassVar[str] = "semantic_vad"
    eagerness: Maybe[Literal["low", "medium", "high", "auto"] | str] = UNSET
    """How soon to answer; the longest waits are 8, 4 and 2 s, ``auto`` is ``medium``."""
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET


TurnDetection: TypeAlias = ServerVad | SemanticVad | UnknownObject
"""Who decides that a turn is over. ``null`` in the config means: the client does, with ``commit``."""

# --- what else happens to audio ----------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InputTranscription(ProtocolObject):
    """Transcribe the caller beside the conversation; what the model hears is the audio, not this text."""

    model: Maybe[str] = UNSET
    """``whisper-1``, ``gpt-4o-transcribe``, ``gpt-realtime-whisper``, ..."""
    language: Maybe[str] = UNSET
    """ISO-639-1 (``en``)."""
    languages: Maybe[tuple[str, ...]] = UNSET
    """Languages to expect, for the models that take several."""
    prompt: Maybe[str] = UNSET
    keywords: Maybe[tuple[str, ...]] = UNSET
    """Words that are likely to be said."""
    delay: Maybe[Literal["minimal", "low", "medium", "high", "xhigh"] | str] = UNSET
    """How long the transcriber may wait for context before it commits to words."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class NoiseReduction(ProtocolObject):
    """Filter the caller's audio before turn detection and model."""

    type: Maybe[Literal["near_field", "far_field"] | str] = UNSET
    """``near_field`` for headsets and phones, ``far_field`` for rooms and laptops."""
    strength: Maybe[float] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class VoiceId(ProtocolObject):
    """A custom voice, by id."""

    id: str


Voice: TypeAlias = str | VoiceId | UnknownObject
"""A voice by name (``marin``), by id, or as an object of some other dialect."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioInputConfig(ProtocolObject):
    """The caller's side of ``session.audio``."""

    format: Maybe[AudioFormatConfig] = UNSET
    transcription: Maybe[InputTranscription] = UNSET
    """``None`` switches transcription off."""
    noise_reduction: Maybe[NoiseReduction] = UNSET
    """``None`` switches noise reduction off."""
    turn_detection: Maybe[TurnDetection] = UNSET
    """``None`` switches turn detection off: commit and ask for responses yourself."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioOutputConfig(ProtocolObject):
    """The agent's side of ``audio``, of a session or of one response."""

    format: Maybe[AudioFormatConfig] = UNSET
    voice: Maybe[Voice] = UNSET
    """Cannot change once the session has produced audio (``cannot_update_voice``)."""
    speed: Maybe[float] = UNSET
    """0.25 to 1.5, 1.0 is the model's own pace. Sessions only; ``response.create`` has no such field."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AudioConfig(ProtocolObject):
    """``audio`` of a session, of ``response.create`` and of a response: the last two have an output only."""

    input: Maybe[AudioInputConfig] = UNSET
    output: Maybe[AudioOutputConfig] = UNSET
