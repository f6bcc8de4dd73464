from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument, SignatureError
from realtime_transport.http import CallIncoming, Webhooks
from realtime_transport.http import webhooks as module
from realtime_transport.secret import Secret

OPENAI_SECRET = "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c="
OPENAI_BODY = (
    b'{"id": "evt_685c059ae3a481909bdc86819b066fb6", "object": "event", "created_at": 1750861210, '
    b'"type": "response.completed", "data": {"id": "resp_123"}}'
)
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALL_BODY = (
    b'{"object":"event","id":"evt_1","type":"realtime.call.incoming","created_at":1750287018,"data":{"call_id":"rtc_123",'
    b'"sip_headers":[{"name":"From","value":"sip:+14155551212@sip.example.com"}]}}'
)


def headers(webhook_id: str, timestamp: int | str, signature: str) -> dict[str, str]:
    return {"webhook-id": webhook_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def signed(body: bytes, *, webhook_id: str = "wh_1", timestamp: int | str = 1000, key: bytes = b"k") -> dict[str, str]:
    digest = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return headers(webhook_id, timestamp, "v1," + base64.b64encode(digest).decode())


OPENAI_HEADERS = headers(
    "wh_685c059ae39c8190af8c71ed1022a24d", 1750861210, "v1,gUAg4R2hWouRZqRQG4uJypNS8YK885G838+EHb4nKBY="
)
CALL_HEADERS = headers("wh_1", 1750287018, "v1,n2izvmirgXtkLAMeGsJRAOtXJemZ/m1rhEL6NeaMnf0=")


def test_accepts_openais_own_vector() -> None:
    event = Webhooks(OPENAI_SECRET).unwrap(OPENAI_BODY, OPENAI_HEADERS, 1750861210.9)
    assert (event.type, event.id, event.created_at) == (
        "response.completed", "evt_685c059ae3a481909bdc86819b066fb6", 1750861210,
    )  # fmt: skip
    assert event.data == {"id": "resp_123"}
    assert event.webhook_id == "wh_685c059ae39c8190af8c71ed1022a24d"


def test_reads_an_incoming_call() -> None:
    event = Webhooks(STANDARD_SECRET).unwrap(CALL_BODY, CALL_HEADERS, 1750287018)
    assert isinstance(event, CallIncoming)
    assert event.call_id == "rtc_123"
    assert event.sip_header("from") == "sip:+14155551212@sip.example.com"
    assert event.sip_header("To") is None


@pytest.mark.parametrize(
    ("secret", "body", "given_headers"),
    [
        (
            STANDARD_SECRET,
            b'{"test": 2432232314}',
            headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ),
        (
            "synthetic-webhook-secret",
            '{"synthetic": "café"}'.encode(),
            headers("evt_synthetic", 1750000000, "v1,qzuLCtHIXTcfJr8yxIcKC07cOqyNSgdmZRut6AFa+RA="),
        ),
    ],
)
def test_agrees_with_other_peoples_vectors_and_refuses_what_is_no_event(
    secret: str, body: bytes, given_headers: dict[str, str]
) -> None:
    now = float(given_headers["webhook-timestamp"])
    with pytest.raises(SignatureError) as caught:
        Webhooks(secret).unwrap(body, given_headers, now)
    assert caught.value.reason == "malformed"
    with pytest.raises(SignatureError) as caught:
        Webhooks(secret).unwrap(body + b" ", given_headers, now)
    assert caught.value.reason == "mismatch"


@pytest.mark.parametrize("at", range(len(CALL_BODY)))
def test_fm104_refuses_a_body_changed_anywhere(at: int) -> None:
    changed = bytearray(CALL_BODY)
    changed[at] ^= 1
    with pytest.raises(SignatureError) as caught:
        Webhooks(STANDARD_SECRET).unwrap(bytes(changed), CALL_HEADERS, 1750287018)
    assert caught.value.reason == "mismatch"


def test_fm104_refuses_a_body_that_was_parsed_and_dumped_again() -> None:
    with pytest.raises(SignatureError):
        Webhooks(STANDARD_SECRET).unwrap(json.dumps(json.loads(CALL_BODY)).encode(), CALL_HEADERS, 1750287018)


@pytest.mark.parametrize("now", [700, 1300.9])
def test_allows_five_minutes_either_way(now: float) -> None:
    body = b'{"type": "x"}'
    assert Webhooks("k").unwrap(body, signed(body), now).type == "x"


@pytest.mark.parametrize(("now", "says"), [(699.9, "301 s far in the future"), (1301, "301 s old")])
def test_refuses_a_second_more(now: float, says: str) -> None:
    body = b'{"type": "x"}'
    with pytest.raises(SignatureError, match=says) as caught:
        Webhooks("k").unwrap(body, signed(body), now)
    assert caught.value.reason == "expired"


def test_fm103_takes_a_delivery_once() -> None:
    webhooks = Webhooks(STANDARD_SECRET)
    webhooks.unwrap(CALL_BODY, CALL_HEADERS, 1750287018)
    with pytest.raises(SignatureError) as caught:
        webhooks.unwrap(CALL_BODY, CALL_HEADERS, 1750287018 + 300)
    assert caught.value.reason == "replayed"


def test_lets_a_failed_delivery_in_again() -> None:
    webhooks = Webhooks(STANDARD_SECRET)
    event = webhooks.unwrap(CALL_BODY, CALL_HEADERS, 1750287018)
    webhooks.forget(event.webhook_id)
    assert webhooks.unwrap(CALL_BODY, CALL_HEADERS, 1750287019) == event
    webhooks.forget("never seen")


def test_remembers_a_delivery_from_the_future_until_it_expires() -> None:
    body = b'{"type": "x"}'
    webhooks = Webhooks("k")
    webhooks.unwrap(body, signed(body, timestamp=1300), 1000)
    with pytest.raises(SignatureError) as caught:
        webhooks.unwrap(body, signed(body, timestamp=1300), 1600)
    assert caught.value.reason == "replayed"


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    body = b'{"type": "x"}'
    webhooks = Webhooks("k")
    for number in range(4):
        webhooks.unwrap(body, signed(body, webhook_id=f"wh_{number}"), 1000)
    webhooks.unwrap(body, signed(body, webhook_id="wh_0"), 1000)
    with pytest.raises(SignatureError):
        webhooks.unwrap(body, signed(body, webhook_id="wh_3"), 1000)


def test_forgets_what_cannot_come_back() -> None:
    body = b'{"type": "x"}'
    webhooks = Webhooks("k")
    webhooks.unwrap(body, signed(body, timestamp=1000), 1000)
    webhooks.unwrap(body, signed(body, timestamp=2000), 2000)


def test_accepts_either_secret_while_one_replaces_the_other() -> None:
    webhooks = Webhooks([Secret("new"), "old"])
    body = b'{"type": "x"}'
    webhooks.unwrap(body, signed(body, key=b"old", webhook_id="a"), 1000)
    webhooks.unwrap(body, signed(body, key=b"new", webhook_id="b"), 1000)
    with pytest.raises(SignatureError):
        webhooks.unwrap(body, signed(body, key=b"older", webhook_id="c"), 1000)


def test_accepts_any_signature_of_several_with_or_without_version() -> None:
    body = b'{"type": "x"}'
    good = signed(body)
    bare = {**good, "webhook-signature": "v1,AAAA v1a,BBBB " + good["webhook-signature"].removeprefix("v1,")}
    Webhooks("k").unwrap(body, {name.title(): value for name, value in bare.items()}, 1000)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_refuses_without_a_header(name: str, value: str | None) -> None:
    given_headers: dict[str, Any] = {**CALL_HEADERS, name: value}
    if value is None:
        del given_headers[name]
    with pytest.raises(SignatureError) as caught:
        Webhooks(STANDARD_SECRET).unwrap(CALL_BODY, given_headers, 1750287018)
    assert caught.value.reason == "missing"


@pytest.mark.parametrize("timestamp", ["1.5", "1e3", "soon", "-5", "1_000", " 1000", "٣", "9" * 5000])
def test_refuses_a_timestamp_that_is_none(timestamp: str) -> None:
    with pytest.raises(SignatureError) as caught:
        Webhooks("k").unwrap(b"{}", signed(b"{}", timestamp=timestamp), 1000)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("timestamp", ["+1000", "0001000"])
def test_signs_the_timestamp_as_it_is_written(timestamp: str) -> None:
    body = b'{"type": "x"}'
    Webhooks("k").unwrap(body, signed(body, timestamp=timestamp), 1000)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"type": 7}', b'{"type": "x", "id": 1}', b"[" * 9000,
        b'{"type": "x", "data": []}', b'{"type": "x", "created_at": "now"}', b'{"type": "realtime.call.incoming"}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": null}}',
        b'{"type": "realtime.call.incoming", "data": {"call_id": "c", "sip_headers": 4}}',
    ],
)  # fmt: skip
def test_refuses_a_well_signed_body_that_is_no_event(body: bytes) -> None:
    webhooks = Webhooks("k")
    with pytest.raises(SignatureError) as caught:
        webhooks.unwrap(body, signed(body), 1000)
    assert caught.value.reason == "malformed"


