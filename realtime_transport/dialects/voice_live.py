"""Azure Voice Live: the beta protocol, with Azure's own voices, turn detection, avatars and sampling rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.beta import BETA, BETA_OMITS, NOT_FLAT
from realtime_transport.dialects.keys import API_KEY_HEADER, API_KEY_QUERY, BEARER
from realtime_transport.dialects.shapes import (
    BETA_OPTIONS,
    BETA_RESPONSE,
    BETA_SESSION,
    FORMAT_WORDS,
    OUTPUT_FORMAT,
    FlatField,
    JSONObject,
    flattening,
    format_from,
    format_to,
    is_object,
    nesting,
)

_OUTPUT_WORDS: Final[Mapping[str, JSONObject]] = {
    **FORMAT_WORDS,
    "pcm16_8000hz": {"type": "audio/pcm", "rate": 8000},
    "pcm16_16000hz": {"type": "audio/pcm", "rate": 16000},
}
"""Rates of the output are part of the word; that of the input has a key of its own."""

_OUTPUT_FORMAT: Final = attrs.evolve(
    OUTPUT_FORMAT, to_nested=format_from(_OUTPUT_WORDS), to_flat=format_to(_OUTPUT_WORDS)
)


def _with_output_words(table: tuple[FlatField, ...]) -> tuple[FlatField, ...]:
    return tuple(_OUTPUT_FORMAT if field is OUTPUT_FORMAT else field for field in table)


_SESSION: Final = _with_output_words(BETA_SESSION)
_OPTIONS: Final = _with_output_words(BETA_OPTIONS)
_RESPONSE: Final = _with_output_words(BETA_RESPONSE)
_nest = nesting(_SESSION, type="realtime")
_flatten = flattening(_SESSION, without=NOT_FLAT)


def _session_in(source: Mapping[str, Any]) -> JSONObject:
    """Join ``input_audio_format`` and ``input_audio_sampling_rate``, which GA keeps in one object."""
    session = dict(source)
    rate = session.get("input_audio_sampling_rate")
    if isinstance(rate, int) and session.get("input_audio_format", "pcm16") == "pcm16":
        del session["input_audio_sampling_rate"]
        session["input_audio_format"] = {"type": "audio/pcm", "rate": rate}
    return _nest(session)


def _session_out(source: Mapping[str, Any]) -> JSONObject:
    """Split the input format into a word and a rate: the server takes 8000, 16000 and 24000 samples per second."""
    session = _flatten(source)
    given = session.get("input_audio_format")
    if is_object(given) and given.get("type") == "audio/pcm" and isinstance(given.get("rate"), int):
        session |= {"input_audio_format": "pcm16", "input_audio_sampling_rate": given["rate"]}
    return session


VOICE_LIVE: Final = attrs.evolve(
    BETA,
    name="voice-live",
    endpoint_rules=Endpoint(
        url="wss://{resource}.services.ai.azure.com/voice-live/realtime",
        query={"api-version": "2026-04-10"},
        instead_of_model=frozenset({"agent_id", "agent-id", "agent-name", "agent_name"}),
    ),
    keys=(API_KEY_HEADER, BEARER, API_KEY_QUERY),
    key_env=("AZURE_VOICE_LIVE_API_KEY", "AZURE_VOICELIVE_API_KEY"),
    http_url="",
    headers={},
    rename_transcription_out={},
    omits=BETA_OMITS | {"rate_limits.updated"},
    session_in=_session_in,
    session_out=_session_out,
    options_in=nesting(_OPTIONS),
    options_out=flattening(_OPTIONS),
    response_in=nesting(_RESPONSE),
    response_out=flattening(_RESPONSE),
    notes="Extra events (avatar, animation, timestamps, web search) arrive as unknown events. Interim transcripts come "
    "as completed events with a status: only an absent or 'completed' status is final.",
)
