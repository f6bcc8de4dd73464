"""Turns one conversation for the length of one connection: bytes in, events out, frames to the medium, time passing.

After everything that happens to the conversation, one method, ``turn``, carries away what it made: frames to the
outbox, outcomes to the receipts, events to the listeners. A listener may call into the conversation again; its frames
leave at once, its events follow those that are being delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from realtime_transport import wire
from realtime_transport.conversation.client import ClientConversation
from realtime_transport.events.client import ClientEvent, InputAudioBufferAppend
from realtime_transport.events.server import ServerEvent, UnknownServerEvent
from realtime_transport.events.translation import TranslationInputAudioBufferAppend
from realtime_transport.events.transport import AudioGapEvent, ErrorEvent, SentEvent, TransportEvent
from realtime_transport.exceptions import ConnectionLost, InvalidArgument, RealtimeError
from realtime_transport.tasks import begin
from realtime_transport.transports.outbox import AUDIO_LIMIT_MS, STALL_SECONDS, Outbox
from realtime_transport.transports.receipts import Receipts

MOST_BAD_FRAMES: Final = 20
"""Frames in a row that are no events: a peer that says nothing else does not speak the protocol."""

AUDIO: Final = (InputAudioBufferAppend, TranslationInputAudioBufferAppend)
"""Frames that may be given up when the network takes them too slowly."""


@attrs.frozen(kw_only=True)
class DriverHooks:
    """What a driver needs from the transport around it."""

    tell: Callable[[TransportEvent], None]
    """Deliver an event to whoever listens."""
    hears_raw: Callable[[], bool]
    """Whether anybody wants to hear audio deltas as the server said them."""
    hears_sent: Callable[[], bool]
    """Whether anybody wants to hear what is sent."""
    write: Callable[[bytes], Awaitable[None]]
    """Hand one frame to the medium."""
    write_audio_now: Callable[[bytes], bool]
    """Hand one frame of audio to the medium without waiting; False, and no effect, when it has to go through ``write``
    or somebody wants to hear of it."""
    failed: Callable[[int, ConnectionLost], None]
    """End the connection with a close code: the peer is not to be talked with any more."""
    broken: Callable[[BaseException], None]
    """End the connection because writing raised."""


class Driver:
    """One connection's life. Made before the medium opens; ``end`` is final."""

    def __init__(
        self,
        conversation: ClientConversation,
        codec: wire.Codec[ServerEvent, ClientEvent],
        hooks: DriverHooks,
        *,
        audio_limit_ms: float = AUDIO_LIMIT_MS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.outbox: Outbox = Outbox(
            gap=self._tell_gap,
            stalled=lambda error: hooks.failed(1001, error),
            audio_limit_ms=audio_limit_ms,
            stall_seconds=stall_seconds,
        )
        self.receipts: Receipts = Receipts(self.outbox.room, self.report)
        self.watch: Callable[[TransportEvent], bool] | None = None
        """Sees every event before the listeners do, and may keep it: how ``connect`` follows the opening."""
        self._conversation = conversation
        self._codec = codec
        self._hooks = hooks
        self._bad_frames = 0
        self._delivering = False
        self._may_write = False
        self._ending = False
        self._over = False
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- in --------------------------------------------------------------------------------------------------------

    def feed(self, data: str | bytes) -> None:
        """Take one frame from the medium. Raises only what is no ``Exception`` (a listener's ``KeyboardInterrupt``)."""
        if self._over or self._hear_speech(data):
            return
        decoded = self._codec.decode(data)
        for problem in decoded.problems:
            self._hooks.tell(ErrorEvent(error=problem.error, path=problem.path))
        event = decoded.event
        if event is None or (type(event) is UnknownServerEvent and not event.type):
            self._count_bad_frame()
        else:
            self._bad_frames = 0
        if event is not None:
            self._conversation.receive(event, self.loop.time())
            self._turn_alone()

    def _hear_speech(self, data: str | bytes) -> bool:
        """Take a further piece of the agent's speech the short way, unless somebody wants to hear the frame itself."""
        speech = self._codec.read_speech(data)
        if speech is None or self._hooks.hears_raw():
            return False
        now = self.loop.time()
        if not self._conversation.speech(
            speech.event_id, speech.response_id, speech.item_id, speech.content_index, speech.delta, now
        ):
            return False
        self._bad_frames = 0
        self._deliver()
        return True

    def _count_bad_frame(self) -> None:
        self._bad_frames += 1
        if self._bad_frames == MOST_BAD_FRAMES:
            error = ConnectionLost(f"{MOST_BAD_FRAMES} frames in a row were no events", close_code=1002)
            self._hooks.failed(1002, error)

    # --- out -------------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Carry away everything that the conversation made. Raises ``InvalidArgument`` for what cannot be spelt."""
        refused = self._carry()
        if refused is not None:
            raise refused

    def append(self, audio: bytes) -> str | None:
        """Send audio the short way, without an event, and return its event id.

        None, and no effect, for what has to go the long way: ``append_audio`` and ``turn_of_audio``.
        """
        event_id = self._conversation.append(audio)
        if event_id is None:
            return None
        frame = self._codec.write_audio(event_id, audio)
        if frame is None:
            raise InvalidArgument(f"{event_id!r} is no text that JSON can hold", path="event_id")
        if not (self._nothing_waits() and self._hooks.write_audio_now(frame)):
            event = InputAudioBufferAppend(event_id=event_id, audio=audio)
            self.outbox.put(frame, event, self._conversation.input_format.ms(len(audio)))
            self._start_writing()
        return event_id

    def turn_of_audio(self) -> None:
        """Carry away what an append of audio made: frames, and nothing else as long as they can be spelt."""
        refused = self._post()
        if refused is not None:
            self.turn()
            raise refused

    def _turn_alone(self) -> None:
        """Do the same where there is no caller to raise to."""
        refused = self._carry()
        if refused is not None:
            self.report(refused)

    def _carry(self) -> InvalidArgument | None:
        refused = self._post()
        for settlement in self._conversation.settlements():
            self.receipts.settle(settlement, quietly=self._ending)
        self._deliver()
        self._set_timer()
        return refused

    def _post(self) -> InvalidArgument | None:
        """Put frames into the outbox; a frame that cannot be spelt holds up no other."""
        refused: InvalidArgument | None = None
        while events := self._conversation.frames_to_send():
            for event in events:
                try:
                    frame = self._codec.encode(event)
                except InvalidArgument as error:
                    refused = error
                    self._conversation.undeliverable(event, error, self.loop.time())  # which may let another frame go
                    continue
                nbytes = len(event.audio) if isinstance(event, AUDIO) else 0
                if nbytes and self._nothing_waits() and self._hooks.write_audio_now(frame):
                    continue
                self.outbox.put(frame, event, self._conversation.input_format.ms(nbytes) if nbytes else 0.0)
        self._start_writing()
        return refused

    def _nothing_waits(self) -> bool:
        """Whether a frame may leave at once, past the queue and its task, without overtaking another."""
        return self._writer is None and self._may_write and not self.outbox.waits

    def _deliver(self) -> None:
        if self._delivering:
            return  # a listener called: what it caused follows what it hears
        self._delivering = True
        try:
            while events := self._conversation.events_received():
                for event in events:
                    if self.watch is None or not self.watch(event):
                        self._hooks.tell(event)
        finally:
            self._delivering = False

    def report(self, error: RealtimeError, event_id: str | None = None) -> None:
        """Tell an error that no call can raise."""
        self._hooks.tell(ErrorEvent(error=error, event_id=event_id))

    # --- writing ---------------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Begin to write: the medium is open."""
        self._may_write = True
        self._start_writing()

    def _start_writing(self) -> None:
        # A task while something waits, none while nothing does: an idle connection holds nothing but its socket.
        if self._writer is None and self._may_write and self.outbox.waits:
            self._writer = begin(self._write(), name="realtime_transport writer", loop=self.loop)

    async def _write(self) -> None:
        try:
            await self.outbox.write(self._hooks.write, self._tell_sent)
        except BaseException as error:
            if self._writer is not None and self._writer.cancelling():
                raise
            self._writer = None
            self._hooks.broken(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._writer = None

    def _tell_sent(self, event: ClientEvent) -> None:
        if self._hooks.hears_sent():
            self._hooks.tell(SentEvent(event=event))

    def _tell_gap(self, ms: float) -> None:
        self._hooks.tell(AudioGapEvent(direction="out", ms=ms, reason="the network took it too slowly"))

    # --- time ------------------------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        """Keep one timer at or before the next deadline. A later one waits until it fires: every delta moves it."""
        deadline = self._conversation.next_deadline()
        timer = self._timer
        if self._over or (deadline is not None and timer is not None and timer.when() <= deadline):
            return
        if timer is not None:
            timer.cancel()
        self._timer = None if deadline is None else self.loop.call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self.loop.time()
        deadline = self._conversation.next_deadline()
        if deadline is not None and deadline <= now:
            self._conversation.wake(now)
        self._turn_alone()

    # --- the end ---------------------------------------------------------------------------------------------------

    def closing(self) -> None:
        """Expect the end: what fails from now on is nobody's news."""
        self._ending = True

    def end(self, error: ConnectionLost | None = None) -> None:
        """Settle everything and stop: lost with ``error``, on purpose without. Does nothing the second time."""
        if self._over:
            return
        now = self.loop.time()
        if error is None:
            self._ending = True
            self._conversation.close(now)
        else:
            self._conversation.connection_lost(now, error)
        self.outbox.end(error or ConnectionLost("the connection was closed"))
        self._over = True
        self._turn_alone()
        if self._timer is not None:
            self._timer.cancel()
        if self._writer is not None:
            self._writer.cancel()

    async def ended(self) -> None:
        """Wait until no task of this connection runs."""
        if self._writer is not None and self._writer is not asyncio.current_task():
            await asyncio.wait({self._writer})
