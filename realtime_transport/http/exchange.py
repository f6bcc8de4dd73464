"""Calls of the API below one base URL: the dialect's key and headers, and a body of whatever kind."""

from __future__ import annotations

import inspect
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs
import msgspec

from realtime_transport.dialects import Dialect
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.http.retry import RetryPolicy
from realtime_transport.http.round_trips import Answer, HttpRequest, RoundTrips, checked_base
from realtime_transport.secret import Secret

ApiKey: TypeAlias = str | Secret | Callable[[], "str | Secret | Awaitable[str | Secret]"]
"""A key, or a function that is asked for one at every call (sync or async): for tokens that expire."""


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
        base = base_url or dialect.http_url
        if not base:
            raise InvalidArgument(f"{dialect.name} has no common HTTP address: give your own", path="base_url")
        self._base = checked_base(base, allow_insecure=allow_insecure)
        self._api_key = api_key
        self._auth_scheme = auth_scheme
        self._dialect = dialect
        self._headers = headers
        self._trips = RoundTrips(timeout=timeout, retries=retries, rng=rng, ssl_context=ssl_context, proxy=proxy)

    async def close(self) -> None:
        """Close the connections. Calls that are running fail with ``ConnectionLost``."""
        await self._trips.close()

    async def send(self, request: Outgoing) -> Answer:
        """Make one call, again where that is safe and useful, and return its success.

        Raises what ``RoundTrips.make`` raises.
        """
        return await self._trips.make(
            lambda: self._prepared(request), idempotent=request.idempotent, what=f"POST {request.path}"
        )

    async def _prepared(self, request: Outgoing) -> HttpRequest:
        placed = self._dialect.auth(await self._key(), self._auth_scheme)
        headers = {name.lower(): value for name, value in placed.headers.items()}
        for more in (self._dialect.headers, request.headers, self._headers):
            headers |= {name.lower(): value for name, value in more.items()}
        body = request.body.data if request.body is not None else None
        if request.body is not None:
            headers["content-type"] = request.body.content_type
        if request.json is not None:
            body = msgspec.json.encode(request.json)
            headers["content-type"] = "application/json"
        return HttpRequest(
            method="POST",
            url=self._base + request.path,
            params=dict(placed.query),
            headers=headers,
            body=body,
            files={name: (None, part.data, part.content_type) for name, part in (request.parts or {}).items()},
        )

    async def _key(self) -> str | Secret | None:
        given = self._api_key() if callable(self._api_key) else self._api_key
        if inspect.isawaitable(given):
            given = await given
        if given is not None:
            return given
        return next((os.environ[name] for name in self._dialect.key_env if os.environ.get(name)), None)
