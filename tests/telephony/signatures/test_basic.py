from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument, SignatureError
from realtime_transport.telephony.signatures import BasicAuthVerifier, SignedRequest


def request(authorization: str) -> SignedRequest:
    return SignedRequest(url="wss://h/stream", headers={"Authorization": authorization})


def verify(authorization: str) -> None:
    BasicAuthVerifier("exotel", "s3cret").verify(request(authorization), 0.0)


GOOD = base64.b64encode(b"exotel:s3cret").decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_knows_its_own_credentials(scheme: str) -> None:
    verify(f"{scheme} {GOOD}")


@pytest.mark.parametrize("authorization", [f"Bearer {GOOD}", GOOD, f"Basic {GOOD[:-4]}", "Basic ", "Basic é"])
def test_refuses_all_others(authorization: str) -> None:
    with pytest.raises(SignatureError) as caught:
        verify(authorization)
    assert caught.value.reason == "mismatch"


def test_says_when_there_are_none() -> None:
    with pytest.raises(SignatureError) as caught:
        verify("")
    assert caught.value.reason == "missing"


def test_an_empty_password_is_none() -> None:
    with pytest.raises(InvalidArgument):
        BasicAuthVerifier("exotel", "")


@given(st.text(max_size=40))
def test_has_one_error_for_everything(authorization: str) -> None:
    with pytest.raises(SignatureError):
        verify(authorization)
