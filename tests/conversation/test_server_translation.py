"""The server role of a translation: frames on a grid, words with their place, a flush, and the end."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.conversation.server import Close
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.conversation.server_translation import (
    DEFAULT_TRANSLATION_MODEL,
    SpokenParts,
    TranslationServer,
    translation_session,
)
from realtime_transport.emulator import ClipTranscriber, library
from realtime_transport.events import (
    ClientEvent,
    ErrorFrame,
    InputTranscription,
    ServerEvent,
    TranslationAudioConfig,
    TranslationInputAudioBufferAppend,
    TranslationInputConfig,
    TranslationInputTranscriptDelta,
    TranslationOutputAudioDelta,
    TranslationOutputConfig,
    TranslationOutputTranscriptDelta,
    TranslationSessionClose,
    TranslationSessionClosed,
    TranslationSessionConfig,
    TranslationSessionCreated,
    TranslationSessionUpdate,
    TranslationSessionUpdated,
    UnknownClientEvent,
)
from realtime_transport.exceptions import DecodeError, ServerError
from realtime_transport.wire import to_dict

FRAME = 9600
"""Bytes of 200 ms."""


def wish(language: str = "es", **inputs: Any) -> TranslationSessionConfig:
    return TranslationSessionConfig(
        audio=TranslationAudioConfig(
            input=TranslationInputConfig(**inputs), output=TranslationOutputConfig(language=language)
        )
    )


class Served:
    """A server with a session, and what it said."""

    def __init__(self, **options: Any) -> None:
        self.server = TranslationServer(ids=counted_ids(), **options)
        self.server.open(0.0, 1_000.0)
        self.frames: list[ServerEvent] = self.server.frames_to_send()

    def say(self, *events: ClientEvent) -> list[ServerEvent]:
        for event in events:
            self.server.receive(event, 1.0)
        said = self.server.frames_to_send()
        self.frames += said
        return said

    def speak(self, audio: bytes) -> list[ServerEvent]:
        return self.say(TranslationInputAudioBufferAppend(audio=audio))

    def error(self, event: ClientEvent) -> tuple[str | None, str | None]:
        (frame,) = self.say(event)
        assert isinstance(frame, ErrorFrame)
        return frame.error.code or None, frame.error.param or None


def audio_of(frames: list[ServerEvent]) -> list[tuple[Any, int]]:
    return [(frame.elapsed_ms, len(frame.delta)) for frame in frames if isinstance(frame, TranslationOutputAudioDelta)]


# --- the session -------------------------------------------------------------------------------------------------


def test_the_session_is_announced() -> None:
    (created,) = Served(model="gpt-realtime-translate-2").frames
    assert isinstance(created, TranslationSessionCreated)
    assert (created.session.type, created.session.model) == ("translation", "gpt-realtime-translate-2")
    assert created.session.expires_at == 4_600
    assert created.session.audio
    assert created.session.audio.output == TranslationOutputConfig(language="en")


def test_a_session_that_nobody_configured_word_for_word() -> None:
    assert to_dict(translation_session("a-model", "sess_1")) == {
        "type": "translation",
        "id": "sess_1",
        "model": "a-model",
        "expires_at": 0,
        "audio": {"input": {"transcription": None, "noise_reduction": None}, "output": {"language": "en"}},
    }


def test_without_a_calendar_a_session_expires_by_its_own_clock() -> None:
    server = TranslationServer(ids=counted_ids(), session_seconds=90)
    server.open(5.0)
    assert (server.session.expires_at, server.next_deadline()) == (90, 95.0)


def test_a_refusal_names_the_event_and_what_would_have_done() -> None:
    (frame,) = Served().say(UnknownClientEvent(type="response.create", event_id="mine", raw={}))
    assert isinstance(frame, ErrorFrame)
    assert frame.error.event_id == "mine"
    assert frame.error.message == (
        "Invalid value: 'response.create'. Supported values are: 'session.close', "
        "'session.input_audio_buffer.append', 'session.update'."
    )


def test_15_mib_at_once_and_not_a_sample_more() -> None:
    served = Served()
    assert not [frame for frame in served.speak(bytes(15 << 20)) if isinstance(frame, ErrorFrame)]
    (frame,) = served.speak(bytes((15 << 20) + 2))
    assert isinstance(frame, ErrorFrame)
    assert frame.error.message == ("Invalid 'audio': at most 15728640 bytes may be appended at once, but got 15728642.")


def test_defaults_lie_under_what_is_asked_for() -> None:
    served = Served(defaults=wish("pt"))
    assert served.server.session.model == DEFAULT_TRANSLATION_MODEL
    (updated,) = served.say(TranslationSessionUpdate(session=wish("es", noise_reduction=None)))
    assert isinstance(updated, TranslationSessionUpdated)
    assert updated.session.audio == wish("es", transcription=None, noise_reduction=None).audio
    assert (updated.session.type, updated.session.id) == ("translation", "sess_000000000000000000001")


@pytest.mark.parametrize(
    "nothing",
    [
        TranslationSessionConfig(audio=None),
        TranslationSessionConfig(audio=TranslationAudioConfig(input=None, output=None)),
        wish(cast("Any", None), transcription=None),
    ],
    ids=["all", "sides", "fields"],
)
def test_null_switches_off_or_is_the_default(nothing: TranslationSessionConfig) -> None:
    served = Served(defaults=wish("pt"))
    assert Served(defaults=nothing).server.session.audio == Served().server.session.audio
    served.say(TranslationSessionUpdate(session=wish("es", transcription=InputTranscription(model="whisper-1"))))
    (updated,) = served.say(TranslationSessionUpdate(session=nothing))
    assert isinstance(updated, TranslationSessionUpdated)
    assert updated.session.audio == wish("pt", transcription=None, noise_reduction=None).audio


def test_the_model_came_with_the_connection_and_stays() -> None:
    served = Served()
    served.say(TranslationSessionUpdate(session=TranslationSessionConfig(model="another")))
    assert served.server.session.model == DEFAULT_TRANSLATION_MODEL


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (
            TranslationSessionUpdate(session=TranslationSessionConfig(type="translation")),
            ("unknown_parameter", "session.type"),
        ),
        (
            TranslationSessionUpdate(session=TranslationSessionConfig(extra={"voice": "marin"})),
            ("unknown_parameter", "session.voice"),
        ),
        (
            TranslationSessionUpdate(session=TranslationSessionConfig(id="mine")),
            ("unknown_parameter", "session.id"),
        ),
        (
            TranslationSessionUpdate(session=TranslationSessionConfig(expires_at=0)),
            ("unknown_parameter", "session.expires_at"),
        ),
        (UnknownClientEvent(type="response.create", raw={}), ("invalid_value", "type")),
        (TranslationInputAudioBufferAppend(audio=bytes(16 << 20)), ("invalid_value", "audio")),
    ],
    ids=["type", "voice", "id", "end", "response", "large"],
)
def test_what_is_wrong_is_answered_and_changes_nothing(event: ClientEvent, error: tuple[str, str]) -> None:
    served = Served()
    before = served.server.session
    assert served.error(event) == error
    assert served.server.session == before
    assert served.server.closing is None


def test_what_cannot_be_read_is_answered() -> None:
    served = Served()
    served.server.receive_unreadable(DecodeError("is required", path="audio"))
    served.server.receive_unreadable(DecodeError("no"), TranslationSessionClose(event_id="event_9"))
    first, second = served.say()
    assert isinstance(first, ErrorFrame)
    assert isinstance(second, ErrorFrame)
    assert (first.error.code, first.error.event_id) == ("missing_required_parameter", None)
    assert (second.error.code, second.error.event_id) == ("invalid_json", "event_9")


# --- speech ------------------------------------------------------------------------------------------------------


def test_speech_comes_back_a_second_later_on_the_grid() -> None:
    served = Served()
    assert served.speak(bytes(5 * FRAME)) == []
    said = served.speak(bytes(2 * FRAME))
    assert audio_of(said) == [(200, FRAME), (400, FRAME)]
    assert isinstance(said[0], TranslationOutputAudioDelta)
    assert (said[0].sample_rate, said[0].channels, said[0].format) == (24_000, 1, "pcm16")


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5 * FRAME), max_size=6))
def test_however_it_is_cut_all_of_it_comes_back(sizes: list[int]) -> None:
    served = Served()
    sent = b"".join(bytes([n + 1]) * size for n, size in enumerate(sizes))
    for n, size in enumerate(sizes):
        served.speak(bytes([n + 1]) * size)
    served.say(TranslationSessionClose())
    deltas = [frame for frame in served.frames if isinstance(frame, TranslationOutputAudioDelta)]
    assert [delta.elapsed_ms for delta in deltas] == [200 * n for n in range(1, len(deltas) + 1)]
    whole = len(sent) // 2 * 2
    assert b"".join(delta.delta for delta in deltas)[:whole] == sent[:whole]
    assert served.frames[-1] == TranslationSessionClosed(event_id=served.frames[-1].event_id)


def test_words_come_with_the_language_and_only_as_asked() -> None:
    speech = library().audio("caller_weather")
    served = Served(transcriber=ClipTranscriber(), defaults=wish("es"))
    served.speak(speech + bytes(5 * FRAME))
    words = [frame for frame in served.frames if isinstance(frame, TranslationOutputTranscriptDelta)]
    assert "".join(word.delta for word in words) == "[es] What is the weather like in Lisbon today? "
    assert {word.elapsed_ms for word in words} == {2800}, "the pause after it was noticed there"
    assert not [frame for frame in served.frames if isinstance(frame, TranslationInputTranscriptDelta)]
    served.say(TranslationSessionUpdate(session=wish("es", transcription=InputTranscription(model="whisper-1"))))
    served.speak(speech)
    served.say(TranslationSessionClose())
    source = [frame for frame in served.frames if isinstance(frame, TranslationInputTranscriptDelta)]
    assert {word.elapsed_ms for word in source} == {-(-(2 * len(speech) + 5 * FRAME) // FRAME) * 200}
    heard = [word.delta for word in source]
    assert "".join(heard) == "What is the weather like in Lisbon today? "


def test_speech_that_nobody_understands_has_no_words() -> None:
    served = Served()
    served.speak(library().audio("caller_weather"))
    served.say(TranslationSessionClose())
    assert {frame.type for frame in served.frames} == {
        "session.created",
        "session.output_audio.delta",
        "session.closed",
    }


def test_speech_whose_words_cannot_be_had_comes_back_whole_and_the_session_ends() -> None:
    class Fails:
        def transcribe(self, audio: bytes) -> str:
            raise ServerError("No such model.", code="DeploymentNotFound")

    speech = library().audio("caller_weather")
    served = Served(transcriber=Fails())
    served.speak(speech + bytes(2 * 48_000))
    served.say(TranslationSessionClose())
    assert {frame.type for frame in served.frames} == {
        "session.created",
        "session.output_audio.delta",
        "session.closed",
    }
    assert sum(length for _, length in audio_of(served.frames)) >= len(speech) + 2 * 48_000


# --- the end -----------------------------------------------------------------------------------------------------


def test_the_end_flushes_and_closes() -> None:
    served = Served()
    assert served.speak(bytes(100)) == []
    said = served.say(TranslationSessionClose())
    assert [frame.type for frame in said] == ["session.output_audio.delta", "session.closed"]
    assert audio_of(said) == [(200, FRAME)]
    assert served.server.closing == Close(1000, "")
    assert served.say(TranslationSessionClose()) == []
    assert served.server.next_deadline() is None


def test_an_hour_is_the_end() -> None:
    served = Served(session_seconds=3600.0)
    assert served.server.next_deadline() == 3600.0
    served.server.wake(3599.0)
    assert served.say() == []
    served.server.wake(3600.0)
    (frame,) = served.say()
    assert isinstance(frame, ErrorFrame)
    assert frame.error.code == "session_expired"
    assert served.server.closing is not None
    assert served.server.closing == Close(1001, "Your session hit the maximum duration of 60 minutes.")
    assert frame.error.message == served.server.closing.reason
    served.server.wake(3700.0)
    assert served.say() == []


def test_nothing_expires_before_it_has_begun() -> None:
    server = TranslationServer(ids=counted_ids())
    assert server.next_deadline() is None
    server.wake(1e9)
    assert server.closing is None


# --- what was said between two pauses ------------------------------------------------------------------------------


def test_every_part_is_found_once() -> None:
    parts, clip = SpokenParts(), library().audio("caller_weather")
    found = [part for _ in range(3) for piece in pieces(clip + bytes(4 * FRAME)) for part in parts.push(piece)]
    assert [ClipTranscriber().transcribe(part) for part in found] == [library().words("caller_weather")] * 3
    assert parts.flush() == []


def buzz(ms: int) -> bytes:
    """500 Hz, loud."""
    return (b"\x40\x1f" * 24 + b"\xc0\xe0" * 24) * (ms // 2)


def test_a_part_is_its_speech_with_300_ms_before_and_half_a_second_after_it() -> None:
    stream = bytes(960 * 48) + buzz(640) + bytes(960 * 48)
    part = stream[660 * 48 : 2112 * 48]
    assert SpokenParts().push(stream) == [part]
    assert SpokenParts().push(stream + stream) == [part, part]
    cut = SpokenParts()
    assert [found for piece in pieces(stream) for found in cut.push(piece)] == [part]
    open_end = SpokenParts()
    assert open_end.push(stream[: 1600 * 48]) == []
    assert open_end.flush() == [stream[660 * 48 : 1600 * 48]]


def test_of_silence_half_a_second_is_kept() -> None:
    parts = SpokenParts()
    for _ in range(50):
        parts.push(bytes(FRAME))
    assert len(parts._heard) == 500 * 48


def test_speech_without_a_pause_is_kept_within_bounds() -> None:
    parts, clip = SpokenParts(), library().audio("caller_weather")
    for _ in range(40):
        for piece in pieces(clip):
            assert len(parts._heard) <= 60_000 * 48 + FRAME
            parts.push(piece)
    (part,) = parts.flush()
    assert len(part) == 60_000 * 48


def pieces(audio: bytes) -> list[bytes]:
    return [audio[at : at + FRAME] for at in range(0, len(audio) // FRAME * FRAME, FRAME)]
