"""Telnyx: Ed25519 over ``timestamp|body`` for webhooks, a token of our own choice for streams."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from realtime_transport.exceptions import InvalidArgument, MissingExtra, SignatureError
from realtime_transport.secret import Secret
from realtime_transport.telephony.signatures.request import SignedRequest, check, check_age

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE: Final = 300.0
"""Seconds between the two clocks, either way: the limit of Telnyx's own library."""

STREAM_TOKEN_HEADER: Final = "x-telnyx-streaming-auth-token"  # noqa: S105  (a header's name)

_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}")


class TelnyxVerifier:
    """Verify webhooks with the account's public key (base64, as the portal shows it).

    URL, query and method are not covered. Raises ``MissingExtra`` without ``cryptography`` and ``InvalidArgument`` for
    what is no Ed25519 key.
    """

    def __init__(self, public_key: str, *, tolerance: float = TOLERANCE) -> None:
        self._key = _public_key(public_key)
        self._tolerance = tolerance

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when the request is Telnyx's and at most five minutes old. Raises ``SignatureError``."""
        from cryptography.exceptions import InvalidSignature

        timestamp = request.required("telnyx-timestamp")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureError("telnyx-timestamp is no whole number", reason="malformed")
        try:
            signature = base64.b64decode(request.required("telnyx-signature-ed25519"), validate=True)
        except (binascii.Error, ValueError):
            raise SignatureError("telnyx-signature-ed25519 is no base64", reason="malformed") from None
        check_age(int(timestamp), now, self._tolerance)
        try:
            self._key.verify(signature, timestamp.encode() + b"|" + request.body)
        except InvalidSignature:
            raise SignatureError("the signature does not fit the request", reason="mismatch") from None


class TelnyxStreamVerifier:
    """Verify a stream by the ``stream_auth_token`` that we gave when we asked for it: upgrades are not signed."""

    def __init__(self, token: str | Secret) -> None:
        self._token = Secret(token)

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when the upgrade brings our token. ``now`` plays no part. Raises ``SignatureError``."""
        check([self._token.reveal()], [request.required(STREAM_TOKEN_HEADER)])


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as missing:
        raise MissingExtra("cryptography", "telephony") from missing
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidArgument("must be the 32 bytes of an Ed25519 public key in base64", path="public_key") from None
