"""Webhooks of the API: verified on the bytes that came, once each, before anything in them is believed.

The recipe is Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, with several signatures in one header while a
secret is being rotated.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import msgspec

from realtime_transport.exceptions import InvalidArgument, SignatureError
from realtime_transport.secret import Secret

MAX_BODY: Final = 64 * 1024
"""Bytes of a webhook that are looked at; theirs are under two kilobytes."""

TOLERANCE: Final = 300.0
"""Seconds that the sender's clock and ours may differ, either way, inclusive: what OpenAI's own library allows."""

REMEMBERED: Final = 10_000
"""Webhook ids kept against replays: 16 a second for the ten minutes that a signature can live. The oldest goes first,
because only the sender can fill the cache, and refusing its news would be worse."""

_TIMESTAMP: Final = re.compile(r"\+?[0-9]{1,15}")
_PREFIX: Final = "whsec_"


@attrs.frozen(kw_only=True)
class WebhookEvent:
    """A verified webhook of any type; ``data`` is what it is about."""

    webhook_id: str
    """The delivery: the same for every attempt to deliver it."""
    type: str
    id: str
    """``evt_...``"""
    created_at: int
    """Unix seconds."""
    data: Mapping[str, Any]
    raw: Mapping[str, Any] = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class SipHeader:
    """One header of the caller's INVITE."""

    name: str
    value: str


@attrs.frozen(kw_only=True)
class CallIncoming(WebhookEvent):
    """``realtime.call.incoming``: a SIP call waits to be accepted or rejected."""

    call_id: str
    sip_headers: tuple[SipHeader, ...]

    def sip_header(self, name: str) -> str | None:
        """Return the first SIP header called ``name``, whatever its case, None without one."""
        return next((header.value for header in self.sip_headers if header.name.lower() == name.lower()), None)


class Webhooks:
    """Verify webhooks against one secret, or against two while the secret is being rotated.

    A secret is ``whsec_`` and base64, or any other text, which is then the key itself. Raises ``InvalidArgument`` for
    a secret that is empty or whose base64 is none, without repeating it.
    """

    def __init__(self, secrets: str | Secret | Sequence[str | Secret], *, tolerance: float = TOLERANCE) -> None:
        given = [secrets] if isinstance(secrets, (str, Secret)) else list(secrets)
        if not given:
            raise InvalidArgument("at least one webhook secret is needed", path="secrets")
        self._keys = [_key(Secret(secret)) for secret in given]
        self._tolerance = tolerance
        self._seen: OrderedDict[str, float] = OrderedDict()

    def unwrap(self, body: bytes, headers: Mapping[str, str], now: float) -> WebhookEvent:
        """Return the event in ``body`` once its signature is proved; ``now`` is in Unix seconds.

        ``body`` has to be the bytes of the request: parsed and dumped again, or decoded, they verify nothing. Raises
        ``SignatureError``, and nothing else, for whatever a sender can get wrong; ``reason`` is ``replayed`` for a
        delivery that was already taken, which deserves a 200.
        """
        if len(body) > MAX_BODY:
            raise SignatureError(f"a webhook of {len(body)} bytes is none of theirs", reason="malformed")
        named = {name.lower(): value for name, value in headers.items()}
        webhook_id = _header(named, "webhook-id")
        timestamp = _header(named, "webhook-timestamp")
        self._check_age(timestamp, now)
        signed = b".".join((webhook_id.encode("utf-8", "replace"), timestamp.encode(), body))
        if not self._matches(signed, _header(named, "webhook-signature")):
            raise SignatureError("no signature fits this body and our secret", reason="mismatch")
        event = _event(body, webhook_id)
        self._remember(webhook_id, now)
        return event

    def forget(self, webhook_id: str) -> None:
        """Let a delivery in again. Call it when your handler failed: the sender repeats it under the same id."""
        self._seen.pop(webhook_id, None)

    def _check_age(self, timestamp: str, now: float) -> None:
        if not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureError("webhook-timestamp is no whole number", reason="malformed")
        age = int(now) - int(timestamp)
        if abs(age) > self._tolerance:
            direction = "old" if age > 0 else "far in the future"
            raise SignatureError(f"the webhook is {abs(age)} s {direction}", reason="expired")

    def _matches(self, signed: bytes, header: str) -> bool:
        given = [entry.removeprefix("v1,").encode("utf-8", "replace") for entry in header.split()]
        expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in self._keys]
        # A list, not a generator: every pair is compared, so that the time taken says nothing about which fits.
        return any([hmac.compare_digest(mine, theirs) for mine in expected for theirs in given])  # noqa: C419

    def _remember(self, webhook_id: str, now: float) -> None:
        """Note a delivery for as long as its signature can still be inside the tolerance."""
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
        if webhook_id in self._seen:
            raise SignatureError("this delivery was already taken", reason="replayed")
        self._seen[webhook_id] = now + 2 * self._tolerance
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _key(secret: Secret) -> bytes:
    text = secret.reveal()
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidArgument("a whsec_ secret has to be base64 after the prefix", path="secrets")
    return key


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise SignatureError(f"the header {name} is missing", reason="missing")
    return value


def _event(body: bytes, webhook_id: str) -> WebhookEvent:
    try:
        raw = msgspec.json.decode(body, type=dict[str, Any])
        common: dict[str, Any] = {
            "webhook_id": webhook_id,
            "type": msgspec.convert(raw.get("type"), str),
            "id": msgspec.convert(raw.get("id", ""), str),
            "created_at": msgspec.convert(raw.get("created_at", 0), int),
            "data": msgspec.convert(raw.get("data", {}), dict[str, Any]),
            "raw": raw,
        }
        if common["type"] != "realtime.call.incoming":
            return WebhookEvent(**common)
        return CallIncoming(**common, **_call(common["data"]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = str(error)
    raise SignatureError(f"the body is no webhook: {problem}", reason="malformed")


def _call(data: Mapping[str, Any]) -> dict[str, Any]:
    headers = msgspec.convert(data.get("sip_headers", []), list[dict[str, Any]])
    return {
        "call_id": msgspec.convert(data.get("call_id"), str),
        "sip_headers": tuple(
            SipHeader(name=str(header.get("name", "")), value=str(header.get("value", ""))) for header in headers
        ),
    }
