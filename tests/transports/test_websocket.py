"""The WebSocket transport against real sockets: the contract, and every way in which a network disappoints."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import socket
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.sync.server import serve as serve_in_thread

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import Emulator
from realtime_transport.events.transport import AudioGapEvent, DisconnectedEvent, ErrorEvent
from realtime_transport.exceptions import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    HandshakeError,
    InsecureTransportError,
    InvalidArgument,
    PayloadTooLarge,
    PermissionDeniedError,
    ProtocolError,
    ProxyAuthError,
    RateLimitError,
    ServerError,
    StateError,
    TLSError,
)
from realtime_transport.testing.contract import CHECKS, run_check
from realtime_transport.transports import WebSocketOptions, WebSocketTransport
from realtime_transport.transports.connection import QuickConnection
from tests.transports.certificates import Authority

CREATED = json.dumps({"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}})
KEY = "sk-canary-0123456789"
Handler = Callable[[ServerConnection], Awaitable[None]]


# --- servers -----------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield url_of(server)


def url_of(server: Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"ws://{host}:{port}/v1/realtime"


async def confirming(ws: ServerConnection) -> None:
    """Greet, confirm updates, ignore all else."""
    await ws.send(CREATED)
    async for message in ws:
        event = json.loads(message)
        if event["type"] == "session.update":
            await ws.send(json.dumps({"type": "session.updated", "session": {**event["session"], "id": "sess_1"}}))


def saying(*frames: str | bytes, then: Handler | None = None) -> Handler:
    """Greet and say these frames; when the client says something, do something, by default nothing."""

    async def handler(ws: ServerConnection) -> None:
        await ws.send(CREATED)
        for frame in frames:
            await ws.send(frame)
        if then is not None:
            await ws.recv()
            await then(ws)
        await ws.wait_closed()

    return handler


def closing(code: int, reason: str = "") -> Handler:
    async def handler(ws: ServerConnection) -> None:
        await ws.close(code, reason)

    return handler


async def aborting(ws: ServerConnection) -> None:
    ws.transport.abort()


@contextlib.asynccontextmanager
async def raw_server(handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Any:
    """A TCP server; its connections are dropped and its handlers cancelled at the end."""
    handling: list[asyncio.Task[None]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task: Any = asyncio.ensure_future(handler(reader, writer))
        handling.append(task)
        await asyncio.wait({task})
        writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield host, port
    finally:
        server.close()
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)
        await asyncio.sleep(0.01)


async def greet_by_hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> ServerProtocol:
    """Open a WebSocket and say ``session.created``, leaving all else to the caller."""
    protocol = ServerProtocol()
    while not (requests := protocol.events_received()):
        protocol.receive_data(await reader.read(65536))
    assert isinstance(requests[0], Request)
    protocol.send_response(protocol.accept(requests[0]))
    protocol.send_text(CREATED.encode())
    writer.write(b"".join(protocol.data_to_send()))
    return protocol


async def connected(url: str, **options: Any) -> WebSocketTransport:
    transport = WebSocketTransport(**options)
    await transport.connect(url=url)
    return transport


def heard(transport: WebSocketTransport, name: Any) -> list[Any]:
    found: list[Any] = []
    transport.on(name, found.append)
    return found


async def soon(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


# --- the contract ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHECKS)
async def test_contract(name: str) -> None:
    async with Emulator(brain=Echo()) as server:
        await run_check(CHECKS[name], WebSocketTransport, url=server.url)


# --- what goes out -----------------------------------------------------------------------------------------------


async def test_the_handshake_carries_key_and_headers_and_no_beta() -> None:
    seen: list[tuple[str, Headers]] = []

    async def handler(ws: ServerConnection) -> None:
        assert ws.request is not None
        seen.append((ws.request.path, ws.request.headers))
        await confirming(ws)

    async with serving(handler) as url:
        transport = WebSocketTransport()
        await transport.connect(
            url=f"{url}?tenant=a%20b",
            model="gpt realtime",
            api_key=KEY,
            organization="org-1",
            project="proj-1",
            headers={"x-mine": "yes", "openai-organization": "org-2"},
            query={"extra": "1&2"},
        )
        await transport.close()
    path, headers = seen[0]
    assert path.startswith("/v1/realtime?tenant=a%20b")
    assert "model=gpt%20realtime" in path
    assert "extra=1%262" in path
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers.get_all("OpenAI-Organization") == ["org-2"]
    assert headers["OpenAI-Project"] == "proj-1"
    assert headers["X-Mine"] == "yes"
    assert "OpenAI-Beta" not in headers
    assert "Sec-WebSocket-Extensions" not in headers


async def test_the_key_as_a_sub_protocol() -> None:
    offered: list[str] = []

    async def handler(ws: ServerConnection) -> None:
        assert ws.request is not None
        offered.append(ws.request.headers["Sec-WebSocket-Protocol"])
        assert "Authorization" not in ws.request.headers
        await confirming(ws)

    async with serving(handler, subprotocols=["realtime"]) as url:
        transport = WebSocketTransport()
        await transport.connect(url=url, api_key=KEY, auth="sub_protocol")
        await transport.close()
    assert offered == [f"realtime, openai-insecure-api-key.{KEY}"]


async def test_a_key_function_is_asked_at_each_attempt() -> None:
    keys = iter(["one", "two"])
    seen: list[str] = []

    async def handler(ws: ServerConnection) -> None:
        assert ws.request is not None
        seen.append(ws.request.headers["Authorization"])
        await confirming(ws)

    async def next_key() -> str:
        return next(keys)

    async with serving(handler) as url:
        transport = WebSocketTransport()
        for _ in range(2):
            await transport.connect(url=url, api_key=next_key)
            await transport.close()
    assert seen == ["Bearer one", "Bearer two"]


async def test_frames_are_text() -> None:
    kinds: list[type] = []

    async def handler(ws: ServerConnection) -> None:
        await ws.send(CREATED)
        kinds.append(type(await ws.recv()))

    async with serving(handler) as url:
        transport = await connected(url)
        transport.send_audio(b"\0\0" * 480)
        await transport.close()
    assert kinds == [str]


async def test_the_key_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refusing = answering(HTTPStatus.UNAUTHORIZED)
    async with serving(confirming) as url, serving(confirming, process_request=refusing) as forbidden:
        for auth in ("bearer", "sub_protocol"):
            transport = WebSocketTransport()
            with contextlib.suppress(HandshakeError):  # the server has no sub-protocol to agree to
                await transport.connect(url=f"{url}?model=m", api_key=KEY, auth=auth)
            await transport.close()
        with pytest.raises(AuthenticationError) as caught:
            await WebSocketTransport().connect(url=forbidden, api_key=KEY)
    assert any("Bearer ***" in record.getMessage() for record in caplog.records)
    assert not [
        record for record in caplog.records if KEY in record.getMessage() and record.name != "websockets.server"
    ]
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error)
        assert KEY not in repr(vars(error))
        error = error.__cause__ or error.__context__


# --- not connecting (2.1) ----------------------------------------------------------------------------------------


def answering(status: HTTPStatus, body: str = "", **headers: str) -> Callable[..., Response]:
    def process_request(ws: ServerConnection, request: Request) -> Response:
        response = ws.respond(status, body)
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return process_request


async def test_fm1_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_such_name(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_name)
    transport = WebSocketTransport(options=WebSocketOptions(proxy=None))
    with pytest.raises(ConnectError, match=r"wss://nowhere\.example/v1/realtime") as caught:
        await transport.connect(url="wss://nowhere.example", api_key=KEY)
    assert caught.value.code == "dns"
    assert caught.value.retryable


@pytest.mark.virtual_time
async def test_fm1_a_resolver_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: Any, **kwargs: Any) -> Any:
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", never)
    with pytest.raises(ConnectTimeout, match="no answer within 10 s while connecting"):
        await WebSocketTransport(options=WebSocketOptions(proxy=None)).connect(url="wss://slow.example", api_key=KEY)
    assert loop.time() == 10.0


async def test_fm2_a_closed_port() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        port = placeholder.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        await WebSocketTransport().connect(url=f"ws://127.0.0.1:{port}")
    assert caught.value.code == "refused"


@pytest.mark.virtual_time
async def test_fm3_a_server_that_never_answers() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with raw_server(silent) as (host, port):
        began = asyncio.get_running_loop().time()
        transport = WebSocketTransport()
        with pytest.raises(ConnectTimeout) as caught:
            await transport.connect(url=f"ws://{host}:{port}", timeout=10.0)
        assert asyncio.get_running_loop().time() - began == 10.0
        assert caught.value.stage == "connecting"
        assert transport.status == "disconnected"


@pytest.mark.virtual_time
async def test_fm5_a_tls_handshake_that_stalls() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with raw_server(silent) as (host, port):
        with pytest.raises(ConnectTimeout):
            await WebSocketTransport().connect(url=f"wss://{host}:{port}", api_key=KEY)


async def test_a_server_that_hangs_up_before_it_answers() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.close()

    async with raw_server(rude) as (host, port):
        with pytest.raises(ConnectError) as caught:
            await WebSocketTransport().connect(url=f"ws://{host}:{port}")
        assert caught.value.code == "eof"


async def test_a_server_that_speaks_something_else() -> None:
    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read(65536)
        writer.close()

    async with raw_server(smtp) as (host, port):
        with pytest.raises(ConnectError, match="does not speak WebSocket") as caught:
            await WebSocketTransport().connect(url=f"ws://{host}:{port}")
        assert caught.value.code == "handshake"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (HTTPStatus.UNAUTHORIZED, AuthenticationError),
        (HTTPStatus.FORBIDDEN, PermissionDeniedError),
        (HTTPStatus.TOO_MANY_REQUESTS, RateLimitError),
        (HTTPStatus.NOT_FOUND, HandshakeError),
        (HTTPStatus.SERVICE_UNAVAILABLE, HandshakeError),
    ],
)
async def test_fm7_to_fm10_an_http_status_instead(status: HTTPStatus, kind: type[HandshakeError]) -> None:
    process = answering(status, '{"error": "why"}', x_request_id="req_1", Retry_After="7")
    async with serving(confirming, process_request=process) as url:
        with pytest.raises(HandshakeError) as caught:
            await WebSocketTransport().connect(url=url)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.request_id, error.retry_after) == (status, "req_1", 7.0)
    assert "why" in error.body
    assert error.retryable == (status in {429, 503})


async def test_fm10_a_redirect_is_not_followed() -> None:
    followed: list[str] = []

    async def elsewhere(ws: ServerConnection) -> None:
        followed.append("yes")

    async with serving(elsewhere) as other:
        process = answering(HTTPStatus.TEMPORARY_REDIRECT, Location=f"{other}?key=secret")
        async with serving(confirming, process_request=process) as url:
            with pytest.raises(ConnectError, match="redirects to") as caught:
                await WebSocketTransport().connect(url=url, api_key=KEY)
    assert caught.value.code == "redirect"
    assert "secret" not in str(caught.value)
    assert followed == []


async def test_fm11_closed_right_after_opening() -> None:
    async with serving(closing(1011, "overloaded")) as url:
        transport = WebSocketTransport()
        with pytest.raises(ConnectionLost, match="1011: overloaded") as caught:
            await transport.connect(url=url)
        assert caught.value.close_code == 1011
        assert transport.status == "disconnected"


async def test_fm11_the_first_cause_is_the_error_not_the_close() -> None:
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "code": "beta_api_shape_disabled"}}

    async def handler(ws: ServerConnection) -> None:
        await ws.send(json.dumps(refusal))
        await ws.close(4000, "invalid_request_error.beta_api_shape_disabled")

    async with serving(handler) as url:
        with pytest.raises(ServerError) as caught:
            await WebSocketTransport().connect(url=url)
        assert caught.value.code == "beta_api_shape_disabled"


async def test_fm12_no_session_created() -> None:
    async def mute(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async with serving(mute) as url:
        with pytest.raises(ConnectTimeout, match=r"waiting for session\.created"):
            await WebSocketTransport().connect(url=url, timeout=0.05)


async def test_fm13_the_config_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: ServerConnection) -> None:
        await ws.send(CREATED)
        update = json.loads(await ws.recv())
        error = {"type": "invalid_request_error", "code": "unknown_parameter", "event_id": update["event_id"]}
        await ws.send(json.dumps({"type": "error", "error": {**error, "message": "Unknown parameter"}}))
        await ws.wait_closed()

    async with serving(handler) as url:
        transport = WebSocketTransport()
        with pytest.raises(ServerError, match="Unknown parameter"):
            await transport.connect(url=url, session={"instructions": "x"})
        assert transport.status == "disconnected"
    assert caplog.records == []


async def test_fm13_the_config_is_never_confirmed() -> None:
    async with serving(saying()) as url:
        with pytest.raises(ConnectTimeout, match=r"waiting for session\.updated"):
            await WebSocketTransport().connect(url=url, session={"instructions": "x"}, timeout=0.05)


async def test_fm16_a_key_in_clear_text_leaves_no_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    async def spy(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a packet would have left")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", spy)
    monkeypatch.setattr(loop, "create_connection", spy)
    with pytest.raises(InsecureTransportError):
        await WebSocketTransport().connect(url="ws://example.com", api_key=KEY)


async def test_fm18_a_key_that_is_no_header_value() -> None:
    with pytest.raises(InvalidArgument) as caught:
        await WebSocketTransport().connect(url="ws://127.0.0.1:1", api_key=f"{KEY}\r\nX-Evil: 1")
    assert KEY not in str(caught.value)


@pytest.mark.virtual_time
async def test_fm19_a_family_that_is_black_holed_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name has two addresses; packets to the first are never answered."""
    loop = asyncio.get_running_loop()
    connecting = loop.sock_connect

    async def two_addresses(host: Any, port: Any, **kwargs: Any) -> Any:
        tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(socket.AF_INET, *tcp, ("127.0.0.2", port)), (socket.AF_INET, *tcp, ("127.0.0.1", port))]

    async def black_hole(sock: socket.socket, address: Any) -> None:
        if address[0] == "127.0.0.2":
            await asyncio.Event().wait()
        await connecting(sock, address)

    monkeypatch.setattr(loop, "getaddrinfo", two_addresses)
    monkeypatch.setattr(loop, "sock_connect", black_hole)
    async with serve(confirming, sock=socket.create_server(("127.0.0.1", 0))) as server:
        port = server.sockets[0].getsockname()[1]
        transport = WebSocketTransport(options=WebSocketOptions(proxy=None))
        await transport.connect(url=f"ws://dual.localhost:{port}")
        assert loop.time() <= 0.5
        await transport.close()


