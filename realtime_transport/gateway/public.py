"""The public address: carriers sign the URL that they dialled, and a server behind a proxy never sees that one."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.signatures import SignedRequest

_SECURE: Final[Mapping[str, str]] = {"https": "wss", "http": "ws"}


@attrs.frozen
class PublicAddress:
    """Where carriers reach the gateway, and how that is known.

    ``configured`` is ``https://host[:port][/prefix]``. Without it ``X-Forwarded-Proto`` and ``X-Forwarded-Host`` are
    believed if ``trust_forwarded``, of several values the last, which the nearest proxy wrote; else the request's own
    scheme and ``Host``. Raises ``InvalidArgument`` for another URL.
    """

    configured: str | None = None
    trust_forwarded: bool = False

    def __attrs_post_init__(self) -> None:
        if self.configured is None:
            return
        parts = urlsplit(self.configured)
        if parts.scheme not in _SECURE or not parts.hostname or parts.query or parts.fragment:
            raise InvalidArgument("has to be https://host, perhaps with a port and a path", path="public_url")

    def base(self, scope: MutableMapping[str, Any], headers: Mapping[str, str]) -> str:
        """Return the address of the gateway's root as carriers see it, ``http(s)://``, without a slash at its end."""
        if self.configured is not None:
            return self.configured.rstrip("/")
        scheme = {"wss": "https", "ws": "http"}.get(scope["scheme"], scope["scheme"])
        host = headers.get("host", "")
        if self.trust_forwarded:
            scheme = _last(headers.get("x-forwarded-proto", "")) or scheme
            host = _last(headers.get("x-forwarded-host", "")) or host
        return f"{scheme}://{host}{scope.get('root_path', '')}"

    def stream(self, scope: MutableMapping[str, Any], headers: Mapping[str, str], path: str) -> str:
        """Return the address of the stream endpoint, ``ws(s)://``."""
        return _as_websocket(self.base(scope, headers)) + path

    def signed(self, scope: MutableMapping[str, Any], headers: Mapping[str, str], body: bytes = b"") -> SignedRequest:
        """Return a request as its carrier made it: the path and query as they came, below the public address."""
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        query = scope.get("query_string", b"").decode("latin-1")
        base = self.base(scope, headers)
        if scope["type"] == "websocket":
            base = _as_websocket(base)
        url = base + path.removeprefix(scope.get("root_path", "")) + (f"?{query}" if query else "")
        # What is signed as authority (Genesys) is the public one too.
        headers = {**headers, "host": urlsplit(base).netloc}
        return SignedRequest(url=url, method=scope.get("method", "GET"), headers=headers, body=body)


def _as_websocket(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{_SECURE.get(scheme, 'wss')}://{rest}"


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip()
