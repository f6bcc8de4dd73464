"""LocalAI: the GA protocol in front of a local pipeline."""

from __future__ import annotations

from typing import Final

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.dialect import Dialect
from realtime_transport.dialects.keys import BEARER

LOCALAI: Final = Dialect(
    name="localai",
    endpoint_rules=Endpoint(url="ws://127.0.0.1:8080/v1/realtime"),
    keys=(BEARER,),
    key_env=("LOCALAI_API_KEY",),
    capabilities=Capabilities(
        out_of_band_responses=False, echoes_event_id=False, echoes_metadata=False, session_limit=None
    ),
    omits=frozenset({"rate_limits.updated"}),
    notes="model names a pipeline. The input of a response.create joins the conversation. Errors carry their word in "
    "code and often 'event_TODO' as event_id; an unknown event is passed over in silence.",
)
