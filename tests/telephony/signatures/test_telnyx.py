"""The vectors were computed with the key of RFC 8032, test 1; Telnyx publishes none."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument, MissingExtra, SignatureError
from realtime_transport.telephony.signatures import SignedRequest, TelnyxStreamVerifier, TelnyxVerifier

KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
NOW = 1750861210
CALL = b'{"data":{"event_type":"call.initiated","id":"0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"}}'
CALL_SIGNATURE = "IvJNsXseuQQR9vlhQ/yvvAD81FTIihgrbfNWPNCJFjSG9NrANYKz60Wwh8F2cYKLfiPi3/2EIUilwi6IqpyyAg=="


def request(body: bytes, signature: str, timestamp: str = str(NOW)) -> SignedRequest:
    headers = {"Telnyx-Signature-Ed25519": signature, "telnyx-timestamp": timestamp}
    return SignedRequest(url="https://ignored", headers=headers, method="POST", body=body)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (CALL, CALL_SIGNATURE),
        (
            '{"data":{"text":"café"}}'.encode(),
            "42fjiHkzE8hlhf012H3B4KgW+jcrw6qQ93d0dHNC1txY0TACG5jhmXMquArKpldqYxKhAXHAMP06VMaUv4UODw==",
        ),
        (b"", "idzmZ2ivQucnqBm37+3eHPSldLxT1BEnvfGq7tpaQJNJPgduUdWiECbvILpnMPN4HzdK9r9r8eTXsn3i6RmACg=="),
    ],
)
def test_accepts_the_vectors(body: bytes, signature: str) -> None:
    TelnyxVerifier(KEY).verify(request(body, signature), NOW)


@pytest.mark.parametrize("at", range(0, len(CALL), 7))
def test_refuses_a_changed_body(at: int) -> None:
    changed = bytearray(CALL)
    changed[at] ^= 1
    with pytest.raises(SignatureError) as caught:
        TelnyxVerifier(KEY).verify(request(bytes(changed), CALL_SIGNATURE), NOW)
    assert caught.value.reason == "mismatch"


@pytest.mark.parametrize("now", [NOW - 300, NOW + 300.9])
def test_allows_five_minutes_either_way(now: float) -> None:
    TelnyxVerifier(KEY).verify(request(CALL, CALL_SIGNATURE), now)


@pytest.mark.parametrize("now", [NOW - 301, NOW + 301])
def test_refuses_a_second_more(now: float) -> None:
    with pytest.raises(SignatureError) as caught:
        TelnyxVerifier(KEY).verify(request(CALL, CALL_SIGNATURE), now)
    assert caught.value.reason == "expired"


@pytest.mark.parametrize(
    ("signature", "timestamp", "reason"),
    [
        (CALL_SIGNATURE, "1.5", "malformed"),
        (CALL_SIGNATURE, "9" * 5000, "malformed"),
        (CALL_SIGNATURE, "", "missing"),
        ("", str(NOW), "missing"),
        ("not base64!", str(NOW), "malformed"),
        ("é", str(NOW), "malformed"),
        ("AAAA", str(NOW), "mismatch"),
    ],
)
def test_refuses_malformed_headers(signature: str, timestamp: str, reason: str) -> None:
    with pytest.raises(SignatureError) as caught:
        TelnyxVerifier(KEY).verify(request(CALL, signature, timestamp), NOW)
    assert caught.value.reason == reason


@given(signature=st.text(max_size=90), timestamp=st.text(max_size=12), body=st.binary(max_size=9))
def test_has_one_error_for_everything(signature: str, timestamp: str, body: bytes) -> None:
    with pytest.raises(SignatureError):
        TelnyxVerifier(KEY).verify(request(body, signature, timestamp), NOW)


@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", KEY[:-4]])
def test_refuses_what_is_no_public_key(key: str) -> None:
    with pytest.raises(InvalidArgument, match="public_key"):
        TelnyxVerifier(key)


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(MissingExtra, match="telephony"):
        TelnyxVerifier(KEY)


def test_knows_a_stream_by_our_token() -> None:
    verifier = TelnyxStreamVerifier("t0ken")
    upgrade = SignedRequest(url="wss://h/x", headers={"X-Telnyx-Streaming-Auth-Token": "t0ken"})
    verifier.verify(upgrade, 0.0)
    for headers in ({}, {"x-telnyx-streaming-auth-token": "t0kem"}):
        with pytest.raises(SignatureError):
            verifier.verify(SignedRequest(url="wss://h/x", headers=headers), 0.0)
