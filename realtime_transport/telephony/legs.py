"""The two legs of a call and what passes between them: the caller's voice to the model, the agent's to the phone.

The phone's leg may be replaced while the model's goes on: a carrier that plays keys, or whose connection broke, streams
the same call anew. What an application asks of a call is in ``call``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

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
from realtime_transport.tasks import begin
from realtime_transport.telephony.codecs import CallStarted, CarrierCodec, DtmfReceived, make_codec
from realtime_transport.telephony.conversation import CallConversation
from realtime_transport.telephony.farewell import Farewell
from realtime_transport.telephony.keypad import Keypads
from realtime_transport.telephony.leg import DEFAULTS, LegOptions
from realtime_transport.telephony.leg_events import AudioLost, CallerAudio, LegEnded, LegEvent, PartPlayed
from realtime_transport.telephony.line import PartName
from realtime_transport.telephony.path import MediaPath, with_phone_formats
from realtime_transport.telephony.phone import Phone
from realtime_transport.telephony.sockets import PhoneSocket
from realtime_transport.transports.base import RealtimeTransportLayer
from realtime_transport.transports.request import ConnectRequest

MAX_HELD: Final = 100
"""Pieces of the caller's first words that are kept while the model is being connected: two seconds, the oldest first
out. Older ones would make every answer late."""

POLICY_VIOLATION: Final = 1008
"""The close code for a carrier that breaks its protocol."""

PHONE_TIMEOUT: Final = 1.0
"""Seconds that the phone's socket has for closing: the call is over, and a closing handshake is one round trip."""

MAX_REASON: Final = 40
"""Characters of a close reason: WebSocket has room for 123 bytes, and a character takes up to three of them."""


