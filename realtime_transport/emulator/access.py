"""Who may connect: keys in every place that clients of this family put them, and short-lived client secrets."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

KEY_PROTOCOLS: Final = ("openai-insecure-api-key.", "openai-ephemeral-api-key.")
"""Sub-protocols that hold a key, for browsers, which cannot set headers."""

KEY_HEADERS: Final = ("api-key", "xi-api-key")
KEY_QUERIES: Final = ("api-key", "api_key")

SECRET_PREFIX: Final = "ek_"  # noqa: S105  # what every client secret begins with, not one of them
MAX_SECRETS: Final = 10_000
"""Unexpired client secrets kept; the oldest leaves first. A test suite makes one per test."""


def presented_key(
    headers: Mapping[str, str], query: Mapping[str, str], sub_protocols: Sequence[str] = ()
) -> str | None:
    """Find the key that a client presents: Bearer, key header, sub-protocol, query, in this order."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    places = [headers.get(name) for name in KEY_HEADERS]
    places += [
        offered.removeprefix(prefix)
        for offered in sub_protocols
        for prefix in KEY_PROTOCOLS
        if offered.startswith(prefix)
    ]
    places += [query.get(name) for name in KEY_QUERIES]
    return next((key for key in places if key), None)


SecretKind: TypeAlias = Literal["realtime", "transcription", "translation"]


@attrs.frozen(kw_only=True)
class ClientSecret:
    """A short-lived key, and the session that it was made for."""

    value: str = attrs.field(repr=False)
    expires_at: float
    """Unix seconds."""
    session: Mapping[str, Any]
    """As it was asked for, in the protocol's own words."""
    kind: SecretKind
    """What it opens."""


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Access:
    """Decides whether a key opens the door.

    Without a token any key does, and none: the emulator is then reachable from this machine only. A client secret
    always has to be one that was made here and has not expired.
    """

    def __init__(self, token: str | None, wall_clock: Callable[[], float]) -> None:
        self._token = token
        self._wall_clock = wall_clock
        self._secrets: dict[str, ClientSecret] = {}

    def mint(self, session: Mapping[str, Any], seconds: float, kind: SecretKind) -> ClientSecret:
        """Make a client secret that opens a session like ``session`` for ``seconds``."""
        value = SECRET_PREFIX + secrets.token_urlsafe(24)
        secret = ClientSecret(value=value, expires_at=int(self._wall_clock() + seconds), session=session, kind=kind)
        self._secrets[value] = secret
        if len(self._secrets) > MAX_SECRETS:
            del self._secrets[next(iter(self._secrets))]
        return secret

    def may_mint(self, key: str | None) -> bool:
        """Tell whether a key opens the HTTP endpoints; a client secret never does."""
        if self._token is None:
            return True
        # As bytes: what comes in a header may be no ASCII, which compare_digest takes in no other way.
        return key is not None and hmac.compare_digest(key.encode(), self._token.encode())

    def admits(self, key: str | None) -> bool:
        """Tell whether a key opens a session."""
        if key is not None and key.startswith(SECRET_PREFIX):
            return self.secret(key) is not None
        return self.may_mint(key)

    def secret(self, key: str | None) -> ClientSecret | None:
        """Find the unexpired client secret that a key is."""
        secret = self._secrets.get(key or "")
        if secret is not None and secret.expires_at <= self._wall_clock():
            del self._secrets[secret.value]
            return None
        return secret
