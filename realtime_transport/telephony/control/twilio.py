"""Twilio's Calls resource, and its look-alikes under another ``base_url``.

``Status=completed`` and ``Twiml`` are as its documentation of live calls has them. That an ended call answers 404 with
20404, or 400 with 21220, is as its error pages say; neither was tried here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final
from xml.sax.saxutils import escape, quoteattr

import attrs

from realtime_transport.exceptions import ApiError, InvalidArgument
from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control.request import (
    CarrierControl,
    ControlRequest,
    basic,
    checked_digits,
    checked_target,
    form,
    segment,
)

OVER: Final = frozenset({"20404", "21220"})
"""There is no such call; it is not in progress. A 404 without a code is not the API's."""


@attrs.frozen(kw_only=True)
class TwilioControl(CarrierControl):
    """Act on calls of one account: ``TwilioControl(account_sid="AC..", auth_token="..")``.

    ``answer_url`` is asked for the call's document again after keys were sent, which ends the stream: without it
    ``send_dtmf`` is refused, because the call would end with the keys.
    """

    name: ClassVar[str] = "twilio"
    dtmf_ends_stream: ClassVar[bool] = True
    account_sid: str
    auth_token: Secret = attrs.field(converter=Secret)
    answer_url: str = ""
    base_url: str = "https://api.twilio.com"

    def auth(self, now: float) -> Mapping[str, str]:
        """Present account and token as HTTP Basic."""
        return basic(self.account_sid, self.auth_token)

    def hangup(self, call: CallStarted) -> ControlRequest:
        """End the call, whatever its document has after the stream."""
        return self._update(call, {"Status": "completed"}, idempotent=True)

    def send_dtmf(self, call: CallStarted, digits: str) -> ControlRequest:
        """Play keys in place of the stream, then ask ``answer_url`` where to stream on to."""
        if not self.answer_url:
            raise InvalidArgument("keys end the stream: say which webhook begins it anew", path="answer_url")
        play = f"<Play digits={quoteattr(checked_digits(digits))}/>"
        back = f'<Redirect method="POST">{escape(self.answer_url)}</Redirect>'
        return self._update(call, {"Twiml": f"<Response>{play}{back}</Response>"})

    def transfer(self, call: CallStarted, target: str) -> ControlRequest:
        """Dial ``target`` in place of the stream."""
        target = checked_target(target)
        noun = "Sip" if target.startswith("sip") else "Number"
        return self._update(call, {"Twiml": f"<Response><Dial><{noun}>{escape(target)}</{noun}></Dial></Response>"})

    def is_over(self, error: ApiError) -> bool:
        """Tell whether the call is unknown, or known and not in progress."""
        return error.code in OVER

    def _update(self, call: CallStarted, fields: Mapping[str, str], *, idempotent: bool = False) -> ControlRequest:
        path = f"/2010-04-01/Accounts/{segment(self.account_sid)}/Calls/{segment(call.call_id)}.json"
        return form("POST", self.base_url + path, fields, idempotent=idempotent)
