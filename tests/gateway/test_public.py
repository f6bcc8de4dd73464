"""The URL that was signed, whatever stands between the carrier and us."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.gateway.public import PublicAddress


def scope(path: str = "/answer", **more: Any) -> dict[str, Any]:
    return {"type": "http", "scheme": "http", "method": "POST", "path": path, "raw_path": path.encode(), **more}


WEBSOCKET: dict[str, Any] = {"type": "websocket", "scheme": "ws"}
FORWARDED = {"host": "10.0.0.7:8090", "x-forwarded-proto": "https", "x-forwarded-host": "calls.example.com"}


@pytest.mark.parametrize(
    "bad", ["", "calls.example.com", "ftp://h", "wss://h", "https://", "https://h?x=1", "https://h#x"]
)
def test_an_address_is_an_address(bad: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        PublicAddress(bad)
    assert caught.value.path == "public_url"


@pytest.mark.parametrize(
    ("public", "request_scope", "url"),
    [
        ("https://h", scope(), "https://h/answer"),
        ("https://h/", scope("/answer/"), "https://h/answer/"),
        ("https://h:8443", scope(query_string=b"a=1&a=2"), "https://h:8443/answer?a=1&a=2"),
        ("https://h/phone", scope("/phone/answer", root_path="/phone"), "https://h/phone/answer"),
        ("https://h", scope(query_string=b"n=%2B1415&s=a+b'"), "https://h/answer?n=%2B1415&s=a+b'"),
        ("https://h", scope("/stream/é", raw_path=b"/stream/%C3%A9"), "https://h/stream/%C3%A9"),
        ("https://h", scope("/stream/1", **WEBSOCKET), "wss://h/stream/1"),
        ("http://h:80", scope("/stream", **WEBSOCKET), "ws://h:80/stream"),
    ],
)
def test_the_configured_address_counts(public: str, request_scope: dict[str, Any], url: str) -> None:
    signed = PublicAddress(public).signed(request_scope, FORWARDED, b"body")
    assert signed.url == url
    assert signed.body == b"body"
    # The authority that Genesys signs is the public one as well.
    assert signed.header("host") == public.rstrip("/").partition("://")[2].partition("/")[0]


def test_a_server_without_raw_paths_will_do() -> None:
    plain = scope()
    del plain["raw_path"]
    assert PublicAddress("https://h").signed(plain, {}).url == "https://h/answer"


def test_forwarded_headers_count_only_when_they_are_trusted() -> None:
    assert PublicAddress().signed(scope(), FORWARDED).url == "http://10.0.0.7:8090/answer"
    assert (
        PublicAddress(None, trust_forwarded=True).signed(scope(), FORWARDED).url == "https://calls.example.com/answer"
    )
    configured = PublicAddress("https://mine.example.com", trust_forwarded=True)
    assert configured.signed(scope(), FORWARDED).url == "https://mine.example.com/answer"


def test_of_several_proxies_the_nearest_is_believed() -> None:
    chain = {
        "host": "h",
        "x-forwarded-proto": "http, https",
        "x-forwarded-host": "forged.example.com, real.example.com",
    }
    assert PublicAddress(None, trust_forwarded=True).signed(scope(), chain).url == "https://real.example.com/answer"
    assert PublicAddress(None, trust_forwarded=True).signed(scope(), {"host": "h"}).url == "http://h/answer"


def test_the_stream_is_at_the_same_address() -> None:
    assert PublicAddress("https://h:8443/phone").stream(scope(), {}, "/stream") == "wss://h:8443/phone/stream"
    mounted = scope("/phone/answer", root_path="/phone")
    assert PublicAddress().stream(mounted, {"host": "h"}, "/stream") == "ws://h/phone/stream"
