from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from realtime_transport.dialects import get_dialect
from realtime_transport.exceptions import (
    ApiError,
    ConnectError,
    ConnectionLost,
    DecodeError,
    InsecureTransportError,
    InvalidArgument,
    MissingExtra,
    PayloadTooLarge,
    RequestTimeout,
    TLSError,
)
from realtime_transport.http import RealtimeHTTP, RetryPolicy
from realtime_transport.secret import Secret
from tests.http.conftest import Server, refusal

OK = JSONResponse({"value": "ek_1", "expires_at": 1})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_sends_the_key_and_the_callers_headers(server: Server) -> None:
    server.then(OK)
    async with RealtimeHTTP(Secret("sk-1"), base_url=server.url + "/", headers={"OpenAI-Project": "p"}) as http:
        await http.client_secrets.create()
    sent = server.asked[0].headers
    assert sent["authorization"] == "Bearer sk-1"
    assert sent["openai-project"] == "p"
    assert sent["content-type"] == "application/json"
    assert "cookie" not in sent


async def test_the_callers_headers_win_whatever_their_case(server: Server) -> None:
    server.then(OK)
    async with RealtimeHTTP("sk-1", base_url=server.url, headers={"AUTHORIZATION": "mine"}) as http:
        await http.client_secrets.create()
    assert server.asked[0].headers["authorization"] == "mine"


async def test_sends_the_key_the_way_the_dialect_wants(server: Server) -> None:
    server.then(OK)
    azure = get_dialect("azure")
    async with RealtimeHTTP("k", base_url=server.url, dialect=azure) as http:
        await http.client_secrets.create()
    async with RealtimeHTTP("k&k", base_url=server.url, dialect=azure, auth_scheme="query") as http:
        await http.client_secrets.create()
    assert server.asked[0].headers["api-key"] == "k"
    assert server.asked[1].query == "api-key=k%26k"
    assert "authorization" not in server.asked[1].headers


async def test_fm017_asks_a_callable_key_anew_at_each_attempt(server: Server) -> None:
    server.then(refusal(503), OK)
    keys = iter(["first", "second"])

    async def fetch() -> str:
        await asyncio.sleep(0)
        return next(keys)

    async with RealtimeHTTP(fetch, base_url=server.url, rng=lambda: 0.0) as http:
        await http.client_secrets.create()
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer first", "Bearer second"]


async def test_takes_the_key_from_a_function_or_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.then(OK)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    async with RealtimeHTTP(base_url=server.url) as http:
        await http.client_secrets.create()
    async with RealtimeHTTP(lambda: "sk-function", base_url=server.url) as http:
        await http.client_secrets.create()
    monkeypatch.delenv("OPENAI_API_KEY")
    async with RealtimeHTTP(base_url=server.url) as http:
        await http.client_secrets.create()
    assert [asked.headers.get("authorization") for asked in server.asked] == [
        "Bearer sk-env", "Bearer sk-function", None,
    ]  # fmt: skip


async def test_repeats_until_the_server_recovers(server: Server, http: RealtimeHTTP) -> None:
    server.then(refusal(500), refusal(429, {"retry-after": "0"}), OK)
    assert (await http.client_secrets.create()).value == Secret("ek_1")
    assert len(server.asked) == 3


async def test_gives_up_with_the_servers_last_word(server: Server, http: RealtimeHTTP) -> None:
    server.then(refusal(500, {"x-request-id": "req_9"}, code="server_error"))
    with pytest.raises(ApiError) as caught:
        await http.client_secrets.create()
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (500, "server_error", "req_9")
    assert len(server.asked) == 3


async def test_does_not_follow_a_redirect_with_the_key(server: Server, http: RealtimeHTTP) -> None:
    server.then(Response(status_code=307, headers={"location": "http://127.0.0.1:1/steal"}))
    with pytest.raises(ApiError) as caught:
        await http.client_secrets.create()
    assert caught.value.status == 307
    assert len(server.asked) == 1


async def test_gives_up_on_a_server_that_never_answers(server: Server) -> None:
    async def never(request: Request) -> Response:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return OK

    server.then(never)
    async with RealtimeHTTP("sk-1", base_url=server.url, timeout=0.05) as http:
        with pytest.raises(RequestTimeout, match=r"POST /realtime/client_secrets within 0\.05 s"):
            await http.client_secrets.create()


async def test_a_timeout_of_the_key_function_stays_its_own(server: Server) -> None:
    async def slow() -> str:
        raise TimeoutError("vault")

    async with RealtimeHTTP(slow, base_url=server.url) as http:
        with pytest.raises(TimeoutError, match="vault"):
            await http.client_secrets.create()


async def test_says_when_nobody_listens() -> None:
    async with RealtimeHTTP("k", base_url=f"http://127.0.0.1:{free_port()}/v1", rng=lambda: 0.0) as http:
        with pytest.raises(ConnectError) as caught:
            await http.calls.hangup("rtc_1")
    assert caught.value.code == "refused"


async def test_says_when_the_name_is_unknown() -> None:
    once = RetryPolicy(attempts=1)
    async with RealtimeHTTP("k", base_url="https://nowhere.invalid/v1", retries=once) as http:
        with pytest.raises(ConnectError) as caught:
            await http.calls.hangup("rtc_1")
    assert caught.value.code == "dns"


