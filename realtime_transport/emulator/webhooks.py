"""Webhooks as the API sends them: signed the way of Standard Webhooks, tried again when nobody takes them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from realtime_transport.exceptions import InvalidArgument, MissingExtra

ATTEMPTS: Final = 3
"""The live service goes on for days; a test wants to know soon."""
FIRST_PAUSE: Final = 0.5
"""Seconds before the second attempt; twice as long before each one after."""
SECONDS: Final = 10.0
"""How long a receiver may take to answer."""
_PREFIX: Final = "whsec_"

logger: logging.Logger = logging.getLogger("realtime_transport")


def _key(_: object, attribute: attrs.Attribute[str], secret: str) -> None:
    if not secret_key(secret):
        raise InvalidArgument("a webhook secret is any text, or whsec_ and base64", path=attribute.name)


@attrs.frozen(kw_only=True)
class WebhookTarget:
    """Where webhooks go.

    Raises ``InvalidArgument`` for what is no URL or no secret, ``MissingExtra`` without the extra ``http``.
    """

    url: str
    secret: str = attrs.field(repr=False, validator=_key)

    def __attrs_post_init__(self) -> None:
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise InvalidArgument(f"{self.url!r} is no URL; write http://127.0.0.1:9000/webhook", path="webhook")
        if find_spec("httpx2") is None:
            raise MissingExtra("httpx2", "http")


def secret_key(secret: str) -> bytes:
    """Read a secret; empty when it is none."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return b""


def signed_headers(secret: str, webhook_id: str, unix_time: int, body: bytes) -> dict[str, str]:
    """Make the headers of one delivery."""
    content = b".".join((webhook_id.encode(), str(unix_time).encode(), body))
    digest = hmac.digest(secret_key(secret), content, hashlib.sha256)
    return {
        "content-type": "application/json",
        "user-agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(unix_time),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def incoming_call(event_id: str, unix_time: int, call_id: str, sip_headers: Sequence[tuple[str, str]]) -> bytes:
    """Spell ``realtime.call.incoming``."""
    headers = [{"name": name, "value": value} for name, value in sip_headers]
    event: Mapping[str, Any] = {
        "id": event_id,
        "object": "event",
        "created_at": unix_time,
        "type": "realtime.call.incoming",
        "data": {"call_id": call_id, "sip_headers": headers},
    }
    return json.dumps(event).encode()


async def deliver(target: WebhookTarget, webhook_id: str, body: bytes, wall_clock: Callable[[], float]) -> bool:
    """Send a webhook until it is taken with a status below 300; tell whether it was. What failed is in the log."""
    import httpx2

    pause = FIRST_PAUSE
    async with httpx2.AsyncClient(timeout=SECONDS) as client:
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(pause)
                pause *= 2
            headers = signed_headers(target.secret, webhook_id, int(wall_clock()), body)
            try:
                response = await client.post(target.url, content=body, headers=headers)
            except httpx2.HTTPError as error:
                logger.warning("webhook %s was not delivered to %s: %r", webhook_id, target.url, error)
                continue
            if response.is_success:
                return True
            logger.warning("webhook %s was answered with %d", webhook_id, response.status_code)
    return False
