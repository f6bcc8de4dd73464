"""The session as the server keeps it: its defaults, and what an update may change."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar, cast

import attrs

from realtime_transport.conversation.server_checks import check_event, check_rates
from realtime_transport.conversation.server_errors import refusal
from realtime_transport.conversation.session_config import merge
from realtime_transport.conversation.session_views import turn_detection, voice
from realtime_transport.events.audio_config import (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    InputTranscription,
    NoiseReduction,
    PcmFormat,
    SemanticVad,
    ServerVad,
)
from realtime_transport.events.base import UNSET
from realtime_transport.events.client import SessionUpdate
from realtime_transport.events.objects import ProtocolObject
from realtime_transport.events.session import (
    RealtimeSessionConfig,
    TranscriptionSessionConfig,
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
)

Session = RealtimeSessionConfig | TranscriptionSessionConfig
ConfigT = TypeVar("ConfigT", bound=ProtocolObject)

INSTRUCTIONS: Final = (
    "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI. Act like a human, but remember that "
    "you aren't a human and that you can't do human things in the real world. Your voice and personality should be "
    "warm and engaging, with a lively and playful tone. Talk quickly. You should always call a function if you can."
)
"""A session that was never told otherwise has instructions; the live service's begin with the same words."""

DEFAULT_MODEL: Final = "gpt-realtime"


PCM_RATES: Final = (24_000,)
"""Samples per second of PCM that are spoken; the first is the default of the caller's side."""


@attrs.frozen(kw_only=True)
class ModelDefaults:
    """What differs between models in a session that nobody configured."""

    voice: str = "marin"
    silence_duration_ms: int = 500


MODEL_DEFAULTS: Final[dict[str, ModelDefaults]] = {
    "gpt-realtime": ModelDefaults(voice="alloy", silence_duration_ms=200),
    "gpt-realtime-mini": ModelDefaults(voice="alloy", silence_duration_ms=200),
}
"""Models that are not here have the defaults of the newer ones."""


def _server_vad(silence_ms: int) -> ServerVad:
    return ServerVad(
        threshold=0.5,
        prefix_padding_ms=300,
        silence_duration_ms=silence_ms,
        idle_timeout_ms=None,
        create_response=True,
        interrupt_response=True,
    )


def _audio_input(silence_ms: int, rate: int) -> AudioInputConfig:
    return AudioInputConfig(
        format=PcmFormat(rate=rate),
        transcription=None,
        noise_reduction=None,
        turn_detection=_server_vad(silence_ms),
    )


def default_session(
    model: str,
    *,
    session_id: str,
    kind: Literal["realtime", "transcription"],
    input_rate: int = PCM_RATES[0],
) -> Session:
    """Make the session that nobody configured, field by field as the live service announces it."""
    defaults = MODEL_DEFAULTS.get(model, ModelDefaults())
    if kind == "transcription":
        return TranscriptionSessionConfig(
            object="realtime.transcription_session",
            id=session_id,
            expires_at=0,
            audio=AudioConfig(input=_audio_input(defaults.silence_duration_ms, input_rate)),
            include=None,
        )
    return RealtimeSessionConfig(
        object="realtime.session",
        id=session_id,
        model=model,
        output_modalities=("audio",),
        instructions=INSTRUCTIONS,
        tools=(),
        tool_choice="auto",
        max_output_tokens="inf",
        tracing=None,
        truncation="auto",
        prompt=None,
        expires_at=0,
        audio=AudioConfig(
            input=_audio_input(defaults.silence_duration_ms, input_rate),
            output=AudioOutputConfig(format=PcmFormat(rate=24_000), voice=defaults.voice, speed=1.0),
        ),
        include=None,
    )


