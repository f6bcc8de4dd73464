"""A phone call as a transport: two legs, phone and model, and one ledger of what the caller has heard.

``PhoneCall`` goes in front of any transport to the model (``TelephonyTransport`` is it in front of a WebSocket), and
wires the two together: the caller's audio to the model, the agent's to the caller, in the model's own formats where
the phone speaks one of them. To the application it is a transport like any other, with a few verbs more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from realtime_transport.conversation import ClientConversation
from realtime_transport.events.session import AnySession
from realtime_transport.events.transport import (
    AudioDoneEvent,
    AudioEvent,
    AudioGapEvent,
    AudioInterruptedEvent,
    DtmfEvent,
    TransportEvent,
    TurnDoneEvent,
)
from realtime_transport.exceptions import ConnectError, ConnectionLost, StateError
from realtime_transport.telephony.codecs import CallStarted, CarrierCodec, DtmfReceived, make_codec
from realtime_transport.telephony.conversation import CallConversation
from realtime_transport.telephony.farewell import Farewell, HangupOutcome
from realtime_transport.telephony.keypad import Keypads
from realtime_transport.telephony.leg import DEFAULTS, LegOptions
from realtime_transport.telephony.leg_events import AudioLost, CallerAudio, LegEnded, LegEvent, PartPlayed
from realtime_transport.telephony.line import PartName
from realtime_transport.telephony.path import MediaPath, MediaPlan, plan_for, with_phone_formats
from realtime_transport.telephony.phone import Phone
from realtime_transport.telephony.sockets import PhoneSocket
from realtime_transport.transports.base import RealtimeTransportLayer
from realtime_transport.transports.request import ConnectRequest

MAX_HELD: Final = 100
"""Pieces of the caller's first words that are kept while the model is being connected: two seconds, the oldest first
out. Older ones would make every answer late."""

HANGUP_TIMEOUT: Final = 5.0
"""Seconds for whatever ends the call outside of its stream."""

POLICY_VIOLATION: Final = 1008
"""The close code for a carrier that breaks its protocol."""

PHONE_TIMEOUT: Final = 1.0
"""Seconds that the phone's socket has for closing: the call is over, and a closing handshake is one round trip."""

MAX_REASON: Final = 40
"""Characters of a close reason: WebSocket has room for 123 bytes, and a character takes up to three of them."""

HangUp: TypeAlias = Callable[[CallStarted], Awaitable[object]]
"""Ends a call by its name: a carrier's REST API, where the stream cannot."""


