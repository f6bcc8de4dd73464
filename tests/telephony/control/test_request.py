"""What is written for every verb, byte for byte, and what is refused before anything is."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control import (
    AsteriskControl,
    CarrierControl,
    ControlRequest,
    ExotelControl,
    PlivoControl,
    TelnyxControl,
    TwilioControl,
    VonageControl,
)
from tests.telephony.control.carriers import CARRIERS, PEM, Carrier

CALL = CallStarted(call_id="c/1", stream_id="s", format=None)
URL = "https://rest.example.com"
every_carrier = pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)


def written(request: ControlRequest) -> object:
    body = request.body or b""
    if request.content_type == "application/json":
        return json.loads(body)
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def control(name: str) -> CarrierControl:
    return CARRIERS[name].make(URL)


def test_twilio() -> None:
    twilio = control("twilio")
    hangup = twilio.hangup(CALL)
    assert (hangup.method, hangup.url) == ("POST", f"{URL}/2010-04-01/Accounts/AC1/Calls/c%2F1.json")
    assert written(hangup) == {"Status": "completed"}
    assert hangup.idempotent
    keys = twilio.send_dtmf(CALL, "1#")
    assert not keys.idempotent
    assert written(keys) == {
        "Twiml": '<Response><Play digits="1#"/>'
        '<Redirect method="POST">https://calls.example.com/answer?a=1&amp;b=2</Redirect></Response>'
    }
    assert written(twilio.transfer(CALL, "tel:+1415")) == {
        "Twiml": "<Response><Dial><Number>+1415</Number></Dial></Response>"
    }
    assert written(twilio.transfer(CALL, "sip:a@b?x=1&y=<2>")) == {
        "Twiml": "<Response><Dial><Sip>sip:a@b?x=1&amp;y=&lt;2&gt;</Sip></Dial></Response>"
    }


def test_telnyx() -> None:
    telnyx = control("telnyx")
    assert telnyx.hangup(CALL).url == f"{URL}/v2/calls/c%2F1/actions/hangup"
    assert written(telnyx.send_dtmf(CALL, "42")) == {"digits": "42"}
    assert written(telnyx.transfer(CALL, "sip:a@b")) == {"to": "sip:a@b"}


def test_plivo() -> None:
    plivo = control("plivo")
    hangup = plivo.hangup(CALL)
    assert (hangup.method, hangup.url, hangup.body) == ("DELETE", f"{URL}/v1/Account/MA1/Call/c%2F1/", None)
    keys = plivo.send_dtmf(CALL, "42")
    assert (keys.url, written(keys)) == (f"{hangup.url}DTMF/", {"digits": "42", "leg": "aleg"})
    assert written(plivo.transfer(CALL, "+1415")) == {
        "legs": "aleg", "aleg_url": "https://calls.example.com/dial?k=v&target=%2B1415", "aleg_method": "POST",
    }  # fmt: skip
    plain = PlivoControl(auth_id="MA1", auth_token="t", transfer_url="https://calls.example.com/dial")
    assert b"/dial?target=%2B1415" in (plain.transfer(CALL, "+1415").body or b"")


def test_vonage() -> None:
    vonage = control("vonage")
    hangup = vonage.hangup(CALL)
    assert (hangup.method, hangup.url, written(hangup)) == ("PUT", f"{URL}/v1/calls/c%2F1", {"action": "hangup"})
    keys = vonage.send_dtmf(CALL, "4")
    assert (keys.method, keys.url, written(keys)) == ("PUT", f"{hangup.url}/dtmf", {"digits": "4"})
    number = vonage.transfer(CALL, "+1415")
    assert written(number) == {
        "action": "transfer",
        "destination": {
            "type": "ncco", "ncco": [{"action": "connect", "endpoint": [{"type": "phone", "number": "1415"}]}],
        },
    }  # fmt: skip
    assert b'{"type":"sip","uri":"sip:a@b"}' in (vonage.transfer(CALL, "sip:a@b").body or b"")


def test_asterisk() -> None:
    asterisk = control("asterisk")
    hangup = asterisk.hangup(CALL)
    assert (hangup.method, hangup.url) == ("DELETE", f"{URL}/ari/channels/c%2F1")
    assert asterisk.send_dtmf(CALL, "4#").url == f"{hangup.url}/dtmf?dtmf=4%23"
    assert asterisk.transfer(CALL, "100").url == f"{hangup.url}/redirect?endpoint=PJSIP%2F100"
    other = AsteriskControl(user="u", password="p", channel=lambda _: "caller-1", endpoint=lambda to: f"SIP/{to}")
    assert other.transfer(CALL, "100").url.endswith("/ari/channels/caller-1/redirect?endpoint=SIP%2F100")


def test_exotel() -> None:
    other = ExotelControl(account_sid="e", api_key="k", api_token="t", leg=lambda call: f"leg-{call.stream_id}")
    assert other.hangup(CALL).url == "https://cpaas-api.in.exotel.com/v2/accounts/e/legs/leg-s/actions/hangup"


@every_carrier
@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_call_without_a_name_is_no_path(carrier: Carrier, name: str) -> None:
    with pytest.raises(InvalidArgument, match="call_id"):
        carrier.make(URL).hangup(CallStarted(call_id=name, stream_id="s", format=None))


@every_carrier
@pytest.mark.parametrize("digits", ["", "1 2", "w", "<"])
def test_only_what_a_telephone_has_is_pressed(carrier: Carrier, digits: str) -> None:
    if "send_dtmf" not in carrier.cannot:
        with pytest.raises(InvalidArgument, match="digits"):
            carrier.make(URL).send_dtmf(CALL, digits)


@every_carrier
@pytest.mark.parametrize(
    "target", ["", "+", "tel:", "sip:", "sips:", "agent", "http://x", "+1 415", "sip:a b", "sip:\n@b"]
)
def test_only_numbers_and_sip_are_dialled(carrier: Carrier, target: str) -> None:
    if "transfer" not in carrier.cannot:
        with pytest.raises(InvalidArgument, match="target"):
            carrier.make(URL).transfer(CALL, target)


@every_carrier
def test_no_secret_is_shown(carrier: Carrier) -> None:
    made = carrier.make(URL)
    shown = f"{made!r}{made.hangup(CALL)!r}"
    assert "canary" not in shown
    assert "PRIVATE KEY" not in shown


def test_what_needs_an_address_of_ours_says_so() -> None:
    with pytest.raises(InvalidArgument, match="answer_url"):
        TwilioControl(account_sid="AC1", auth_token="t").send_dtmf(CALL, "1")
    with pytest.raises(InvalidArgument, match="transfer_url"):
        PlivoControl(auth_id="MA1", auth_token="t").transfer(CALL, "+1")


@pytest.mark.parametrize("pem", ["", "no key", PEM.replace("\n", "")[:200]])
def test_vonage_wants_a_key_it_can_sign_with(pem: str) -> None:
    with pytest.raises(InvalidArgument, match="private_key") as caught:
        VonageControl(application_id="a", private_key=pem)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_keys_are_kept_masked() -> None:
    assert TelnyxControl(api_key="k").api_key == Secret("k")
    assert TelnyxControl(api_key=Secret("k")).auth(0.0) == {"authorization": "Bearer k"}
