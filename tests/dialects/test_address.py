from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.dialects import OPENAI, get_dialect
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation

AZURE_URL = "https://res.openai.azure.com"


@pytest.mark.parametrize(
    ("dialect", "given_url", "more", "expected"),
    [
        ("openai", None, {"model": "gpt-realtime"}, "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
        ("openai", None, {"model": "a b/ü&c"}, "wss://api.openai.com/v1/realtime?model=a%20b%2F%C3%BC%26c"),
        ("openai", None, {}, "wss://api.openai.com/v1/realtime"),
        ("openai", None, {"call_id": "rtc_1/2"}, "wss://api.openai.com/v1/realtime?call_id=rtc_1%2F2"),
        ("openai", None, {"intent": "transcription"}, "wss://api.openai.com/v1/realtime?intent=transcription"),
        (
            "openai",
            None,
            {"intent": "translation", "model": "m"},
            "wss://api.openai.com/v1/realtime/translations?model=m",
        ),
        ("openai", "ws://127.0.0.1:9", {"model": "m"}, "ws://127.0.0.1:9/v1/realtime?model=m"),
        ("openai", "http://h/", {"model": "m"}, "ws://h/v1/realtime?model=m"),
        ("openai", "ws://h/v1/realtime", {"intent": "translation"}, "ws://h/v1/realtime/translations"),
        ("openai", "wss://h/own/path?a=b+c&sig=%2F", {"model": "m"}, "wss://h/own/path?a=b+c&sig=%2F&model=m"),
        ("openai", "wss://h/own", {"intent": "translation"}, "wss://h/own"),
        ("openai", "wss://h/p?model=theirs", {"model": "mine"}, "wss://h/p?model=theirs"),
        ("openai", "wss://h/p?call_id=c", {"model": "mine"}, "wss://h/p?call_id=c"),
        ("openai", "wss://h/p?a=1&b=2", {"query": {"a": "3"}}, "wss://h/p?b=2&a=3"),
        ("openai", None, {"model": "m", "query": {"model": "q"}}, "wss://api.openai.com/v1/realtime?model=q"),
        ("openai", "wss://u:p@h:1/p#frag", {}, "wss://u:p@h:1/p"),
        ("azure", AZURE_URL, {"model": "dep"}, "wss://res.openai.azure.com/openai/v1/realtime?model=dep"),
        (
            "azure-dated",
            AZURE_URL,
            {"model": "dep"},
            "wss://res.openai.azure.com/openai/realtime?api-version=2024-10-01-preview&deployment=dep",
        ),
        (
            "azure-dated",
            AZURE_URL + "/openai/realtime?api-version=2025-04-01-preview",
            {"model": "dep"},
            "wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=dep",
        ),
        (
            "voice-live",
            "https://r.services.ai.azure.com",
            {"model": "m", "query": {"agent_id": "a"}},
            "wss://r.services.ai.azure.com/voice-live/realtime?api-version=2026-04-10&agent_id=a",
        ),
        ("elevenlabs", None, {"model": "ignored"}, "wss://api.elevenlabs.io/v1/convai/realtime"),
        ("qwen", None, {"model": "q"}, "wss://dashscope.aliyuncs.com/api-ws/v1/realtime?model=q"),
        ("localai", None, {"model": "p"}, "ws://127.0.0.1:8080/v1/realtime?model=p"),
    ],
)
def test_makes_the_url(dialect: str, given_url: str | None, more: dict[str, Any], expected: str) -> None:
    assert get_dialect(dialect).endpoint(given_url, **more) == expected


@pytest.mark.parametrize(
    ("dialect", "arguments", "error", "says"),
    [
        ("openai", {"model": "m", "call_id": "c"}, InvalidArgument, "not both"),
        ("openai", {"model": ""}, InvalidArgument, "model: must not be empty"),
        ("openai", {"call_id": ""}, InvalidArgument, "call_id: must not be empty"),
        ("openai", {"url": "ftp://h/x"}, InvalidArgument, "url: must look like"),
        ("openai", {"url": "wss:///x"}, InvalidArgument, "url: must look like"),
        ("openai", {"url": "h/x"}, InvalidArgument, "url: must look like"),
        ("openai", {"url": "wss://h:99999/x"}, InvalidArgument, "url: must look like"),
        ("openai", {"url": "wss://[broken/x"}, InvalidArgument, "url: must look like"),
        ("openai", {"intent": "dictation"}, UnsupportedOperation, "transcription, translation"),
        ("azure", {"model": "dep"}, InvalidArgument, "address of your own resource"),
        ("xai", {"call_id": "c"}, UnsupportedOperation, "without call_id"),
        ("xai", {"intent": "translation"}, UnsupportedOperation, "it has: none"),
    ],
)
def test_refuses_what_makes_no_url(dialect: str, arguments: dict[str, Any], error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        get_dialect(dialect).endpoint(**arguments)


@given(model=st.text(min_size=1), name=st.text(min_size=1), value=st.text())
def test_whatever_is_told_arrives_as_it_was(model: str, name: str, value: str) -> None:
    if name.encode("utf-8", "replace") != name.encode("utf-8", "surrogatepass"):
        return
    url = OPENAI.endpoint(model=model, query={name: value})
    parts = urlsplit(url)
    told = dict(parse_qsl(parts.query, keep_blank_values=True))
    assert told[name] == value
    assert name in {"model", "call_id"} or told["model"] == model
    assert parts.netloc == "api.openai.com"
    assert url.isascii()
