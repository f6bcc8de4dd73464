"""Twilio: ``X-Twilio-Signature``, HMAC-SHA1 over the URL and the form. It has no time in it, so no replay window.

Twilio and its own libraries disagree about the port, the case of the host, an empty path and the apostrophe, so every
form that one of them signs is tried.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from realtime_transport.exceptions import SignatureError
from realtime_transport.secret import Secret
from realtime_transport.telephony.signatures.request import SignedRequest, check

PORTS: Final[Mapping[str, tuple[str, ...]]] = {"https": ("443",), "http": ("80",), "wss": ("443", "80"), "ws": ("80",)}
"""Ports that may stand in the signed URL although nobody wrote them. Twilio's libraries add 80 even for ``wss``."""

_URL: Final = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<user>[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^/?#:@]*)(?P<port>:\d+)?(?P<rest>.*)", re.S
)


def twilio_signature(auth_token: str | Secret, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """Return the signature of ``url`` and the form ``fields``: names sorted by code point, doubled values once."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    key = Secret(auth_token).reveal().encode()
    return base64.b64encode(hmac.digest(key, signed.encode("utf-8", "replace"), hashlib.sha1)).decode()


class TwilioVerifier:
    """Verify webhooks and Media Streams upgrades with the account's **primary** auth token.

    The upgrade is signed as ``wss://``, without fields. ConversationRelay signs the query of its URL as fields: that
    form is accepted for ``wss`` although Twilio's documentation does not describe it (only its own server code does).
    """

    def __init__(self, auth_token: str | Secret) -> None:
        self._token = Secret(auth_token)

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when the request is Twilio's. ``now`` plays no part. Raises ``SignatureError``."""
        given = request.required("x-twilio-signature")
        fields = request.fields() if request.is_form else []
        if request.body and not request.is_form:
            _check_body(request)
        forms = [twilio_signature(self._token, url, fields) for url in _spellings(request.url)]
        if request.url.startswith("wss:") and "?" in request.url:
            bare, _, query = request.url.partition("?")
            told = parse_qsl(query, keep_blank_values=True)
            forms += [twilio_signature(self._token, url, told) for url in _spellings(bare)]
        check(forms, [given])


def _check_body(request: SignedRequest) -> None:
    """Compare the body with the hash that Twilio put into the signed URL. Without that hash nothing vouches for it."""
    query = dict(parse_qsl(urlsplit(request.url).query))
    if "bodySHA256" not in query:
        raise SignatureError("a body that is no form needs bodySHA256 in the URL", reason="missing")
    check([hashlib.sha256(request.body).hexdigest()], [query["bodySHA256"].lower()])


def _spellings(url: str) -> list[str]:
    """Return every form of ``url`` that Twilio may have signed, without doubles."""
    match = _URL.fullmatch(url)
    if match is None:
        raise SignatureError("the URL of the request is none", reason="malformed")
    scheme, host, port, rest = match["scheme"], match["host"], match["port"], match["rest"]
    ports = ["", *(f":{number}" for number in PORTS.get(scheme, ()))]
    if port is not None and port not in ports:
        ports = [port, ""]
    hosts = [host, host.lower()]
    rests = [rest, "/" + rest] if not rest.startswith("/") else [rest]
    rests += [
        path + "?" + query.replace("'", "%27") for path, mark, query in (each.partition("?") for each in rests) if mark
    ]
    return list(
        dict.fromkeys(
            f"{scheme}://{match['user'] or ''}{host}{port}{rest}" for host in hosts for port in ports for rest in rests
        )
    )
