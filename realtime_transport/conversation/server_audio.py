"""The caller's audio as the server hears it: the buffer, and who decides that a turn is over.

Everything that comes is kept as PCM16 at 24 kHz, whatever the session's input format is and however often it changes:
positions are then comparable for the whole session.
"""

from __future__ import annotations

from typing import Final, TypeAlias, cast

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.audio.vad import EnergyVad, SpeechStarted, VadEvent, VadSettings
from realtime_transport.conversation.brain import Transcriber, words_in
from realtime_transport.conversation.server_errors import refusal
from realtime_transport.conversation.server_outbox import Ids
from realtime_transport.conversation.session_views import input_format, turn_detection
from realtime_transport.events.audio_config import SemanticVad, ServerVad
from realtime_transport.events.session import AnySession

MIN_COMMIT_MS: Final = 100
"""The live server makes no item of less."""

MAX_APPEND_BYTES: Final = 15 * 1024 * 1024
"""Of audio in one event, by the documentation."""

_ONSET_MS: Final = 200
"""Audio kept before the padding: the detector takes 96 ms to be certain, and may hold a frame back."""


@attrs.frozen
class TurnStarted:
    """The caller began to speak; ``item_id`` is what the speech will become."""

    item_id: str
    audio_start_ms: int


@attrs.frozen
class TurnStopped:
    """The caller stopped."""

    item_id: str
    audio_end_ms: int
    audio: bytes
    """The whole turn, PCM16 at 24 kHz, padding and closing silence included."""


TurnEvent: TypeAlias = TurnStarted | TurnStopped

_NO_TURN: Final = TurnStarted("", 0)
"""Nobody speaks."""

# --- semantic turn detection -------------------------------------------------------------------------------------

_LONGEST_WAIT_MS: Final = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
"""Eagerness -> how long a caller who seems not to have finished is waited for, by the documentation."""

_WORDLESS_WAIT_MS: Final = {"low": 2_000, "medium": 1_000, "auto": 1_000, "high": 500}
"""The same where the words are not known, so that nothing can be judged: between the two."""

_SEMANTIC: Final = VadSettings(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=320)
"""What semantic detection asks of the detector: notice every gap, the words decide what it means."""

_SENTENCE_ENDS: Final = (".", "?", "!")


def wait_after(words: str, eagerness: str) -> int:
    """Say how many milliseconds of silence end a turn with these words: none more once a sentence is complete."""
    if not words:
        return _WORDLESS_WAIT_MS[eagerness]
    if words.rstrip().endswith(_SENTENCE_ENDS):
        return _SEMANTIC.silence_duration_ms
    return _LONGEST_WAIT_MS[eagerness]


# --- the buffer --------------------------------------------------------------------------------------------------


