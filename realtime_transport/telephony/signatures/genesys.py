"""Genesys AudioHook and Audio Connector: HTTP Message Signatures (draft 11) on the WebSocket upgrade."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs

from realtime_transport.exceptions import InvalidArgument, SignatureError
from realtime_transport.secret import Secret
from realtime_transport.telephony.signatures.request import SignedRequest, check

REQUIRED: Final = frozenset(
    {
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    }
)
"""What has to be signed; more may be."""

OLDEST: Final = 7
"""Seconds since ``created``: Genesys allows 10 and takes 3 off for the difference of the clocks."""

SKEW: Final = 3
"""Seconds that ``created`` may lie ahead of us, and that have to be left until ``expires``."""

SHORTEST_NONCE: Final = 22
"""Characters: 16 random bytes in base64."""

_PARAMETERS: Final = frozenset({"keyid", "nonce", "alg", "created", "expires"})
_MEMBER: Final = re.compile(r"\s*(?P<label>[a-z*][a-z0-9_.*-]*)=(?P<value>\((?P<list>[^()]*)\)(?P<parameters>[^,]*))")
_COMPONENT: Final = re.compile(r'"(?P<name>[a-z0-9@_-]+)"')
_PARAMETER: Final = re.compile(r';\s*(?P<name>[a-z]+)=(?:"(?P<text>[^"\\]*)"|(?P<number>\d{1,15}))')
_SIGNATURE: Final = re.compile(r"(?P<label>[a-z*][a-z0-9_.*-]*)=:(?P<value>[A-Za-z0-9+/=]*):")


@attrs.frozen(kw_only=True)
class SignatureInput:
    """The ``Signature-Input`` header: what is signed, in which order, and with which parameters."""

    label: str
    components: tuple[str, ...]
    parameters: Mapping[str, str]
    text: str
    """The value as it came, which is signed too."""


def parse_signature_input(header: str) -> SignatureInput:
    """Read the first member of ``Signature-Input``. Raises ``SignatureError`` for whatever a signer must not write."""
    member = _MEMBER.match(header)
    if member is None:
        raise SignatureError("signature-input is none", reason="malformed")
    names = member["list"].split()
    components = [_COMPONENT.fullmatch(name) for name in names]
    parameters = list(_PARAMETER.finditer(member["parameters"]))
    found = {each["name"]: each["text"] if each["text"] is not None else each["number"] for each in parameters}
    complete = "".join(each[0] for each in parameters) == member["parameters"].rstrip()
    if None in components or len(set(names)) < len(names) or not complete or len(found) < len(parameters):
        raise SignatureError("signature-input lists something that cannot be signed", reason="malformed")
    if not found.keys() <= _PARAMETERS:
        raise SignatureError("signature-input has an unknown parameter", reason="malformed")
    return SignatureInput(
        label=member["label"],
        components=tuple(name.strip('"') for name in names),
        parameters=found,
        text=member["value"].rstrip(),
    )


def signature_base(request: SignedRequest, components: Sequence[str], parameters: str) -> str:
    """Return the text that is signed: a line for every component and one for ``parameters``."""
    lines = [f'"{name}": {_value(request, name)}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def genesys_signature(client_secret: str | Secret, base: str) -> str:
    """Return the HMAC-SHA256 of a signature base in base64. The secret is base64 itself."""
    return base64.b64encode(hmac.digest(_key(client_secret), base.encode("utf-8", "replace"), hashlib.sha256)).decode()


class GenesysVerifier:
    """Verify upgrades with the client secret of each API key, as ``{api_key: client_secret}``.

    A connection without signature is refused, also for a key that we know: a key alone is no secret. A signature is
    good once: it is remembered for as long as it would be accepted.
    """

    def __init__(self, client_secrets: Mapping[str, str | Secret]) -> None:
        self._secrets = {api_key: Secret(secret) for api_key, secret in client_secrets.items()}
        for secret in self._secrets.values():
            _key(secret)
        # Signature -> when it was made. Only what Genesys signed gets in, and stays for ten seconds.
        self._used: dict[str, int] = {}

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when the upgrade is Genesys's and a few seconds old. Raises ``SignatureError``."""
        asked = parse_signature_input(request.required("signature-input"))
        if not set(asked.components) >= REQUIRED:
            raise SignatureError("the signature does not cover enough of the request", reason="malformed")
        given = {match["label"]: match["value"] for match in _SIGNATURE.finditer(request.required("signature"))}
        api_key = request.required("x-api-key")
        secret = self._secrets.get(api_key)
        if secret is None or asked.parameters.get("keyid") != api_key:
            raise SignatureError("the API key is unknown or not the one that signed", reason="mismatch")
        base = signature_base(request, asked.components, asked.text)
        check([genesys_signature(secret, base)], [given.get(asked.label, "")])
        created = _check_parameters(asked.parameters, now)
        self._used = {used: made for used, made in self._used.items() if made >= now - OLDEST}
        if given[asked.label] in self._used:
            raise SignatureError("the signature was used before", reason="replayed")
        self._used[given[asked.label]] = created


def _check_parameters(parameters: Mapping[str, str], now: float) -> int:
    """Return when the signature was made."""
    if parameters.get("alg", "hmac-sha256") != "hmac-sha256":
        raise SignatureError("the algorithm has to be hmac-sha256", reason="malformed")
    if len(parameters.get("nonce", "")) < SHORTEST_NONCE:
        raise SignatureError("the nonce is too short", reason="malformed")
    try:
        created, expires = int(parameters["created"]), int(parameters["expires"])
    except (KeyError, ValueError):
        raise SignatureError("the signature says no times", reason="malformed") from None
    if not now - OLDEST <= created <= now + SKEW or expires < now + SKEW:
        raise SignatureError("the signature is too old, too new or over", reason="expired")
    return created


def _value(request: SignedRequest, name: str) -> str:
    if name == "@request-target":
        parts = urlsplit(request.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if name == "@authority":
        return request.required("host").strip().lower()
    return re.sub(r"\r?\n[ \t]+", " ", request.required(name)).strip()


def _key(client_secret: str | Secret) -> bytes:
    try:
        key = base64.b64decode(Secret(client_secret).reveal(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidArgument("a client secret has to be base64", path="client_secrets")
    return key
