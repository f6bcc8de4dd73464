"""The seam: what ``websockets`` and the operating system raise becomes an error of this library, once and here."""

from __future__ import annotations

import email.utils
import errno
import functools
import socket
import ssl
from collections.abc import Mapping
from typing import Final

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    ProxyError,
    SecurityError,
)
from websockets.http11 import Response

from realtime_transport.exceptions import (
    AuthenticationError,
    ConnectError,
    HandshakeError,
    InvalidArgument,
    PermissionDeniedError,
    ProxyAuthError,
    RateLimitError,
    RealtimeError,
    TLSError,
)

_BY_STATUS: Final[Mapping[int, type[HandshakeError]]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    429: RateLimitError,
}

_REFUSED: Final = f"[Errno {errno.ECONNREFUSED}]"
"""asyncio joins the errors of several addresses into one text; this is in it when a port was closed."""


@functools.singledispatch
def connect_error(error: Exception, where: str) -> RealtimeError:
    """Turn what an opening handshake raised into one of ours; ``where`` is the address without its query."""
    return ConnectError(f"{where}: {error}", code="unreachable")


@connect_error.register
def _(error: InvalidStatus, where: str) -> RealtimeError:
    return handshake_error(error.response)


@connect_error.register
def _(error: InvalidHandshake, where: str) -> RealtimeError:
    if isinstance(error.__cause__, EOFError | OSError):
        return ConnectError(f"{where}: closed before it answered", code="eof")
    return ConnectError(f"{where} does not speak WebSocket: {error}", code="handshake")


@connect_error.register
def _(error: InvalidProxyStatus, where: str) -> RealtimeError:
    status = error.response.status_code
    return ProxyAuthError(status) if status == 407 else ConnectError(f"the proxy answered HTTP {status}")


@connect_error.register
def _(error: ProxyError, where: str) -> RealtimeError:
    return ConnectError(f"the proxy did not connect: {error}")


@connect_error.register
def _(error: SecurityError, where: str) -> RealtimeError:
    return ConnectError(str(error), code="redirect")


@connect_error.register(InvalidURI)
@connect_error.register(InvalidProxy)
def _(error: InvalidURI | InvalidProxy, where: str) -> RealtimeError:
    return InvalidArgument(str(error), path="url")


@connect_error.register
def _(error: OSError, where: str) -> RealtimeError:
    if isinstance(error, ConnectionRefusedError) or _REFUSED in str(error):
        return ConnectError(f"{where}: connection refused", code="refused")
    return ConnectError(f"{where}: {error}", code="unreachable")


@connect_error.register(EOFError)
@connect_error.register(ConnectionResetError)
@connect_error.register(BrokenPipeError)
def _(error: EOFError | OSError, where: str) -> RealtimeError:
    return ConnectError(f"{where}: closed before it answered", code="eof")


@connect_error.register
def _(error: socket.gaierror, where: str) -> RealtimeError:
    return ConnectError(f"{where}: {error}", code="dns")


@connect_error.register
def _(error: ssl.SSLError, where: str) -> RealtimeError:
    return TLSError(f"{where}: {error}")


def handshake_error(response: Response) -> RealtimeError:
    """Turn an HTTP answer that is not 101 into an error with its status, body, request id and ``Retry-After``."""
    status = response.status_code
    location = response.headers.get("Location")
    if 300 <= status < 400 and location is not None:
        origin = location.split("?")[0]
        return ConnectError(f"the server redirects to {origin}: a key is never sent after a redirect", code="redirect")
    kind = _BY_STATUS.get(status, HandshakeError)
    return kind(
        status,
        body=(response.body or b"").decode("utf-8", "replace"),
        request_id=response.headers.get("x-request-id"),
        retry_after=_retry_after(response),
    )


def close_code(error: ConnectionClosed) -> tuple[int | None, str]:
    """Tell how a connection ended: by the frame that began the closing, None when there was none."""
    first = error.sent if error.sent is not None and not error.rcvd_then_sent else error.rcvd
    return (int(first.code), first.reason) if first is not None else (None, "the socket went away")


def _retry_after(response: Response) -> float | None:
    """Read seconds, or a date against the server's own ``Date``: the local clock may be wrong."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(value)
        now = email.utils.parsedate_to_datetime(response.headers["Date"])
    except (ValueError, LookupError):
        return None
    return max(0.0, (until - now).total_seconds())
