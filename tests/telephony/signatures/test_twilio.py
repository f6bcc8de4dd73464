"""Vectors T1 to T11 are from the tests of Twilio's own libraries; T12 to T15 were computed with their algorithm."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import SignatureError
from realtime_transport.telephony.signatures import SignedRequest, TwilioVerifier
from realtime_transport.telephony.signatures.twilio import twilio_signature

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
EMPTY_HASH = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def request(url: str, signature: str, form: list[tuple[str, str]] | None = None, body: bytes = b"") -> SignedRequest:
    headers = {"X-Twilio-Signature": signature}
    if form is None:
        return SignedRequest(url=url, headers=headers, method="POST" if body else "GET", body=body)
    headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
    return SignedRequest(url=url, headers=headers, method="POST", body=urlencode(form).encode())


def verify(*arguments: object, **more: object) -> None:
    TwilioVerifier(TOKEN).verify(request(*arguments, **more), 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        pytest.param(URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", id="T1"),
        pytest.param(URL, "kvajT1Ptam85bY51eRf/AJRuM3w=", id="T2"),
        pytest.param(URL.replace(".com", ".com:443"), "kvajT1Ptam85bY51eRf/AJRuM3w=", id="T2-port"),
        pytest.param(URL.replace(".com", ".com:443"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=", id="T1-port"),
        pytest.param(URL.replace("https", "http"), "0ZXoZLH/DfblKGATFgpif+LLRf4=", id="T3"),
        pytest.param(
            URL.replace("https", "http").replace(".com", ".com:1234"), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=", id="T4"
        ),
        pytest.param(URL.replace("://", "://user:pass@"), "CukzLTc1tT5dXEDIHm/tKBanW10=", id="T9"),
        pytest.param(URL.replace("://", "://user:pass@"), "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=", id="T9-443"),
        pytest.param(URL.replace("://", "://user@"), "2YRLlVAflCqxaNicjMpJcSTgzSs=", id="T9-user"),
        pytest.param(URL + "&Body=It's+amazing", "TfZzewPq8wqrGlMfyAud8+/IvJ0=", id="T10"),
    ],
)
def test_accepts_the_vendors_vectors(url: str, signature: str) -> None:
    verify(url, signature, FORM)


def test_takes_repeated_values_once_and_in_order() -> None:
    t5 = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
    verify(URL, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", t5)
    t11 = [("MessagingBinding.Address", "+1415xxxxxxx"), ("MessagingBinding.Address", "+1325xxxxxxx")]
    verify(URL, "83O6e2vORAoJHUNzJjDWN1jz+BA=", t11)
    verify(URL, "83O6e2vORAoJHUNzJjDWN1jz+BA=", t11[::-1])


@pytest.mark.parametrize(
    ("url", "signature", "body"),
    [
        pytest.param(f"{URL}&bodySHA256={JSON_HASH}", "a9nBmqA0ju/hNViExpshrM61xv4=", JSON_BODY, id="T6"),
        pytest.param(f"{URL}&bodySHA256={EMPTY_HASH}", "Ldidvp12m26NI7eqEvxnEpkd9Hc=", b"{}", id="T7"),
        pytest.param(
            f"https://mycompany.com/myapp.php?bodySHA256={JSON_HASH}",
            "y77kIzt2vzLz71DgmJGsen2scGs=",
            JSON_BODY,
            id="T8",
        ),
    ],
)
def test_checks_the_body_by_its_hash(url: str, signature: str, body: bytes) -> None:
    verify(url, signature, body=body)
    with pytest.raises(SignatureError):
        verify(url, signature, body=body + b" ")


def test_a_body_without_hash_proves_nothing() -> None:
    with pytest.raises(SignatureError, match="bodySHA256"):
        verify(URL, twilio_signature(TOKEN, URL), body=b"{}")


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        pytest.param("wss://example.com/media", "7PR3qMkpDyEJtMrVOY/LDyNq8J8=", id="T12"),
        pytest.param("wss://example.com/media", "zyyJQiPZXIGCLy3HYdHEfry0yDg=", id="T15"),
        pytest.param("wss://example.com/ws?token=abc123&foo=bar", "eCcxb4BtGXrZ1GDHP5XJwOHJ8To=", id="T14-fields"),
        pytest.param("wss://example.com/ws?token=abc123&foo=bar", "g+TEnJ3iv1UwU+M96Uj0qshHnNM=", id="T14-query"),
    ],
)
def test_accepts_upgrades(url: str, signature: str) -> None:
    verify(url, signature)


@pytest.mark.parametrize(
    "signature", ["T+WBXwUXC0/CyoZ1DA+p9ilZORs=", "6HZQ7Cq/dSYDCAiy3qRA6PZfACI="], ids=["slash", "https"]
)
def test_refuses_t13_another_path_or_scheme(signature: str) -> None:
    with pytest.raises(SignatureError) as caught:
        verify("wss://example.com/media", signature)
    assert caught.value.reason == "mismatch"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("wss://Example.COM/media", "wss://example.com/media"),
        ("wss://example.com", "wss://example.com/"),
        ("wss://example.com", "wss://example.com"),
        ("wss://example.com/x", "wss://example.com:80/x"),
        ("https://[::1]/x", "https://[::1]:443/x"),
        ("https://h:99/x", "https://h/x"),
    ],
)
def test_tries_what_twilios_libraries_make_of_a_url(ours: str, theirs: str) -> None:
    verify(ours, twilio_signature(TOKEN, theirs))


def test_refuses_without_a_signature_or_a_url() -> None:
    with pytest.raises(SignatureError) as caught:
        TwilioVerifier(TOKEN).verify(SignedRequest(url=URL, headers={}), 0.0)
    assert caught.value.reason == "missing"
    with pytest.raises(SignatureError) as caught:
        verify("not a url", "x")
    assert caught.value.reason == "malformed"


@given(url=st.text(max_size=30), signature=st.text(min_size=1, max_size=30), body=st.binary(max_size=20))
def test_has_one_error_for_everything(url: str, signature: str, body: bytes) -> None:
    with pytest.raises(SignatureError):
        verify(url, signature, body=body)
