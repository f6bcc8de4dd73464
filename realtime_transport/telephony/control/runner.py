"""``CallControl``: makes what a carrier's builder asks for, with one deadline, typed errors and no secret in sight."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from realtime_transport.exceptions import ApiError, ConnectionLost, RequestTimeout
from realtime_transport.http.retry import RetryPolicy
from realtime_transport.http.round_trips import HttpRequest, RoundTrips, checked_base
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control.request import CarrierControl, ControlOutcome, ControlRequest

TIMEOUT: Final = 5.0
"""Seconds for one wish with its repetitions: a caller is on the line and hears nothing."""

RETRIES: Final = RetryPolicy(attempts=3, base=0.2, longest=2.0)
"""A carrier that asks for a longer pause gets its error raised, with ``retry_after`` in it."""


class CallControl:
    """Act on calls over a carrier's REST interface; one for all calls of an account.

        control = CallControl(TwilioControl(account_sid="AC..", auth_token=token))
        call = TelephonyTransport(socket, carrier="twilio", control=control)

    Every verb returns ``done``, ``over`` (the call had ended already: no error) or ``unconfirmed`` (no answer in
    ``timeout`` seconds, or the connection broke behind the request: it may have happened). It raises ``ApiError`` for a
    refusal (401, 404 for what never was a call, 429 with ``retry_after``), ``ConnectError`` and ``TLSError`` where
    nothing can have happened, ``UnsupportedOperation`` for what the carrier cannot do, ``InvalidArgument`` for a value.
    Raises ``MissingExtra`` without the ``http`` extra, and ``InsecureTransportError`` for a key on plain ``http://`` to
    another machine unless ``allow_insecure``.
    """

    def __init__(
        self,
        carrier: CarrierControl,
        *,
        timeout: float = TIMEOUT,
        retries: RetryPolicy = RETRIES,
        rng: Callable[[], float] | None = None,
        wall_clock: Callable[[], float] = time.time,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        allow_insecure: bool = False,
    ) -> None:
        checked_base(carrier.base_url, allow_insecure=allow_insecure)
        self.carrier: CarrierControl = carrier
        self._wall_clock = wall_clock
        self._trips = RoundTrips(timeout=timeout, retries=retries, rng=rng, ssl_context=ssl_context, proxy=proxy)

    @property
    def dtmf_ends_stream(self) -> bool:
        """Whether sending keys tears the stream down, on this carrier."""
        return self.carrier.dtmf_ends_stream

    async def hangup(self, call: CallStarted) -> ControlOutcome:
        """End the call."""
        return await self._make(self.carrier.hangup(call))

    async def send_dtmf(self, call: CallStarted, digits: str) -> ControlOutcome:
        """Press keys. Where ``carrier.dtmf_ends_stream`` the call comes back with another stream."""
        return await self._make(self.carrier.send_dtmf(call, digits))

    async def transfer(self, call: CallStarted, target: str) -> ControlOutcome:
        """Connect the caller to a number or ``sip:`` address; the stream ends."""
        return await self._make(self.carrier.transfer(call, target))

    async def close(self) -> None:
        """Close the connections. Closing twice does nothing."""
        await self._trips.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _make(self, request: ControlRequest) -> ControlOutcome:
        async def prepared() -> HttpRequest:
            headers = dict(self.carrier.auth(self._wall_clock()))
            if request.content_type:
                headers["content-type"] = request.content_type
            return HttpRequest(method=request.method, url=request.url, headers=headers, body=request.body)

        # Named by its method alone: the path holds the account.
        what = f"{request.method} at {self.carrier.name}"
        try:
            await self._trips.make(prepared, idempotent=request.idempotent, what=what)
        except ApiError as error:
            if self.carrier.is_over(error):
                return "over"
            raise
        except (RequestTimeout, ConnectionLost):
            return "unconfirmed"
        return "done"
