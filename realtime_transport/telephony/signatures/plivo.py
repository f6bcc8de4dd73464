"""Plivo: ``X-Plivo-Signature-V3``, HMAC-SHA256 over the URL, the form and a nonce. It has no time in it.

Whether Plivo signs WebSocket upgrades is not documented: treat this as a check for webhooks, and put a token of your
own into the stream's URL or extra headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from realtime_transport.exceptions import SignatureError
from realtime_transport.secret import Secret
from realtime_transport.telephony.signatures.request import SignedRequest, check


def plivo_signature(
    auth_token: str | Secret, url: str, nonce: str, *, method: str = "GET", fields: Sequence[tuple[str, str]] = ()
) -> str:
    """Return the V3 signature: the query decoded and sorted, then the form's names and values, then the nonce."""
    return _hmac(auth_token, f"{_signed(url, method, fields)}.{nonce}")


def plivo_signature_v2(auth_token: str | Secret, url: str, nonce: str) -> str:
    """Return the older V2 signature, which covers neither query nor form."""
    return _hmac(auth_token, _base(url) + nonce)


class PlivoVerifier:
    """Verify webhooks with the account's auth token; the header may hold several signatures."""

    def __init__(self, auth_token: str | Secret) -> None:
        self._token = Secret(auth_token)

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when the request is Plivo's. ``now`` plays no part. Raises ``SignatureError``."""
        given = request.required("x-plivo-signature-v3")
        nonce = request.required("x-plivo-signature-v3-nonce")
        fields = request.fields() if request.is_form else []
        if request.body and not request.is_form:
            raise SignatureError("Plivo signs forms only", reason="malformed")
        try:
            expected = plivo_signature(self._token, request.url, nonce, method=request.method, fields=fields)
        except ValueError:
            raise SignatureError("the URL of the request is none", reason="malformed") from None
        check([expected], [entry.strip() for entry in given.split(",")])


def _signed(url: str, method: str, fields: Sequence[tuple[str, str]]) -> str:
    pairs = sorted(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    query = "&".join(f"{name}={value}" for name, value in pairs)
    if method.upper() == "GET" or not fields:
        return _base(url) + (f"?{query}" if query else "")
    form = "".join(name + value for name, value in sorted(fields))
    return f"{_base(url)}?{query}{'.' if query else ''}{form}"


def _base(url: str) -> str:
    """Return scheme, authority and path exactly as they are written."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _hmac(auth_token: str | Secret, text: str) -> str:
    key = Secret(auth_token).reveal().encode()
    return base64.b64encode(hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)).decode()
