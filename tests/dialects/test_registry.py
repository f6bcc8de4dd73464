from __future__ import annotations

import pytest

from realtime_transport.dialects import DIALECTS, dialect_for_url, get_dialect
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation


def test_finds_every_dialect_by_name() -> None:
    assert [get_dialect(name).name for name in DIALECTS] == list(DIALECTS)


@pytest.mark.parametrize("name", ["vllm", "gemini", "gpt-live"])
def test_refuses_protocols_that_are_not_ours_and_says_why(name: str) -> None:
    with pytest.raises(UnsupportedOperation, match="protocol"):
        get_dialect(name)


def test_names_the_dialects_to_who_mistypes_one() -> None:
    with pytest.raises(InvalidArgument, match=r"no dialect 'opnai'; there are .*openai"):
        get_dialect("opnai")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("wss://api.openai.com/v1/realtime?model=x", "openai"),
        ("ws://127.0.0.1:1234/v1/realtime", "openai"),
        ("not a url at all", "openai"),
        ("wss://[broken", "openai"),
        ("wss://res.openai.azure.com/openai/v1/realtime?model=d", "azure"),
        ("https://res.openai.azure.com", "azure"),
        ("wss://res.openai.azure.com/openai/realtime?api-version=1", "azure-dated"),
        ("ws://localhost:1/openai/realtime?api-version=1", "azure-dated"),
        ("wss://r.services.ai.azure.com/voice-live/realtime", "voice-live"),
        ("wss://r.cognitiveservices.azure.com/voice-live/realtime", "voice-live"),
        ("https://r.services.ai.azure.com", "voice-live"),
        ("wss://api.x.ai/v1/realtime", "xai"),
        ("wss://api.elevenlabs.io/v1/convai/realtime", "elevenlabs"),
        ("wss://api.eu.residency.elevenlabs.io", "elevenlabs"),
        ("wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime", "qwen"),
        ("wss://dashscope.aliyuncs.com", "qwen"),
    ],
)
def test_recognises_a_server_by_its_url(url: str, name: str) -> None:
    assert dialect_for_url(url).name == name


@pytest.mark.parametrize(
    "url",
    [
        "wss://generativelanguage.googleapis.com/ws/x",
        "wss://proxy.example/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        "wss://api.openai.com/v1/live/sessions",
    ],
)
def test_refuses_the_url_of_another_protocol(url: str) -> None:
    with pytest.raises(UnsupportedOperation, match="another protocol"):
        dialect_for_url(url)