def test_reads_sip_headers_leniently() -> None:
    body = (
        b'{"type": "realtime.call.incoming", "data": {"call_id": "c", "sip_headers": [{}, {"name": "X", "value": 5}]}}'
    )
    event = Webhooks("k").unwrap(body, signed(body), 1000)
    assert isinstance(event, CallIncoming)
    assert event.sip_header("x") == "5"


def test_fm104_refuses_a_body_that_is_too_large_before_hashing_it() -> None:
    body = bytes(module.MAX_BODY + 1)
    with pytest.raises(SignatureError, match="65537 bytes"):
        Webhooks("k").unwrap(body, signed(body), 1000)


@pytest.mark.parametrize("secrets", ["", "whsec_", "whsec_canary!", "whsec_canaryé", [], [""]])
def test_refuses_a_secret_that_cannot_work_without_repeating_it(secrets: str | list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Webhooks(secrets)
    assert "canary" not in str(caught.value)


@given(
    body=st.binary(max_size=40),
    given_headers=st.dictionaries(
        st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature", "x"]), st.text(max_size=12)
    ),
    now=st.floats(0, 2e9),
)
def test_has_one_error_for_everything(body: bytes, given_headers: dict[str, str], now: float) -> None:
    with pytest.raises(SignatureError):
        Webhooks("k").unwrap(body, given_headers, now)
