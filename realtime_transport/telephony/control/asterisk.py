"""Asterisk's REST interface (ARI): channels by id. Values go into the query, as its description of the API has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar
from urllib.parse import urlencode

import attrs

from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control.request import (
    CarrierControl,
    ControlRequest,
    basic,
    checked_digits,
    checked_target,
    segment,
)


@attrs.frozen(kw_only=True)
class AsteriskControl(CarrierControl):
    """Act on channels: ``AsteriskControl(user="ari", password="..", base_url="http://127.0.0.1:8088")``.

    The stream's own channel is a media channel beside the caller's: ``channel`` gives the one to act on, and takes the
    stream's unless told otherwise. ``endpoint`` turns the target of a transfer into the name of an endpoint, by default
    ``PJSIP/<target>``.
    """

    name: ClassVar[str] = "asterisk"
    user: str
    password: Secret = attrs.field(converter=Secret)
    base_url: str = "http://127.0.0.1:8088"
    channel: Callable[[CallStarted], str] = attrs.field(default=lambda call: call.call_id, repr=False)
    endpoint: Callable[[str], str] = attrs.field(default=lambda target: f"PJSIP/{target}", repr=False)

    def auth(self, now: float) -> Mapping[str, str]:
        """Present user and password as HTTP Basic."""
        return basic(self.user, self.password)

    def hangup(self, call: CallStarted) -> ControlRequest:
        """End the channel."""
        return ControlRequest(method="DELETE", url=self._url(call), idempotent=True)

    def send_dtmf(self, call: CallStarted, digits: str) -> ControlRequest:
        """Press keys; the stream goes on."""
        return self._post(call, "dtmf", {"dtmf": checked_digits(digits)})

    def transfer(self, call: CallStarted, target: str) -> ControlRequest:
        """Redirect the channel: its own technology, SIP, has to be able to."""
        return self._post(call, "redirect", {"endpoint": self.endpoint(checked_target(target))})

    def _post(self, call: CallStarted, verb: str, query: Mapping[str, str]) -> ControlRequest:
        return ControlRequest(method="POST", url=f"{self._url(call)}/{verb}?{urlencode(query)}")

    def _url(self, call: CallStarted) -> str:
        return f"{self.base_url}/ari/channels/{segment(self.channel(call))}"
