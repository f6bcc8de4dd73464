"""Exotel's Legs API: hang up. Read in its documentation of ``<Hangup>``; not tried, nor are other verbs known here.

The stream names the call (``call_sid``); that it is also the name of the leg is an assumption, so ``leg`` is an option.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import attrs

from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control.request import CarrierControl, ControlRequest, basic, json, segment


@attrs.frozen(kw_only=True)
class ExotelControl(CarrierControl):
    """Act on calls of one account: ``ExotelControl(account_sid="..", api_key="..", api_token="..")``.

    ``leg`` gives the leg of a call; ``base_url`` is that of the account's region.
    """

    name: ClassVar[str] = "exotel"
    account_sid: str
    api_key: str = attrs.field(repr=False)
    api_token: Secret = attrs.field(converter=Secret)
    base_url: str = "https://cpaas-api.in.exotel.com"
    leg: Callable[[CallStarted], str] = attrs.field(default=lambda call: call.call_id, repr=False)

    def auth(self, now: float) -> Mapping[str, str]:
        """Present key and token as HTTP Basic."""
        return basic(self.api_key, self.api_token)

    def hangup(self, call: CallStarted) -> ControlRequest:
        """End the caller's leg."""
        path = f"/v2/accounts/{segment(self.account_sid)}/legs/{segment(self.leg(call))}/actions/hangup"
        return json("POST", self.base_url + path, {}, idempotent=True)
