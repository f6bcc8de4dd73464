from typing import Any

import pytest

from realtime_transport.audio import PCM16_16K, PCMA, PCMU
from realtime_transport.conversation.session_shape import from_legacy, session_from, translation_session_from
from realtime_transport.events import (
    UNSET,
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    FunctionTool,
    InputTranscription,
    McpApprovalFilter,
    McpTool,
    McpToolFilter,
    NoiseReduction,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    Prompt,
    RealtimeSessionConfig,
    Reasoning,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    TokenLimits,
    ToolChoiceFunction,
    ToolChoiceMcp,
    Tracing,
    TranscriptionSessionConfig,
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
    TranslationSessionConfig,
    UnknownObject,
    VoiceId,
)
from realtime_transport.exceptions import InvalidArgument


def realtime(**config: Any) -> RealtimeSessionConfig:
    session = session_from(config)
    assert isinstance(session, RealtimeSessionConfig)
    return session


def test_the_ga_shape_becomes_objects() -> None:
    session = realtime(
        type="realtime",
        instructions="Be brief.",
        output_modalities=["audio"],
        max_output_tokens="inf",
        parallel_tool_calls=False,
        audio={
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
                "transcription": {"model": "whisper-1", "keywords": ["Kyoto"]},
                "noise_reduction": None,
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.1},
        },
        reasoning={"effort": "low"},
        prompt={"id": "pmpt_1"},
        tracing="auto",
        truncation={"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
        include=["item.input_audio_transcription.logprobs"],
    )
    assert session == RealtimeSessionConfig(
        instructions="Be brief.",
        output_modalities=("audio",),
        max_output_tokens="inf",
        parallel_tool_calls=False,
        audio=AudioConfig(
            input=AudioInputConfig(
                format=PcmFormat(rate=24000),
                turn_detection=SemanticVad(eagerness="low"),
                transcription=InputTranscription(model="whisper-1", keywords=("Kyoto",)),
                noise_reduction=None,
            ),
            output=AudioOutputConfig(format=PcmuFormat(), voice="marin", speed=1.1),
        ),
        reasoning=Reasoning(effort="low"),
        prompt=Prompt(id="pmpt_1"),
        tracing="auto",
        truncation=RetentionRatio(retention_ratio=0.8, token_limits=TokenLimits(post_instructions=8000)),
        include=("item.input_audio_transcription.logprobs",),
    )


def test_tools_and_their_choice_become_objects() -> None:
    session = realtime(
        tools=[
            {"type": "function", "name": "clock", "parameters": {"type": "object"}},
            FunctionTool(name="dice"),
            {
                "type": "mcp",
                "server_label": "docs",
                "allowed_tools": {"tool_names": ["search"], "read_only": True},
                "require_approval": {"never": {"tool_names": ["search"]}},
            },
            {"type": "mcp", "server_label": "all", "allowed_tools": ["a"], "require_approval": "never"},
            {"type": "web_search", "depth": 3},
        ],
        tool_choice={"type": "function", "name": "clock"},
    )
    assert session.tools == (
        FunctionTool(name="clock", parameters={"type": "object"}),
        FunctionTool(name="dice"),
        McpTool(
            server_label="docs",
            allowed_tools=McpToolFilter(tool_names=("search",), read_only=True),
            require_approval=McpApprovalFilter(never=McpToolFilter(tool_names=("search",))),
        ),
        McpTool(server_label="all", allowed_tools=("a",), require_approval="never"),
        UnknownObject(type="web_search", extra={"depth": 3}),
    )
    assert session.tool_choice == ToolChoiceFunction(name="clock")
    assert realtime(tool_choice="required").tool_choice == "required"
    assert realtime(tool_choice={"type": "mcp", "server_label": "docs"}).tool_choice == ToolChoiceMcp(
        server_label="docs"
    )


def test_tracing_and_voice_may_be_objects() -> None:
    session = realtime(tracing={"workflow_name": "demo"}, audio={"output": {"voice": {"id": "voice_1"}}})
    assert session.tracing == Tracing(workflow_name="demo")
    assert session.audio
    assert session.audio.output == AudioOutputConfig(voice=VoiceId(id="voice_1"))


def test_none_switches_off_and_absent_keeps() -> None:
    session = realtime(audio={"input": {"turn_detection": None}}, tracing=None)
    assert session.tracing is None
    assert session.instructions is UNSET
    assert session.audio
    assert session.audio.input == AudioInputConfig(turn_detection=None)


