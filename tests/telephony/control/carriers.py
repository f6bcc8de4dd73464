"""Every carrier's REST interface, as its documentation says that it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from realtime_transport.telephony.control import (
    AsteriskControl,
    CarrierControl,
    ExotelControl,
    PlivoControl,
    TelnyxControl,
    TwilioControl,
    VonageControl,
)
from tests.telephony.control.rest_server import Manners

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SECRET = "canary-secret"


@attrs.frozen
class Carrier:
    make: Callable[[str], CarrierControl]
    """From a base URL."""
    manners: Manners
    authorization: str = ""
    cannot: frozenset[str] = frozenset()
    unknown_is_over: bool = True
    """Nothing in its answers tells a call that ended from one that never was."""

    def documented(self, url: str) -> CarrierControl:
        return self.make(url)


TWILIO_CALL = {"sid": "CA1", "status": "in-progress"}
PROBLEM: dict[str, Any] = {"type": "https://developer.vonage.com/api-errors", "title": "Not Found", "detail": "No call"}

CARRIERS: dict[str, Carrier] = {
    "twilio": Carrier(
        lambda url: TwilioControl(
            account_sid="AC1", auth_token=SECRET, base_url=url, answer_url="https://calls.example.com/answer?a=1&b=2"
        ),
        Manners(
            routes={"POST /2010-04-01/Accounts/AC1/Calls/{call}.json": "any"},
            done={"any": (200, TWILIO_CALL)},
            ended=(400, {"code": 21220, "message": "Call is not in-progress. Cannot redirect.", "status": 400}),
            unknown=(404, {"code": 20404, "message": "The requested resource was not found", "status": 404}),
            unauthorized=(401, {"code": 20003, "message": "Authenticate", "status": 401}),
        ),
        authorization="Basic QUMxOmNhbmFyeS1zZWNyZXQ=",
    ),
    "telnyx": Carrier(
        lambda url: TelnyxControl(api_key=SECRET, base_url=url),
        Manners(
            routes={f"POST /v2/calls/{{call}}/actions/{verb}": verb for verb in ("hangup", "send_dtmf", "transfer")},
            done={verb: (200, {"data": {"result": "ok"}}) for verb in ("hangup", "send_dtmf", "transfer")},
            ended=(422, {"errors": [{"code": "90018", "title": "Call has already ended", "detail": "It is over."}]}),
            unknown=(404, {"errors": [{"code": "10005", "title": "Resource not found"}]}),
            unauthorized=(401, {"errors": [{"code": "10009", "title": "Authentication failed"}]}),
        ),
        authorization=f"Bearer {SECRET}",
        unknown_is_over=False,
    ),
    "plivo": Carrier(
        lambda url: PlivoControl(
            auth_id="MA1", auth_token=SECRET, base_url=url, transfer_url="https://calls.example.com/dial?k=v"
        ),
        Manners(
            routes={
                "DELETE /v1/Account/MA1/Call/{call}/": "hangup",
                "POST /v1/Account/MA1/Call/{call}/DTMF/": "send_dtmf",
                "POST /v1/Account/MA1/Call/{call}/": "transfer",
            },
            done={
                "hangup": (204, None),
                "send_dtmf": (202, {"message": "digits sent"}),
                "transfer": (202, {"message": "transfer executed"}),
            },
            ended=(404, {"api_id": "x", "error": "call not found"}),
            unknown=(404, {"api_id": "x", "error": "call not found"}),
            unauthorized=(401, {"api_id": "x", "error": "authentication failed"}),
        ),
        authorization="Basic TUExOmNhbmFyeS1zZWNyZXQ=",
    ),
    "vonage": Carrier(
        lambda url: VonageControl(application_id="app-1", private_key=PEM, base_url=url, ids=lambda: "jti-1"),
        Manners(
            routes={"PUT /v1/calls/{call}": "any", "PUT /v1/calls/{call}/dtmf": "send_dtmf"},
            done={"any": (204, None), "send_dtmf": (200, {"message": "DTMF sent", "uuid": "live"})},
            ended=(404, PROBLEM),
            unknown=(404, PROBLEM),
            unauthorized=(401, {"type": "UNAUTHORIZED", "error_title": "Unauthorized"}),
        ),
    ),
    "exotel": Carrier(
        lambda url: ExotelControl(account_sid="exo1", api_key="key", api_token=SECRET, base_url=url),
        Manners(
            routes={"POST /v2/accounts/exo1/legs/{call}/actions/hangup": "hangup"},
            done={"hangup": (202, {})},
            ended=(404, None),
            unknown=(404, None),
            unauthorized=(401, None),
        ),
        authorization="Basic a2V5OmNhbmFyeS1zZWNyZXQ=",
        cannot=frozenset({"send_dtmf", "transfer"}),
    ),
    "asterisk": Carrier(
        lambda url: AsteriskControl(user="ari", password=SECRET, base_url=url),
        Manners(
            routes={
                "DELETE /ari/channels/{call}": "any",
                "POST /ari/channels/{call}/dtmf": "any",
                "POST /ari/channels/{call}/redirect": "any",
            },
            done={"any": (204, None)},
            ended=(404, {"message": "Channel not found"}),
            unknown=(404, {"message": "Channel not found"}),
            unauthorized=(401, {"error": "Authentication required"}),
        ),
        authorization="Basic YXJpOmNhbmFyeS1zZWNyZXQ=",
    ),
}
