"""OpenAI's GA protocol: the house language, so there is nothing to translate."""

from __future__ import annotations

from typing import Final

from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.dialect import Dialect
from realtime_transport.dialects.keys import BEARER, OPENAI_SUB_PROTOCOL

OPENAI: Final = Dialect(
    name="openai",
    endpoint_rules=Endpoint(
        url="wss://api.openai.com/v1/realtime",
        call_param="call_id",
        intents={"transcription": "?intent=transcription", "translation": "/translations"},
    ),
    keys=(BEARER, OPENAI_SUB_PROTOCOL),
    key_env=("OPENAI_API_KEY",),
    http_url="https://api.openai.com/v1",
    notes="No OpenAI-Beta header: the server answers it with beta_api_shape_disabled and close 4000.",
)
