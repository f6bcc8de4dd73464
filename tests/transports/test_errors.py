"""The seam: each foreign exception becomes one of ours, with the facts that it knew."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    SecurityError,
)
from websockets.frames import Close
from websockets.http11 import Response

from realtime_transport.exceptions import (
    AuthenticationError,
    ConnectError,
    HandshakeError,
    InvalidArgument,
    PermissionDeniedError,
    ProxyAuthError,
    RateLimitError,
    TLSError,
    UnsupportedOperation,
)
from realtime_transport.transports.errors import close_code, connect_error, handshake_error, way_to
from realtime_transport.transports.request import Dial

WHERE = "wss://a.example/v1/realtime"


def response(status: int, body: bytes = b"", **headers: str) -> Response:
    spelt = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Response(status, "", spelt, body)


def closed_before() -> InvalidMessage:
    error = InvalidMessage("did not receive a valid HTTP response")
    error.__cause__ = EOFError("connection closed while reading HTTP status line")
    return error


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), ConnectError, "dns"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), ConnectError, "refused"),
        (OSError(f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] a, [Errno 101] b"), ConnectError, "refused"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), ConnectError, "unreachable"),
        (ConnectionResetError("reset"), ConnectError, "eof"),
        (BrokenPipeError("pipe"), ConnectError, "eof"),
        (EOFError("gone"), ConnectError, "eof"),
        (closed_before(), ConnectError, "eof"),
        (InvalidHandshake("odd"), ConnectError, "handshake"),
        (SecurityError("no"), ConnectError, "redirect"),
        (InvalidProxyMessage("odd"), ConnectError, "unreachable"),
        (InvalidProxyStatus(response(502)), ConnectError, "unreachable"),
        (InvalidProxyStatus(response(407)), ProxyAuthError, "http"),
        (ssl.SSLCertVerificationError("self-signed certificate"), TLSError, "tls"),
        (RuntimeError("anything"), ConnectError, "unreachable"),
    ],
)
def test_what_opening_raises(error: Exception, kind: type[ConnectError], code: str) -> None:
    made = connect_error(error, WHERE)
    assert type(made) is kind
    assert isinstance(made, ConnectError)
    assert made.code == code


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (InvalidURI("wss://x?key=secret", "no port"), InvalidArgument, f"url: {WHERE}: no port"),
        (
            InvalidProxy("x://me:secret@y", "no such scheme"),
            InvalidArgument,
            "proxy: is none that can be used: no such",
        ),
        (ImportError("SOCKS requires python-socks"), UnsupportedOperation, "pip install python-socks"),
    ],
)
def test_what_the_caller_did_wrong(error: Exception, kind: type[Exception], says: str) -> None:
    made = connect_error(error, WHERE)
    assert type(made) is kind
    assert says in str(made)
    assert "secret" not in str(made)


def test_another_try_is_of_no_use_where_another_server_has_to_answer() -> None:
    assert connect_error(ConnectionRefusedError(), WHERE).retryable
    for error in (SecurityError("no"), InvalidHandshake("odd"), ssl.SSLError("no")):
        assert not connect_error(error, WHERE).retryable


def test_a_proxy_on_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WSS_PROXY", "SOCKS_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    dial = Dial(url=f"{WHERE}?key=secret")
    assert way_to(dial, True) == way_to(dial, None) == WHERE
    assert way_to(dial, "http://me:secret@p.example:3128") == f"{WHERE} through the proxy p.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@q.example")
    assert way_to(dial, True) == f"{WHERE} through the proxy q.example"
    assert way_to(dial, None) == WHERE
    monkeypatch.setenv("NO_PROXY", "a.example")
    assert way_to(dial, True) == WHERE


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthenticationError), (403, PermissionDeniedError), (429, RateLimitError), (500, HandshakeError)],
)
def test_statuses(status: int, kind: type[HandshakeError]) -> None:
    made = connect_error(InvalidStatus(response(status, b'{"error": "\xff"}', x_request_id="req_1")), WHERE)
    assert type(made) is kind
    assert isinstance(made, HandshakeError)
    assert (made.status, made.request_id) == (status, "req_1")
    assert made.body == '{"error": "\ufffd"}'


def test_a_redirect_shows_where_to_without_the_query() -> None:
    made = handshake_error(response(307, Location="https://b.example/x?token=1"))
    assert isinstance(made, ConnectError)
    assert made.code == "redirect"
    assert "https://b.example/x:" in str(made)
    assert "token" not in str(made)
    assert isinstance(handshake_error(response(304)), HandshakeError)


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("7", None, 7.0),
        ("0.5", None, 0.5),
        ("-3", None, 0.0),
        ("Sat, 21 Nov 2026 10:00:30 GMT", "Sat, 21 Nov 2026 10:00:00 GMT", 30.0),
        ("Sat, 21 Nov 2026 10:00:00 GMT", "Sat, 21 Nov 2026 10:00:30 GMT", 0.0),
        ("Sat, 21 Nov 2026 10:00:30 GMT", None, None),
        ("inf", None, None),
        ("nan", None, None),
        ("soon", "Sat, 21 Nov 2026 10:00:00 GMT", None),
    ],
)
def test_retry_after(value: str, date: str | None, seconds: float | None) -> None:
    headers = {"Retry_After": value} | ({"Date": date} if date is not None else {})
    made = handshake_error(response(429, **headers))
    assert isinstance(made, RateLimitError)
    assert made.retry_after == seconds


def test_no_retry_after() -> None:
    made = handshake_error(response(503))
    assert isinstance(made, HandshakeError)
    assert made.retry_after is None
    assert made.retryable


def test_who_began_to_close() -> None:
    theirs, ours = Close(1011, "theirs"), Close(1009, "ours")
    assert close_code(ConnectionClosedError(theirs, theirs, rcvd_then_sent=True)) == (1011, "theirs")
    assert close_code(ConnectionClosedError(theirs, ours, rcvd_then_sent=False)) == (1009, "ours")
    assert close_code(ConnectionClosedError(None, ours)) == (1009, "ours")
    assert close_code(ConnectionClosedOK(Close(1000, ""), Close(1000, ""), rcvd_then_sent=True)) == (1000, "")
    assert close_code(ConnectionClosedError(None, None)) == (None, "the socket went away")
