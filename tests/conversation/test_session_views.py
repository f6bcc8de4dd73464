from typing import Any

import pytest

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.conversation.session_views import (
    input_format,
    output_format,
    server_interrupts,
    session_modalities,
    session_output_format,
    turn_detection,
    voice,
)
from realtime_transport.events import (
    UNSET,
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    RealtimeSessionConfig,
    SemanticVad,
    ServerVad,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
    UnknownObject,
)


def session(turn_detection: Any = UNSET, **audio: Any) -> RealtimeSessionConfig:
    return RealtimeSessionConfig(
        audio=AudioConfig(
            input=AudioInputConfig(format=audio.get("input", UNSET), turn_detection=turn_detection),
            output=AudioOutputConfig(format=audio.get("output", UNSET), voice="marin"),
        )
    )


NOTHING = (None, RealtimeSessionConfig(), TranslationSessionConfig(), RealtimeSessionConfig(audio=AudioConfig()))


@pytest.mark.parametrize("config", NOTHING)
def test_a_session_that_says_nothing_means_the_servers_defaults(config: Any) -> None:
    assert turn_detection(config) is UNSET
    assert voice(config) is UNSET
    assert server_interrupts(config)
    assert input_format(config) == PCM16_24K
    assert session_output_format(config) == PCM16_24K
    assert session_modalities(config) == ()


@pytest.mark.parametrize(
    ("detection", "interrupts"),
    [
        (ServerVad(), True),
        (ServerVad(interrupt_response=True), True),
        (ServerVad(interrupt_response=False), False),
        (SemanticVad(interrupt_response=False), False),
        (SemanticVad(), True),
        (UnknownObject(type="azure_semantic_vad"), True),
    ],
)
def test_the_server_interrupts_unless_told_not_to(detection: Any, interrupts: bool) -> None:
    assert server_interrupts(session(detection)) is interrupts


def test_formats_are_read_on_either_side() -> None:
    config = session(input=PcmuFormat(), output=PcmFormat(rate=16000))
    assert input_format(config) == PCMU
    assert session_output_format(config) == PCM16_16K
    assert voice(config) == "marin"


@pytest.mark.parametrize(
    "config", [PcmFormat(), PcmFormat(rate=24_000), PcmFormat(rate=8_000), PcmuFormat(), PcmaFormat()]
)
def test_the_usual_formats_mean_what_their_words_mean(config: Any) -> None:
    assert session_output_format(session(output=config)) == AudioFormat.parse(config)


@pytest.mark.parametrize(
    ("config", "usual"), [(PcmFormat(rate=24_000), PCM16_24K), (PcmuFormat(), PCMU), (PcmaFormat(), PCMA)]
)
def test_the_usual_formats_are_not_made_anew(config: Any, usual: AudioFormat) -> None:
    assert session_output_format(session(output=config)) is usual


def test_a_format_that_nobody_knows_counts_as_the_default() -> None:
    audio = AudioConfig(output=AudioOutputConfig(format=UnknownObject(type="audio/opus")))
    assert output_format(audio, PCM16_8K) == PCM16_8K


def test_a_transcription_session_has_an_input_too() -> None:
    config = TranscriptionSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=None)))
    assert turn_detection(config) is None
    assert session_modalities(config) == ()


def test_modalities_are_those_of_the_session() -> None:
    assert session_modalities(RealtimeSessionConfig(output_modalities=("text",))) == ("text",)
