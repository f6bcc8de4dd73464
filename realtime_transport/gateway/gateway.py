"""``Gateway``: answers webhooks, takes streams, holds calls, drains. What it is served by is not its business."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

# Imported with the first connection to a model otherwise, which is in the middle of the first call.
import realtime_transport.transports.connection  # noqa: F401  # pyright: ignore[reportUnusedImport]
from realtime_transport.audio.formats import AudioFormat
from realtime_transport.exceptions import ConnectionLost, InvalidArgument, RealtimeError
from realtime_transport.gateway.door import SIGNS_UPGRADES, SIGNS_WHEN_ASKED, Door, Refusal
from realtime_transport.gateway.incoming import AgentSource, IncomingCall, session_for
from realtime_transport.gateway.limits import GatewayLimits
from realtime_transport.gateway.news import GatewayNews, NewsKind, Tally, metrics_text
from realtime_transport.gateway.opening import POLICY_VIOLATION, GuardedSocket, first_words
from realtime_transport.gateway.tokens import StreamTokens, Ticket
from realtime_transport.telephony import PhoneCall, PhoneSocket, TelephonyTransport
from realtime_transport.telephony.answers import ANSWERS, Answers, Document, StreamOffer
from realtime_transport.telephony.codecs import CallStarted, CarrierCodec, make_codec
from realtime_transport.telephony.signatures import SignedRequest, Verifier
from realtime_transport.transports.recorder import Recorder

_log = logging.getLogger("realtime_transport.gateway")

GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011

CLOSE_TIMEOUT: Final = 10.0
"""Seconds for all calls to be closed when the gateway stops."""

OVER: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled", "cancelled", "hangup"})
"""What carriers call a call that is over, in their status callbacks."""

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")

MakeTransport: TypeAlias = Callable[..., PhoneCall]
"""Called as ``make(socket, carrier=codec)`` for each call: ``TelephonyTransport``, a ``partial`` or subclass of it."""


@attrs.define(eq=False)
class LiveCall:
    """A call on the line."""

    call_id: str
    began: float
    transport: PhoneCall


class Gateway:
    """One carrier's calls, answered by agents.

    - ``agent`` is a ``RealtimeAgent`` or a function ``(call) -> agent or session``, asked for every call.
    - ``carrier`` is a name of ``telephony.codecs.CODECS``; ``codec`` makes its codec with other options.
    - ``verifier`` checks webhooks, ``stream_verifier`` upgrades (by default the same, for carriers that sign both).
      Without any the gateway refuses to be made, unless ``allow_unsigned``.
    - ``session`` is what sessions made here are given (``model``, ``url``, ``api_key``, ``config``, ...).
    - ``transport`` makes the transport of a call: a ``functools.partial`` of ``TelephonyTransport`` for its options.
    - ``greet`` lets the agent speak first.
    - ``custom`` (a mapping, or a function of the webhook's fields) goes into the answer document and comes back with
      the call; ``stream_format`` is what the stream is asked to carry.
    - ``record_to`` is a folder in which every call gets a folder with its recording.
    - ``tell`` hears all news; what it raises is logged.

    Raises ``InvalidArgument`` for what cannot work.
    """

    def __init__(
        self,
        agent: AgentSource,
        *,
        carrier: str = "twilio",
        codec: Callable[[], CarrierCodec] | None = None,
        answers: Answers | None = None,
        verifier: Verifier | None = None,
        stream_verifier: Verifier | None = None,
        allow_unsigned: bool = False,
        session: Mapping[str, Any] | None = None,
        transport: MakeTransport = TelephonyTransport,
        greet: bool = True,
        custom: Mapping[str, str] | Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
        stream_format: AudioFormat | None = None,
        record_to: Path | None = None,
        limits: GatewayLimits | None = None,
        tell: Callable[[GatewayNews], object] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.carrier: str = carrier
        self.limits: GatewayLimits = limits or GatewayLimits()
        self.tally: Tally = Tally()
        self._codec = codec or functools.partial(make_codec, carrier)
        self._codec()  # an unknown carrier is said now, not at the first call
        self._answers = answers or ANSWERS.get(carrier)
        self._asks_to_sign = carrier in SIGNS_WHEN_ASKED and stream_verifier is not None
        self._door = Door(
            limits=self.limits,
            tokens=StreamTokens(self.limits.token_lifetime),
            verifier=verifier,
            stream_verifier=stream_verifier or (verifier if carrier in SIGNS_UPGRADES else None),
            signs_upgrades=carrier in SIGNS_UPGRADES or self._asks_to_sign,
            allow_unsigned=allow_unsigned,
        )
        self._agent = agent
        self._session: Mapping[str, Any] = session or {}
        self._make_transport = transport
        self._greet = greet
        self._custom = custom
        self._stream_format = stream_format
        self._record_to = record_to
        self._tell = tell
        self._wall_clock = wall_clock
        # Bounded by max_calls.
        self._live: set[LiveCall] = set()
        # Set whenever a stream ends; whoever waits for that clears it.
        self._changed = asyncio.Event()

    # --- webhooks --------------------------------------------------------------------------------------------------

    @property
    def answers(self) -> Answers | None:
        """The carrier's documents; None where it asks nothing."""
        return self._answers

    def verify(self, request: SignedRequest) -> None:
        """Return when a webhook is the carrier's; look at nothing in it before. Raises ``SignatureError``."""
        try:
            self._door.verify(request, self._wall_clock())
        except RealtimeError as error:
            self._refused(Refusal(reason="signature", detail=str(error)))
            raise

    def answer(self, fields: Mapping[str, str], stream_url: str) -> Document:
        """Answer a verified webhook: where to stream the call, or that the line is busy.

        ``stream_url`` is the public address of the stream; a token is put behind it. Raises ``InvalidArgument`` when
        the carrier's document cannot say what is custom.
        """
        if self._answers is None:
            raise InvalidArgument(f"{self.carrier} asks for no document", path="carrier")
        asked = self._answers.read(fields)
        held = self._held(asked.call_id) is not None
        place = self._door.expect(Ticket(asked=asked, fields=fields), self._now(), held=held)
        if isinstance(place, Refusal):
            self._refused(place, asked.call_id)
            return self._answers.refuse(busy=True)
        offer = StreamOffer(
            url=f"{stream_url}/{place}",
            token=place,
            custom=self._custom(fields) if callable(self._custom) else self._custom or {},
            format=self._stream_format,
            call_id=asked.call_id,
            sign=self._asks_to_sign,
        )
        document = self._answers.connect(offer)
        self._news("answered", asked.call_id, caller=asked.caller, called=asked.called)
        return document

    async def heard_status(self, fields: Mapping[str, str]) -> None:
        """Take a verified status callback. A call that the carrier says is over is ended here too."""
        call_id = self._answers.read(fields).call_id if self._answers is not None else ""
        status = next((fields[name] for name in ("CallStatus", "status", "Event") if name in fields), "").lower()
        self._news("status", call_id, reason=status)
        if status in OVER:
            await self._end(f"the carrier says: {status}", 1000, call_id)

    # --- streams ---------------------------------------------------------------------------------------------------

    def expects(self, token: str) -> bool:
        """Say whether a token was given out and is good yet."""
        return self._door.tokens.knows(token, self._now())

    def admit(self, request: SignedRequest, token: str = "") -> Ticket | Refusal:
        """Decide about a stream, before anything is accepted."""
        admitted = self._door.admit(request, token, self._now(), self._wall_clock())
        if isinstance(admitted, Refusal):
            self._refused(admitted)
        return admitted

    async def take(self, socket: PhoneSocket, ticket: Ticket, *, account: str = "") -> None:
        """Hold the call on an accepted socket, to its end. Cancelling this ends the call.

        A call that is held already (keys over REST have torn its stream down, the connection broke) goes on in this
        stream. ``account`` is the account that the upgrade was signed for, where it names one: ``start`` has to name
        the same.
        """
        guarded = GuardedSocket(socket, self.limits)
        self._door.streams += 1
        try:
            started = await self._which(guarded, account)
            held = self._held(started.call_id) if started is not None else None
            if started is not None and held is None:
                await self._hold(guarded, ticket, started)
        finally:
            self._door.streams -= 1
            self._changed.set()
        if held is not None:  # counted already
            await self._rejoin(held, guarded)

    async def _which(self, socket: GuardedSocket, account: str) -> CallStarted | None:
        self._door.unstarted += 1
        try:
            opening = await first_words(socket, self._codec, self.limits.start_timeout)
        finally:
            self._door.unstarted -= 1
        reason = opening.reason
        if opening.call is not None and account and opening.call.account_id != account:
            reason = "the stream is of another account than its signature"
        if reason:
            self._refused(Refusal(reason="unstarted", detail=reason))
            await socket.close(POLICY_VIOLATION, reason[:40])
            return None
        return opening.call

    async def _hold(self, socket: GuardedSocket, ticket: Ticket, started: CallStarted) -> None:
        transport = self._make_transport(socket, carrier=self._codec())
        call = _described(self.carrier, started, ticket, transport)
        live = LiveCall(call.call_id, self._now(), transport)
        self._live.add(live)
        self.tally.calls += 1
        self._news("started", call.call_id, caller=call.caller, called=call.called)
        reason = "the gateway stops"
        try:
            reason = await self._converse(call)
        except ConnectionLost as gone:  # the caller did not wait for the model
            reason = str(gone)
        except Exception as error:  # noqa: BLE001 - whatever breaks in one call must leave the others alone
            reason = f"{type(error).__name__}: {error}"
            self.tally.failed += 1
            _log.warning("call %s failed: %s", call.call_id, reason, exc_info=not isinstance(error, RealtimeError))
            await transport.close(INTERNAL_ERROR, "the call failed")
            await socket.close(INTERNAL_ERROR, "the call failed")
        finally:
            self._live.discard(live)
            seconds = self._now() - live.began
            self.tally.seconds += seconds
            self._news("ended", call.call_id, caller=call.caller, called=call.called, reason=reason, seconds=seconds)

    async def _rejoin(self, held: LiveCall, socket: GuardedSocket) -> None:
        """Let a call go on in another stream."""
        try:
            await held.transport.reattach(socket, carrier=self._codec())
        except RealtimeError as error:
            self._refused(Refusal(reason="unstarted", detail=str(error)), held.call_id)
            await socket.close(POLICY_VIOLATION, "the call does not go on here")
            return
        self._news("rejoined", held.call_id)
        await held.transport.wait_ended()

    async def _converse(self, call: IncomingCall) -> str:
        """Connect the agent and wait for the end; return why it came."""
        async with contextlib.AsyncExitStack() as stack:
            if self._record_to is not None:
                recorder = Recorder(self._record_to / _NOT_IN_A_NAME.sub("_", call.call_id)[:80])
                stack.push_async_callback(recorder.close)
                recorder.attach(call.transport)
            session = await session_for(self._agent, call, self._session)
            stack.push_async_callback(session.close)
            if session.status == "disconnected":
                await session.connect()
            self._news("connected", call.call_id, caller=call.caller, called=call.called)
            if self._greet and session.status == "connected":
                session.request_response()
            try:
                async with asyncio.timeout(self.limits.max_call_seconds):
                    return await call.transport.wait_ended()
            except TimeoutError:
                await call.transport.hangup("now")
                return f"the call lasted {self.limits.max_call_seconds:g} s"

    # --- the end ---------------------------------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        """Calls on the line."""
        return len(self._live)

    @property
    def expected(self) -> int:
        """Calls that were told where to stream and may still come."""
        return self._door.tokens.outstanding(self._now())

    @property
    def draining(self) -> bool:
        """Whether no more calls are taken."""
        return self._door.draining

    @property
    def ready(self) -> bool:
        """Whether another call would be taken."""
        return not self.draining and self._door.streams + self.expected < self.limits.max_calls

    def metrics(self) -> str:
        """Return the numbers in Prometheus's text format."""
        return metrics_text(
            self.tally,
            calls=self.calls,
            waiting=self.expected,
            max_calls=self.limits.max_calls,
            draining=self.draining,
        )

    async def drain(self, limit: float) -> int:
        """Take no more calls, and wait up to ``limit`` seconds for those there are; return how many are left.

        Calls that were told where to stream are still taken: they were promised a place.
        """
        if not self.draining:
            self._door.draining = True
            self._news("draining")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while self._door.streams + self.expected:
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        # Tokens end without telling anybody.
                        async with asyncio.timeout_at(self._door.tokens.next_end()):
                            await self._changed.wait()
        return self._door.streams

    async def close(self) -> None:
        """End all calls with 1001, now."""
        self._door.draining = True
        await self._end("the gateway stops", GOING_AWAY)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _held(self, call_id: str) -> LiveCall | None:
        return next((call for call in self._live if call_id and call.call_id == call_id), None)

    async def _end(self, reason: str, code: int, call_id: str | None = None) -> None:
        """Close one call, or all."""
        ending = [call for call in self._live if call_id in {None, call.call_id}]
        closing = [asyncio.ensure_future(call.transport.close(code, reason)) for call in ending]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_TIMEOUT)

    def _refused(self, refusal: Refusal, call_id: str = "") -> None:
        self.tally.refused[refusal.reason] += 1
        self._news("refused", call_id, reason=refusal.detail)

    def _news(self, kind: NewsKind, call_id: str = "", **content: Any) -> None:
        if self._tell is None:
            return
        try:
            self._tell(GatewayNews(kind=kind, call_id=call_id, **content))
        except Exception:  # noqa: BLE001 - whoever watches must not end a call
            _log.exception("who was told of %s raised", kind)


def _described(carrier: str, started: CallStarted, ticket: Ticket, transport: PhoneCall) -> IncomingCall:
    asked = ticket.asked
    return IncomingCall(
        carrier=carrier,
        call_id=started.call_id or asked.call_id,
        stream_id=started.stream_id,
        transport=transport,
        caller=started.caller or asked.caller,
        called=started.called or asked.called,
        account_id=started.account_id,
        custom=started.custom,
        fields=ticket.fields,
    )
