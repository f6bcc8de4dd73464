"""Telnyx Call Control: commands on a ``call_control_id``. 422 with 90018 is a call that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import attrs

from realtime_transport.exceptions import ApiError
from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control.request import (
    CarrierControl,
    ControlRequest,
    bearer,
    checked_digits,
    checked_target,
    json,
    segment,
)

ENDED: Final = "90018"


@attrs.frozen(kw_only=True)
class TelnyxControl(CarrierControl):
    """Act on calls with an API key: ``TelnyxControl(api_key="KEY..")``."""

    name: ClassVar[str] = "telnyx"
    api_key: Secret = attrs.field(converter=Secret)
    base_url: str = "https://api.telnyx.com"

    def auth(self, now: float) -> Mapping[str, str]:
        """Present the key as a bearer token."""
        return bearer(self.api_key)

    def hangup(self, call: CallStarted) -> ControlRequest:
        """End the call."""
        return self._command(call, "hangup", {}, idempotent=True)

    def send_dtmf(self, call: CallStarted, digits: str) -> ControlRequest:
        """Press keys; the stream goes on."""
        return self._command(call, "send_dtmf", {"digits": checked_digits(digits)})

    def transfer(self, call: CallStarted, target: str) -> ControlRequest:
        """Connect the caller to ``target``."""
        return self._command(call, "transfer", {"to": checked_target(target)})

    def is_over(self, error: ApiError) -> bool:
        """Tell whether the call has ended. One that never was is a 404, and raised."""
        return error.code == ENDED

    def _command(
        self, call: CallStarted, verb: str, content: Mapping[str, object], *, idempotent: bool = False
    ) -> ControlRequest:
        url = f"{self.base_url}/v2/calls/{segment(call.call_id)}/actions/{verb}"
        return json("POST", url, content, idempotent=idempotent)
