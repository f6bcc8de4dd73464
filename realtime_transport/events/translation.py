"""The translation family: a session that interprets speech continuously, with a vocabulary of its own.

No responses, items, commits or turn detection, and no ``.done`` events. Audio is 24 kHz PCM16 both ways. ``error`` is
the same ``ErrorFrame`` as elsewhere.
"""

from __future__ import annotations

from typing import Literal

import attrs

from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.objects import size_only
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.session import TranslationSessionConfig

# --- what the client says ----------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationSessionUpdate(ClientEvent):
    """Change the session: language, transcription, noise reduction."""

    type = "session.update"
    session: TranslationSessionConfig


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationInputAudioBufferAppend(ClientEvent):
    """Send audio. Keep sending in pauses too, silence then: the translation runs on the clock of the input."""

    type = "session.input_audio_buffer.append"
    audio: bytes = attrs.field(repr=size_only)
    """24 kHz PCM16; the server works in frames of 200 ms."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationSessionClose(ClientEvent):
    """End the session: what is still to be said is sent, then ``session.closed``."""

    type = "session.close"


# --- what the server says ----------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationSessionCreated(ServerEvent):
    """The first frame: the session in force."""

    type = "session.created"
    session: TranslationSessionConfig


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationSessionUpdated(ServerEvent):
    """An update was accepted: the session in force now."""

    type = "session.updated"
    session: TranslationSessionConfig


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationInputTranscriptDelta(ServerEvent):
    """More words of the speaker, only when transcription is on."""

    type = "session.input_transcript.delta"
    delta: str
    elapsed_ms: Maybe[int] = UNSET
    """Where in the session's audio, in milliseconds; steps of 200, may repeat."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationOutputTranscriptDelta(ServerEvent):
    """More words of the translation."""

    type = "session.output_transcript.delta"
    delta: str
    elapsed_ms: Maybe[int] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationOutputAudioDelta(ServerEvent):
    """More speech of the translation."""

    type = "session.output_audio.delta"
    delta: bytes = attrs.field(repr=size_only)
    sample_rate: Maybe[int] = UNSET
    """24000 so far."""
    channels: Maybe[int] = UNSET
    """1 so far."""
    format: Maybe[Literal["pcm16"] | str] = UNSET
    elapsed_ms: Maybe[int] = UNSET


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TranslationSessionClosed(ServerEvent):
    """Everything was said; the socket closes."""

    type = "session.closed"
