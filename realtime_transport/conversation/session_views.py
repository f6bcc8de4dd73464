"""What a session config says about the few things that the conversation itself depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from realtime_transport.audio import PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.events.audio_config import (
    AudioConfig,
    AudioFormatConfig,
    AudioInputConfig,
    AudioOutputConfig,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    SemanticVad,
    ServerVad,
    TurnDetection,
    Voice,
)
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.session import AnySession, RealtimeSessionConfig, TranslationSessionConfig
from realtime_transport.exceptions import InvalidArgument

_USUAL_FORMATS: Final[Mapping[tuple[type[AudioFormatConfig], object], AudioFormat]] = {
    (PcmFormat, 24_000): PCM16_24K,
    (PcmuFormat, None): PCMU,
    (PcmaFormat, None): PCMA,
}
"""What OpenAI's formats mean, by class and rate: every response names one, and reading its words takes a while."""


def turn_detection(session: AnySession | None) -> Maybe[TurnDetection]:
    """Find who decides that a turn is over: None for the client, UNSET when the session does not say."""
    inputs = _audio(session).input
    return inputs.turn_detection if isinstance(inputs, AudioInputConfig) else UNSET


def server_interrupts(session: AnySession | None) -> bool:
    """Whether the server cancels the running response when the caller starts to speak: its default is that it does."""
    detection = turn_detection(session)
    return not isinstance(detection, ServerVad | SemanticVad) or detection.interrupt_response is not False


def voice(session: AnySession | None) -> Maybe[Voice]:
    """Find the voice."""
    output = _audio(session).output
    return output.voice if isinstance(output, AudioOutputConfig) else UNSET


def input_format(session: AnySession | None) -> AudioFormat:
    """Find the format of the caller's audio; PCM16 at 24 kHz unless the session says otherwise."""
    inputs = _audio(session).input
    return audio_format(inputs.format if isinstance(inputs, AudioInputConfig) else UNSET, PCM16_24K)


def output_format(audio: Maybe[AudioConfig], default: AudioFormat) -> AudioFormat:
    """Find the format of the agent's audio in the ``audio`` of a session or of a response, else ``default``."""
    output = audio.output if isinstance(audio, AudioConfig) else UNSET
    return audio_format(output.format if isinstance(output, AudioOutputConfig) else UNSET, default)


def session_output_format(session: AnySession | None) -> AudioFormat:
    """Find the format of the agent's audio; PCM16 at 24 kHz unless the session says otherwise."""
    return output_format(_audio(session), PCM16_24K)


def audio_format(config: Maybe[AudioFormatConfig], default: AudioFormat) -> AudioFormat:
    """Read a format; one that nobody here knows counts as ``default``, for want of a better guess."""
    if not config:
        return default
    usual = _USUAL_FORMATS.get((type(config), getattr(config, "rate", None)))
    if usual is not None:
        return usual
    try:
        return AudioFormat.parse(config)
    except InvalidArgument:
        return default


def session_modalities(session: AnySession | None) -> tuple[str, ...]:
    """Find what the agent answers with, empty when the session does not say."""
    return (session.output_modalities or ()) if isinstance(session, RealtimeSessionConfig) else ()


def _audio(session: AnySession | None) -> AudioConfig:
    if session is None or isinstance(session, TranslationSessionConfig):
        return AudioConfig()
    return session.audio or AudioConfig()