class ServerSession:
    """One session: what is in force, and the rules by which it changes."""

    def __init__(self, config: Session, *, pcm_rates: tuple[int, ...] = PCM_RATES) -> None:
        self.config = config
        self.defaults = config
        self.pcm_rates = pcm_rates
        self.voice_is_fixed = False
        """Set once the conversation holds speech of the model."""

    @property
    def realtime(self) -> RealtimeSessionConfig:
        """The session of a conversation; a transcription session has no responses, and looks empty here."""
        return self.config if isinstance(self.config, RealtimeSessionConfig) else RealtimeSessionConfig()

    def update(self, event: SessionUpdate, *, beta: bool = False) -> None:
        """Lay the changes over what is in force: all of them or, raising ServerError, none.

        ``null`` switches off what can be switched off and puts anything else back to its default. The model came with
        the connection and stays. ``beta`` lets the fields pass that only the beta has.
        """
        changes = event.session
        if changes.type != self.config.type:
            raise refusal(
                "wrong_value",
                param="session.type",
                value=changes.type,
                reason=f"Passing a {changes.type} session update event to a {self.config.type} session is not allowed.",
            )
        check_event(event, beta=beta)
        check_rates(changes.audio, "session.audio", self.pcm_rates)
        if isinstance(changes, RealtimeSessionConfig):
            self._check_tracing(changes)
            changes = attrs.evolve(changes, model=UNSET)
        merged = merge(self.config, cast("Any", changes))
        config = _completed(restored(merged, self.defaults), self.defaults)
        if self.voice_is_fixed and voice(config) != voice(self.config):
            raise refusal("voice_is_fixed")
        self.config = config

    def _check_tracing(self, changes: RealtimeSessionConfig) -> None:
        current = self.realtime.tracing
        if current and changes.tracing and changes.tracing != current:
            raise refusal("tracing_is_fixed")


# --- after the merge ---------------------------------------------------------------------------------------------

_CAN_BE_NULL: Final = frozenset(
    {"transcription", "noise_reduction", "turn_detection", "tracing", "prompt", "include", "idle_timeout_ms"}
)
"""Fields for which ``null`` is a value of its own."""

_NEVER_ABSENT: Final = frozenset({"rate"})
"""Fields that are shown with their default where the object around them came without."""


_RESTORED_INSIDE: Final = (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    PcmFormat,
    ServerVad,
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
)


def restored(config: ConfigT, defaults: ProtocolObject) -> ConfigT:
    """Put fields that were set to ``null`` and cannot be, or are missing and must not, back to their defaults."""
    changed: dict[str, Any] = {}
    for field in attrs.fields(type(config)):
        value, default = getattr(config, field.name), getattr(defaults, field.name)
        missing = value is None or (value is UNSET and field.name in _NEVER_ABSENT)
        if missing and field.name not in _CAN_BE_NULL and default is not UNSET:
            changed[field.name] = default
        elif isinstance(value, _RESTORED_INSIDE) and isinstance(default, type(value)):
            changed[field.name] = restored(value, default)
    return attrs.evolve(config, **changed)


def _completed(session: Session, defaults: Session) -> Session:
    """Fill in what the live service shows of an object that was given in part."""
    audio = session.audio or AudioConfig()
    inputs = audio.input or AudioInputConfig()
    filled: dict[str, Any] = {}
    detection = inputs.turn_detection
    if isinstance(detection, ServerVad):
        silence = cast("ServerVad", turn_detection(defaults)).silence_duration_ms
        filled["turn_detection"] = merge(_server_vad(cast("int", silence)), detection)
    elif isinstance(detection, SemanticVad):
        whole = SemanticVad(eagerness="auto", create_response=True, interrupt_response=True)
        filled["turn_detection"] = merge(whole, detection)
    if isinstance(inputs.transcription, InputTranscription):
        filled["transcription"] = merge(InputTranscription(language=None, prompt=None), inputs.transcription)
    if isinstance(inputs.noise_reduction, NoiseReduction) and not inputs.noise_reduction.type:
        filled["noise_reduction"] = None
    return attrs.evolve(session, audio=attrs.evolve(audio, input=attrs.evolve(inputs, **filled)))