async def test_without_any_key_the_provider_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InvalidArgument, match="OPENAI_API_KEY"):
        await WebSocketTransport().connect()


# --- losing the connection (2.2) ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 4000])
async def test_fm24_fm25_the_close_code_is_told(code: int) -> None:
    async with serving(saying(then=closing(code, "because"))) as url:
        transport = WebSocketTransport()
        ends = heard(transport, "disconnected")
        await transport.connect(url=url)
        transport.clear_audio()
        await soon(lambda: ends)
        assert ends == [DisconnectedEvent(code=code, reason="because", clean=code in {1000, 1001})]
        assert transport.status == "disconnected"
        await transport.close()


async def test_fm20_dropped_in_the_middle() -> None:
    async with serving(saying(then=aborting)) as url:
        transport = WebSocketTransport()
        ends = heard(transport, "disconnected")
        await transport.connect(url=url)
        receipt = transport.send_message("hello")
        with pytest.raises(ConnectionLost):
            await receipt.acknowledged()
        assert [(end.code, end.clean) for end in ends] == [(None, False)]
        with pytest.raises(StateError):
            transport.send_message("anyone?")
        await transport.close()


async def test_after_a_loss_it_connects_anew() -> None:
    rounds = iter([saying(then=aborting), confirming])

    async def handler(ws: ServerConnection) -> None:
        await next(rounds)(ws)

    async with serving(handler) as url:
        transport = WebSocketTransport()
        await transport.connect(url=url)
        transport.clear_audio()
        await transport.wait_for("disconnected", 5)
        await transport.connect(url=url)
        assert transport.connection_state.epoch == 2
        await transport.close()


