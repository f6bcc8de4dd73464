"""From what the caller asked to URL and headers; nothing is looked up that nobody needs."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from realtime_transport.dialects import get_dialect
from realtime_transport.exceptions import InsecureTransportError, InvalidArgument, UnsupportedOperation
from realtime_transport.secret import Secret
from realtime_transport.transports.request import DEFAULT_MODEL, ConnectRequest, Dial, is_address, is_loopback, layered

KEY = "sk-canary"


@pytest.fixture(autouse=True)
def no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "XAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def dial(allow_insecure: bool = False, **asked: Any) -> Dial:
    return await ConnectRequest(**{"api_key": KEY, **asked}).dial(allow_insecure=allow_insecure)


async def test_the_default_address_and_model() -> None:
    assert (await dial()).url == f"wss://api.openai.com/v1/realtime?model={DEFAULT_MODEL}"
    assert (await dial(model="m")).url == "wss://api.openai.com/v1/realtime?model=m"


async def test_url_over_call_over_default() -> None:
    assert (await dial(call_id="rtc 1", model=None)).url == "wss://api.openai.com/v1/realtime?call_id=rtc%201"
    assert (await dial(url="wss://x.example/v9?a=b", model="m")).url == "wss://x.example/v9?a=b&model=m"
    assert (await dial(url="wss://x.example/v9?model=mine", model="m")).url == "wss://x.example/v9?model=mine"
    assert "model" not in (await dial(url="wss://x.example/v9")).url


async def test_the_intent_has_no_default_model() -> None:
    assert parse_qs(urlsplit((await dial(intent="transcription")).url).query) == {"intent": ["transcription"]}


async def test_headers_in_layers() -> None:
    headers = (
        await dial(organization="org", project="proj", headers={"AUTHORIZATION": "Bearer mine", "x-a": "1"})
    ).headers
    assert headers == {
        "AUTHORIZATION": "Bearer mine",
        "OpenAI-Organization": "org",
        "OpenAI-Project": "proj",
        "x-a": "1",
    }


async def test_empty_headers_keep_the_key() -> None:
    assert (await dial(headers={})).headers["Authorization"] == f"Bearer {KEY}"


async def test_the_key_as_a_sub_protocol() -> None:
    made = await dial(auth="sub_protocol")
    assert made.sub_protocols == ("realtime", f"openai-insecure-api-key.{KEY}")
    assert "Authorization" not in made.headers
    with pytest.raises(UnsupportedOperation):
        await dial(auth="carrier pigeon")


async def test_where_the_key_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    async def later() -> Secret:
        return Secret("three")

    monkeypatch.setenv("OPENAI_API_KEY", "env")
    for given, revealed in ((None, "env"), ("one", "one"), (lambda: "two", "two"), (later, "three")):
        made = await dial(api_key=given)
        assert made.headers["Authorization"] == f"Bearer {revealed}"


async def test_without_a_key() -> None:
    with pytest.raises(InvalidArgument, match="set OPENAI_API_KEY"):
        await dial(api_key=None)
    assert (await dial(api_key=None, url="ws://127.0.0.1:1/x")).headers == {}


async def test_a_dialect_with_no_key_needs_none() -> None:
    made = await dial(dialect=get_dialect("localai"), api_key=None, url="ws://127.0.0.1:8080")
    assert urlsplit(made.url).hostname == "127.0.0.1"


@pytest.mark.parametrize("url", ["ws://127.0.0.1:80", "ws://localhost", "ws://dev.localhost:1", "ws://[::1]:80"])
async def test_fm16_clear_text_stays_on_this_machine(url: str) -> None:
    assert (await dial(url=url)).key is not None


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"auth": "sub_protocol"},
        {"api_key": None, "headers": {"Api-Key": "x"}},
        {"api_key": None, "query": {"api-key": "x"}},
    ],
)
async def test_fm16_a_key_in_clear_text_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InsecureTransportError, match="allow_insecure"):
        await dial(url="ws://192.168.1.5", **asked)
    assert (await dial(url="ws://192.168.1.5", allow_insecure=True, **asked)).url.startswith("ws://192.168.1.5")


async def test_without_a_key_clear_text_is_nobodys_business() -> None:
    assert (await dial(url="ws://example.com", api_key=None)).url.startswith("ws://example.com")


async def test_fm18_a_key_that_would_forge_a_header_is_not_repeated() -> None:
    with pytest.raises(InvalidArgument) as caught:
        await dial(api_key=f"{KEY}\nX-Evil: 1")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("value", [f"{KEY}\nX-Evil: 1", f"{KEY}\r", "\N{EURO SIGN}"])
async def test_fm18_a_header_that_would_forge_another_is_not_repeated(value: str) -> None:
    with pytest.raises(InvalidArgument, match=r"headers\.X-Mine: holds a line break") as caught:
        await dial(headers={"X-Mine": value})
    assert KEY not in str(caught.value)
    with pytest.raises(InvalidArgument, match="no header can be called"):
        await dial(headers={"X-Mine: 1\r\nX-Evil": "1"})


async def test_keys_that_the_caller_placed_are_known_too() -> None:
    made = await dial(headers={"Authorization": "Bearer mine"}, query={"api-key": "sk other"}, url="wss://a.example")
    assert [key.reveal() for key in made.keys] == ["mine", "sk other", KEY]
    assert (await dial(api_key=None, url="wss://a.example?api_key=one")).keys == (Secret("one"),)


async def test_nothing_shows_the_key() -> None:
    request = ConnectRequest(api_key=KEY, headers={"Authorization": KEY}, query={"api-key": KEY})
    made = await ConnectRequest(
        dialect=get_dialect("azure-dated"), url="wss://a.example", model="m", api_key=KEY, auth="query"
    ).dial()
    assert KEY in made.url
    for shown in (repr(request), repr(made), str(made), made.shown):
        assert KEY not in shown
    assert made.shown.startswith("wss://a.example/")
    assert Dial(url="wss://user:secret@a.example:8443/x?key=y").shown == "wss://a.example:8443/x"


def test_loopback_and_addresses() -> None:
    assert is_loopback("ws://127.8.9.1/")
    assert not is_loopback("ws://127.evil.example")
    assert not is_loopback("ws://localhost.example.com")
    assert is_address("ws://[::1]")
    assert not is_address("ws://localhost")


def test_layers_keep_the_last_spelling() -> None:
    assert layered({"A": "1", "B": "2"}, {"a": "3"}) == {"a": "3", "B": "2"}
