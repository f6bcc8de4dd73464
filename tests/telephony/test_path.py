"""Formats: agreed on where they can be, converted where not, and never over the application's own wish."""

from __future__ import annotations

import pytest

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.events.audio_config import (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
)
from realtime_transport.events.session import (
    AnySession,
    RealtimeSessionConfig,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
)
from realtime_transport.telephony.line import PartName
from realtime_transport.telephony.path import MediaPath, plan_for, with_phone_formats

A, B = PartName(item_id="a", content_index=0), PartName(item_id="b", content_index=0)


def formats(session: AnySession | None) -> tuple[object, object]:
    assert isinstance(session, RealtimeSessionConfig)
    assert session.audio
    assert session.audio.input
    assert session.audio.output
    return session.audio.input.format, session.audio.output.format


@pytest.mark.parametrize(
    ("phone", "asked"),
    [
        (PCMU, PcmuFormat()),
        (PCMA, PcmaFormat()),
        (PCM16_8K, PcmFormat(rate=24_000)),
        (PCM16_16K, PcmFormat(rate=24_000)),
    ],
    ids=str,
)
def test_the_phones_format_is_asked_for(phone: AudioFormat, asked: object) -> None:
    assert formats(with_phone_formats(None, phone, phone)) == (asked, asked)


def test_the_servers_default_needs_no_asking() -> None:
    assert with_phone_formats(None, PCM16_24K, PCM16_24K) is None


def test_the_applications_wish_stands_and_the_rest_stays() -> None:
    wanted = RealtimeSessionConfig(
        instructions="Be brief.",
        audio=AudioConfig(
            input=AudioInputConfig(format=PcmFormat(rate=24_000), turn_detection=None),
            output=AudioOutputConfig(voice="marin"),
        ),
    )
    made = with_phone_formats(wanted, PCMU, PCMU)
    assert formats(made) == (PcmFormat(rate=24_000), PcmuFormat())
    assert isinstance(made, RealtimeSessionConfig)
    assert made.instructions == "Be brief."
    assert made.audio
    assert made.audio.input
    assert made.audio.input.turn_detection is None
    assert made.audio.output
    assert made.audio.output.voice == "marin"


def test_other_sessions() -> None:
    transcription = with_phone_formats(TranscriptionSessionConfig(), PCMU, PCMU)
    assert isinstance(transcription, TranscriptionSessionConfig)
    assert transcription.audio
    assert transcription.audio.input
    assert transcription.audio.input.format == PcmuFormat()
    assert not transcription.audio.output
    translation = TranslationSessionConfig()
    assert with_phone_formats(translation, PCMU, PCMU) is translation


def test_a_plan_says_what_conversion_costs() -> None:
    plan = plan_for(PCM16_16K, PCM16_24K, PCM16_24K, PCM16_16K, 160.0)
    assert plan.converts
    assert "pcm16 16 kHz -> pcm16 24 kHz" in str(plan)
    assert 0 < plan.caller.delay_ms < 10
    assert not plan_for(PCMU, PCMU, PCMU, PCMU, 160.0).converts


def test_parts_are_flushed_when_the_next_begins() -> None:
    path = MediaPath(PCM16_8K, PCM16_8K)
    first = path.to_phone(bytes(4800), A, PCM16_24K)
    second = path.to_phone(bytes(4800), B, PCM16_24K)
    assert [part for part, _ in second] == [A, B]
    assert sum(len(data) for part, data in [*first, *second] if part == A) == 1600
    assert sum(len(data) for part, data in [*second, *path.finish()] if part == B) == 1600
    assert path.finish() == []


def test_an_interrupted_part_leaves_nothing() -> None:
    path = MediaPath(PCM16_8K, PCM16_8K)
    path.to_phone(b"\x10\x10" * 2400, A, PCM16_24K)
    path.reset()
    assert path.finish() == []
    assert set(path.to_phone(bytes(4800), B, PCM16_24K)[0][1]) == {0}


def test_the_caller_is_converted_to_whatever_the_session_has() -> None:
    path = MediaPath(PCMU, PCMU)
    assert path.to_model(b"\xff\xff", PCMU) == b"\xff\xff"
    assert path.to_model(b"\xff\xff", PCM16_8K) == bytes(4)
