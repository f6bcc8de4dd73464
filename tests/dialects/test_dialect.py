"""The contract of every dialect: what is said in GA comes back from the provider's spelling as it was."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.dialects import BETA_RENAMES, DIALECTS, OPENAI, Dialect, get_dialect
from tests.corpus import lines

EVERY = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)

SESSION: dict[str, Any] = {
    "type": "realtime",
    "model": "m",
    "output_modalities": ["audio"],
    "instructions": "",
    "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}, {"type": "mcp"}],
    "tool_choice": "auto",
    "max_output_tokens": 100,
    "tracing": "auto",
    "truncation": "disabled",
    "prompt": None,
    "reasoning": {"effort": "low"},
    "include": [],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 16000},
            "transcription": {"model": "whisper-1"},
            "noise_reduction": None,
            "turn_detection": {"type": "server_vad", "threshold": 0.5},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
    },
    "vendor_setting": {"deep": [1, None]},
}
ITEM: dict[str, Any] = {
    "id": "item_1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "hi"}, {"type": "output_audio", "transcript": "ho"}, {"type": "odd"}],
}
USER_ITEM: dict[str, Any] = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "output_modalities": ["audio"],
    "audio": {"output": {"voice": "marin", "format": {"type": "audio/pcm", "rate": 24000}}},
    "max_output_tokens": "inf",
    "output": [ITEM, {"type": "function_call", "name": "f", "arguments": "{}"}],
    "metadata": {"a": "b"},
}
FRAMES: list[dict[str, Any]] = [
    {"type": "session.update", "event_id": "e", "session": SESSION},
    {"type": "session.created", "session": SESSION},
    {"type": "session.updated", "session": SESSION},
    {"type": "session.update", "session": {"type": "transcription", "audio": {"input": {"turn_detection": None}}}},
    {"type": "session.updated", "session": {"type": "transcription", "include": ["x"], "id": "sess_1"}},
    {"type": "conversation.item.create", "item": ITEM, "previous_item_id": None},
    {"type": "conversation.item.create", "item": USER_ITEM},
    {"type": "conversation.item.added", "item": ITEM},
    {"type": "conversation.item.retrieved", "item": USER_ITEM},
    {"type": "response.output_item.added", "item": ITEM, "output_index": 0},
    {"type": "response.output_item.done", "item": ITEM},
    {"type": "response.create", "response": {"conversation": "none", "input": [USER_ITEM, ITEM, "junk"]}},
    {"type": "response.create"},
    {"type": "response.created", "response": RESPONSE},
    {"type": "response.done", "response": {**RESPONSE, "usage": None}},
    {"type": "response.content_part.added", "part": {"type": "audio", "transcript": ""}},
    {"type": "response.output_text.delta", "delta": "x"},
    {"type": "response.output_audio.delta", "delta": "AAAA"},
    {"type": "response.output_audio_transcript.done", "transcript": "x"},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "conversation.item.input_audio_transcription.completed", "transcript": "x", "usage": None},
    {"type": "error", "error": {"type": "x", "session": {"voice": "kept"}}},
    {"type": "vendor.thing", "session": {"voice": "kept"}, "item": [1]},
    {"no": "type"},
    {"type": 7},
    {"type": None, "session": {}},
]


def expressible(dialect: Dialect, frame: Mapping[str, Any]) -> dict[str, Any]:
    """What of a GA frame can survive: all but the settings that the provider lacks, and the kind of session only where
    it has a word for it."""
    session = frame.get("session")
    if not isinstance(session, dict) or not str(frame.get("type")).startswith("session."):
        return dict(frame)
    kept = {key: value for key, value in session.items() if key not in dialect.lacks}
    if "type" not in dialect.session_out({"type": "transcription"}) and not dialect.rename_transcription_out:
        kept["type"] = "realtime"
    return {**frame, "session": kept}


@EVERY
@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: str(frame.get("type")))
def test_says_it_and_understands_it_again(dialect: Dialect, frame: dict[str, Any]) -> None:
    before = copy.deepcopy(frame)
    said = dialect.frame_out(frame)
    understood = dialect.frame_in(said)
    assert understood == expressible(dialect, frame)
    assert frame == before


@EVERY
def test_says_and_understands_everything_that_was_captured(dialect: Dialect) -> None:
    for line in lines(besides=("beta", "odd", "translation")):
        understood = dialect.frame_in(dialect.frame_out(line.frame))
        assert understood == expressible(dialect, line.frame), str(line)


def test_understands_every_captured_beta_frame_and_says_it_again() -> None:
    beta = get_dialect("beta")
    for line in lines("beta"):
        understood = beta.frame_in(line.frame)
        assert understood["type"] not in beta.rename_in, str(line)
        assert beta.frame_out(understood) == line.frame, str(line)


@EVERY
def test_renames_are_inverse_to_each_other(dialect: Dialect) -> None:
    for ga, wire in {**dialect.rename_out, **dialect.rename_transcription_out}.items():
        assert dialect.rename_in[wire] == ga
    assert {ga: wire for wire, ga in dialect.parts_in.items()} == dict(dialect.parts_out)


@EVERY
@pytest.mark.parametrize(("beta", "ga"), BETA_RENAMES.items())
def test_understands_beta_names_whatever_is_configured(dialect: Dialect, beta: str, ga: str) -> None:
    assert dialect.frame_in({"type": beta})["type"] == ga


@EVERY
def test_understands_the_beta_shape_of_a_server_whatever_is_configured(dialect: Dialect) -> None:
    frame = {
        "type": "response.created",
        "response": {"voice": "alloy", "modalities": ["text", "audio"], "output": [{"content": [{"type": "audio"}]}]},
    }
    understood = dialect.frame_in(frame)["response"]
    assert understood["output_modalities"] == ["audio"]
    assert understood["audio"]["output"]["voice"] == "alloy"
    assert understood["output"][0]["content"] == [{"type": "output_audio"}]
    session = dialect.frame_in({"type": "session.updated", "session": {"voice": "alloy", "id": "s"}})["session"]
    assert session["audio"]["output"]["voice"] == "alloy"
    assert session["id"] == "s"


def test_a_ga_server_does_not_swallow_the_beta_shape_of_a_client() -> None:
    flat = {"type": "session.update", "session": {"voice": "alloy"}}
    assert OPENAI.frame_in(flat) == flat
    assert get_dialect("beta").frame_in(flat)["session"] == {
        "type": "realtime",
        "audio": {"output": {"voice": "alloy"}},
    }


def test_returns_the_same_object_on_the_hot_path() -> None:
    audio = {"type": "response.output_audio.delta", "delta": "AAAA"}
    append = {"type": "input_audio_buffer.append", "audio": "AAAA"}
    assert OPENAI.frame_in(audio) is audio
    assert get_dialect("beta").frame_out(append) is append


def test_speaks_of_transcription_sessions_in_their_own_events() -> None:
    beta = get_dialect("beta")
    said = beta.frame_out({"type": "session.update", "session": {"type": "transcription", "include": []}})
    assert said == {"type": "transcription_session.update", "session": {}}
    assert beta.frame_in(said)["session"] == {"type": "transcription"}
    assert get_dialect("qwen").frame_out({"type": "session.update", "session": {"type": "transcription"}}) == {
        "type": "session.update",
        "session": {},
    }


def test_names_what_it_cannot_say() -> None:
    assert OPENAI.inexpressible(SESSION) == ()
    assert get_dialect("beta").inexpressible(SESSION) == ("truncation", "prompt", "reasoning", "include")


def test_says_items_once_before_ga() -> None:
    beta = get_dialect("azure-dated")
    assert beta.frame_out({"type": "conversation.item.added", "item": ITEM})["type"] == "conversation.item.created"
    assert {"conversation.item.done", "conversation.item.input_audio_transcription.delta"} <= beta.omits


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("voice-live", {"input_audio_format": "pcm16", "input_audio_sampling_rate": 16000, "voice": "marin"}),
        ("qwen", {"input_audio_format": "pcm", "output_audio_format": "pcm", "max_tokens": 100}),
        ("xai", {"voice": "marin", "turn_detection": {"type": "server_vad", "threshold": 0.5}}),
        (
            "beta",
            {
                "modalities": ["text", "audio"],
                "max_response_output_tokens": 100,
                "turn_detection": {"type": "server_vad", "threshold": 0.5},
            },
        ),
        ("elevenlabs", {"type": "realtime", "model": "m"}),
    ],
)
def test_spells_a_session_the_providers_way(name: str, wire: dict[str, Any]) -> None:
    said = get_dialect(name).frame_out({"type": "session.update", "session": SESSION})["session"]
    assert {key: said.get(key) for key in wire} == wire


def test_voice_live_says_formats_that_have_no_rate_in_one_word() -> None:
    voice_live = get_dialect("voice-live")
    session = {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}
    said = voice_live.frame_out({"type": "session.update", "session": session})["session"]
    assert said == {"input_audio_format": "g711_ulaw"}
    unsaid = voice_live.session_in({"input_audio_format": "g711_ulaw", "input_audio_sampling_rate": 8000})
    assert unsaid["input_audio_sampling_rate"] == 8000


@pytest.mark.parametrize(("name", "word", "rate"), [("voice-live", "pcm16_8000hz", 8000), ("qwen", "pcm24", 24000)])
def test_knows_the_providers_own_words_in_responses_too(name: str, word: str, rate: int) -> None:
    dialect = get_dialect(name)
    for kind, key in (("response.create", "response"), ("response.done", "response"), ("session.updated", "session")):
        read = dialect.frame_in({"type": kind, key: {"output_audio_format": word}})[key]
        assert read["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": rate}


def test_qwen_wraps_function_tools_as_its_chat_api_does() -> None:
    qwen = get_dialect("qwen")
    tool = {"type": "function", "name": "f", "parameters": {}}
    said = qwen.session_out({"tools": [tool, 3, {"type": "mcp"}]})
    assert said["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}}, 3, {"type": "mcp"}]
    assert qwen.session_out(said)["tools"] == said["tools"]
    assert qwen.session_in(said)["tools"][0] == tool
    assert qwen.session_in({"tools": None})["tools"] is None
    assert qwen.session_out({"tools": None})["tools"] is None


TYPES = st.sampled_from([str(frame.get("type")) for frame in FRAMES] + list(BETA_RENAMES))
KEYS = st.sampled_from(
    [
        "session",
        "response",
        "item",
        "output",
        "input",
        "content",
        "type",
        "role",
        "audio",
        "tools",
        "function",
        "voice",
        "format",
        "modalities",
        "input_audio_format",
        "input_audio_sampling_rate",
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["text", "audio", "pcm16", "function", "transcription"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@EVERY
@settings(max_examples=50)
@given(kind=TYPES, frame=st.dictionaries(KEYS, JSON))
def test_never_raises_and_never_changes_the_frame(dialect: Dialect, kind: str, frame: dict[str, Any]) -> None:
    frame = {**frame, "type": kind}
    before = copy.deepcopy(frame)
    dialect.frame_in(frame)
    dialect.frame_out(frame)
    assert frame == before
