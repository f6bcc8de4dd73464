"""The V2 vector is Plivo's; those of V3 were computed, and Plivo's own validator accepts each of them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import SignatureError
from realtime_transport.telephony.signatures import PlivoVerifier, SignedRequest
from realtime_transport.telephony.signatures.plivo import plivo_signature, plivo_signature_v2

TOKEN = "my_auth_token"
NONCE = "12345"
CALL = [("CallUUID", "97ceeb52-58b6-11e1-86da-77300b68f8bb"), ("From", "14155551212"), ("To", "14155559999")]


def request(url: str, signature: str, method: str = "GET", form: list[tuple[str, str]] | None = None) -> SignedRequest:
    headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": NONCE}
    if form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
    return SignedRequest(url=url, headers=headers, method=method, body=urlencode(form or []).encode())


@pytest.mark.parametrize(
    ("url", "signature", "method", "form"),
    [
        ("https://answer.url", "2tUVd+6dOTo/13hSmD0yrftTKb57pVvy0kxqkPKxcqk=", "GET", None),
        ("https://example.com/answer?b=2&a=1", "mzFpuoIRyNVOhrSEwpK+nsz9IhruSHdzSf6oNt+8HK8=", "GET", None),
        ("https://example.com/answer?b=2&a=1", "mzFpuoIRyNVOhrSEwpK+nsz9IhruSHdzSf6oNt+8HK8=", "POST", []),
        ("https://example.com/answer", "hZzcTcYAmO+MSVpbbYuj4+DZUhC4IvCWfjSPcgwREzQ=", "POST", CALL),
        (
            "https://example.com/answer?b=2&a=1",
            "y92CEa2gAkbJ9yFMQVUpvHe4gJs5E2b4OzZb4CF4zww=",
            "POST",
            [("To", "1"), ("From", "2")],
        ),
        (
            "https://example.com:8443/answer/",
            "tPw3LjSx19Jf6lO5pKVnQZzpvsXuhTQnmX/P74hjJVI=",
            "post",
            [("D", "2"), ("D", "1"), ("A", "x")],
        ),
        ("https://example.com/answer?z=&a=2&a=1", "52Ysi/9ktDSrko2BZloSWLwiVJxqNsW35tzsJdv1QSI=", "GET", None),
        ("https://example.com/answer?n=%2B1415&s=a+b", "6zatxwdobciemgn0pjMOnTP36MkFriaIcbnHxsNJcC4=", "GET", None),
        ("wss://example.com/stream", "dypRltC1T0nIsESx5JlxkTmPwKHRqDHBAGxY9J5Ht5g=", "GET", None),
    ],
)
def test_accepts_the_vectors(url: str, signature: str, method: str, form: list[tuple[str, str]] | None) -> None:
    PlivoVerifier(TOKEN).verify(request(url, signature, method, form), 0.0)
    PlivoVerifier(TOKEN).verify(request(url, f"AAAA, {signature}", method, form), 0.0)
    with pytest.raises(SignatureError):
        PlivoVerifier(TOKEN).verify(request(url + "x", signature, method, form), 0.0)


def test_agrees_with_plivos_v2_vector() -> None:
    expected = "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="
    assert plivo_signature_v2(TOKEN, "https://answer.url", NONCE) == expected
    assert plivo_signature_v2(TOKEN, "https://answer.url?x=1", NONCE) == expected


def test_hashes_a_query_beyond_ascii_as_utf_8() -> None:
    url = "https://h/x?name=caf%C3%A9"
    PlivoVerifier(TOKEN).verify(request(url, plivo_signature(TOKEN, url, NONCE)), 0.0)


@pytest.mark.parametrize("missing", ["X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce"])
def test_refuses_without_a_header(missing: str) -> None:
    headers = {"X-Plivo-Signature-V3": "x", "X-Plivo-Signature-V3-Nonce": "y"}
    del headers[missing]
    with pytest.raises(SignatureError) as caught:
        PlivoVerifier(TOKEN).verify(SignedRequest(url="https://h", headers=headers), 0.0)
    assert caught.value.reason == "missing"


def test_refuses_a_body_that_is_not_signed_and_a_url_that_is_none() -> None:
    url = "https://h/x"
    headers = dict(request(url, plivo_signature(TOKEN, url, NONCE, method="POST")).headers)
    with pytest.raises(SignatureError, match="forms only"):
        PlivoVerifier(TOKEN).verify(SignedRequest(url=url, headers=headers, method="POST", body=b"{}"), 0.0)
    with pytest.raises(SignatureError) as caught:
        PlivoVerifier(TOKEN).verify(request("https://[broken", "x"), 0.0)
    assert caught.value.reason == "malformed"


@given(url=st.text(max_size=30), signature=st.text(min_size=1, max_size=30))
def test_has_one_error_for_everything(url: str, signature: str) -> None:
    with pytest.raises(SignatureError):
        PlivoVerifier(TOKEN).verify(request(url, signature), 0.0)
