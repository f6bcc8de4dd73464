"""Where the emulator listens: paths of the family, and what each says about the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

import attrs

from realtime_transport.conversation.server_session import DEFAULT_MODEL, PCM_RATES
from realtime_transport.dialects import Dialect, get_dialect


@attrs.frozen(kw_only=True)
class Endpoint:
    """One path that speaks one dialect."""

    path: str
    dialect: str
    model_names: tuple[str, ...] = ("model",)
    """Query parameters that may name the model, in order."""
    pcm_rates: tuple[int, ...] = PCM_RATES
    """Samples per second of PCM that it speaks; the first is the default of the caller's side."""
    farewell: tuple[str, str] | None = None
    """The client event that ends a session, and its answer."""
    listens_only: tuple[str, ...] = ()
    """Patterns of models that it refuses to hold a conversation with: they only transcribe."""

    def refuses(self, model: str) -> bool:
        """Tell whether a session with this model cannot be opened here."""
        return any(fnmatchcase(model, pattern) for pattern in self.listens_only)

    def names_model(self, query: Mapping[str, str]) -> bool:
        """Tell whether a client names the model in its URL."""
        return any(query.get(name) for name in self.model_names)


ENDPOINTS: Final = (
    Endpoint(path="/v1/realtime", dialect="openai"),
    Endpoint(path="/openai/v1/realtime", dialect="azure", listens_only=("whisper*", "*-transcribe*", "*-whisper")),
    Endpoint(path="/openai/realtime", dialect="azure-dated", model_names=("deployment", "model")),
    Endpoint(path="/voice-live/realtime", dialect="voice-live", pcm_rates=(24_000, 16_000, 8_000)),
    Endpoint(
        path="/api-ws/v1/realtime",
        dialect="qwen",
        pcm_rates=(16_000, 24_000),
        farewell=("session.finish", "session.finished"),
    ),
    Endpoint(path="/v1/convai/realtime", dialect="elevenlabs"),
)

BETA: Final = "beta"
BETA_HEADER: Final = "openai-beta"
BETA_PROTOCOL: Final = "openai-beta.realtime-v1"
ANSWERED_PROTOCOL: Final = "realtime"
"""The only sub-protocol that is ever answered: the others carry keys."""


@attrs.frozen(kw_only=True)
class Wanted:
    """What a client asks for by the way it connects."""

    dialect: Dialect
    """``beta`` when it asks for the beta protocol on a GA path."""
    model: str
    kind: Literal["realtime", "transcription"]
    pcm_rates: tuple[int, ...] = PCM_RATES
    farewell: tuple[str, str] | None = None


def wanted(
    endpoint: Endpoint, headers: Mapping[str, str], query: Mapping[str, str], sub_protocols: Sequence[str]
) -> Wanted:
    """Read the way a client connects."""
    named = (query.get(name) for name in endpoint.model_names)
    asks_for_beta = "realtime=v1" in headers.get(BETA_HEADER, "") or BETA_PROTOCOL in sub_protocols
    is_beta = asks_for_beta and endpoint.dialect == "openai"
    return Wanted(
        dialect=get_dialect(BETA if is_beta else endpoint.dialect),
        model=next((model for model in named if model), DEFAULT_MODEL),
        kind="transcription" if query.get("intent") == "transcription" else "realtime",
        pcm_rates=endpoint.pcm_rates,
        farewell=endpoint.farewell,
    )
