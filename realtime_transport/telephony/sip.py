"""SIP calls that the server itself carries: taken by webhook, steered over a sideband, no audio here.

    calls = SipCalls(http, Webhooks(secret), session={"instructions": "You answer the phone."})
    status = (await calls.receive(body, headers)).http_status        # in whatever handles POST /webhook
    async for call in calls:                                         # somewhere else
        call.transport.request_response()

A trunk points at ``sip:<project>@sip.api.openai.com;transport=tls``; the webhook ``realtime.call.incoming`` says that
somebody calls. Needs the extra ``http``.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, Self, TypeAlias

import attrs

from realtime_transport.events.session import AnySession
from realtime_transport.exceptions import RealtimeError, SignatureError
from realtime_transport.http.calls import Calls
from realtime_transport.http.webhooks import CallIncoming, Webhooks
from realtime_transport.transports.sip import SIPTransport

MAX_CALLS: Final = 100
"""Calls at once, unless told otherwise: each is a socket and a conversation. One more hears that the line is busy."""

REMEMBERED: Final = 10_000
"""Call ids kept against a second webhook about the same call: as many as there are webhook ids. The oldest goes."""

BUSY: Final = 486

Fate: TypeAlias = Literal["taken", "rejected", "busy", "gone", "duplicate", "ignored", "forged"]
SessionConfig: TypeAlias = AnySession | Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Reject:
    """Refuse a call: 603 declines, 486 is busy, 404 knows nobody of that name."""

    status_code: int = 603


Decision: TypeAlias = SessionConfig | Reject
Decide: TypeAlias = Callable[[CallIncoming], Decision | Awaitable[Decision]]


@attrs.frozen(kw_only=True)
class SipReceipt:
    """What became of a webhook."""

    fate: Fate
    """``taken``: accepted, and its sideband is open. ``rejected`` and ``busy``: refused. ``gone``: the caller had left
    before we acted. ``duplicate``: of a call or delivery that was seen. ``ignored``: about something else. ``forged``:
    not signed as it must be, and looked at no further."""
    call_id: str = ""
    detail: str = ""

    @property
    def http_status(self) -> int:
        """What to answer: everything but a forgery has arrived, and need not come again."""
        return 401 if self.fate == "forged" else 200


@attrs.frozen(kw_only=True, eq=False)
class SipCall:
    """A call that was taken. Its sound stays with the server; ``transport`` hears and says everything else."""

    incoming: CallIncoming
    """Who calls: ``incoming.sip_header("From")``."""
    transport: SIPTransport
    """Connected already: build a ``RealtimeSession`` on it, or use it as it is."""
    _http: Calls = attrs.field(alias="http", repr=False)

    @property
    def call_id(self) -> str:
        """The server's name of the call."""
        return self.incoming.call_id

    async def refer(self, target_uri: str) -> bool:
        """Transfer the caller (``tel:+1..``, ``sip:..``). Returns False when they have left. Raises ``ApiError``."""
        return await self._http.refer(self.call_id, target_uri)

    async def hangup(self) -> bool:
        """End the call. Returns False when it was over already. Raises ``ApiError``."""
        return await self._http.hangup(self.call_id)

    async def wait_ended(self) -> str:
        """Wait until the sideband has ended, as it does with the call; close it, and return why."""
        if self.transport.status == "connected":
            ended = await self.transport.wait_for("disconnected")
            return ended.reason
        await self.transport.close()
        return ""