def test_unknown_fields_are_kept() -> None:
    session = realtime(temperature=0.7, audio={"input": {"echo_cancellation": True}})
    assert session.extra == {"temperature": 0.7}
    assert session.audio
    assert session.audio.input == AudioInputConfig(extra={"echo_cancellation": True})


def test_the_type_of_an_object_with_one_word_for_it_is_not_an_extra() -> None:
    session = realtime(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.4}}})
    assert session.audio == AudioConfig(input=AudioInputConfig(turn_detection=ServerVad(threshold=0.4)))


def test_a_field_named_extra_is_an_unknown_field_like_any_other() -> None:
    assert realtime(extra=1).extra == {"extra": 1}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("pcm16", PcmFormat(rate=24000)),
        ("g711_ulaw", PcmuFormat()),
        ("g711_alaw", PcmaFormat()),
        (PCM16_16K, PcmFormat(rate=16000)),
        (PCMU, PcmuFormat()),
        (PCMA, PcmaFormat()),
        (PcmFormat(rate=8000), PcmFormat(rate=8000)),
        ({"type": "audio/opus"}, UnknownObject(type="audio/opus")),
    ],
)
def test_formats_may_be_given_in_any_spelling(given: object, expected: object) -> None:
    session = realtime(audio={"output": {"format": given}})
    assert session.audio
    assert session.audio.output == AudioOutputConfig(format=expected)  # type: ignore[arg-type]


def test_objects_are_taken_as_they_are() -> None:
    config = TranscriptionSessionConfig(audio=AudioConfig(input=AudioInputConfig(noise_reduction=NoiseReduction())))
    assert session_from(config) is config
    assert realtime(audio=AudioConfig(), reasoning=Reasoning()).audio == AudioConfig()


def test_without_a_kind_it_is_of_the_kind_in_force() -> None:
    assert isinstance(session_from({}), RealtimeSessionConfig)
    assert isinstance(session_from({}, TranscriptionSessionConfig()), TranscriptionSessionConfig)
    assert isinstance(session_from({"type": "transcription", "audio": {}}), TranscriptionSessionConfig)


@pytest.mark.parametrize(
    ("in_force", "expected"),
    [
        (None, ServerVad(threshold=0.7)),
        (ServerVad(threshold=0.5), ServerVad(threshold=0.7)),
        (SemanticVad(), SemanticVad(extra={"threshold": 0.7})),
        (UnknownObject(type="azure_semantic_vad"), ServerVad(threshold=0.7)),
    ],
)
def test_turn_detection_without_a_kind_is_of_the_kind_in_force(in_force: Any, expected: object) -> None:
    current = RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=in_force)))
    session = session_from({"turn_detection": {"threshold": 0.7}}, current)
    assert session.audio
    assert session.audio.input == AudioInputConfig(turn_detection=expected)  # type: ignore[arg-type]


# --- the flat names ----------------------------------------------------------------------------------------------


def test_flat_names_move_to_where_they_live_now() -> None:
    assert from_legacy(
        {
            "modalities": ["text", "audio"],
            "instructions": "Hi.",
            "voice": "alloy",
            "input_audio_format": "pcm16",
            "output_audio_format": "g711_ulaw",
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": None,
            "max_response_output_tokens": 100,
            "temperature": 0.8,
        }
    ) == {
        "instructions": "Hi.",
        "temperature": 0.8,
        "output_modalities": ("audio",),
        "max_output_tokens": 100,
        "audio": {
            "input": {"format": "pcm16", "transcription": {"model": "whisper-1"}, "turn_detection": None},
            "output": {"format": "g711_ulaw", "voice": "alloy"},
        },
    }


def test_text_alone_stays_text() -> None:
    assert realtime(modalities=["text"]).output_modalities == ("text",)
    assert realtime(modalities=("text", "audio")).output_modalities == ("audio",)
    assert realtime(modalities=None).output_modalities is None
    assert from_legacy({"voice": ["audio"]}) == {"audio": {"output": {"voice": ["audio"]}}}  # of nothing else


def test_a_config_without_flat_names_comes_back_as_it_is() -> None:
    config = {"instructions": "Hi."}
    assert from_legacy(config) is config