class PhoneCall(RealtimeTransportLayer):
    """One call: ``class MyCall(PhoneCall, MyTransport)``. Takes all that the transport behind it takes.

    ``phone`` is the carrier's socket, accepted already; ``carrier`` a name or a codec made for this call. ``connect()``
    waits until the carrier has said which call it is, then connects the model in the phone's formats unless ``session``
    names others. Either leg ending ends the other, with the reason. The socket is closed with the transport.
    """

    def __init__(
        self,
        phone: PhoneSocket,
        *,
        carrier: str | CarrierCodec = "twilio",
        phone_options: LegOptions = DEFAULTS,
        hang_up: HangUp | None = None,
        **model: Any,
    ) -> None:
        self._phone_socket = phone
        self._carrier = make_codec(carrier) if isinstance(carrier, str) else carrier
        self._phone_options = phone_options
        self._hang_up = hang_up
        self._phone: Phone | None = None
        self._path = MediaPath(self._carrier.input_format, self._carrier.output_format)
        self._answered: asyncio.Future[None] | None = None
        self._speaking: str | None = None
        """The response whose audio came last."""
        self._held: deque[bytes] = deque(maxlen=MAX_HELD)
        self._keypads = Keypads()
        self._farewell: Farewell | None = None
        self._parting: asyncio.Task[None] | None = None
        model["playout"] = "reported"
        super().__init__(**model)

    # --- what an application asks ------------------------------------------------------------------------------------

    @property
    def call(self) -> CallStarted | None:
        """Which call it is, as the carrier said; None before that."""
        return self._phone.leg.call if self._phone is not None else None

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

    def send_dtmf(self, digits: str) -> None:
        """Press keys towards the caller's side.

        Raises ``UnsupportedOperation`` where the carrier takes them over REST only, ``StateError`` without a call.
        """
        phone = self._on_the_phone()
        phone.leg.send_dtmf(digits)
        phone.turn()

    async def collect_digits(self, count: int, timeout: float, *, finish: str = "#") -> str:
        """Wait for keys of the caller: ``count`` of them, or up to ``finish`` (not returned), or ``timeout`` seconds.

        Returns what came, perhaps nothing; also when the call ends. Keys pressed before are not counted.
        """
        self._on_the_phone()
        return await self._keypads.collect(count, timeout, finish)

    async def hangup(self, after: Literal["playback", "now"] = "playback", *, timeout: float = 30.0) -> HangupOutcome:
        """End the call, by default once the caller has heard what the agent is saying.

        ``confirmed``: the carrier acknowledged the last word. ``unconfirmed``: it did not, in ``timeout`` seconds or at
        all; the call is over all the same. ``cancelled``: the caller spoke over the goodbye, and the call goes on.
        Cancelling this hangs nothing up. Raises ``StateError`` without a call.
        """
        self._on_the_phone()
        if self._farewell is None:
            self._farewell = Farewell()
        farewell = self._farewell
        self._consider_farewell()
        if after == "now":
            farewell.settle("unconfirmed")
            self.interrupt()
        outcome = await farewell.wait(timeout)
        if self._farewell is farewell:
            self._farewell = None
            if outcome != "cancelled":
                await self._end_call()
        return outcome

    async def wait_ended(self) -> str:
        """Wait until the call is over and both legs are closed; return why it ended."""
        phone = self._on_the_phone()
        reason = await phone.wait_ended()
        if self._parting is not None:
            await asyncio.wait({self._parting})
        await self.close()
        return reason

    def _on_the_phone(self) -> Phone:
        if self._phone is None or self._phone.leg.call is None:
            raise StateError("there is no call on the line")
        return self._phone

    # --- connecting ------------------------------------------------------------------------------------------------

    async def _try_to_connect(self, request: ConnectRequest, session: AnySession | None) -> None:
        if self._phone is not None:
            raise StateError("a phone call is connected once: make another transport for the next call")
        self._answered = asyncio.get_running_loop().create_future()
        self._phone = Phone(self._phone_socket, self._carrier, self._hear, self._phone_options)
        try:
            await self._answered
            caller, agent = self._carrier.input_format, self._carrier.output_format
            self._path = MediaPath(caller, agent)
            await super()._try_to_connect(request, with_phone_formats(session, caller, agent))
        except BaseException as error:
            await self._close_phone(1011, str(error) or type(error).__name__)
            raise
        while self._held:
            self._to_model(self._held.popleft())

    def _new_conversation(self) -> ClientConversation:
        return CallConversation(
            self._listened, capabilities=self._capabilities, ids=self._ids, playout="reported", limits=self._limits
        )

    def _listened(self, now: float) -> list[PartPlayed]:
        return self._phone.leg.heard(now) if self._phone is not None else []

    # --- from the phone --------------------------------------------------------------------------------------------

    def _hear(self, event: LegEvent) -> None:
        _FROM_PHONE[type(event)](self, event)

    def _on_started(self, event: CallStarted) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def _on_caller(self, event: CallerAudio) -> None:
        if self._status == "connected":
            self._to_model(event.data)
        elif self._status == "connecting":
            self._held.append(event.data)

    def _to_model(self, audio: bytes) -> None:
        converted = self._path.to_model(audio, self.input_format)
        if converted:
            self.send_audio(converted)

    def _on_key(self, event: DtmfReceived) -> None:
        self._keypads.press(event.digit)
        self.emit(DtmfEvent(digit=event.digit))

    def _on_played(self, event: PartPlayed) -> None:
        if self._status == "connected":
            self.heard(event.item_id, event.ms, content_index=event.content_index)
            self._consider_farewell()

    def _on_lost(self, event: AudioLost) -> None:
        self.emit(AudioGapEvent(direction=event.direction, ms=event.ms, reason=event.reason))

    def _on_ended(self, event: LegEnded) -> None:
        """Let the model leg end too: what the caller has not heard is cut first, so that the record is true."""
        self._keypads.close()
        if self._farewell is not None:
            self._farewell.settle("unconfirmed")
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectError(f"no call came: {event.reason}", code="eof"))
        elif self._opening is not None:
            self._opening.fail(ConnectionLost(f"the call ended while connecting: {event.reason}"))
        elif self._status == "connected":
            self.interrupt()
            code = POLICY_VIOLATION if event.fault else 1000
            self._parting = asyncio.get_running_loop().create_task(self.close(code, event.reason))

    # --- from the model --------------------------------------------------------------------------------------------

    def _tell(self, event: TransportEvent) -> None:
        handle = _FROM_MODEL.get(type(event))
        if handle is not None and self._phone is not None and self._phone.leg.ended is None:
            handle(self, event, self._phone)
        super()._tell(event)

    def _on_audio(self, event: AudioEvent, phone: Phone) -> None:
        self._speaking = event.response_id
        part = PartName(item_id=event.item_id, content_index=event.content_index)
        self._play(self._path.to_phone(event.data, part, self.output_format), phone)

    def _on_audio_done(self, event: AudioDoneEvent | TurnDoneEvent, phone: Phone) -> None:
        """End what is being said. The end of a response says it too: some servers say nothing else."""
        if event.response_id == self._speaking:
            self._play(self._path.finish(), phone)
            phone.leg.end_part(asyncio.get_running_loop().time())
            phone.turn()
        self._consider_farewell()

    def _on_interrupted(self, event: AudioInterruptedEvent, phone: Phone) -> None:
        self._path.reset()
        phone.leg.clear(asyncio.get_running_loop().time())
        phone.turn()
        if self._farewell is not None:
            self._farewell.settle("cancelled")

    def _play(self, pieces: list[tuple[PartName, bytes]], phone: Phone) -> None:
        now = asyncio.get_running_loop().time()
        for part, audio in pieces:
            if audio:
                phone.leg.play(audio, part, now)
        phone.turn()

    # --- the end ---------------------------------------------------------------------------------------------------

    def _consider_farewell(self) -> None:
        """Say goodbye when there is nothing left to hear: the phone is silent, and the model has no more to say."""
        if self._farewell is None or self._phone is None or not self._phone.leg.is_silent:
            return
        if not cast("CallConversation", self._conversation).is_answering:
            self._farewell.settle("confirmed" if self._phone.leg.is_confirmed else "unconfirmed")

    async def _end_call(self) -> None:
        phone = self._on_the_phone()
        call = phone.leg.call
        if phone.leg.ended is None and self._hang_up is not None and call is not None:
            try:
                async with asyncio.timeout(HANGUP_TIMEOUT):
                    await self._hang_up(call)
            finally:
                await self._part(phone)
        else:
            await self._part(phone)

    async def _part(self, phone: Phone) -> None:
        phone.leg.hang_up("the agent hung up")
        phone.turn()
        await self.wait_ended()

    async def _close(self, code: int, reason: str) -> None:
        """Let go of the model's leg, then of the phone's, which has a time of its own for that."""
        try:
            await super()._close(code, reason)  # type: ignore[safe-super]  # the transport behind has one
        finally:
            await self._close_phone(code, reason)

    def _abort(self) -> None:
        super()._abort()
        if self._phone is not None:
            self._phone.abort()

    async def _close_phone(self, code: int, reason: str) -> None:
        phone = self._phone
        if phone is None:
            return
        try:
            async with asyncio.timeout(PHONE_TIMEOUT):
                await phone.close(code, reason[:MAX_REASON])
        except TimeoutError:
            phone.abort()