async def test_fm21_a_half_open_line_is_noticed_in_time() -> None:
    """The peer's machine is gone: nothing is answered, not even a ping."""

    done = asyncio.Event()

    async def deaf(ws: ServerConnection) -> None:
        await ws.send(CREATED)
        ws.transport.pause_reading()
        await done.wait()

    async with serving(deaf, ping_interval=None, close_timeout=0.01) as url:
        loop = asyncio.get_running_loop()
        options = WebSocketOptions(ping_interval=0.05, ping_timeout=0.05)
        transport = await connected(url, options=options, close_timeout=0.05)
        began = loop.time()
        lost = await transport.wait_for("disconnected", 5)
        assert 0.05 <= loop.time() - began < 1.0
        assert lost.code == 1011
        assert "ping" in lost.reason
        await transport.close()
        done.set()


async def test_fm26_invalid_utf8_in_a_text_frame_ends_nothing_by_itself() -> None:
    """Frames are read as bytes: what cannot be read is one bad frame."""
    async with serving(saying(b"\xff\xfe", CREATED)) as url:
        transport = WebSocketTransport()
        errors = heard(transport, "error")
        await transport.connect(url=url)
        await soon(lambda: errors)
        assert isinstance(errors[0].error, ProtocolError)
        assert transport.status == "connected"
        await transport.close()


