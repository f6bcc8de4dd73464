"""The first token is from the tests of Vonage's SDK, the second was computed with its algorithm."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import SignatureError
from realtime_transport.telephony.signatures import SignedRequest, VonageVerifier

SECRET = "qwertyuiopasdfghjklzxcvbnm123456"
SDK_TOKEN = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJPbmxpbmUgSldUIEJ1aWxkZXIiLCJpYXQiOjE2OTc2MzQ2ODAsImV4cCI6MzMyNTQ1"
    "NDA4MjgsImF1ZCI6IiIsInN1YiI6IiJ9.88vJc3I2HhuqEDixHXVhc9R30tA6U_HQHZTC29y6CGM"
)
BODY = b'{"uuid":"63f61863-4a51-4f6b-86e1-46edebcf9356","status":"answered"}'
BODY_TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3NTA4NjEyMTAsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1"
    "MTFiNSIsImlzcyI6IlZvbmFnZSIsInBheWxvYWRfaGFzaCI6IjNlMTA5MmNjZDc3Njc3NjlhNzUwMzEyMTIwNjIzYWQ3NDVhY2E1YTgxY2Y4ZGMwYTM1"
    "YzNiODZiNGRiYWY3NDgiLCJhcGlfa2V5IjoiYTFiMmMzZCIsImFwcGxpY2F0aW9uX2lkIjoiYWFhYWFhYWEtYmJiYi1jY2NjLWRkZGQtMDEyMzQ1Njc4"
    "OWFiIn0.Ug8iDLBc4_pV55Uv2IMJHnosLFcuJ21RF8rptTtvW7Q"
)
NOW = 1750861210


def request(token: str, body: bytes = b"", method: str = "POST", url: str = "https://h/x") -> SignedRequest:
    return SignedRequest(url=url, headers={"Authorization": f"Bearer {token}"}, method=method, body=body)


def token(head: dict[str, Any] | None = None, **claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signed = f"{part(head or {'alg': 'HS256'})}.{part({'iat': NOW, **claims})}"
    mac = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_accepts_the_sdks_token_and_refuses_it_under_another_secret() -> None:
    VonageVerifier(SECRET).verify(request(SDK_TOKEN), 1697634680)
    with pytest.raises(SignatureError) as caught:
        VonageVerifier("asdf").verify(request(SDK_TOKEN), 1697634680)
    assert caught.value.reason == "mismatch"


def test_checks_the_body_by_its_hash() -> None:
    VonageVerifier(SECRET).verify(request(BODY_TOKEN, BODY), NOW)
    with pytest.raises(SignatureError):
        VonageVerifier(SECRET).verify(request(BODY_TOKEN, BODY + b" "), NOW)


def test_checks_the_query_of_a_get_by_its_hash() -> None:
    hashed = hashlib.sha256('{"to":"1","name":"café","b":""}'.encode()).hexdigest()
    signed = token(payload_hash=hashed)
    VonageVerifier(SECRET).verify(request(signed, method="GET", url="https://h/x?to=1&name=caf%C3%A9&b="), NOW)
    with pytest.raises(SignatureError):
        VonageVerifier(SECRET).verify(request(signed, method="GET", url="https://h/x?to=2"), NOW)


def test_picks_the_secret_by_account() -> None:
    VonageVerifier({"a1b2c3d": SECRET, "other": "x"}).verify(request(BODY_TOKEN, BODY), NOW)
    for secrets in ({"a1b2c3d": "x", "other": SECRET}, {"other": SECRET}):
        with pytest.raises(SignatureError) as caught:
            VonageVerifier(secrets).verify(request(BODY_TOKEN, BODY), NOW)
        assert caught.value.reason == "mismatch"


@pytest.mark.parametrize(
    ("claims", "ok"),
    [
        ({}, True),
        ({"iat": NOW - 300}, True),
        ({"iat": NOW - 301}, False),
        ({"iat": NOW + 301}, False),
        ({"exp": NOW + 1}, True),
        ({"exp": NOW}, False),
        ({"nbf": NOW}, True),
        ({"nbf": NOW + 1}, False),
        ({"iat": "now"}, False),
        ({"iat": None}, False),
        ({"iat": 1e300}, False),
        ({"exp": []}, False),
    ],
)
def test_checks_the_times(claims: dict[str, Any], ok: bool) -> None:
    if ok:
        VonageVerifier(SECRET).verify(request(token(**claims)), NOW)
        return
    with pytest.raises(SignatureError) as caught:
        VonageVerifier(SECRET).verify(request(token(**claims)), NOW)
    assert caught.value.reason in {"expired", "malformed"}


@pytest.mark.parametrize(
    "bad",
    [
        token({"alg": "none"}), token({"alg": "RS256"}), token({"alg": 5}), "", "a.b", "a.b.c", "é.é.é",
        SDK_TOKEN.rpartition(".")[0] + ".", "W10.W10.x",
    ],
)  # fmt: skip
def test_refuses_what_is_no_hs256_token(bad: str) -> None:
    with pytest.raises(SignatureError):
        VonageVerifier(SECRET).verify(request(bad), NOW)


def test_refuses_another_scheme_and_an_unsigned_callback() -> None:
    for headers, reason in (({"authorization": f"Basic {SDK_TOKEN}"}, "malformed"), ({}, "missing")):
        with pytest.raises(SignatureError) as caught:
            VonageVerifier(SECRET).verify(SignedRequest(url="https://h", headers=headers), NOW)
        assert caught.value.reason == reason


@given(bad=st.text(max_size=60))
def test_has_one_error_for_everything(bad: str) -> None:
    with pytest.raises(SignatureError):
        VonageVerifier(SECRET).verify(request(bad), NOW)
