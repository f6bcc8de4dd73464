"""ElevenLabs Realtime: the GA protocol in front of the Agents platform, without some of its verbs."""

from __future__ import annotations

from typing import Final

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.dialect import Dialect
from realtime_transport.dialects.keys import OPENAI_SUB_PROTOCOL, KeyPlacement

ELEVENLABS: Final = Dialect(
    name="elevenlabs",
    endpoint_rules=Endpoint(url="wss://api.elevenlabs.io/v1/convai/realtime", model_param=None),
    keys=(KeyPlacement(scheme="xi-api-key", where="header", name="xi-api-key"), OPENAI_SUB_PROTOCOL),
    key_env=("ELEVENLABS_API_KEY",),
    http_url="https://api.elevenlabs.io/v1/convai",
    capabilities=Capabilities(can_delete_items=False, reports_usage=False, session_limit=600.0),
    omits=frozenset({"conversation.item.deleted", "rate_limits.updated"}),
    notes="The model is told in session.model, not in the URL. Semantic turn detection only. Idle for 60 s: closed.",
)
