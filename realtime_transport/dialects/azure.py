"""Azure OpenAI: the GA endpoint, and the dated one that still speaks the beta protocol."""

from __future__ import annotations

from typing import Final

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.beta import BETA, BETA_OMITS
from realtime_transport.dialects.dialect import Dialect
from realtime_transport.dialects.keys import API_KEY_HEADER, API_KEY_QUERY, BEARER

_KEYS: Final = (API_KEY_HEADER, BEARER, API_KEY_QUERY)
"""A resource key in the header, an Entra token as Bearer, or (browsers) the key in the query."""

_KEY_ENV: Final = ("AZURE_OPENAI_API_KEY",)

AZURE: Final = Dialect(
    name="azure",
    endpoint_rules=Endpoint(
        url="wss://{resource}.openai.azure.com/openai/v1/realtime",
        call_param="call_id",
        intents={"transcription": "?intent=transcription", "translation": "/translations"},
    ),
    keys=_KEYS,
    key_env=_KEY_ENV,
    omits=frozenset({"rate_limits.updated"}),
    notes="model is the name of your deployment. A transcription model in the URL is answered with HTTP 400.",
)

AZURE_DATED: Final = attrs.evolve(
    BETA,
    name="azure-dated",
    endpoint_rules=Endpoint(
        url="wss://{resource}.openai.azure.com/openai/realtime",
        model_param="deployment",
        query={"api-version": "2024-10-01-preview"},
        intents={"transcription": "?intent=transcription"},
    ),
    keys=_KEYS,
    key_env=_KEY_ENV,
    http_url="",
    headers={},
    capabilities=Capabilities(session_limit=1800.0),
    # Clients of this API refuse the transcript in pieces.
    omits=BETA_OMITS | {"conversation.item.input_audio_transcription.delta"},
    notes="Beta names and shape. Give another api-version in the URL or the query when your resource asks for one.",
)
