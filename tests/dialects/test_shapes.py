from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.dialects.shapes import (
    BETA_RESPONSE,
    BETA_SESSION,
    FORMAT_WORDS,
    format_from,
    format_to,
    modalities_to_beta,
    modalities_to_ga,
    to_flat,
    to_nested,
)

FLAT: dict[str, Any] = {
    "modalities": ["text", "audio"],
    "instructions": "be brief",
    "voice": "alloy",
    "speed": 1.1,
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": None,
    "turn_detection": None,
    "max_response_output_tokens": "inf",
    "temperature": 0.8,
}
NESTED: dict[str, Any] = {
    "output_modalities": ["audio"],
    "instructions": "be brief",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1"},
            "noise_reduction": None,
            "turn_detection": None,
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy", "speed": 1.1},
    },
    "max_output_tokens": "inf",
    "temperature": 0.8,
}


def test_moves_every_setting_both_ways() -> None:
    assert to_nested(FLAT, BETA_SESSION) == NESTED
    assert to_flat(NESTED, BETA_SESSION) == FLAT


def test_keeps_the_nested_value_where_both_are_given() -> None:
    both = {"voice": "flat", "audio": {"output": {"voice": "nested"}}}
    assert to_nested(both, BETA_SESSION) == {"audio": {"output": {"voice": "nested"}}}


def test_leaves_nested_settings_without_a_flat_key_where_they_are() -> None:
    response = {"audio": {"output": {"voice": "marin", "echo": True}}}
    assert to_flat(response, BETA_RESPONSE) == {"voice": "marin", "audio": {"output": {"echo": True}}}


@pytest.mark.parametrize("audio", [None, 7, "loud", ["x"], {"output": 3}, {"output": None}])
def test_survives_an_audio_object_of_another_kind(audio: Any) -> None:
    assert to_flat({"audio": audio}, BETA_SESSION) == {"audio": audio}
    nested = to_nested({"audio": audio, "voice": "alloy"}, BETA_SESSION)
    assert nested["audio"] == audio or nested["audio"] == {"output": {"voice": "alloy"}}


def test_respells_formats_it_knows_and_keeps_the_others() -> None:
    to_object, to_word = format_from(FORMAT_WORDS), format_to(FORMAT_WORDS)
    assert to_object("g711_alaw") == {"type": "audio/pcma"}
    assert to_object("opus") == "opus"
    assert to_object(None) is None
    assert to_word({"type": "audio/pcm", "rate": 24000}) == "pcm16"
    assert to_word({"type": "audio/pcm"}) == "pcm16"
    assert to_word({"type": "audio/pcm", "rate": 8000}) == {"type": "audio/pcm", "rate": 8000}
    assert to_word("pcm16") == "pcm16"


def test_hands_out_formats_that_nobody_shares() -> None:
    format_from(FORMAT_WORDS)("pcm16")["rate"] = 1
    assert FORMAT_WORDS["pcm16"]["rate"] == 24000


@pytest.mark.parametrize(
    ("beta", "ga"),
    [
        (["text", "audio"], ["audio"]),
        (["text"], ["text"]),
        ([], []),
        (None, None),
        (["text", "audio", "avatar"], ["audio", "avatar"]),
    ],
)
def test_respells_modalities(beta: Any, ga: Any) -> None:
    assert modalities_to_ga(beta) == ga
    assert modalities_to_beta(ga) == beta


def test_leaves_modalities_alone_that_already_are_beta() -> None:
    assert modalities_to_beta(["audio", "text"]) == ["audio", "text"]


KEYS = st.sampled_from([*FLAT, *NESTED, "x", "format", "voice", "input", "output"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON))
def test_never_raises_and_never_changes_what_it_is_given(source: dict[str, Any]) -> None:
    before = copy.deepcopy(source)
    to_flat(source, BETA_SESSION)
    nested = to_nested(source, BETA_SESSION)
    assert source == before
    assert to_nested(nested, BETA_SESSION) == nested
