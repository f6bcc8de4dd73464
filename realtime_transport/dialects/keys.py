"""How an API key is presented: in a header, in a sub-protocol (browsers cannot set headers) or in the query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from realtime_transport.exceptions import UnsupportedOperation
from realtime_transport.secret import Secret


@attrs.frozen
class PlacedKey:
    """What a connection adds to present its key. The fields hold the key in clear and therefore stay out of reprs."""

    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    sub_protocols: tuple[str, ...] = attrs.field(default=(), repr=False)
    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


@attrs.frozen(kw_only=True)
class KeyPlacement:
    """One way to present a key."""

    scheme: str
    """What callers choose by."""
    where: Literal["header", "query", "sub_protocol"]
    name: str = ""
    """The header or the query parameter."""
    prefix: str = ""
    """What stands before the key."""
    beside: tuple[str, ...] = ()
    """Sub-protocols offered along with the one that holds the key: the server answers with one of these."""

    def place(self, key: Secret) -> PlacedKey:
        """Return ``key`` in its place."""
        value = self.prefix + key.reveal()
        if self.where == "header":
            return PlacedKey(headers={self.name: value})
        if self.where == "query":
            return PlacedKey(query={self.name: value})
        return PlacedKey(sub_protocols=(*self.beside, value))


BEARER: Final = KeyPlacement(scheme="bearer", where="header", name="Authorization", prefix="Bearer ")
API_KEY_HEADER: Final = KeyPlacement(scheme="api-key", where="header", name="api-key")
API_KEY_QUERY: Final = KeyPlacement(scheme="query", where="query", name="api-key")
OPENAI_SUB_PROTOCOL: Final = KeyPlacement(
    scheme="sub_protocol", where="sub_protocol", prefix="openai-insecure-api-key.", beside=("realtime",)
)


def place_key(
    api_key: str | Secret | None, ways: tuple[KeyPlacement, ...], scheme: str | None, *, dialect: str
) -> PlacedKey:
    """Return ``api_key`` presented by ``scheme``, or by the first of ``ways``; see ``Dialect.auth``."""
    chosen = next((way for way in ways if scheme in {None, way.scheme}), None)
    if chosen is None and scheme is not None:
        known = ", ".join(way.scheme for way in ways) or "none"
        raise UnsupportedOperation(f"{dialect} knows no key scheme {scheme!r} (it has: {known})")
    if chosen is None or api_key is None:
        return PlacedKey()
    return chosen.place(Secret(api_key))
