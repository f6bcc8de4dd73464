"""What a carrier signs: one HTTP request or WebSocket upgrade, as the carrier made it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qsl

import attrs

from realtime_transport.exceptions import SignatureError


@attrs.frozen(kw_only=True)
class SignedRequest:
    """A request to be verified before anything in it is believed."""

    url: str
    """The public URL that the carrier dialled, ``wss://`` for an upgrade. Behind a proxy this is not what the server
    sees: put the public scheme and host back."""
    headers: Mapping[str, str]
    """Names in any case."""
    method: str = "GET"
    body: bytes = attrs.field(default=b"", repr=False)
    """The bytes as they came. Parsed and dumped again they verify nothing."""

    def header(self, name: str) -> str:
        """Return a header whatever its case, empty without one."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")

    def required(self, name: str) -> str:
        """Return a header. Raises ``SignatureError`` without one."""
        value = self.header(name)
        if not value:
            raise SignatureError(f"the header {name} is missing", reason="missing")
        return value

    @property
    def is_form(self) -> bool:
        """Whether the body is an HTML form, which carriers sign by its fields."""
        return self.header("content-type").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"

    def fields(self) -> list[tuple[str, str]]:
        """Return the fields of a form in their order, empty values included."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)


class Verifier(Protocol):
    """Whatever can tell a carrier's request from a forged one."""

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when ``request`` is genuine at ``now`` (Unix seconds). Raises ``SignatureError`` otherwise."""
        ...


def check(expected: Sequence[str], given: Iterable[str]) -> None:
    """Raise ``SignatureError`` unless one of ``given`` is one of ``expected``. Takes the same time either way."""
    ours = [text.encode("utf-8", "replace") for text in expected]
    theirs = [text.encode("utf-8", "replace") for text in given]
    # A list, not a generator: stopping at the first match would tell which one it was.
    if not any([hmac.compare_digest(mine, other) for mine in ours for other in theirs]):  # noqa: C419
        raise SignatureError("the signature does not fit the request and our secret", reason="mismatch")


def check_age(timestamp: int, now: float, tolerance: float) -> None:
    """Raise ``SignatureError`` when ``timestamp`` is more than ``tolerance`` whole seconds away, either way."""
    age = int(now) - timestamp
    if abs(age) > tolerance:
        direction = "old" if age > 0 else "far in the future"
        raise SignatureError(f"the request is {abs(age)} s {direction}", reason="expired")