class SipCalls:
    """Take calls as their webhooks come in, and give each out once, to whoever iterates.

    - ``http`` is ``RealtimeHTTP(...).calls``, whose key the sideband needs too: put it into ``connect``.
    - ``session`` is what calls are accepted with, or a function of the call (``async`` or not) that gives it, or
      ``Reject(...)``.
    - ``connect`` goes to ``SIPTransport.connect`` (``api_key``, ``url``, ...), ``transport`` makes the transport.
    - ``max_calls`` is how many there may be at once; one more is answered with 486.

    Calls that nobody iterates over are kept, as far as ``max_calls`` allows. Raises ``InvalidArgument`` for a
    ``session`` that cannot be read.
    """

    def __init__(
        self,
        http: Calls,
        webhooks: Webhooks,
        *,
        session: SessionConfig | Decide | None = None,
        connect: Mapping[str, Any] | None = None,
        transport: Callable[[str], SIPTransport] = SIPTransport,
        max_calls: int = MAX_CALLS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._webhooks = webhooks
        if not callable(session):
            SIPTransport.accept_config(session)  # what cannot be read is said now, not at the first call
        self._session = session
        self._connect: Mapping[str, Any] = connect or {}
        self._make_transport = transport
        self._max_calls = max_calls
        self._wall_clock = wall_clock
        # Bounded by REMEMBERED.
        self._seen: OrderedDict[str, None] = OrderedDict()
        # Both bounded by max_calls, together.
        self._live: set[str] = set()
        self._waiting: set[str] = set()
        """Calls that nobody has got yet; some may be over already."""
        self._taken: asyncio.Queue[SipCall | None] = asyncio.Queue(maxsize=max_calls + 1)
        self._closed = False

    # --- webhooks --------------------------------------------------------------------------------------------------

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> SipReceipt:
        """Take one webhook: the bytes of the request as they came, and its headers.

        Never raises for what a sender may get wrong. Raises ``ApiError``, ``ConnectError`` and the like when the call
        could not be accepted: answer 500, and the sender tries again, which is then no duplicate. Raises what
        ``connect`` of the sideband raises, after the call was hung up, and what ``session`` raises.
        """
        try:
            event = self._webhooks.unwrap(body, headers, self._wall_clock())
        except SignatureError as error:
            fate: Fate = "duplicate" if error.reason == "replayed" else "forged"
            return SipReceipt(fate=fate, detail=str(error))
        if not isinstance(event, CallIncoming):
            return SipReceipt(fate="ignored", detail=event.type)
        if event.call_id in self._seen:
            return SipReceipt(fate="duplicate", call_id=event.call_id)
        self._remember(event.call_id)
        try:
            fate = await self._answer(event)
        except BaseException:
            self._webhooks.forget(event.webhook_id)
            self._seen.pop(event.call_id, None)
            raise
        return SipReceipt(fate=fate, call_id=event.call_id)

    async def _answer(self, event: CallIncoming) -> Fate:
        if self._closed or len(self._live | self._waiting) >= self._max_calls:
            return "busy" if await self._http.reject(event.call_id, BUSY) else "gone"
        self._live.add(event.call_id)
        self._waiting.add(event.call_id)
        fate: Fate = "gone"
        try:
            decision = await self._decide(event)
            if isinstance(decision, Reject):
                fate = "rejected" if await self._http.reject(event.call_id, decision.status_code) else "gone"
            else:
                fate = await self._accept(event, decision)
        finally:
            if fate != "taken":
                self._live.discard(event.call_id)
                self._waiting.discard(event.call_id)
        return fate

    async def _decide(self, event: CallIncoming) -> Decision:
        if not callable(self._session):
            return self._session or {}
        decision = self._session(event)
        return await decision if inspect.isawaitable(decision) else decision

    async def _accept(self, event: CallIncoming, session: SessionConfig) -> Fate:
        if not await self._http.accept(event.call_id, SIPTransport.accept_config(session)):
            return "gone"
        transport = self._make_transport(event.call_id)
        try:
            await transport.connect(**self._connect)
        except BaseException:
            # Nobody would ever speak to this caller.
            with contextlib.suppress(RealtimeError):
                await self._http.hangup(event.call_id)
            raise
        transport.once("disconnected", lambda _: self._live.discard(event.call_id))
        self._taken.put_nowait(SipCall(incoming=event, transport=transport, http=self._http))
        return "taken"

    def _remember(self, call_id: str) -> None:
        self._seen[call_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    # --- calls -----------------------------------------------------------------------------------------------------

    @property
    def live(self) -> int:
        """Calls that are on the line, or about to be."""
        return len(self._live)

    async def __aiter__(self) -> AsyncIterator[SipCall]:
        """Give out calls as they are taken, until ``close``. Several may iterate: each call goes to one of them."""
        while (call := await self._next()) is not None:
            yield call

    async def _next(self) -> SipCall | None:
        call = await self._taken.get()
        if call is None:
            self._taken.put_nowait(None)  # for whoever else iterates
        else:
            self._waiting.discard(call.call_id)
        return call

    async def close(self) -> None:
        """Take no more calls, hang up those that nobody has got, and end the iteration. Calls that go on, go on."""
        if self._closed:
            return
        self._closed = True
        while not self._taken.empty():
            call = self._taken.get_nowait()
            if call is not None:
                with contextlib.suppress(RealtimeError):
                    await call.hangup()
                await call.transport.close()
        self._taken.put_nowait(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
