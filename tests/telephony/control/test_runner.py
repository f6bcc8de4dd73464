"""One contract for call control on every carrier: done, over, unconfirmed, or an error that says what is wrong."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Awaitable, Callable

import pytest
from starlette.responses import JSONResponse, Response

from realtime_transport.exceptions import (
    ApiError,
    ConnectError,
    InsecureTransportError,
    InvalidArgument,
    UnsupportedOperation,
)
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control import CallControl, ControlOutcome, TelnyxControl, TwilioControl
from tests.telephony.control.carriers import CARRIERS, RSA_KEY, SECRET, Carrier
from tests.telephony.control.rest_server import RestServer, rest_server

every_carrier = pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
Act = Callable[[CallControl, CallStarted], Awaitable[ControlOutcome]]
VERBS: dict[str, Act] = {
    "hangup": lambda control, call: control.hangup(call),
    "send_dtmf": lambda control, call: control.send_dtmf(call, "42#"),
    "transfer": lambda control, call: control.transfer(call, "+14155550123"),
}
every_verb = pytest.mark.parametrize("verb", VERBS)


def call(name: str) -> CallStarted:
    return CallStarted(call_id=name, stream_id="s", format=None)


def control_of(carrier: Carrier, server: RestServer, timeout: float = 5.0) -> CallControl:
    """Waits for nothing between attempts: its random numbers are all zero."""
    return CallControl(carrier.make(server.url), timeout=timeout, rng=lambda: 0.0, wall_clock=lambda: 1_760_000_000.0)


@every_verb
@every_carrier
async def test_acts_as_the_carrier_documents_it(carrier: Carrier, verb: str) -> None:
    async with (
        rest_server(carrier.manners, carrier.authorization) as server,
        control_of(carrier, server) as control,
    ):
        if verb in carrier.cannot:
            with pytest.raises(UnsupportedOperation, match="over REST"):
                await VERBS[verb](control, call("live"))
            return
        assert await VERBS[verb](control, call("live")) == "done"
        assert await VERBS[verb](control, call("ended")) == "over"
        if carrier.unknown_is_over:
            assert await VERBS[verb](control, call("never")) == "over"
        else:
            with pytest.raises(ApiError) as caught:
                await VERBS[verb](control, call("never"))
            assert caught.value.status == 404


@every_carrier
async def test_a_wrong_key_is_an_error_without_the_key(carrier: Carrier, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with rest_server(carrier.manners, "Basic other") as server, control_of(carrier, server) as control:
        with pytest.raises(ApiError) as caught:
            await control.hangup(call("live"))
    assert caught.value.status == 401
    assert len(server.asked) == 1
    shown = f"{caught.value!r}{caught.value.__context__!r}{caplog.text}{control.carrier!r}"
    assert SECRET not in shown
    assert "PRIVATE" not in shown
    assert server.asked[0].headers["authorization"].split()[1] not in shown


@every_carrier
async def test_nobody_answers(carrier: Carrier) -> None:
    async with rest_server(carrier.manners) as server, control_of(carrier, server, timeout=0.1) as control:
        server.first = [None]
        assert await control.hangup(call("live")) == "unconfirmed"


@every_carrier
async def test_waits_when_it_is_told_to_and_not_for_long(carrier: Carrier) -> None:
    async with rest_server(carrier.manners) as server, control_of(carrier, server) as control:
        server.first = [Response(status_code=429, headers={"retry-after": "0"})]
        assert await control.hangup(call("live")) == "done"
        assert len(server.asked) == 2
        server.first = [Response(status_code=429, headers={"retry-after": "60"})]
        with pytest.raises(ApiError) as caught:
            await control.hangup(call("live"))
    assert (caught.value.status, caught.value.retry_after) == (429, 60.0)


async def test_hanging_up_twice_is_hanging_up_and_pressing_keys_twice_is_not() -> None:
    carrier = CARRIERS["telnyx"]
    async with rest_server(carrier.manners) as server, control_of(carrier, server) as control:
        server.first = [JSONResponse({}, 500)]
        assert await control.hangup(call("live")) == "done"
        server.first = [JSONResponse({}, 500)]
        with pytest.raises(ApiError):
            await control.send_dtmf(call("live"), "1")
    assert len(server.asked) == 3


async def test_nothing_can_have_happened_where_nobody_listens() -> None:
    async with CallControl(TelnyxControl(api_key="k", base_url="http://127.0.0.1:9"), rng=lambda: 0.0) as control:
        with pytest.raises(ConnectError):
            await control.hangup(call("live"))


async def test_a_404_of_something_else_is_no_ended_call() -> None:
    carrier = CARRIERS["twilio"]
    async with rest_server(carrier.manners) as server, control_of(carrier, server) as control:
        server.first = [Response("no such page", 404)]
        with pytest.raises(ApiError, match="no such page"):
            await control.hangup(call("live"))


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://api.example.com", "api.example.com"])
async def test_keys_travel_encrypted_only(url: str) -> None:
    carrier = TwilioControl(account_sid="AC1", auth_token="t", base_url=url)
    with pytest.raises((InsecureTransportError, InvalidArgument)):
        CallControl(carrier)


async def test_unless_it_is_said_that_the_way_is_safe() -> None:
    carrier = TwilioControl(account_sid="AC1", auth_token="t", base_url="http://api.example.com")
    async with CallControl(carrier, allow_insecure=True) as control:
        assert control.carrier is carrier


async def test_vonages_token_is_signed_by_the_application_and_short_lived() -> None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    carrier = CARRIERS["vonage"]
    async with rest_server(carrier.manners) as server, control_of(carrier, server) as control:
        await control.hangup(call("live"))
    token = server.asked[0].headers["authorization"].removeprefix("Bearer ")
    header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    assert json.loads(header) == {"alg": "RS256", "typ": "JWT"}
    assert json.loads(claims) == {
        "application_id": "app-1", "iat": 1_760_000_000, "exp": 1_760_000_060, "jti": "jti-1",
    }  # fmt: skip
    signed = token.rpartition(".")[0].encode()
    RSA_KEY.public_key().verify(signature, signed, PKCS1v15(), SHA256())
