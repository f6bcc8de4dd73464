"""The vectors are from the tests of Genesys's reference implementation and from draft 11 of HTTP Message Signatures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument, SignatureError
from realtime_transport.telephony.signatures import GenesysVerifier, SignedRequest
from realtime_transport.telephony.signatures.genesys import genesys_signature, parse_signature_input, signature_base

SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
API_KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
HEADERS = {
    "Host": "audiohook.example.com",
    "Audiohook-Organization-Id": "d7934305-0972-4844-938e-9060eef73d05",
    "Audiohook-Session-Id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "Audiohook-Correlation-Id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "X-API-KEY": API_KEY,
}
COMPONENTS = (
    '"@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
    '"audiohook-correlation-id" "x-api-key"'
)
CREATED = 1641013200
PARAMETERS = (
    f';keyid="{API_KEY}";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created={CREATED};expires=3282026430'
)
SIGNATURE = "NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4="
URL = "wss://audiohook.example.com/api/v1/voicebiometrics/ws"


def request(signature_input: str, signature: str, **headers: str) -> SignedRequest:
    named = {**HEADERS, "Signature-Input": signature_input, "Signature": signature, **headers}
    return SignedRequest(url=URL, headers={name: value for name, value in named.items() if value})


def signed(components: str = COMPONENTS, parameters: str = PARAMETERS, **headers: str) -> SignedRequest:
    unsigned = request(f"sig1=({components}){parameters}", "x", **headers)
    asked = parse_signature_input(unsigned.header("signature-input"))
    signature = genesys_signature(SECRET, signature_base(unsigned, asked.components, asked.text))
    return request(f"sig1=({components}){parameters}", f"sig1=:{signature}:", **headers)


def verify(what: SignedRequest, now: float = CREATED) -> None:
    GenesysVerifier({API_KEY: SECRET}).verify(what, now)


def test_accepts_the_vendors_vector() -> None:
    verify(request(f"sig1=({COMPONENTS}){PARAMETERS}", f"sig1=:{SIGNATURE}:"))
    verify(signed())


def test_takes_a_signature_once() -> None:
    verifier, upgrade = GenesysVerifier({API_KEY: SECRET}), signed()
    verifier.verify(upgrade, CREATED)
    for later in (CREATED, CREATED + 7):
        with pytest.raises(SignatureError) as caught:
            verifier.verify(upgrade, later)
        assert caught.value.reason == "replayed"
    with pytest.raises(SignatureError) as caught:
        verifier.verify(upgrade, CREATED + 8)
    assert caught.value.reason == "expired"
    another = signed(parameters=PARAMETERS.replace("VGhpc0lzQVVu", "YW5vdGhlciBv"))
    verifier.verify(another, CREATED + 1)


def test_signs_host_where_it_is_asked_to() -> None:
    asked = parse_signature_input(f"sig1=({COMPONENTS.replace('@authority', 'host')}){PARAMETERS}")
    base = signature_base(request("x", "x"), asked.components, asked.text)
    assert genesys_signature(SECRET, base) == "zupMJUMfd/kMuvKc5zhRyfJPE3jTROuz1S1hn8SCTpE="


def test_agrees_with_the_draft() -> None:
    asked = parse_signature_input(
        'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    )
    example = SignedRequest(
        url="https://example.com/foo",
        headers={"Host": "example.com", "Date": "Tue, 20 Apr 2021 02:07:55 GMT", "Content-Type": "application/json"},
    )
    key = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    base = signature_base(example, asked.components, asked.text)
    assert genesys_signature(key, base) == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def test_writes_the_base_as_the_draft_does() -> None:
    folded = SignedRequest(url="wss://h?q=1", headers={"host": " EXAMPLE.com ", "x-a": " one\r\n   two "})
    assert signature_base(folded, ["@request-target", "@authority", "x-a"], "()") == (
        '"@request-target": /?q=1\n"@authority": example.com\n"x-a": one two\n"@signature-params": ()'
    )


def test_takes_the_first_of_several_labels_and_components_beyond_the_required() -> None:
    verify(signed(COMPONENTS + ' "x-extra"', **{"X-Extra": "1"}))
    several = f'sig1=({COMPONENTS}){PARAMETERS}, sig2=("host");created=1'
    verify(request(several, f"sig2=:AAAA:, sig1=:{SIGNATURE}:"))


@pytest.mark.parametrize("now", [CREATED - 3, CREATED + 7])
def test_allows_the_clocks_to_differ(now: float) -> None:
    verify(signed(), now)


@pytest.mark.parametrize("now", [CREATED - 3.1, CREATED + 7.1])
def test_refuses_a_signature_of_another_time(now: float) -> None:
    with pytest.raises(SignatureError) as caught:
        verify(signed(), now)
    assert caught.value.reason == "expired"


def test_wants_three_seconds_left() -> None:
    verify(signed(parameters=PARAMETERS.replace("3282026430", str(CREATED + 3))))
    with pytest.raises(SignatureError):
        verify(signed(parameters=PARAMETERS.replace("3282026430", str(CREATED + 2))))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"@authority" ', "", "malformed"),
        ('"x-api-key"', '"x-api-key" "x-api-key"', "malformed"),
        ('"x-api-key"', '"x-api-key" "not-there"', "missing"),
        (";keyid=", ";tag=", "malformed"),
        (f'keyid="{API_KEY}"', 'keyid="another"', "mismatch"),
        ("VGhpc0lzQVVuaXF1ZU5vbmNl", "tooshort", "malformed"),
        ("hmac-sha256", "hmac-sha1", "malformed"),
        (f";created={CREATED}", "", "malformed"),
        (f"created={CREATED}", 'created="soon"', "malformed"),
        (";expires=3282026430", "", "malformed"),
    ],
)
def test_refuses_what_a_signer_must_not_write(old: str, new: str, reason: str) -> None:
    components, parameters = COMPONENTS.replace(old, new), PARAMETERS.replace(old, new)
    with pytest.raises(SignatureError) as caught:
        verify(signed(components, parameters))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "header",
    ["", "x", "sig1=", 'sig1=("a"', "sig1=(a)", 'sig1=("a";sf)', 'sig1=("A")', 'sig1=("a");x=', 'sig1=("a");tag="x"',
     'sig1=("a");created=1;created=2', 'sig1=("a");created=1junk'],
)  # fmt: skip
def test_refuses_a_malformed_input(header: str) -> None:
    with pytest.raises(SignatureError) as caught:
        parse_signature_input(header)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    "changed",
    [{"X-API-KEY": "unknown"}, {"Audiohook-Session-Id": "another"}, {"Signature": "sig1=:AAAA:"}, {"Signature": "junk"},
     {"Signature": f"other=:{SIGNATURE}:"}],
)  # fmt: skip
def test_refuses_a_request_that_was_not_signed_so(changed: dict[str, str]) -> None:
    good = signed()
    with pytest.raises(SignatureError) as caught:
        verify(SignedRequest(url=good.url, headers={**good.headers, **changed}))
    assert caught.value.reason == "mismatch"


@pytest.mark.parametrize("name", ["Signature-Input", "Signature", "X-API-KEY", "Host", "Audiohook-Session-Id"])
def test_refuses_an_unsigned_connection(name: str) -> None:
    good = signed()
    with pytest.raises(SignatureError) as caught:
        verify(SignedRequest(url=good.url, headers={key: value for key, value in good.headers.items() if key != name}))
    assert caught.value.reason == "missing"


@pytest.mark.parametrize("secret", ["not base64!", "===="])
def test_refuses_a_secret_that_cannot_work(secret: str) -> None:
    with pytest.raises(InvalidArgument, match="client_secrets"):
        GenesysVerifier({"key": secret})


@given(header=st.text(max_size=60), signature=st.text(max_size=60))
def test_has_one_error_for_everything(header: str, signature: str) -> None:
    with pytest.raises(SignatureError):
        verify(request(header, signature))