@pytest.mark.parametrize("ga", [{"audio": {}}, {"output_modalities": ["text"]}, {"max_output_tokens": 5}])
def test_the_two_families_are_never_mixed(ga: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"flat names \['voice'\] cannot be mixed with") as refused:
        session_from({"voice": "alloy", **ga})
    assert refused.value.path == "session"


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "path", "why"),
    [
        ({"type": "translation"}, ".type", "must be one of ['realtime', 'transcription'], not 'translation'"),
        ({"instructions": 5}, ".instructions", "must be str, not 5"),
        ({"parallel_tool_calls": 1}, ".parallel_tool_calls", "must be bool, not 1"),
        ({"max_output_tokens": True}, ".max_output_tokens", "must be int or str, not True"),
        ({"modalities": 5}, ".output_modalities", "must be a list, not int"),
        ({"modalities": "audio"}, ".output_modalities", "must be a list, not str"),
        ({"audio": "loud"}, ".audio", "must be a mapping or AudioConfig, not str"),
        ({"audio": {"input": []}}, ".audio.input", "must be a mapping or AudioInputConfig, not list"),
        ({"turn_detection": "server_vad"}, ".audio.input.turn_detection", "must be a mapping, not str"),
        ({"audio": {"output": {"format": "mp3"}}}, ".audio.output.format", "not an audio format: 'mp3'"),
        ({"audio": {"output": {"format": 8000}}}, ".audio.output.format", "must be a mapping, not int"),
        ({"audio": {"output": {"speed": "fast"}}}, ".audio.output.speed", "must be int or float, not 'fast'"),
        ({"audio": {"output": {"voice": 5}}}, ".audio.output.voice", "must be a mapping or VoiceId, not int"),
        ({"tools": {"type": "function"}}, ".tools", "must be a list, not dict"),
        ({"tools": "clock"}, ".tools", "must be a list, not str"),
        ({"tools": [{"type": "function"}]}, ".tools[0]", "not a FunctionTool: "),
        ({"tools": [5]}, ".tools[0]", "must be a mapping, not int"),
        ({"tools": [{"type": "mcp", "server_label": "a", "allowed_tools": 5}]}, ".tools[0].allowed_tools", "not int"),
        (None, "", "must be a mapping or a session config, not NoneType"),
        ("realtime", "", "must be a mapping or a session config, not str"),
        (TranslationSessionConfig(), "", "must be a mapping or a session config, not TranslationSessionConfig"),
    ],
)
def test_values_of_the_wrong_sort_are_refused_by_path(config: Any, path: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        session_from(config)
    assert refused.value.path == f"session{path}"
    assert why in str(refused.value)


def test_words_stand_in_for_objects_only_where_there_are_words() -> None:
    assert realtime(truncation="auto", tool_choice="none").truncation == "auto"
    with pytest.raises(InvalidArgument):
        realtime(tools=["clock"])


def test_an_object_without_a_type_is_kept_whole_and_nameless() -> None:
    session = realtime(tools=[{"name": "clock"}])
    assert session.tools == (UnknownObject(type="", extra={"name": "clock"}),)


# --- translation -------------------------------------------------------------------------------------------------


def test_a_translation_is_read_without_its_type() -> None:
    inputs = {"transcription": {"model": "gpt-realtime-whisper"}, "noise_reduction": None}
    read = translation_session_from(
        {"type": "translation", "audio": {"input": inputs, "output": {"language": "es"}}, "novel": 1}
    )
    assert read == TranslationSessionConfig(
        audio=TranslationAudioConfig(
            input=TranslationInputConfig(
                transcription=InputTranscription(model="gpt-realtime-whisper"), noise_reduction=None
            ),
            output=TranslationOutputConfig(language="es"),
        ),
        extra={"novel": 1},
    )
    assert translation_session_from(read) is read


@pytest.mark.parametrize(
    ("config", "path", "why"),
    [
        (5, "session", "not be a int"),
        (RealtimeSessionConfig(), "session", "not be a RealtimeSessionConfig"),
        ({"type": "realtime"}, "session.type", "must be 'translation', not 'realtime'"),
        ({"audio": "loud"}, "session.audio", "TranslationAudioConfig"),
        ({"audio": {"output": {"language": 5}}}, "session.audio.output.language", "must be str, not 5"),
    ],
)
def test_what_is_no_translation_is_refused_by_path(config: Any, path: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        translation_session_from(config)
    assert refused.value.path == path
    assert why in str(refused.value)
