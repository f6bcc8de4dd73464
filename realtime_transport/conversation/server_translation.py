"""The server role of a translation session: speech in, frames of 200 ms out, and words with their place.

What comes back is the caller's own voice a second later, and the words of a ``Transcriber`` with the language in front
of them: enough to build and to test against, and nobody takes it for a translation. Pure, like the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.framing import Framer
from realtime_transport.audio.vad import EnergyVad, SpeechStarted
from realtime_transport.conversation.brain import DeafTranscriber, Transcriber, words_in
from realtime_transport.conversation.server import Close
from realtime_transport.conversation.server_audio import MAX_APPEND_BYTES
from realtime_transport.conversation.server_checks import check_event
from realtime_transport.conversation.server_errors import refusal, unreadable
from realtime_transport.conversation.server_items import words_of
from realtime_transport.conversation.server_outbox import Ids, ServerOutbox
from realtime_transport.conversation.server_session import restored
from realtime_transport.conversation.session_config import merge
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.registry import TRANSLATION_CLIENT_EVENTS
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.session import (
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
    TranslationSessionConfig,
)
from realtime_transport.events.translation import (
    TranslationInputAudioBufferAppend,
    TranslationInputTranscriptDelta,
    TranslationOutputAudioDelta,
    TranslationOutputTranscriptDelta,
    TranslationSessionClose,
    TranslationSessionClosed,
    TranslationSessionCreated,
    TranslationSessionUpdate,
    TranslationSessionUpdated,
)
from realtime_transport.exceptions import DecodeError, ServerError

FRAME_MS: Final = 200
"""The grid of the live engine: it works in frames of so much input."""

LAG_FRAMES: Final = 5
"""How far the translation is behind, in frames. An interpreter has to hear a second before there is anything to say."""

DEFAULT_TRANSLATION_MODEL: Final = "gpt-realtime-translate"

_MAX_SPEECH_MS: Final = 60_000
"""Speech without a pause that is kept for its words, 2.9 MB; of more, the end counts."""

_BEFORE_SPEECH_MS: Final = 500
"""Kept of silence: turn detection reaches back 300 ms, and works in frames of its own."""


class TranslationServer:
    """One translation session; driven like a ``ServerPeer``, with ``open`` first.

    ``model`` comes from the URL. ``defaults`` is laid under what the client asks for. ``session_seconds`` is how long a
    session may last: the live service's hour.
    """

    def __init__(
        self,
        *,
        ids: Ids,
        model: str = DEFAULT_TRANSLATION_MODEL,
        defaults: TranslationSessionConfig | None = None,
        transcriber: Transcriber | None = None,
        session_seconds: float = 3600.0,
    ) -> None:
        self.closing: Close | None = None
        """Set when the connection is to be closed once the frames are sent."""
        self.session: TranslationSessionConfig = translation_session(model, ids("sess"), defaults)
        """What is in force."""
        self._defaults = self.session
        self._out = ServerOutbox(ids)
        self._transcriber = transcriber or DeafTranscriber()
        self._seconds = session_seconds
        self._expires: float | None = None
        self._framer = Framer(PCM16_24K, FRAME_MS)
        self._speech = SpokenParts()
        self._elapsed_ms = 0
        """Input that was taken in, in whole frames."""
        self._said_ms = 0
        """Output that was sent."""
        # At most LAG_FRAMES: what is heard and not yet said.
        self._unsaid: deque[bytes] = deque()
        self._handlers: Mapping[type[ClientEvent], Callable[[Any], None]] = {
            TranslationSessionUpdate: self._on_update,
            TranslationInputAudioBufferAppend: self._on_append,
            TranslationSessionClose: self._on_close,
        }

    # --- what a driver turns -----------------------------------------------------------------------------------------

    def open(self, now: float, unix_time: float = 0.0) -> None:
        """Begin: ``session.created`` is the first frame. ``unix_time`` is the calendar's, for ``expires_at`` only."""
        self._expires = now + self._seconds
        self.session = attrs.evolve(self.session, expires_at=int(unix_time + self._seconds))
        self._out.send(TranslationSessionCreated(session=self.session))

    def receive(self, event: ClientEvent, now: float) -> None:
        """Take what the client said. What is wrong with it is answered with an ``error`` frame and changes nothing."""
        if self.closing is not None:
            return
        try:
            handler = self._handlers.get(type(event))
            if handler is None:
                supported = ", ".join(f"'{name}'" for name in sorted(TRANSLATION_CLIENT_EVENTS))
                raise refusal("unknown_value", param="type", value=event.type, supported=supported)
            check_event(event)
            handler(event)
        except ServerError as error:
            self._out.refuse(error, event.event_id or None)

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None = None) -> None:
        """Answer a frame that the codec could not read, or not whole; ``event`` is what it made of it."""
        self._out.refuse(unreadable(error), event.event_id or None if event is not None else None)

    def frames_to_send(self) -> list[ServerEvent]:
        """Hand over what goes to the client."""
        return self._out.drain()

    def next_deadline(self) -> float | None:
        """When the session expires; None before it has begun and once it is over."""
        return self._expires if self.closing is None else None

    def wake(self, now: float) -> None:
        """End the session when its time is over."""
        deadline = self.next_deadline()
        if deadline is not None and now >= deadline:
            error = refusal("session_expired", minutes=self._seconds / 60)
            self._out.refuse(error)
            self.closing = Close(1001, error.message)

    # --- events ------------------------------------------------------------------------------------------------------

    def _on_update(self, event: TranslationSessionUpdate) -> None:
        if event.session.type:
            raise refusal("unknown_parameter", param="session.type")
        merged = restored(merge(self.session, event.session), self._defaults)
        self.session = attrs.evolve(merged, model=self.session.model)
        self._out.send(TranslationSessionUpdated(session=self.session))

    def _on_append(self, event: TranslationInputAudioBufferAppend) -> None:
        if len(event.audio) > MAX_APPEND_BYTES:
            raise refusal("append_too_large", limit=MAX_APPEND_BYTES, value=len(event.audio))
        for frame in self._framer.push(event.audio):
            self._hear(frame)

    def _on_close(self, _: TranslationSessionClose) -> None:
        """Say what was heard to its end, then ``session.closed``, and close the connection."""
        for frame in self._framer.flush():
            self._hear(frame)
        self._tell_words(self._speech.flush())
        while self._unsaid:
            self._say()
        self._out.send(TranslationSessionClosed())
        self.closing = Close(1000, "")

    # --- interpreting ------------------------------------------------------------------------------------------------

    def _hear(self, frame: bytes) -> None:
        self._elapsed_ms += FRAME_MS
        self._unsaid.append(frame)
        self._tell_words(self._speech.push(frame))
        if len(self._unsaid) > LAG_FRAMES:
            self._say()

    def _say(self) -> None:
        self._said_ms += FRAME_MS
        self._out.send(
            TranslationOutputAudioDelta(
                delta=self._unsaid.popleft(),
                sample_rate=PCM16_24K.rate,
                channels=PCM16_24K.channels,
                format="pcm16",
                elapsed_ms=self._said_ms,
            )
        )

    def _tell_words(self, parts: Iterable[bytes]) -> None:
        audio = self.session.audio or TranslationAudioConfig()
        language = (audio.output or TranslationOutputConfig()).language
        transcribes = bool((audio.input or TranslationInputConfig()).transcription)
        for part in parts:
            words = words_in(part, self._transcriber)
            if not words:
                continue
            for word in words_of(f"{words} ") if transcribes else ():
                self._out.send(TranslationInputTranscriptDelta(delta=word, elapsed_ms=self._elapsed_ms))
            for word in words_of(f"[{language}] {words} "):
                self._out.send(TranslationOutputTranscriptDelta(delta=word, elapsed_ms=self._elapsed_ms))


