"""speaches: the beta protocol over local models, for conversations and for transcription."""

from __future__ import annotations

from typing import Final

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.beta import BETA, BETA_OMITS
from realtime_transport.dialects.keys import API_KEY_QUERY, BEARER, KeyPlacement

SPEACHES: Final = attrs.evolve(
    BETA,
    name="speaches",
    endpoint_rules=Endpoint(url="ws://127.0.0.1:8000/v1/realtime", intents={"transcription": "?intent=transcription"}),
    keys=(
        BEARER,
        KeyPlacement(scheme="x-api-key", where="header", name="X-API-Key"),
        attrs.evolve(API_KEY_QUERY, name="api_key"),
    ),
    key_env=("SPEACHES_API_KEY",),
    http_url="",
    headers={},
    capabilities=Capabilities(
        out_of_band_responses=False, echoes_event_id=False, echoes_metadata=False, session_limit=None
    ),
    rename_transcription_out={},
    omits=BETA_OMITS | {"rate_limits.updated", "conversation.item.input_audio_transcription.delta"},
    notes="The query may also name language and transcription_model. Usage may be null. A new item always goes to the "
    "end, whatever previous_item_id says.",
)
