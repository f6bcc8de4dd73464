"""Hugging Face speech-to-speech: a sparse GA server in front of a local pipeline."""

from __future__ import annotations

from typing import Final

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.dialect import Dialect

HF: Final = Dialect(
    name="hf",
    endpoint_rules=Endpoint(url="ws://127.0.0.1:8765/v1/realtime", model_param=None),
    keys=(),
    capabilities=Capabilities(
        acknowledges_session_update=False,
        acknowledges_items=False,
        can_delete_items=False,
        can_truncate=False,
        acknowledges_truncate=False,
        out_of_band_responses=False,
        echoes_event_id=False,
        echoes_metadata=False,
        session_limit=None,
    ),
    omits=frozenset(
        {
            "session.updated",
            "conversation.item.deleted",
            "conversation.item.done",
            "conversation.item.retrieved",
            "conversation.item.truncated",
            "rate_limits.updated",
        }
    ),
    notes="No key. Items are announced as conversation.item.created, and only some of them. On barge-in response.done "
    "comes before speech_started.",
)
