"""The protocol before GA: other event names, one flat session object.

OpenAI itself answers it with close 4000 since GA; servers that copied it early still speak it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.dialect import BETA_PARTS, BETA_RENAMES, Dialect
from realtime_transport.dialects.keys import BEARER, OPENAI_SUB_PROTOCOL
from realtime_transport.dialects.shapes import BETA_OPTIONS, BETA_RESPONSE, BETA_SESSION, flattening, nesting

BETA_RENAMES_OUT: Final[Mapping[str, str]] = {
    ga: beta for beta, ga in BETA_RENAMES.items() if not beta.startswith("transcription_session.")
}
"""GA type -> beta type, for sessions of type ``realtime``."""

BETA_TRANSCRIPTION_OUT: Final[Mapping[str, str]] = {
    ga: beta for beta, ga in BETA_RENAMES.items() if beta.startswith("transcription_session.")
}
"""GA type -> beta type, for sessions of type ``transcription``."""

BETA_PARTS_OUT: Final[Mapping[str, str]] = {ga: beta for beta, ga in BETA_PARTS.items()}

BETA_OMITS: Final = frozenset({"conversation.item.done"})
"""Before GA an item was announced once, as ``conversation.item.created``."""

GA_ONLY: Final = frozenset({"include", "parallel_tool_calls", "prompt", "reasoning", "truncation"})
"""Settings that came with GA or later."""

NOT_FLAT: Final = frozenset({"type"})
"""GA's discriminator; flat sessions have none and strict servers refuse it."""

BETA: Final = Dialect(
    name="beta",
    endpoint_rules=Endpoint(url="wss://api.openai.com/v1/realtime", intents={"transcription": "?intent=transcription"}),
    keys=(BEARER, attrs.evolve(OPENAI_SUB_PROTOCOL, beside=("realtime", "openai-beta.realtime-v1"))),
    key_env=("OPENAI_API_KEY",),
    http_url="https://api.openai.com/v1",
    headers={"OpenAI-Beta": "realtime=v1"},
    rename_out=BETA_RENAMES_OUT,
    rename_transcription_out=BETA_TRANSCRIPTION_OUT,
    omits=BETA_OMITS,
    parts_in=BETA_PARTS,
    parts_out=BETA_PARTS_OUT,
    session_in=nesting(BETA_SESSION, type="realtime"),
    session_out=flattening(BETA_SESSION, without=NOT_FLAT),
    options_in=nesting(BETA_OPTIONS),
    options_out=flattening(BETA_OPTIONS),
    response_in=nesting(BETA_RESPONSE),
    response_out=flattening(BETA_RESPONSE),
    lacks=GA_ONLY,
    notes="For servers that never moved to GA; api.openai.com closes such connections with 4000.",
)
