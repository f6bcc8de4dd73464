"""A phone call as a transport: two legs, phone and model, and one ledger of what the caller has heard.

``PhoneCall`` goes in front of any transport to the model (``TelephonyTransport`` is it in front of a WebSocket), and
wires the two together: the caller's audio to the model, the agent's to the caller, in the model's own formats where
the phone speaks one of them. To the application it is a transport like any other, with a few verbs more.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal, TypeAlias, cast

from realtime_transport.exceptions import UnsupportedOperation
from realtime_transport.telephony.codecs import CallStarted, CarrierCodec
from realtime_transport.telephony.control.request import ControlOutcome, ControlsCalls, checked_target
from realtime_transport.telephony.farewell import Farewell, HangupOutcome, Purpose
from realtime_transport.telephony.leg import DEFAULTS, LegOptions
from realtime_transport.telephony.legs import CallLegs
from realtime_transport.telephony.path import MediaPlan, plan_for
from realtime_transport.telephony.sockets import PhoneSocket

CONTROL_TIMEOUT: Final = 10.0
"""Seconds for whatever acts on the call outside of its stream: above the deadline that ``CallControl`` has itself."""

REATTACH_TIMEOUT: Final = 10.0
"""Seconds for a call whose stream we had torn down by sending keys: so many tones, a webhook and a new socket."""

After: TypeAlias = Literal["playback", "now"]
TransferOutcome: TypeAlias = ControlOutcome | Literal["cancelled"]
"""What the carrier made of it; or the caller spoke over the announcement, and stays."""


class PhoneCall(CallLegs):
    """One call: ``class MyCall(PhoneCall, MyTransport)``. Takes all that the transport behind it takes.

    ``phone`` is the carrier's socket, accepted already; ``carrier`` a name or a codec made for this call. ``connect()``
    waits until the carrier has said which call it is, then connects the model in the phone's formats unless ``session``
    names others. ``control`` acts on the call where its stream cannot. Either leg ending ends the other, with the
    reason; with a ``reattach_timeout`` the model waits so many seconds for the same call to come back by ``reattach``.
    The socket is closed with the transport.
    """

    def __init__(
        self,
        phone: PhoneSocket,
        *,
        carrier: str | CarrierCodec = "twilio",
        phone_options: LegOptions = DEFAULTS,
        control: ControlsCalls | None = None,
        reattach_timeout: float = 0.0,
        **model: Any,
    ) -> None:
        self._control = control
        super().__init__(
            phone, carrier=carrier, phone_options=phone_options, reattach_timeout=reattach_timeout, **model
        )

    def plan(self) -> MediaPlan:
        """Say how sound travels between phone and model, and how long that takes; final once connected."""
        able, options = self._carrier.capabilities, self._phone_options
        return plan_for(
            self._carrier.input_format,
            self.input_format,
            self.output_format,
            self._carrier.output_format,
            able.lead_ms if options.lead_ms is None else options.lead_ms,
        )

    async def send_dtmf(self, digits: str) -> ControlOutcome:
        """Press keys towards the caller's side: in the stream where the carrier takes them there, else by ``control``.

        Where that tears the stream down (Twilio), the call waits to be re-attached. Raises ``UnsupportedOperation``
        where there is no way, ``InvalidArgument`` for what no key has, ``StateError`` without a call, and what
        ``control`` raises.
        """
        phone = self._on_the_phone()
        if self._control is None or self._carrier.capabilities.dtmf_out:
            phone.leg.send_dtmf(digits)
            phone.turn()
            return "done"
        patience = self._patience
        if self._control.dtmf_ends_stream:
            self._patience = max(patience, REATTACH_TIMEOUT)
        outcome: ControlOutcome = "over"
        try:
            async with asyncio.timeout(CONTROL_TIMEOUT):
                outcome = await self._control.send_dtmf(self._which(), digits)
        except TimeoutError:
            outcome = "unconfirmed"
        finally:
            if outcome == "over":
                self._patience = patience  # nothing was torn down
        return outcome

    async def collect_digits(self, count: int, timeout: float, *, finish: str = "#") -> str:
        """Wait for keys of the caller: ``count`` of them, or up to ``finish`` (not returned), or ``timeout`` seconds.

        Returns what came, perhaps nothing; also when the call ends. Keys pressed before are not counted.
        """
        self._on_the_phone()
        return await self._keypads.collect(count, timeout, finish)

    async def transfer(self, target: str, after: After = "playback", *, timeout: float = 30.0) -> TransferOutcome:
        """Pass the caller on to a number or ``sip:`` address, by default once what the agent is saying is heard.

        ``done``: the carrier does it, and ends the stream. ``over``: the caller had left. ``unconfirmed``: the carrier
        did not answer. ``cancelled``: the caller spoke over the announcement, and nothing was asked of the carrier.
        Raises ``UnsupportedOperation`` without ``control`` or where it cannot, ``StateError`` without a call, and what
        ``control`` raises; the call goes on then.
        """
        self._on_the_phone()
        checked_target(target)
        if self._control is None:
            raise UnsupportedOperation("a transfer goes over the carrier's REST interface: give the call a control")
        outcome, is_ours = await self._played_out("transfer", after, timeout)
        if outcome == "cancelled" or not is_ours:
            return "cancelled"
        if self._is_over:
            return "over"
        try:
            async with asyncio.timeout(CONTROL_TIMEOUT):
                return await self._control.transfer(self._which(), target)
        except TimeoutError:
            return "unconfirmed"

    async def hangup(self, after: After = "playback", *, timeout: float = 30.0) -> HangupOutcome:
        """End the call, by default once the caller has heard what the agent is saying.

        ``confirmed``: the carrier acknowledged the last word. ``unconfirmed``: it did not, in ``timeout`` seconds or at
        all, or did not answer ``control``; the call is over all the same. ``cancelled``: the caller spoke over the
        goodbye, and the call goes on. Cancelling this hangs nothing up. Raises ``StateError`` without a call, and what
        ``control`` raises, after the stream was closed.
        """
        self._on_the_phone()
        outcome, is_ours = await self._played_out("hangup", after, timeout)
        if is_ours and outcome != "cancelled" and await self._end_call() == "unconfirmed":
            return "unconfirmed"
        return outcome

    async def _played_out(self, purpose: Purpose, after: After, timeout: float) -> tuple[HangupOutcome, bool]:
        """Wait until the caller has heard what is being said; return how that came out, and whether it is ours to act.

        Hanging up twice is hanging up once. It overrules a transfer, which a second transfer does too.
        """
        if self._farewell is not None and "transfer" in (purpose, self._farewell.purpose):
            self._farewell.settle("cancelled")
            self._farewell = None
        if self._farewell is None:
            self._farewell = Farewell(purpose)
        farewell = self._farewell
        self._consider_farewell()
        if after == "now" or self._is_away:
            farewell.settle("unconfirmed")
            self.interrupt()
        outcome = await farewell.wait(timeout)
        if self._farewell is not farewell:
            return outcome, False
        self._farewell = None
        return outcome, True

    async def _end_call(self) -> ControlOutcome:
        self._patience = 0.0  # the stream that ends now does not come back
        outcome: ControlOutcome = "done"
        try:
            if self._control is not None and not self._is_over:
                async with asyncio.timeout(CONTROL_TIMEOUT):
                    outcome = await self._control.hangup(self._which())
        except TimeoutError:
            outcome = "unconfirmed"
        finally:
            await self._part("the agent hung up")
        return outcome

    def _which(self) -> CallStarted:
        return cast("CallStarted", self._on_the_phone().leg.call)
