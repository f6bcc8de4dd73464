"""Vonage's Voice API: calls changed by PUT, every request signed with a short-lived token of the application.

The token is a JWT (RS256) with ``application_id``, ``iat``, ``exp`` and ``jti``, as Vonage documents for applications.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import attrs
import msgspec

from realtime_transport.exceptions import InvalidArgument, MissingExtra
from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control.request import (
    CarrierControl,
    ControlRequest,
    bearer,
    checked_digits,
    checked_target,
    json,
    segment,
)

TOKEN_LIFETIME: Final = 60
"""Seconds: one request and its repetitions, and a clock that is a little off."""


@attrs.frozen(kw_only=True)
class VonageControl(CarrierControl):
    """Act on calls of one application: ``VonageControl(application_id="..", private_key=pem)``.

    Vonage's stream does not name the call: the answer document has to pass the ``uuid`` of its webhook on, in the
    headers of the websocket endpoint, as the gateway's does. ``ids`` makes the name of each token. Needs the extra
    ``telephony``. Raises ``InvalidArgument`` for a key that is no RSA key in PEM.
    """

    name: ClassVar[str] = "vonage"
    application_id: str
    private_key: str = attrs.field(repr=False)
    base_url: str = "https://api.nexmo.com"
    ids: Callable[[], str] = attrs.field(default=lambda: secrets.token_urlsafe(16), repr=False)
    _key: Any = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_key", _rsa_key(self.private_key))

    def auth(self, now: float) -> Mapping[str, str]:
        """Sign a token for this moment."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        claims = {"application_id": self.application_id, "iat": int(now), "exp": int(now) + TOKEN_LIFETIME}
        parts = [{"alg": "RS256", "typ": "JWT"}, {**claims, "jti": self.ids()}]
        signed = b".".join(_base64url(msgspec.json.encode(part)) for part in parts)
        signature = self._key.sign(signed, PKCS1v15(), SHA256())
        return bearer(Secret(b".".join((signed, _base64url(signature))).decode()))

    def hangup(self, call: CallStarted) -> ControlRequest:
        """End the call."""
        return json("PUT", self._url(call), {"action": "hangup"}, idempotent=True)

    def send_dtmf(self, call: CallStarted, digits: str) -> ControlRequest:
        """Press keys; the stream goes on."""
        return json("PUT", self._url(call) + "/dtmf", {"digits": checked_digits(digits)})

    def transfer(self, call: CallStarted, target: str) -> ControlRequest:
        """Give the call a document that connects it to ``target``."""
        target = checked_target(target)
        endpoint = {"type": "phone", "number": target.removeprefix("+")}
        if target.startswith("sip"):
            endpoint = {"type": "sip", "uri": target}
        ncco = [{"action": "connect", "endpoint": [endpoint]}]
        content = {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}}
        return json("PUT", self._url(call), content)

    def _url(self, call: CallStarted) -> str:
        return f"{self.base_url}/v1/calls/{segment(call.call_id)}"


def _rsa_key(pem: str) -> Any:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as missing:
        raise MissingExtra("cryptography", "telephony") from missing
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # the cause may quote the key
    if not isinstance(key, RSAPrivateKey):
        raise InvalidArgument("has to be an RSA key in PEM, without a password", path="private_key")
    return key


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
