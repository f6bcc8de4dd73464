"""What ``connect`` was asked for, and how it becomes an address and headers."""

from __future__ import annotations

import inspect
import ipaddress
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import attrs

from realtime_transport.dialects import OPENAI, Dialect
from realtime_transport.exceptions import InsecureTransportError, InvalidArgument
from realtime_transport.secret import Secret

ApiKey: TypeAlias = str | Secret | Callable[[], str | Secret | Awaitable[str | Secret]]
"""A key, or a function (plain or async) that is asked for one at each attempt: how short-lived keys are renewed."""

DEFAULT_MODEL: Final = "gpt-realtime-2"
"""What answers at OpenAI's own address when nobody says which model should."""

_KEY_HEADERS: Final = frozenset({"authorization", "api-key", "xi-api-key"})
_KEY_QUERIES: Final = frozenset({"api-key", "api_key"})
"""Where a caller may put a key by hand."""
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""RFC 9110, section 5: no line break, which would begin another header."""
_NAMED: Final = {"organization": "OpenAI-Organization", "project": "OpenAI-Project"}


@attrs.frozen(kw_only=True)
class Dial:
    """What goes out in the opening handshake. Holds the key in clear, hence the short repr."""

    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    sub_protocols: tuple[str, ...] = attrs.field(default=(), repr=False)
    key: Secret | None = None
    keys: tuple[Secret, ...] = ()
    """Every key that is somewhere in these, so that logs and errors can leave them out."""

    @property
    def shown(self) -> str:
        """The URL without its query, for messages: the query may hold the key."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@attrs.frozen(kw_only=True)
class ConnectRequest:
    """What the caller of ``connect`` asked for.

    Nothing is looked up before it is needed: a transport that has no use for an address or a key never asks.
    """

    dialect: Dialect = OPENAI
    url: str | None = None
    model: str | None = None
    call_id: str | None = None
    intent: str | None = None
    """``transcription`` or ``translation``, None for a conversation."""
    api_key: ApiKey | None = attrs.field(default=None, repr=False)
    auth: str | None = None
    """How the key is presented (``bearer``, ``sub_protocol``, ``query``, ...); None for the dialect's own way."""
    organization: str | None = None
    project: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    timeout: float = 10.0
    """Seconds for everything from the first packet to ``session.updated``."""

    async def dial(self, *, allow_insecure: bool = False) -> Dial:
        """Resolve URL, key and headers; asks a callable ``api_key`` anew each time.

        Headers in layers, later ones win whatever their case: the dialect's, the key's, organisation and project, the
        caller's. Raises ``InvalidArgument`` when the provider needs a key and there is none and for what cannot be a
        header, and ``InsecureTransportError`` when a key would travel in clear text beyond this machine.
        """
        key = await self._key()
        if key is None and self.url is None and self.dialect.keys:
            names = " or ".join(self.dialect.key_env) or "an environment variable"
            raise InvalidArgument(f"no API key: give one, or set {names}", path="api_key")
        placed = self.dialect.auth(key, self.auth)
        url = self.dialect.endpoint(
            self.url,
            model=self._model(),
            call_id=self.call_id,
            intent=self.intent,
            query={**placed.query, **self.query},
        )
        named = {header: value for name, header in _NAMED.items() if (value := getattr(self, name))}
        headers = _checked(layered(self.dialect.headers, placed.headers, named, self.headers))
        keys = (*_keys(headers, url), *([key] if key is not None else []))
        if keys and not allow_insecure and urlsplit(url).scheme == "ws" and not is_loopback(url):
            raise InsecureTransportError(
                "an API key would travel in clear text: use wss://, or, where the way is safe, "
                "WebSocketTransport(options=WebSocketOptions(allow_insecure=True))"
            )
        sub_protocols = (*self.dialect.sub_protocols, *placed.sub_protocols)
        return Dial(url=url, headers=headers, sub_protocols=sub_protocols, key=key, keys=keys)

    def _model(self) -> str | None:
        own_address = self.url is None and self.call_id is None and self.intent is None and self.dialect is OPENAI
        return DEFAULT_MODEL if own_address and self.model is None else self.model

    async def _key(self) -> Secret | None:
        given = self.api_key
        if callable(given):
            answer = given()
            given = await answer if inspect.isawaitable(answer) else answer
        if given is None:
            given = next((value for name in self.dialect.key_env if (value := os.environ.get(name))), None)
        return Secret(given) if given is not None else None


def layered(*layers: Mapping[str, str]) -> dict[str, str]:
    """Merge headers; a later layer replaces an earlier one whatever the case of the name."""
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        merged.update({name.lower(): (name, value) for name, value in layer.items()})
    return dict(merged.values())


def _checked(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidArgument(f"no header can be called {name!r}", path="headers")
        if not _HEADER_VALUE.fullmatch(str(value)):  # which may be a key: it is not repeated
            raise InvalidArgument("holds a line break or another character that no header can", path=f"headers.{name}")
    return headers


def _keys(headers: Mapping[str, str], url: str) -> list[Secret]:
    """Find the keys that stand in headers, without their scheme, and in the query."""
    found = [value.rpartition(" ")[2] for name, value in headers.items() if name.lower() in _KEY_HEADERS]
    found += [value for name, value in parse_qsl(urlsplit(url).query) if name.lower() in _KEY_QUERIES]
    return [Secret(text) for text in found if text]


def is_loopback(url: str) -> bool:
    """Tell whether the host of ``url`` is this machine, by name or address; nothing is looked up."""
    host = urlsplit(url).hostname or ""
    if is_address(url):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def is_address(url: str) -> bool:
    """Tell whether the host of ``url`` is an IP address and not a name."""
    try:
        ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return True