class CallLegs(RealtimeTransportLayer):
    """Hold a phone leg beside the model's, over one ledger. See ``PhoneCall``."""

    def __init__(
        self,
        phone: PhoneSocket,
        *,
        carrier: str | CarrierCodec = "twilio",
        phone_options: LegOptions = DEFAULTS,
        reattach_timeout: float = 0.0,
        **model: Any,
    ) -> None:
        self._phone_socket = phone
        self._carrier = make_codec(carrier) if isinstance(carrier, str) else carrier
        self._phone_options = phone_options
        self._phone: Phone | None = None
        self._path = MediaPath(self._carrier.input_format, self._carrier.output_format)
        self._answered: asyncio.Future[None] | None = None
        self._speaking: str | None = None
        """The response whose audio came last."""
        self._held: deque[bytes] = deque(maxlen=MAX_HELD)
        self._keypads = Keypads()
        self._farewell: Farewell | None = None
        self._reattach_timeout: float = reattach_timeout
        self._patience: float = reattach_timeout
        """Seconds that the model waits for a call whose stream has ended: more once we have torn it down."""
        self._vigil: asyncio.TimerHandle | None = None
        """Runs while it waits."""
        self._over: asyncio.Future[str] | None = None
        """Why the call ended, once it has."""
        self._parting: asyncio.Task[None] | None = None
        model["playout"] = "reported"
        super().__init__(**model)

    @property
    def call(self) -> CallStarted | None:
        """Which call it is, as the carrier said; None before that."""
        return self._phone.leg.call if self._phone is not None else None

    def _on_the_phone(self) -> Phone:
        if self._phone is None or self._phone.leg.call is None:
            raise StateError("there is no call on the line")
        return self._phone

    # --- connecting ------------------------------------------------------------------------------------------------

    async def _try_to_connect(self, request: ConnectRequest, session: AnySession | None) -> None:
        if self._phone is not None:
            raise StateError("a phone call is connected once: make another transport for the next call")
        loop = asyncio.get_running_loop()
        self._answered, self._over = loop.create_future(), loop.create_future()
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

    # --- the phone's leg, once more --------------------------------------------------------------------------------

    async def reattach(self, phone: PhoneSocket, *, carrier: str | CarrierCodec | None = None) -> None:
        """Take the same call on another stream; the session, the ledger and the history go on.

        ``phone`` is accepted already; ``carrier`` is a codec for it, by default a new one of the same name. Returns
        once the carrier has said that it is the same call. What the caller had not heard on the old stream is cut, as
        by an interruption; the old stream is closed, and what still comes from it (late marks) means nothing. Raises
        ``StateError`` when the call is over or the stream is another call's, ``ConnectError`` when it ends before it
        says so; ``phone`` is closed then. ``reattach_timeout`` is how long a call waits to be re-attached.
        """
        codec = carrier if carrier is not None else self._carrier.name
        codec = make_codec(codec) if isinstance(codec, str) else codec
        arrived: asyncio.Future[Phone | None] = asyncio.get_running_loop().create_future()

        def hear(event: LegEvent) -> None:
            if self._phone is new:
                self._hear(event)
            elif isinstance(event, CallStarted) and not arrived.done():
                arrived.set_result(self._take_over(new, codec, event))
            elif isinstance(event, LegEnded) and not arrived.done():
                arrived.set_exception(ConnectError(f"the call did not come back: {event.reason}", code="eof"))

        new = Phone(phone, codec, hear, self._phone_options)
        try:
            old = await arrived
        except BaseException:
            await _close(new, POLICY_VIOLATION, "not re-attached")
            raise
        if old is None:
            await _close(new, POLICY_VIOLATION, "not this call")
            raise StateError("the stream is another call's, or the call is over")
        # Not hung up: on some carriers that would end the call and not the stream.
        old.leg.hung_up("the call goes on in another stream")
        await _close(old, 1000, "the call goes on in another stream")

    def _take_over(self, new: Phone, codec: CarrierCodec, event: CallStarted) -> Phone | None:
        """Put a new leg in the place of the old one, and return that; None when it is not this call's."""
        old = self._phone
        if old is None or old.leg.call is None or self._status != "connected" or self._is_over:
            return None
        if event.call_id != old.leg.call.call_id:
            return None
        self.interrupt()
        self._stop_waiting()
        self._patience = self._reattach_timeout
        self._phone, self._carrier = new, codec
        self._path = MediaPath(codec.input_format, codec.output_format)
        return old

    @property
    def _is_over(self) -> bool:
        return self._over is None or self._over.done()

    @property
    def _is_away(self) -> bool:
        """Whether the stream has ended and the call may come back in another one."""
        return self._vigil is not None

    def _stop_waiting(self) -> None:
        vigil, self._vigil = self._vigil, None
        if vigil is not None:
            vigil.cancel()

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
        """Let the model leg end too, unless the call may come back. What the caller has not heard is cut first, so that
        the record is true."""
        if self._status == "connected" and self._patience > 0 and self._farewell is None and not event.fault:
            self.interrupt()
            later = asyncio.get_running_loop().call_later
            self._vigil = later(self._patience, self._finish, event)
            return
        self._finish(event)

    def _finish(self, event: LegEnded) -> None:
        """Note that the call is over: no stream will come any more."""
        self._stop_waiting()
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
            self._parting = begin(self.close(code, event.reason), name="realtime_transport parting")
        if self._over is not None and not self._over.done():
            self._over.set_result(event.reason)

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

    async def _part(self, reason: str) -> None:
        """Hang up in the stream, as far as that can be done there, and wait for the end of both legs."""
        phone = self._on_the_phone()
        if self._is_away:
            self._finish(LegEnded(reason=reason))
        else:
            phone.leg.hang_up(reason)
            phone.turn()
        await self.wait_ended()

    async def wait_ended(self) -> str:
        """Wait until the call is over and both legs are closed; return why it ended."""
        self._on_the_phone()
        over = cast("asyncio.Future[str]", self._over)
        await asyncio.wait({over})
        if self._parting is not None:
            await asyncio.wait({self._parting})
        await self.close()
        return over.result()

    async def _close(self, code: int, reason: str) -> None:
        """Let go of the model's leg, then of the phone's, which has a time of its own for that."""
        try:
            await super()._close(code, reason)  # type: ignore[safe-super]  # the transport behind has one
        finally:
            await self._close_phone(code, reason)

    def _abort(self) -> None:
        super()._abort()
        self._stop_waiting()
        if self._phone is not None:
            self._phone.abort()
        if self._over is not None and not self._over.done():
            self._over.set_result("aborted")

    async def _close_phone(self, code: int, reason: str) -> None:
        if self._is_away:
            self._finish(LegEnded(reason=reason or "closed"))
        if self._phone is not None:
            await _close(self._phone, code, reason)


async def _close(phone: Phone, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(PHONE_TIMEOUT):
            await phone.close(code, reason[:MAX_REASON])
    except TimeoutError:
        phone.abort()


_FROM_PHONE: Final[Mapping[type[LegEvent], Callable[[CallLegs, Any], None]]] = {
    CallStarted: CallLegs._on_started,  # pyright: ignore[reportPrivateUsage]
    CallerAudio: CallLegs._on_caller,  # pyright: ignore[reportPrivateUsage]
    DtmfReceived: CallLegs._on_key,  # pyright: ignore[reportPrivateUsage]
    PartPlayed: CallLegs._on_played,  # pyright: ignore[reportPrivateUsage]
    AudioLost: CallLegs._on_lost,  # pyright: ignore[reportPrivateUsage]
    LegEnded: CallLegs._on_ended,  # pyright: ignore[reportPrivateUsage]
}

_FROM_MODEL: Final[Mapping[type[TransportEvent], Callable[[CallLegs, Any, Phone], None]]] = {
    AudioEvent: CallLegs._on_audio,  # pyright: ignore[reportPrivateUsage]
    AudioDoneEvent: CallLegs._on_audio_done,  # pyright: ignore[reportPrivateUsage]
    TurnDoneEvent: CallLegs._on_audio_done,  # pyright: ignore[reportPrivateUsage]
    AudioInterruptedEvent: CallLegs._on_interrupted,  # pyright: ignore[reportPrivateUsage]
}