class InputAudio:
    """The input audio buffer of one session."""

    def __init__(self, ids: Ids, transcriber: Transcriber, *, max_seconds: float) -> None:
        self._ids = ids
        self._transcriber = transcriber
        self._max_bytes = PCM16_24K.bytes_for(max_seconds * 1000)
        self._format = PCM16_24K
        self._converter = Converter(PCM16_24K, PCM16_24K)
        self._buffer = bytearray()
        self._origin = 0
        """Where in the session's audio the buffer begins, in bytes."""
        self._detection: ServerVad | SemanticVad | None = None
        self._vad: EnergyVad | None = None
        self._vad_origin = 0
        """Where in the session's audio the detector began to listen, in bytes."""
        self._turn = _NO_TURN
        self._turn_began = 0
        self._gap_until: int | None = None
        """Semantic detection heard a gap: where the turn ends if the caller does not go on, in bytes."""

    @property
    def position_ms(self) -> int:
        """How much audio the session has heard."""
        return int(PCM16_24K.ms(self._origin + len(self._buffer)))

    @property
    def speaking(self) -> bool:
        """Whether a turn has started and not stopped."""
        return self._turn is not _NO_TURN

    @property
    def announced(self) -> str:
        """The id of the turn that has started and not stopped; empty when there is none."""
        return self._turn.item_id

    def configure(self, session: AnySession) -> None:
        """Follow the session. What was heard stays heard: only another kind of detection starts anew."""
        fmt = input_format(session)
        if fmt != self._format:
            self._switch_format(fmt)
        wanted = turn_detection(session)
        detection = wanted if isinstance(wanted, ServerVad | SemanticVad) else None
        if type(detection) is not type(self._detection):
            self._vad = EnergyVad(PCM16_24K.rate) if detection else None
            self._vad_origin = self._origin + len(self._buffer)
            self._turn, self._gap_until = _NO_TURN, None
        self._detection = detection
        if self._vad is not None:
            self._vad.settings = _settings(detection)

    def _switch_format(self, fmt: AudioFormat) -> None:
        self._buffer += self._converter.flush()
        self._format = fmt
        self._converter = Converter(fmt, PCM16_24K)

    # --- what the client does ------------------------------------------------------------------------------------

    def append(self, audio: bytes) -> list[TurnEvent]:
        """Hear more; say what turn detection makes of it. Raises the ServerError to be sent when it does not fit."""
        if len(audio) > MAX_APPEND_BYTES:
            raise refusal("append_too_large", limit=MAX_APPEND_BYTES, value=len(audio))
        # Before it is converted: half an hour of telephone audio in one event would take seconds to be refused.
        if len(self._buffer) + PCM16_24K.bytes_for(self._format.ms(len(audio))) > self._max_bytes:
            raise refusal("buffer_full", seconds=round(PCM16_24K.ms(len(self._buffer)) / 1000))
        heard = self._converter.push(audio)
        self._buffer += heard
        if self._vad is None:
            return []
        turns: list[TurnEvent] = []
        for event in self._vad.push(heard):
            turns += self._judge(event)
        turns += self._gap_over(self._end)
        if self._turn is _NO_TURN:
            self._forget_before(self._end - PCM16_24K.bytes_for(self._vad.settings.prefix_padding_ms + _ONSET_MS))
        return turns

    def commit(self) -> tuple[str, bytes]:
        """Take what is in the buffer as a user item: its id and its audio (PCM16, 24 kHz).

        Raises the ServerError to be sent when that is too little; while turn detection is on, only speech counts.
        """
        self._buffer += self._converter.flush()
        began = self._turn_began if self._turn is not _NO_TURN else self._origin
        empty = self._vad is not None and self._turn is _NO_TURN
        ms = 0.0 if empty else PCM16_24K.ms(self._end - began)
        if ms < MIN_COMMIT_MS:
            raise refusal("commit_empty", ms=ms)
        item_id = self._turn.item_id if self._turn is not _NO_TURN else self._ids("item")
        audio = self._take(began, self._end)
        self._forget_speech()
        return item_id, audio

    def clear(self) -> None:
        """Throw the buffer away, and the turn with it."""
        self._converter.reset()
        self._forget_before(self._end)
        self._forget_speech()

    def take_silence(self, begin_ms: int, end_ms: int) -> bytes:
        """Take the silence of an idle caller: what is still in the buffer of it, and nothing in its place."""
        missing = max(0, self._origin - PCM16_24K.bytes_for(begin_ms))
        kept = self._take(self._origin, max(self._origin, PCM16_24K.bytes_for(end_ms)))
        return bytes(missing) + kept

    # --- turn detection ------------------------------------------------------------------------------------------

    @property
    def _end(self) -> int:
        return self._origin + len(self._buffer)

    def _judge(self, event: VadEvent) -> list[TurnEvent]:
        at = self._vad_origin + PCM16_24K.bytes_for(event.ms)
        if isinstance(event, SpeechStarted):
            turns = self._gap_over(at)
            # Speech that goes on after a gap announces itself again, under another id; only the last is committed.
            self._turn_began = self._turn_began if self._turn is not _NO_TURN else max(at, self._origin)
            self._turn = TurnStarted(self._ids("item"), int(PCM16_24K.ms(at)))
            self._gap_until = None
            return [*turns, self._turn]
        if isinstance(self._detection, SemanticVad):
            words = words_in(bytes(self._between(self._turn_began, at)), self._transcriber)
            wait = wait_after(words, self._detection.eagerness or "auto") - _SEMANTIC.silence_duration_ms
            self._gap_until = at + PCM16_24K.bytes_for(max(0, wait))
            return []
        return self._stop(at)

    def _gap_over(self, position: int) -> list[TurnEvent]:
        """End the turn if its last gap has lasted long enough by ``position``."""
        if self._gap_until is None or position < self._gap_until:
            return []
        return self._stop(self._gap_until)

    def _stop(self, at: int) -> list[TurnEvent]:
        turn, self._turn, self._gap_until = self._turn, _NO_TURN, None
        return [TurnStopped(turn.item_id, int(PCM16_24K.ms(at)), self._take(self._turn_began, at))]

    def _forget_speech(self) -> None:
        self._turn, self._gap_until = _NO_TURN, None
        if self._vad is not None:
            self._vad.forget_speech()

    # --- bytes ---------------------------------------------------------------------------------------------------

    def _between(self, begin: int, end: int) -> bytearray:
        return self._buffer[begin - self._origin : end - self._origin]

    def _take(self, begin: int, end: int) -> bytes:
        audio = bytes(self._between(begin, end))
        self._forget_before(end)
        return audio

    def _forget_before(self, position: int) -> None:
        if position > self._origin:
            del self._buffer[: position - self._origin]
            self._origin = position


def _settings(detection: ServerVad | SemanticVad | None) -> VadSettings:
    """Say what the detector is told: the session's numbers, or those of semantic detection."""
    if not isinstance(detection, ServerVad):
        return _SEMANTIC
    return VadSettings(
        threshold=cast("float", detection.threshold),
        prefix_padding_ms=cast("int", detection.prefix_padding_ms),
        silence_duration_ms=cast("int", detection.silence_duration_ms),
    )