async def test_fm37_twenty_bad_frames_in_a_row_close_with_1002() -> None:
    codes: list[int | None] = []

    async def handler(ws: ServerConnection) -> None:
        await ws.send(CREATED)
        await ws.recv()
        for _ in range(19):
            await ws.send("not json")
        await ws.send('{"type": "rate_limits.updated", "rate_limits": []}')
        for _ in range(19):
            await ws.send("[]")
        await ws.send('{"type": 5}')
        await ws.wait_closed()
        codes.append(ws.close_code)

    async with serving(handler) as url:
        transport = WebSocketTransport()
        ends, errors = heard(transport, "disconnected"), heard(transport, "error")
        await transport.connect(url=url)
        transport.send_audio(b"\0\0")
        await soon(lambda: ends and codes)
        assert ends[0].code == 1002
        assert codes == [1002]
        assert len(errors) == 39
        await transport.close()


async def test_fm39_a_binary_frame_is_read_like_a_text_frame() -> None:
    async with serving(saying(b'{"type": "vendor.thing", "x": 1}')) as url:
        transport = WebSocketTransport()
        seen: list[Any] = []
        transport.on_server_event("vendor.thing", seen.append)
        await transport.connect(url=url)
        await soon(lambda: seen)
        assert seen[0].raw["x"] == 1
        transport.off_server_event("vendor.thing", seen.append)
        await transport.close()


