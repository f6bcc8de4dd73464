"""One HTTP call: key, deadline, retries, bounded answer, typed errors.

The only file here that knows ``httpx2``, and it imports it inside the functions: webhooks need no HTTP client.
"""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import os
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

import attrs
import msgspec

from realtime_transport.dialects import Dialect
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
from realtime_transport.secret import Secret

if TYPE_CHECKING:
    import httpx2

ApiKey: TypeAlias = str | Secret | Callable[[], "str | Secret | Awaitable[str | Secret]"]
"""A key, or a function that is asked for one at every call (sync or async): for tokens that expire."""

MAX_ANSWER: Final = 1 << 20
"""Bytes of an answer that are read: a session object or an SDP is some kilobytes, the rest is a mistake."""


@attrs.frozen(kw_only=True)
class Part:
    """One part of a multipart body."""

    content_type: str
    data: bytes


@attrs.frozen(kw_only=True)
class Outgoing:
    """A call to make, always by POST: this API has nothing else."""

    path: str
    """Below the base URL, beginning with a slash, with its values percent-encoded."""
    json: Mapping[str, Any] | None = None
    body: Part | None = None
    parts: Mapping[str, Part] | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    idempotent: bool = False
    """Doing it twice is the same as doing it once, so an unclear failure may be repeated."""


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


class Exchange:
    """Make calls below one base URL with one key; see ``RealtimeHTTP`` for what the arguments mean."""

    def __init__(
        self,
        *,
        api_key: ApiKey | None,
        auth_scheme: str | None,
        base_url: str | None,
        dialect: Dialect,
        headers: Mapping[str, str],
        timeout: float,
        retries: RetryPolicy,
        rng: Callable[[], float] | None,
        ssl_context: ssl.SSLContext | None,
        proxy: str | None,
        allow_insecure: bool,
    ) -> None:
        self._base = _checked_base(base_url or dialect.http_url, dialect, allow_insecure)
        self._api_key = api_key
        self._auth_scheme = auth_scheme
        self._dialect = dialect
        self._headers = headers
        self._timeout = timeout
        self._retries = retries
        self._rng = rng or secrets.SystemRandom().random
        try:
            import httpx2
        except ImportError as missing:
            raise MissingExtra("httpx2", "http") from missing
        # Redirects stay off: following one would hand the key to wherever it points.
        self._client = httpx2.AsyncClient(
            timeout=None,  # ``send`` has one deadline for everything
            follow_redirects=False,
            proxy=proxy,
            verify=ssl_context or True,
            headers={"user-agent": "realtime-transport"},
        )

    async def close(self) -> None:
        """Close the connections. Calls that are running fail with ``ConnectionLost``."""
        await self._client.aclose()

    async def send(self, request: Outgoing) -> Answer:
        """Make one call, again where that is safe and useful, and return its success.

        Raises ``ApiError`` for an answer of status 300 and above, ``ConnectError`` and ``ConnectionLost`` for the
        network, ``RequestTimeout`` when all attempts together take longer than the timeout. A cancelled call may have
        happened.
        """
        deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                return await self._persist(request)
        except TimeoutError:
            if not deadline.expired():
                raise
        raise RequestTimeout(f"no answer to POST {request.path} within {self._timeout:g} s", reason="timeout")

    async def _persist(self, request: Outgoing) -> Answer:
        made = 0
        while True:
            outcome = await self._attempt(request)
            if isinstance(outcome, Answer):
                return outcome
            made += 1
            delay = self._retries.delay(outcome, made, idempotent=request.idempotent, rng=self._rng)
            if delay is None:
                raise outcome
            await asyncio.sleep(delay)

    async def _attempt(self, request: Outgoing) -> Answer | RealtimeError:
        """Return what one call came to. Errors are returned, not raised from inside ``except``: the library's own keep
        the request with its Authorization header, and would hang on ours as context."""
        import httpx2

        placed = self._dialect.auth(await self._key(), self._auth_scheme)
        headers = {name.lower(): value for name, value in placed.headers.items()}
        for more in (self._dialect.headers, request.headers, self._headers):
            headers |= {name.lower(): value for name, value in more.items()}
        files = {name: (None, part.data, part.content_type) for name, part in (request.parts or {}).items()}
        content = request.body.data if request.body is not None else None
        if request.body is not None:
            headers["content-type"] = request.body.content_type
        if request.json is not None:
            content = msgspec.json.encode(request.json)
            headers["content-type"] = "application/json"
        try:
            async with self._client.stream(
                "POST",
                self._base + request.path,
                params=dict(placed.query) or None,
                headers=headers,
                content=content,
                files=files or None,
            ) as response:
                return await _read(response)
        except httpx2.TransportError as error:
            return _translated(error)

    async def _key(self) -> str | Secret | None:
        given = self._api_key() if callable(self._api_key) else self._api_key
        if inspect.isawaitable(given):
            given = await given
        if given is not None:
            return given
        return next((os.environ[name] for name in self._dialect.key_env if os.environ.get(name)), None)


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


def _checked_base(base_url: str, dialect: Dialect, allow_insecure: bool) -> str:
    """Return the base URL without its last slash, or refuse it before any key is read."""
    if not base_url:
        raise InvalidArgument(f"{dialect.name} has no common HTTP address: give your own", path="base_url")
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
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
