"""Plivo's Call resource. A transfer is an address that Plivo asks what to do next: it takes no document in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlencode

import attrs

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control.request import (
    CarrierControl,
    ControlRequest,
    basic,
    checked_digits,
    checked_target,
    json,
    segment,
)


@attrs.frozen(kw_only=True)
class PlivoControl(CarrierControl):
    """Act on calls of one account: ``PlivoControl(auth_id="MA..", auth_token="..")``.

    ``transfer_url`` is yours: it is asked with ``?target=`` for the document that dials.
    """

    name: ClassVar[str] = "plivo"
    auth_id: str
    auth_token: Secret = attrs.field(converter=Secret)
    transfer_url: str = ""
    base_url: str = "https://api.plivo.com"

    def auth(self, now: float) -> Mapping[str, str]:
        """Present account and token as HTTP Basic."""
        return basic(self.auth_id, self.auth_token)

    def hangup(self, call: CallStarted) -> ControlRequest:
        """End the call."""
        return ControlRequest(method="DELETE", url=self._url(call), idempotent=True)

    def send_dtmf(self, call: CallStarted, digits: str) -> ControlRequest:
        """Press keys on the caller's leg. In the stream it is quicker, and what a call does by itself."""
        return json("POST", self._url(call) + "DTMF/", {"digits": checked_digits(digits), "leg": "aleg"})

    def transfer(self, call: CallStarted, target: str) -> ControlRequest:
        """Have ``transfer_url`` asked where to connect the caller."""
        if not self.transfer_url:
            raise InvalidArgument("say which webhook dials the target", path="transfer_url")
        mark = "&" if "?" in self.transfer_url else "?"
        url = f"{self.transfer_url}{mark}{urlencode({'target': checked_target(target)})}"
        return json("POST", self._url(call), {"legs": "aleg", "aleg_url": url, "aleg_method": "POST"})

    def _url(self, call: CallStarted) -> str:
        return f"{self.base_url}/v1/Account/{segment(self.auth_id)}/Call/{segment(call.call_id)}/"
