"""The way of the sound between phone and model: formats agreed on, and conversion where that cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from realtime_transport.audio.convert import Converter
from realtime_transport.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.events.audio_config import (
    AudioConfig,
    AudioFormatConfig,
    AudioInputConfig,
    AudioOutputConfig,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
)
from realtime_transport.events.session import AnySession, RealtimeSessionConfig, TranscriptionSessionConfig
from realtime_transport.telephony.line import PartName

SPOKEN_BY_MODELS: Final[Mapping[AudioFormat, AudioFormatConfig]] = {
    PCMU: PcmuFormat(),
    PCMA: PcmaFormat(),
    PCM16_24K: PcmFormat(rate=24_000),
}
"""What a Realtime server takes without conversion, and how a session asks for it."""


def asked_for(fmt: AudioFormat) -> AudioFormatConfig:
    """Return the session's format that needs the least conversion: the phone's own, else PCM at 24 kHz."""
    return SPOKEN_BY_MODELS.get(fmt, SPOKEN_BY_MODELS[PCM16_24K])


def with_phone_formats(session: AnySession | None, caller: AudioFormat, agent: AudioFormat) -> AnySession | None:
    """Return the session config with the phone's formats, unless it names its own, in which case sound is converted.

    None stays None where the server's default already is the phone's format.
    """
    if session is None:
        if caller == agent == PCM16_24K:
            return None
        session = RealtimeSessionConfig()
    if not isinstance(session, RealtimeSessionConfig | TranscriptionSessionConfig):
        return session  # a translation has formats of its own
    audio = session.audio or AudioConfig()
    heard = audio.input or AudioInputConfig()
    heard = attrs.evolve(heard, format=heard.format or asked_for(caller))
    if isinstance(session, TranscriptionSessionConfig):
        return attrs.evolve(session, audio=attrs.evolve(audio, input=heard))
    said = audio.output or AudioOutputConfig()
    said = attrs.evolve(said, format=said.format or asked_for(agent))
    return attrs.evolve(session, audio=attrs.evolve(audio, input=heard, output=said))


@attrs.frozen(kw_only=True)
class Hop:
    """One direction of the sound."""

    name: str
    source: AudioFormat
    target: AudioFormat
    delay_ms: float
    """What conversion holds back, always the same; 0 where the bytes pass untouched."""

    def __str__(self) -> str:
        way = f"{self.source}, untouched" if self.source == self.target else f"{self.source} -> {self.target}"
        return f"{self.name}: {way}, {self.delay_ms:.1f} ms"


@attrs.frozen(kw_only=True)
class MediaPlan:
    """How sound travels on a call, and what that costs. ``print()`` it."""

    caller: Hop
    agent: Hop
    lead_ms: float
    """Speech that is with the carrier ahead of what is heard."""

    @property
    def converts(self) -> bool:
        """Whether anything is converted at all."""
        return any(hop.source != hop.target for hop in (self.caller, self.agent))

    def __str__(self) -> str:
        return f"{self.caller}\n{self.agent}, written {self.lead_ms:g} ms ahead"


class MediaPath:
    """The converters of one call. Each is made anew when its formats change, which happens between items only."""

    def __init__(self, caller: AudioFormat, agent: AudioFormat) -> None:
        self._caller = caller
        self._agent = agent
        self._in = Converter(caller, caller)
        self._out = Converter(agent, agent)
        self._speaking: PartName | None = None

    def to_model(self, audio: bytes, fmt: AudioFormat) -> bytes:
        """Turn the caller's audio into the session's input format."""
        if fmt != self._in.target:
            self._in = Converter(self._caller, fmt)
        return self._in.push(audio)

    def to_phone(self, audio: bytes, part: PartName, fmt: AudioFormat) -> list[tuple[PartName, bytes]]:
        """Turn a piece of the agent's speech, in ``fmt``, into the carrier's format; end the part before it."""
        ready = self.finish() if part != self._speaking else []
        if fmt != self._out.source:
            self._out = Converter(fmt, self._agent)
        self._speaking = part
        return [*ready, (part, self._out.push(audio))]

    def finish(self) -> list[tuple[PartName, bytes]]:
        """Return what the resampler holds back of the part that was being said: call it at its end."""
        part, self._speaking = self._speaking, None
        return [] if part is None else [(part, self._out.flush())]

    def reset(self) -> None:
        """Drop what the resampler holds back: it was interrupted."""
        self._speaking = None
        self._out.reset()


def plan_for(
    caller: AudioFormat, heard: AudioFormat, said: AudioFormat, agent: AudioFormat, lead_ms: float
) -> MediaPlan:
    """Describe the way from ``caller`` to ``heard`` (the session's input), and from ``said`` to ``agent``."""
    return MediaPlan(
        caller=Hop(name="caller to model", source=caller, target=heard, delay_ms=Converter(caller, heard).delay_ms),
        agent=Hop(name="model to caller", source=said, target=agent, delay_ms=Converter(said, agent).delay_ms),
        lead_ms=lead_ms,
    )