async def test_fm42_a_frame_of_15_mb_is_accepted() -> None:
    frame = json.dumps({"type": "vendor.thing", "filler": "x" * 15_000_000})
    async with serving(saying(frame)) as url:
        transport = WebSocketTransport()
        seen = heard(transport, "*")
        await transport.connect(url=url)
        await soon(lambda: len(seen) == 2)
        await transport.close()


async def test_fm43_a_gigantic_frame_closes_with_1009() -> None:
    async def gigantic(ws: ServerConnection) -> None:
        await ws.send(json.dumps({"type": "vendor.thing", "filler": "x" * 20_000}))

    async with serving(saying(then=gigantic)) as url:
        transport = WebSocketTransport(options=WebSocketOptions(max_size=10_000))
        ends, errors = heard(transport, "disconnected"), heard(transport, "error")
        await transport.connect(url=url)
        transport.send_audio(b"\0\0")
        await soon(lambda: ends)
        assert ends[0].code == 1009
        assert [type(event.error) for event in errors] == [PayloadTooLarge]
        await transport.close()


async def test_fm43_a_gigantic_frame_while_connecting() -> None:
    async with serving(saying()) as url:
        with pytest.raises(PayloadTooLarge):
            await WebSocketTransport(options=WebSocketOptions(max_size=10)).connect(url=url)


async def test_what_is_sent_into_a_closing_socket_is_the_readers_news() -> None:
    """The close frame came, the end of the TCP connection not yet: what is written now goes nowhere."""
    sent_close, hang_up = asyncio.Event(), asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = await greet_by_hand(reader, writer)
        protocol.send_close(1012, "restart")
        writer.write(b"".join(protocol.data_to_send()))
        await writer.drain()
        sent_close.set()
        await hang_up.wait()

    async with raw_server(handler) as (host, port):
        transport = WebSocketTransport()
        ends, errors = heard(transport, "disconnected"), heard(transport, "error")
        await transport.connect(url=f"ws://{host}:{port}")
        await sent_close.wait()
        await asyncio.sleep(0.02)
        transport.send_audio(b"\0\0" * 480)
        transport.send_audio(b"\0\0" * 480)
        await asyncio.sleep(0.02)
        assert transport.status == "connected"
        hang_up.set()
        await soon(lambda: ends)
        assert [end.code for end in ends] == [1012]
        assert errors == []
        await transport.close()


async def test_the_writer_waits_for_the_readers_news(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(confirming) as url:
        transport = await connected(url)
        sent = heard(transport, "sent")

        async def closed(*args: Any, **kwargs: Any) -> None:
            raise ConnectionClosedError(None, None)

        monkeypatch.setattr(transport._socket, "send", closed)
        monkeypatch.setattr(transport._socket, "write_now", lambda frame: False)
        transport.send_message("one", respond=False)
        transport.send_message("two", respond=False)
        await asyncio.sleep(0.01)
        assert transport.status == "connected"
        assert len(sent) == 1
        monkeypatch.undo()
        assert transport._socket is not None
        transport._socket.transport.abort()
        await transport.wait_for("disconnected", 5)
        await transport.close()


async def test_an_operating_system_that_gives_up_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async def times_out(*args: Any, **kwargs: Any) -> Any:
        raise TimeoutError("[Errno 110] Connection timed out")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", times_out)
    with pytest.raises(ConnectTimeout):
        await WebSocketTransport(options=WebSocketOptions(proxy=None)).connect(url="ws://slow.localhost")


# --- a slow peer (FM-65) -----------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def dawdling() -> AsyncIterator[str]:
    """Serve a peer that greets and takes nothing: after 16 messages the socket fills up."""
    done = asyncio.Event()

    async def handler(ws: ServerConnection) -> None:
        await ws.send(CREATED)
        await done.wait()

    async with serving(handler, ping_interval=None, close_timeout=0.01) as url:
        yield url
        done.set()


async def test_fm65_awaiting_receipts_waits_for_a_slow_peer() -> None:
    async with dawdling() as url:
        transport = await connected(url, close_timeout=0.05)
        sent = 0

        async def stream() -> None:
            nonlocal sent
            while True:
                await transport.send_audio(b"\0\0" * 24_000)
                sent += 1

        streaming = asyncio.ensure_future(stream())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(streaming), 0.3)
        before = sent
        await asyncio.sleep(0.1)
        assert sent == before
        await transport.close()
        with pytest.raises((ConnectionLost, StateError)):
            await streaming


