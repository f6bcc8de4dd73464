"""Qwen-Omni-Realtime (Alibaba Model Studio): beta names, 16 kHz in and 24 kHz out, tools in the chat API's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.beta import BETA, BETA_OMITS, GA_ONLY, NOT_FLAT
from realtime_transport.dialects.keys import BEARER
from realtime_transport.dialects.shapes import (
    INPUT_FORMAT,
    MODALITIES,
    OUTPUT_FORMAT,
    TRANSCRIPTION,
    TURN_DETECTION,
    VOICE,
    FlatField,
    JSONObject,
    flattening,
    format_from,
    format_to,
    is_array,
    is_object,
    nesting,
)

_INPUT_WORDS: Final[Mapping[str, JSONObject]] = {
    "pcm": {"type": "audio/pcm", "rate": 16000},
    "pcm16": {"type": "audio/pcm", "rate": 16000},
}
_OUTPUT_WORDS: Final[Mapping[str, JSONObject]] = {
    "pcm": {"type": "audio/pcm", "rate": 24000},
    "pcm24": {"type": "audio/pcm", "rate": 24000},
}
"""``pcm16`` and ``pcm24`` are the older words for the same two formats: kilohertz, not bits."""


def _tools_in(tools: Any) -> Any:
    """``{"type": "function", "function": {...}}`` -> GA's flat function tool."""
    return [_tool_in(tool) for tool in tools] if is_array(tools) else tools


def _tool_in(tool: Any) -> Any:
    if not is_object(tool) or not is_object(tool.get("function")):
        return tool
    rest = {key: value for key, value in tool.items() if key != "function"}
    return {**rest, **tool["function"]}


def _tools_out(tools: Any) -> Any:
    """GA's flat function tool -> ``{"type": "function", "function": {...}}``."""
    return [_tool_out(tool) for tool in tools] if is_array(tools) else tools


def _tool_out(tool: Any) -> Any:
    if not is_object(tool) or tool.get("type") != "function" or "function" in tool:
        return tool
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}


_RESPONSE: Final = (
    MODALITIES,
    attrs.evolve(OUTPUT_FORMAT, to_nested=format_from(_OUTPUT_WORDS), to_flat=format_to(_OUTPUT_WORDS)),
    VOICE,
)
_SESSION: Final = (
    *_RESPONSE,
    attrs.evolve(INPUT_FORMAT, to_nested=format_from(_INPUT_WORDS), to_flat=format_to(_INPUT_WORDS)),
    TURN_DETECTION,
    TRANSCRIPTION,
    FlatField(flat="max_tokens", nested=("max_output_tokens",)),
    FlatField(flat="tools", nested=("tools",), to_nested=_tools_in, to_flat=_tools_out),
)

QWEN: Final = attrs.evolve(
    BETA,
    name="qwen",
    endpoint_rules=Endpoint(url="wss://dashscope.aliyuncs.com/api-ws/v1/realtime"),
    keys=(BEARER,),
    key_env=("DASHSCOPE_API_KEY",),
    http_url="",
    headers={},
    capabilities=Capabilities(can_truncate=False, out_of_band_responses=False, echoes_metadata=False),
    rename_transcription_out={},
    omits=BETA_OMITS | {"rate_limits.updated", "conversation.item.truncated"},
    session_in=nesting(_SESSION, type="realtime"),
    session_out=flattening(_SESSION, without=NOT_FLAT),
    options_in=nesting(_RESPONSE),
    options_out=flattening(_RESPONSE),
    response_in=nesting(_RESPONSE),
    response_out=flattening(_RESPONSE),
    lacks=GA_ONLY | {"tracing"},
    notes="Outside mainland China the host is dashscope-intl.aliyuncs.com. Send 16 kHz PCM, get 24 kHz. "
    "session.finish ends the session and is answered with session.finished.",
)
