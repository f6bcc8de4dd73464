"""xAI Grok Voice: GA event names, GA audio formats, and a few session keys at the top level."""

from __future__ import annotations

from typing import Final

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.beta import NOT_FLAT
from realtime_transport.dialects.dialect import Dialect
from realtime_transport.dialects.keys import BEARER, KeyPlacement
from realtime_transport.dialects.shapes import MODALITIES, TURN_DETECTION, VOICE, flattening, nesting

_SESSION: Final = (MODALITIES, VOICE, TURN_DETECTION)
_RESPONSE: Final = (MODALITIES,)

XAI: Final = Dialect(
    name="xai",
    endpoint_rules=Endpoint(url="wss://api.x.ai/v1/realtime"),
    keys=(BEARER, KeyPlacement(scheme="sub_protocol", where="sub_protocol", prefix="xai-client-secret.")),
    key_env=("XAI_API_KEY",),
    http_url="https://api.x.ai/v1",
    capabilities=Capabilities(
        can_truncate=False,
        manual_commit_under_vad=False,
        out_of_band_responses=False,
        echoes_event_id=False,
        echoes_metadata=False,
        session_limit=None,
    ),
    omits=frozenset({"conversation.item.done", "rate_limits.updated"}),
    session_in=nesting(_SESSION, type="realtime"),
    session_out=flattening(_SESSION, without=NOT_FLAT),
    options_in=nesting(_RESPONSE),
    options_out=flattening(_RESPONSE),
    response_in=nesting(_RESPONSE),
    response_out=flattening(_RESPONSE),
    lacks=frozenset({"include", "prompt", "tracing", "truncation"}),
    notes="Speaks whatever the modalities say. Transcripts of the caller come as cumulative '.updated' snapshots and "
    "then '.completed'. A second response.create for one committed turn is dropped without a word.",
)
