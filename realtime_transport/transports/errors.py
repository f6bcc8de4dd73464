"""The seam: what ``websockets`` and the operating system raise becomes an error of this library, once and here."""

from __future__ import annotations

import email.utils
import errno
import functools
import math
import socket
import ssl
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

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
    UnsupportedOperation,
)
from realtime_transport.transports.request import Dial

_BY_STATUS: Final[Mapping[int, type[HandshakeError]]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    429: RateLimitError,
}

_REFUSED: Final = f"[Errno {errno.ECONNREFUSED}]"
"""asyncio joins the errors of several addresses into one text; this is in it when a port was closed."""

_PROXIES: Final[Mapping[str, tuple[str, ...]]] = {
    "ws": ("ws", "socks", "https", "http"),
    "wss": ("wss", "socks", "https"),
}
"""Which of the environment's proxies ``websockets`` takes, the first that there is."""


def way_to(dial: Dial, proxy: str | Literal[True] | None) -> str:
    """Name an address without its query and, where one stands on the way, the proxy: it may be what failed."""
    url = urlsplit(dial.url)
    if proxy is True and not proxy_bypass(url.netloc.rpartition("@")[2]):
        known = getproxies()
        proxy = next((known[kind] for kind in _PROXIES[url.scheme] if kind in known), None)
    if not isinstance(proxy, str):
        return dial.shown
    return f"{dial.shown} through the proxy {urlsplit(proxy).netloc.rpartition('@')[2]}"


@functools.singledispatch
def connect_error(error: Exception, where: str) -> RealtimeError:
    """Turn what an opening handshake raised into one of ours; ``where`` is the way there, with nothing secret in it."""
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


@connect_error.register
def _(error: InvalidURI, where: str) -> RealtimeError:
    return InvalidArgument(f"{where}: {error.msg}", path="url")


@connect_error.register
def _(error: InvalidProxy, where: str) -> RealtimeError:
    return InvalidArgument(f"is none that can be used: {error.msg}", path="proxy")  # its URL may hold a password


@connect_error.register
def _(error: ImportError, where: str) -> RealtimeError:
    return UnsupportedOperation(f"{error}: pip install python-socks")


@connect_error.register
def _(error: OSError, where: str) -> RealtimeError:
    if isinstance(error, ConnectionRefusedError) or _REFUSED in str(error):
        return ConnectError(f"{where}: connection refused, no server listens there", code="refused")
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
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        until = email.utils.parsedate_to_datetime(value)
        now = email.utils.parsedate_to_datetime(response.headers["Date"])
    except (ValueError, LookupError):
        return None
    return max(0.0, (until - now).total_seconds())