def translation_session(
    model: str, session_id: str, defaults: TranslationSessionConfig | None = None
) -> TranslationSessionConfig:
    """Make the session that nobody configured, with ``defaults`` laid over it."""
    session = TranslationSessionConfig(
        type="translation",
        id=session_id,
        model=model,
        expires_at=0,
        audio=TranslationAudioConfig(
            input=TranslationInputConfig(transcription=None, noise_reduction=None),
            output=TranslationOutputConfig(language="en"),
        ),
    )
    return session if defaults is None else restored(merge(session, defaults), session)


class SpokenParts:
    """Cuts a stream into what was said between two pauses."""

    def __init__(self) -> None:
        self._vad = EnergyVad(PCM16_24K.rate)
        self._heard = bytearray()
        """The end of the stream, from ``_from_ms`` on; at most ``_MAX_SPEECH_MS``."""
        self._from_ms = 0.0
        self._began_ms: float | None = None
        """Where the running speech began; None in a pause."""

    def push(self, audio: bytes) -> list[bytes]:
        """Take more of the stream; return the parts that have ended."""
        self._heard += audio
        ended: list[bytes] = []
        for event in self._vad.push(audio):
            if isinstance(event, SpeechStarted):
                self._began_ms = event.ms
            else:
                ended += self._take(event.ms)
        self._forget()
        return ended

    def flush(self) -> list[bytes]:
        """End the stream; return the part that was still being said."""
        return self._take(self._from_ms + PCM16_24K.ms(len(self._heard)))

    def _take(self, end_ms: float) -> list[bytes]:
        if self._began_ms is None:
            return []
        begin, end = (PCM16_24K.bytes_for(ms - self._from_ms) for ms in (self._began_ms, end_ms))
        self._began_ms = None
        return [bytes(self._heard[begin:end])]

    def _forget(self) -> None:
        end_ms = self._from_ms + PCM16_24K.ms(len(self._heard))
        keep_ms = end_ms - _BEFORE_SPEECH_MS if self._began_ms is None else self._began_ms
        keep_ms = max(self._from_ms, keep_ms, end_ms - _MAX_SPEECH_MS)
        del self._heard[: PCM16_24K.bytes_for(keep_ms - self._from_ms)]
        self._from_ms = keep_ms
        if self._began_ms is not None:
            self._began_ms = max(self._began_ms, keep_ms)