async def test_fm65_unawaited_audio_gives_up_the_oldest_and_says_so() -> None:
    async with dawdling() as url:
        transport = await connected(url, close_timeout=0.05, audio_backlog_ms=2_000)
        gaps: list[AudioGapEvent] = []
        transport.on("audio_gap", gaps.append)
        for _ in range(1000):
            transport.send_audio(b"\0\0" * 24_000)
            await asyncio.sleep(0)
        await soon(lambda: gaps)
        assert gaps[0].direction == "out"
        assert gaps[0].ms % 1000 == 0
        await transport.close()


async def test_fm65_a_peer_that_takes_nothing_is_given_up() -> None:
    async with dawdling() as url:
        transport = await connected(url, send_timeout=0.1, close_timeout=0.05)
        transport.send_message("x" * 15_000_000, respond=False)
        lost = await transport.wait_for("disconnected", 5)
        assert not lost.clean
        await transport.close()


# --- ending (2.6) ------------------------------------------------------------------------------------------------


async def test_fm89_a_peer_that_ignores_the_close_frame() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet_by_hand(reader, writer)
        await asyncio.Event().wait()

    async with raw_server(handler) as (host, port):
        transport = await connected(f"ws://{host}:{port}", close_timeout=0.05)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await transport.close()
        assert loop.time() - began < 1.0
        assert transport.status == "disconnected"


async def test_fm91_a_forgotten_transport_complains_and_lets_go_of_its_socket() -> None:
    gone = asyncio.Event()

    async def handler(ws: ServerConnection) -> None:
        await confirming(ws)
        gone.set()

    async with serving(handler) as url:
        transport = await connected(url)
        transport.on("audio", transport.heard)  # a cycle, as in most programs
        await asyncio.sleep(0.01)
        gc.collect()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del transport
            gc.collect()
        (complaint,) = [warning for warning in caught if warning.category is ResourceWarning]
        assert str(complaint.message) == "<WebSocketTransport connected epoch=1> was never closed"
        await asyncio.wait_for(gone.wait(), 5)


async def test_fm99_another_thread_is_told_where_to_call() -> None:
    async with serving(confirming) as url:
        transport = await connected(url)
        with pytest.raises(StateError, match="call_soon_threadsafe"):
            await asyncio.to_thread(transport.send_message, "hello")
        await transport.close()


def test_fm90_another_loop_is_told_so() -> None:
    async def connect_and_leave() -> WebSocketTransport:
        async with serving(confirming) as url:
            transport = await connected(url)
            async with asyncio.timeout(1):
                await transport.close()
            return transport

    async def use(transport: WebSocketTransport) -> None:
        with pytest.raises(StateError):
            transport.send_message("hello")
        async with serving(confirming) as url:
            await transport.connect(url=url)
            await transport.close()

    transport = asyncio.run(connect_and_leave())
    asyncio.run(use(transport))


