"""Vonage: a JWT (HS256) in ``Authorization``, with a hash of the body among its claims.

A WebSocket upgrade carries one only when the NCCO endpoint asks for it (``"authorization": {"type": "vonage"}``); that
it then is the same kind of token is taken from Vonage's SDK and from servers in use, not from its documentation.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from realtime_transport.exceptions import SignatureError
from realtime_transport.secret import Secret
from realtime_transport.telephony.signatures.request import SignedRequest, check, check_age

TOLERANCE: Final = 300.0
"""Seconds since the token was made. Vonage states no limit for voice; five minutes are what others use."""


class VonageVerifier:
    """Verify callbacks with the account's signature secret (not the API secret), as text.

    Several accounts are told as a mapping from API key to secret.
    """

    def __init__(self, secret: str | Secret | Mapping[str, str | Secret], *, tolerance: float = TOLERANCE) -> None:
        by_account = secret if isinstance(secret, Mapping) else {None: secret}
        self._secrets: dict[str | None, Secret] = {account: Secret(text) for account, text in by_account.items()}
        self._tolerance = tolerance

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when the token is Vonage's, fresh, and fits the body. Raises ``SignatureError``.

        For a GET the hash is over the query as a JSON object without spaces, in the order received: so says a support
        article, and it is checked only when the claim is there.
        """
        scheme, _, token = request.required("authorization").partition(" ")
        signed, _, signature = token.strip().rpartition(".")
        head, _, payload = signed.partition(".")
        # The algorithm is pinned: a token that names its own ("none", RS256) is how such checks are usually broken.
        if scheme.lower() != "bearer" or _part(head).get("alg") != "HS256":
            raise SignatureError("the header authorization holds no HS256 token", reason="malformed")
        claims = _part(payload)
        check([self._mac(claims.get("api_key"), signed)], [signature])
        check_age(_seconds(claims, "iat", None), now, self._tolerance)
        if not _seconds(claims, "nbf", 0) <= now < _seconds(claims, "exp", now + 1):
            raise SignatureError("the token is not valid now", reason="expired")
        expected_hash = claims.get("payload_hash")
        if expected_hash is not None:
            check([hashlib.sha256(_hashed(request)).hexdigest()], [str(expected_hash)])

    def _mac(self, account: object, signed: str) -> str:
        secret = self._secrets.get(account if isinstance(account, str) else None, self._secrets.get(None))
        if secret is None:
            raise SignatureError("the token is of an account that we have no secret of", reason="mismatch")
        digest = hmac.digest(secret.reveal().encode(), signed.encode("utf-8", "replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _hashed(request: SignedRequest) -> bytes:
    if request.method.upper() != "GET":
        return request.body
    query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    return json.dumps(query, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _part(text: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise SignatureError("the token is no JWT", reason="malformed") from None


def _seconds(claims: Mapping[str, Any], name: str, default: float | None) -> int:
    value = claims.get(name, default)
    if not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise SignatureError(f"the claim {name} is no time", reason="malformed")
    return int(value)