_FROM_PHONE: Final[Mapping[type[LegEvent], Callable[[PhoneCall, Any], None]]] = {
    CallStarted: PhoneCall._on_started,  # pyright: ignore[reportPrivateUsage]
    CallerAudio: PhoneCall._on_caller,  # pyright: ignore[reportPrivateUsage]
    DtmfReceived: PhoneCall._on_key,  # pyright: ignore[reportPrivateUsage]
    PartPlayed: PhoneCall._on_played,  # pyright: ignore[reportPrivateUsage]
    AudioLost: PhoneCall._on_lost,  # pyright: ignore[reportPrivateUsage]
    LegEnded: PhoneCall._on_ended,  # pyright: ignore[reportPrivateUsage]
}

_FROM_MODEL: Final[Mapping[type[TransportEvent], Callable[[PhoneCall, Any, Phone], None]]] = {
    AudioEvent: PhoneCall._on_audio,  # pyright: ignore[reportPrivateUsage]
    AudioDoneEvent: PhoneCall._on_audio_done,  # pyright: ignore[reportPrivateUsage]
    TurnDoneEvent: PhoneCall._on_audio_done,  # pyright: ignore[reportPrivateUsage]
    AudioInterruptedEvent: PhoneCall._on_interrupted,  # pyright: ignore[reportPrivateUsage]
}