def test_fm71_keyboard_interrupt_in_a_listener_reaches_run_and_closes_with_1001() -> None:
    codes: list[int | None] = []

    def handler(ws: Any) -> None:  # in a thread: this server outlives the client's loop
        ws.send(CREATED)
        update = json.loads(ws.recv())
        ws.send(json.dumps({"type": "session.updated", "session": update["session"]}))
        with contextlib.suppress(Exception):
            ws.recv()
        codes.append(ws.protocol.close_rcvd.code if ws.protocol.close_rcvd else None)

    def stop(event: object) -> None:
        raise KeyboardInterrupt

    async def main(url: str) -> None:
        transport = await connected(url)
        transport.on("session_updated", stop)
        transport.update_session(instructions="x")
        await asyncio.sleep(5)

    with serve_in_thread(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                asyncio.run(main("ws://{}:{}".format(*server.socket.getsockname())))
        finally:
            server.shutdown()
            thread.join()
    assert codes == [1001]


async def test_a_reason_that_is_too_long_is_cut_and_closes_all_the_same() -> None:
    ends: list[tuple[int | None, str | None]] = []

    async def handler(ws: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosedError):
            await confirming(ws)
        ends.append((ws.close_code, ws.close_reason))

    async with serving(handler) as url:
        transport = await connected(url)
        await transport.close(4000, "\N{EURO SIGN}" * 42)
        await soon(lambda: ends)
        assert ends == [(4000, "\N{EURO SIGN}" * 41)]
        transport = await connected(url)
        await transport.close(4000, "x" + "\N{EURO SIGN}" * 41)
        await soon(lambda: len(ends) == 2)
        assert ends[1] == (4000, "x" + "\N{EURO SIGN}" * 40)


# --- a socket of somebody else's ---------------------------------------------------------------------------------


async def test_from_socket_speaks_and_leaves_the_socket_open() -> None:
    async with serving(confirming) as url, connect(url) as ws:
        transport = WebSocketTransport.from_socket(ws)
        await transport.connect(session={"instructions": "Hi."})
        assert getattr(transport.session, "instructions", None) == "Hi."
        await transport.close()
        assert transport.status == "disconnected"
        await ws.send('{"type": "session.update", "session": {"type": "realtime"}}')
        assert "session.updated" in str(await ws.recv())


async def test_from_socket_gives_back_a_quick_connection_that_receives() -> None:
    async with serving(confirming) as url, connect(url, create_connection=QuickConnection) as ws:
        transport = WebSocketTransport.from_socket(ws)
        await transport.connect(session={"instructions": "Hi."})
        await transport.close()
        await ws.send('{"type": "session.update", "session": {"type": "realtime"}}')
        assert "session.updated" in str(await asyncio.wait_for(ws.recv(), 5))


async def test_a_connection_at_rest_has_no_task_of_ours() -> None:
    async with serving(confirming) as url:
        transport = await connected(url)
        await soon(lambda: not [task for task in asyncio.all_tasks() if "realtime_transport" in task.get_name()])
        await transport.close()


async def test_from_socket_forgotten_leaves_the_socket_open() -> None:
    async with serving(confirming) as url, connect(url) as ws:
        transport = WebSocketTransport.from_socket(ws)
        await transport.connect()
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            del transport
            gc.collect()
        await ws.send('{"type": "session.update", "session": {"type": "realtime"}}')
        await asyncio.sleep(0.02)
        assert ws.close_code is None


@pytest.mark.parametrize("socket", [None, "ws://127.0.0.1:1", object()])
def test_from_socket_refuses_what_is_no_socket_of_websockets(socket: Any) -> None:
    with pytest.raises(InvalidArgument, match="subclass RealtimeTransportLayer"):
        WebSocketTransport.from_socket(socket)


async def test_from_socket_tells_when_somebody_else_reads_from_it() -> None:
    async with serving(ServerConnection.wait_closed) as url, connect(url) as ws:
        owner = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0)
        with pytest.raises(ConnectionLost, match=r"ConcurrencyError: .*recv"):
            await WebSocketTransport.from_socket(ws).connect()
        owner.cancel()


# --- options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, 0, -1])
def test_a_limit_of_messages_is_a_number_of_bytes(size: Any) -> None:
    with pytest.raises(InvalidArgument, match="max_size: is a number of bytes"):
        WebSocketOptions(max_size=size)


async def test_the_class_of_the_connection_is_an_option() -> None:
    class Tuned(ClientConnection):
        pass

    async with serving(confirming) as url:
        transport = WebSocketTransport(options=WebSocketOptions(create_connection=Tuned, compression="deflate"))
        await transport.connect(url=url)
        await transport.close()


async def test_a_listener_that_blocks_stops_the_reading() -> None:
    frames = [json.dumps({"type": "vendor.thing", "n": n}) for n in range(400)]
    async with serving(saying(*frames)) as url:
        transport = WebSocketTransport()
        seen: list[int] = []
        gate = asyncio.Event()

        async def slow(event: Any) -> None:
            await gate.wait()
            seen.append(event.event.raw.get("n"))

        transport.on("*", slow, overflow="block")
        errors: list[ErrorEvent] = []
        transport.on("error", errors.append)
        await transport.connect(url=url)
        await asyncio.sleep(0.1)
        assert errors == []
        gate.set()
        await soon(lambda: len(seen) == 401)
        assert seen[1:] == list(range(400))
        await transport.close()


# --- TLS (FM-4) --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


async def test_tls_with_a_context_of_ones_own(authority: Authority) -> None:
    async with serving(confirming, ssl=authority.server_context("127.0.0.1")) as url:
        options = WebSocketOptions(ssl=authority.client_context())
        transport = WebSocketTransport(options=options)
        await transport.connect(url=url.replace("ws:", "wss:"), api_key=KEY, session={"instructions": "Hi."})
        await transport.close()