async def served_by(talk: Any) -> AsyncIterator[str]:
    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()
    await listener.wait_closed()


async def test_says_when_the_connection_ends_before_the_answer() -> None:
    calls = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async for host in served_by(hang_up):
        async with RealtimeHTTP("sk-canary", base_url=f"http://{host}/v1", rng=lambda: 0.0) as http:
            with pytest.raises(ConnectionLost) as caught:
                await http.calls.hangup("rtc_1")
            assert calls == 3
            with pytest.raises(ConnectionLost):
                await http.calls.create("v=0")
            assert calls == 4
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_says_when_tls_fails_and_does_not_repeat_it() -> None:
    calls = 0

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.read(16)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    context = ssl.create_default_context()
    async for host in served_by(no_tls):
        async with RealtimeHTTP("k", base_url=f"https://{host}/v1", ssl_context=context) as http:
            with pytest.raises(TLSError):
                await http.calls.hangup("rtc_1")
    assert calls == 1


async def test_says_when_the_proxy_is_not_there() -> None:
    once = RetryPolicy(attempts=1)
    proxy = f"http://127.0.0.1:{free_port()}"
    async with RealtimeHTTP("k", base_url="http://127.0.0.1:1/v1", proxy=proxy, retries=once) as http:
        with pytest.raises(ConnectError):
            await http.calls.hangup("rtc_1")


async def test_says_when_the_proxy_refuses() -> None:
    async def forbid(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async for host in served_by(forbid):
        once = RetryPolicy(attempts=1)
        async with RealtimeHTTP("k", proxy=f"http://{host}", retries=once) as http:
            with pytest.raises(ConnectError, match="403") as caught:
                await http.calls.hangup("rtc_1")
    assert caught.value.code == "unreachable"


async def test_stops_reading_an_answer_without_end(server: Server, http: RealtimeHTTP) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(65536)

    async def pour(_: Request) -> Response:
        return StreamingResponse(flood())

    server.then(pour)
    with pytest.raises(PayloadTooLarge):
        await http.client_secrets.create()
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"[" * 5000])
async def test_says_when_a_success_is_no_json(server: Server, http: RealtimeHTTP, body: bytes) -> None:
    server.then(Response(body))
    with pytest.raises(DecodeError, match="no JSON object"):
        await http.client_secrets.create()


@pytest.mark.parametrize("base_url", ["http://example.com/v1", "http://10.0.0.1/v1", "http://127.0.0.1.evil.com/v1"])
def test_fm016_refuses_a_key_in_clear_text(base_url: str) -> None:
    with pytest.raises(InsecureTransportError):
        RealtimeHTTP("k", base_url=base_url)


@pytest.mark.parametrize(
    "base_url", ["http://localhost:1/v1", "http://[::1]/v1", "http://127.9.9.9/v1", "https://example.com/v1"]
)
async def test_allows_plain_http_to_this_machine(base_url: str) -> None:
    await RealtimeHTTP("k", base_url=base_url).close()


async def test_allows_clear_text_on_request() -> None:
    await RealtimeHTTP("k", base_url="http://10.0.0.1/v1", allow_insecure=True).close()


@pytest.mark.parametrize("base_url", ["wss://h/v1", "api.openai.com", "https:///v1"])
def test_refuses_what_is_no_base_url(base_url: str) -> None:
    with pytest.raises(InvalidArgument, match="base_url"):
        RealtimeHTTP("k", base_url=base_url)


def test_asks_for_the_address_of_providers_that_have_no_common_one() -> None:
    with pytest.raises(InvalidArgument, match="azure has no common HTTP address"):
        RealtimeHTTP("k", dialect=get_dialect("azure"))


async def test_closes_twice() -> None:
    http = RealtimeHTTP("k")
    await http.close()
    await http.close()


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(MissingExtra, match=r"realtime-transport\[http\]"):
        RealtimeHTTP("k")


@pytest.mark.parametrize("key", ["sk-canary\r\nX-Evil: 1", "sk-canary-ключ"])
async def test_fm018_refuses_an_unusable_key_without_repeating_it(server: Server, key: str) -> None:
    async with RealtimeHTTP(key, base_url=server.url) as http:
        with pytest.raises(InvalidArgument) as caught:
            await http.client_secrets.create()
    assert "canary" not in str(caught.value)
    assert server.asked == []


async def test_fm123_no_error_holds_the_key(server: Server, http: RealtimeHTTP) -> None:
    server.then(refusal(400))
    shown = []
    for spoil in (server.url, f"http://127.0.0.1:{free_port()}/v1"):
        async with RealtimeHTTP("sk-canary", base_url=spoil, rng=lambda: 0.0) as failing:
            with pytest.raises((ApiError, ConnectError)) as caught:
                await failing.calls.hangup("rtc_1")
        error = caught.value
        assert error.__cause__ is None
        assert error.__context__ is None
        shown.append("".join(traceback.format_exception(error)) + repr(vars(error)))
    assert "canary" not in "".join(shown)
