"""Dialects by name and by URL, and the protocols that look alike but are none of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from realtime_transport.dialects.address import split_url
from realtime_transport.dialects.azure import AZURE, AZURE_DATED
from realtime_transport.dialects.beta import BETA
from realtime_transport.dialects.dialect import Dialect
from realtime_transport.dialects.elevenlabs import ELEVENLABS
from realtime_transport.dialects.hf import HF
from realtime_transport.dialects.localai import LOCALAI
from realtime_transport.dialects.openai import OPENAI
from realtime_transport.dialects.qwen import QWEN
from realtime_transport.dialects.speaches import SPEACHES
from realtime_transport.dialects.voice_live import VOICE_LIVE
from realtime_transport.dialects.xai import XAI
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (OPENAI, BETA, AZURE, AZURE_DATED, VOICE_LIVE, XAI, ELEVENLABS, QWEN, LOCALAI, SPEACHES, HF)
}
"""Every dialect, by name."""

FOREIGN: Final[Mapping[str, str]] = {
    "gemini": "Gemini Live is another protocol (setup, realtimeInput, serverContent; no type field)",
    "gpt-live": "OpenAI's GPT-Live is another protocol (session.start, session.delegation.created; no responses)",
    "vllm": "vLLM's /v1/realtime is its own transcription protocol (transcription.delta; no conversation)",
}
"""Protocols of the neighbourhood that this library does not speak, and how they differ."""


@attrs.frozen
class _Rule:
    """One way to recognise a server. An empty field fits everything."""

    dialect: str
    host: str = ""
    """End of the host name."""
    path: str = ""
    """Somewhere in the path."""

    def fits(self, host: str, path: str) -> bool:
        return host.endswith(self.host) and self.path in path


_RULES: Final = (
    _Rule("gemini", host="generativelanguage.googleapis.com"),
    _Rule("gemini", path="BidiGenerateContent"),
    _Rule("gpt-live", path="/v1/live"),
    _Rule("azure", path="/openai/v1/realtime"),
    _Rule("azure-dated", path="/openai/realtime"),
    _Rule("voice-live", path="/voice-live/realtime"),
    _Rule("elevenlabs", path="/v1/convai/realtime"),
    _Rule("qwen", path="/api-ws/v1/realtime"),
    _Rule("azure", host=".openai.azure.com"),
    _Rule("voice-live", host=".services.ai.azure.com"),
    _Rule("xai", host="api.x.ai"),
    _Rule("elevenlabs", host=".elevenlabs.io"),
    _Rule("qwen", host="dashscope.aliyuncs.com"),
    _Rule("qwen", host="dashscope-intl.aliyuncs.com"),
)
"""First fit wins: what a path says outweighs the host, because people put proxies in front of providers."""


def get_dialect(name: str) -> Dialect:
    """Return the dialect called ``name`` (``"openai"``, ``"azure"``, ...).

    Raises ``UnsupportedOperation`` for a protocol that is known and not spoken, ``InvalidArgument`` for a name that
    nobody has.
    """
    if name in FOREIGN:
        raise UnsupportedOperation(f"{FOREIGN[name]}: this library does not speak it")
    if name not in DIALECTS:
        raise InvalidArgument(f"no dialect {name!r}; there are {', '.join(sorted(DIALECTS))}", path="dialect")
    return DIALECTS[name]


def dialect_for_url(url: str) -> Dialect:
    """Return the dialect that host and path of ``url`` point at; an unknown server is taken for OpenAI GA.

    Raises ``UnsupportedOperation`` where they point at a protocol that is not spoken.
    """
    parts = split_url(url)
    if parts is None:
        return OPENAI
    host = parts.hostname or ""
    return get_dialect(next((rule.dialect for rule in _RULES if rule.fits(host, parts.path)), OPENAI.name))