@pytest.mark.parametrize("flaw", ["unknown authority", "wrong host", "expired"])
async def test_fm4_a_certificate_that_is_not_right_is_never_accepted(authority: Authority, flaw: str) -> None:
    requests: list[object] = []

    async def handler(ws: ServerConnection) -> None:
        requests.append(ws.request)

    host = "elsewhere.example" if flaw == "wrong host" else "127.0.0.1"
    context = authority.server_context(host, days=-1 if flaw == "expired" else 10)
    options = WebSocketOptions(ssl=None if flaw == "unknown authority" else authority.client_context())
    async with serving(handler, ssl=context) as url:
        with pytest.raises(TLSError, match="certificate") as caught:
            await WebSocketTransport(options=options).connect(url=url.replace("ws:", "wss:"), api_key=KEY)
    assert not caught.value.retryable
    assert requests == []


async def test_fm4_a_server_without_tls_gets_no_clear_text_instead() -> None:
    received: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(65536))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(65536)

    async with raw_server(plain) as (host, port):
        with pytest.raises(TLSError):
            await WebSocketTransport().connect(url=f"wss://{host}:{port}", api_key=KEY)
    assert KEY.encode() not in received[0]
    assert b"GET" not in received[0]


# --- proxies (FM-6) ----------------------------------------------------------------------------------------------


class Proxy:
    """A CONNECT proxy that may refuse."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        if b" 200 " not in self.answer:
            writer.write(self.answer)
            await writer.drain()
            return
        host, _, port = head.split()[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(self.answer)
        try:
            await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        finally:
            far_writer.transport.abort()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        if writer.can_write_eof():
            writer.write_eof()


@pytest.mark.parametrize("how", ["option", "environment"])
async def test_fm6_through_a_proxy(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy()
    async with raw_server(proxy) as (host, port), serving(confirming) as url:
        address = f"http://user:secret@{host}:{port}"
        options = WebSocketOptions(proxy=address)
        if how == "environment":
            monkeypatch.setenv("no_proxy", "")
            monkeypatch.setenv("https_proxy", address)
            options = WebSocketOptions()
        transport = await connected(url, options=options)
        await transport.close()
    assert proxy.asked[0].startswith("CONNECT 127.0.0.1:")
    assert "Proxy-Authorization" in proxy.asked[0]


async def test_fm6_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy()
    async with raw_server(proxy) as (host, port), serving(confirming) as url:
        monkeypatch.setenv("https_proxy", f"http://{host}:{port}")
        await (await connected(url, options=WebSocketOptions(proxy=None))).close()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        await (await connected(url)).close()
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", ProxyAuthError),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", ConnectError),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", ConnectError),
    ],
)
async def test_fm6_a_proxy_that_refuses_and_keeps_its_password(answer: bytes, kind: type[ConnectError]) -> None:
    async with raw_server(Proxy(answer)) as (host, port):
        options = WebSocketOptions(proxy=f"http://user:secret@{host}:{port}")
        with pytest.raises(ConnectError) as caught:
            await WebSocketTransport(options=options).connect(url="ws://127.0.0.1:1")
        assert type(caught.value) is kind
        assert "secret" not in str(caught.value)


async def test_after_a_close_by_force_it_dials_anew() -> None:
    stuck, rounds = asyncio.Event(), iter([True, False])

    async def handler(ws: ServerConnection) -> None:
        if next(rounds):
            await ws.send(CREATED)
            ws.transport.pause_reading()
            await stuck.wait()
        else:
            await confirming(ws)

    async with serving(handler, close_timeout=0.01) as url:
        transport = await connected(url, close_timeout=0.05)
        await transport.close()
        await transport.connect(url=url)
        await transport.close()
        stuck.set()


async def test_after_closing_on_a_peer_that_took_nothing_it_dials_anew() -> None:
    stuck, rounds = asyncio.Event(), list[ServerConnection]()

    async def handler(ws: ServerConnection) -> None:
        rounds.append(ws)
        if len(rounds) > 1:
            await confirming(ws)
            return
        ws.transport.pause_reading()
        await ws.send(CREATED)
        await stuck.wait()
        ws.transport.abort()

    async with serving(handler, close_timeout=0.01) as url:
        transport = await connected(url, close_timeout=0.2)
        for _ in range(2):  # the first fills the line, the second waits for it
            transport.send_message("x" * 15_000_000, respond=False)
        await transport.close()
        try:
            await transport.connect(url=url, timeout=1)
        finally:
            stuck.set()
        assert len(rounds) == 2
        await transport.close()
