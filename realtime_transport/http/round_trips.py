"""One HTTP round trip: bounded answer, typed errors; and the same again where that is safe, under one deadline.

The only file here that knows ``httpx2``, and it imports it inside the functions: webhooks need no HTTP client.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs
import msgspec

from realtime_transport.exceptions import (
    ConnectError,
    ConnectionLost,
    DecodeError,
    InsecureTransportError,
    InvalidArgument,
    MissingExtra,
    PayloadTooLarge,
    RealtimeError,
    RequestTimeout,
    TLSError,
)
from realtime_transport.http.failures import api_error
from realtime_transport.http.retry import RetryPolicy

if TYPE_CHECKING:
    import httpx2

MAX_ANSWER: Final = 1 << 20
"""Bytes of an answer that are read: a session object or an SDP is some kilobytes, the rest is a mistake."""


@attrs.frozen(kw_only=True)
class HttpRequest:
    """One request, ready to go. Headers may hold a key, hence no repr."""

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    params: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    files: Mapping[str, tuple[None, bytes, str]] = attrs.field(factory=dict[str, tuple[None, bytes, str]], repr=False)
    """Parts of a multipart body: name -> (no file name, bytes, content type)."""


@attrs.frozen(kw_only=True)
class Answer:
    """A success, read to its end."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = attrs.field(repr=False)

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises ``DecodeError`` when it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problem = str(error)
        raise DecodeError(f"the answer is no JSON object: {problem}")


class RoundTrips:
    """Make requests over connections that are kept, for at most ``timeout`` seconds with all repetitions.

    Raises ``MissingExtra`` without the ``http`` extra.
    """

    def __init__(
        self,
        *,
        timeout: float,
        retries: RetryPolicy,
        rng: Callable[[], float] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self._timeout = timeout
        self._retries = retries
        self._rng = rng or secrets.SystemRandom().random
        try:
            import httpx2
        except ImportError as missing:
            raise MissingExtra("httpx2", "http") from missing
        # Redirects stay off: following one would hand the key to wherever it points.
        self._client = httpx2.AsyncClient(
            timeout=None,  # ``make`` has one deadline for everything
            follow_redirects=False,
            proxy=proxy,
            verify=ssl_context or True,
            headers={"user-agent": "realtime-transport"},
        )

    async def close(self) -> None:
        """Close the connections. Requests that are running fail with ``ConnectionLost``."""
        await self._client.aclose()

    async def make(self, prepare: Callable[[], Awaitable[HttpRequest]], *, idempotent: bool, what: str) -> Answer:
        """Make a request, again where that is safe and useful, and return its success.

        ``prepare`` gives the request anew for each attempt, with a key of that moment. ``what`` names it in a timeout.
        Raises ``ApiError`` for an answer of status 300 and above, ``ConnectError`` and ``ConnectionLost`` for the
        network, ``RequestTimeout`` when all attempts together take too long. What was cancelled may have happened.
        """
        deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                return await self._persist(prepare, idempotent)
        except TimeoutError:
            if not deadline.expired():
                raise
        raise RequestTimeout(f"no answer to {what} within {self._timeout:g} s", reason="timeout")

    async def _persist(self, prepare: Callable[[], Awaitable[HttpRequest]], idempotent: bool) -> Answer:
        made = 0
        while True:
            outcome = await self._attempt(await prepare())
            if isinstance(outcome, Answer):
                return outcome
            made += 1
            delay = self._retries.delay(outcome, made, idempotent=idempotent, rng=self._rng)
            if delay is None:
                raise outcome
            await asyncio.sleep(delay)

    async def _attempt(self, request: HttpRequest) -> Answer | RealtimeError:
        """Return what one attempt came to. Errors are returned, not raised from inside ``except``: the library's own
        keep the request with its Authorization header, and would hang on ours as context."""
        import httpx2

        try:
            async with self._client.stream(
                request.method,
                request.url,
                params=dict(request.params) or None,
                headers=dict(request.headers),
                content=request.body,
                files=dict(request.files) or None,
            ) as response:
                return await _read(response)
        except httpx2.TransportError as error:
            return _translated(error)


async def _read(response: httpx2.Response) -> Answer | RealtimeError:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER:
            return PayloadTooLarge(len(body), MAX_ANSWER)
    headers = {name.lower(): value for name, value in response.headers.items()}
    if response.status_code >= 300:
        return api_error(response.status_code, headers, bytes(body))
    return Answer(status=response.status_code, headers=headers, body=bytes(body))


def _translated(error: httpx2.TransportError) -> RealtimeError:
    """Return our error for the HTTP library's, with nothing of the request in it."""
    import httpx2

    if not isinstance(error, (httpx2.ConnectError, httpx2.ProxyError)):
        return ConnectionLost(f"the connection ended before the answer: {type(error).__name__}: {error}")
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return TLSError(str(error))
    for kind, code in ((socket.gaierror, "dns"), (ConnectionRefusedError, "refused")):
        if any(isinstance(cause, kind) for cause in causes):
            return ConnectError(str(error), code=code)
    return ConnectError(str(error))


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain


def checked_base(base_url: str, *, allow_insecure: bool) -> str:
    """Return a base URL without its last slash, or refuse it before any key is read.

    Raises ``InvalidArgument`` for what is no HTTP address, ``InsecureTransportError`` for plain ``http://`` to another
    machine.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidArgument("must look like https://host/v1", path="base_url")
    if parts.scheme == "http" and not allow_insecure and not _is_loopback(parts.hostname):
        raise InsecureTransportError("the key would travel in clear text: use https:// or pass allow_insecure=True")
    return base_url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
