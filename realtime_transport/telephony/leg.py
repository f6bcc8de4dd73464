"""The phone leg of a call, pure: the carrier's messages in, messages to the carrier and events out, time passed in.

    leg.receive(message, now)            # or play, end, clear, wake, ...
    for frame in leg.frames_to_send(): ...
    for event in leg.events(): ...
    call wake() at leg.next_deadline()

Nothing a carrier sends raises. Whoever breaks its protocol (no ``start`` in time, a second one, a codec that nobody
can decode) ends the leg: from then on it would speak for somebody else's call. Audio before ``start`` is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.exceptions import StateError
from realtime_transport.telephony.codecs.base import CarrierCodec, Frame
from realtime_transport.telephony.codecs.events import (
    CallStarted,
    CallStopped,
    CarrierEvent,
    DtmfReceived,
    FlowChanged,
    MarkReached,
    MediaReceived,
    MessageIgnored,
    PlaybackChanged,
)
from realtime_transport.telephony.inbound import Inbound
from realtime_transport.telephony.leg_events import AudioLost, LegEnded, LegEvent, PartPlayed
from realtime_transport.telephony.line import PartName
from realtime_transport.telephony.outbound import Outbound


@attrs.frozen(kw_only=True)
class LegOptions:
    """How a phone leg paces and how long it waits."""

    lead_ms: float | None = None
    """Audio kept with the carrier ahead of what is heard; None for what suits the carrier (160 ms where audio can be
    taken back, 40 ms where not). Less reacts no faster where a clear works, and survives less jitter."""
    prebuffer_ms: float = 40.0
    """Audio that has to be there before a sentence begins, unless it is shorter: two frames."""
    queue_ms: float = 600_000.0
    """Speech that may wait for the caller: ten minutes, more than one response has. 4.8 MB of G.711."""
    start_timeout: float = 10.0
    """Seconds for the carrier to say which call this is."""


DEFAULTS: Final = LegOptions()


class PhoneLeg:
    """One call on one carrier. Times are seconds of one monotonic clock, ``now`` is its beginning."""

    def __init__(self, codec: CarrierCodec, now: float, options: LegOptions = DEFAULTS) -> None:
        self._codec = codec
        self._options = options
        self._start_by = now + options.start_timeout
        self._frames: list[Frame] = []
        self._events: list[LegEvent] = []
        self._inbound: Inbound | None = None
        self._outbound: Outbound | None = None
        self.call: CallStarted | None = None
        """What the carrier said about the call; None before it did."""
        self.ended: LegEnded | None = None
        """How the leg ended; None while it has not."""
        self.is_parting: bool = False
        """We have hung up, and the carrier has still to say so too and to close the socket."""
        self.early_media: int = 0
        """Pieces of audio that came before ``start``."""
        self.ignored: int = 0
        """Messages that meant nothing."""

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def input_format(self) -> AudioFormat:
        """The caller's audio."""
        return self._codec.input_format

    @property
    def output_format(self) -> AudioFormat:
        """What ``play`` takes."""
        return self._codec.output_format

    @property
    def is_silent(self) -> bool:
        """Whether the caller has heard all that was given, and that is known."""
        return self._outbound is None or self._outbound.is_silent

    @property
    def is_confirmed(self) -> bool:
        """Whether the carrier itself said so, and not only our clock."""
        able = self._codec.capabilities
        return self._outbound is not None and self._outbound.line.confirmed and (able.has_marks or able.reports_end)

    @property
    def stale_marks(self) -> int:
        """Marks that came back and meant nothing any more."""
        return self._outbound.line.stale_marks if self._outbound is not None else 0

    # --- from the carrier ------------------------------------------------------------------------------------------

    def receive(self, message: Frame, now: float) -> None:
        """Take one message. Never raises for what it says. After the end only a parting that we began is answered."""
        if self.ended is not None and not self.is_parting:
            return
        events = self._codec.receive(message)
        self._frames += self._codec.replies()
        for event in events:
            handle = _HANDLERS.get(type(event))
            if handle is not None and self.ended is None:
                handle(self, event, now)
        self._turn(now)

    def hung_up(self, reason: str = "the caller hung up") -> None:
        """Note that the socket is gone."""
        self._end(LegEnded(reason=reason))

    def _on_started(self, event: CallStarted, now: float) -> None:
        if self.call is not None:
            self._fault("the carrier started a second call on the same socket")
            return
        if event.format is None:
            self._fault("the carrier sends a codec that is not decoded here")
            return
        self.call = event
        options, able = self._options, self._codec.capabilities
        self._inbound = Inbound(event.format, ordered=able.ordered, now=now)
        self._outbound = Outbound(
            self._codec,
            lead=(able.lead_ms if options.lead_ms is None else options.lead_ms) / 1000,
            prebuffer=options.prebuffer_ms / 1000,
            limit_ms=options.queue_ms,
        )
        self._frames += self._outbound.probe(now)
        self._events.append(event)

    def _on_media(self, event: MediaReceived, now: float) -> None:
        if self._inbound is None:
            self.early_media += 1
        else:
            self._inbound.receive(event, now)

    def _on_mark(self, event: MarkReached, now: float) -> None:
        if self._outbound is not None:
            self._events += self._outbound.line.reached(event.name, now)

    def _on_playback(self, event: PlaybackChanged, now: float) -> None:
        if self._outbound is not None and not event.playing:
            self._events += self._outbound.line.drained(now)

    def _on_flow(self, event: FlowChanged, now: float) -> None:
        if self._outbound is not None:
            self._outbound.paused = event.paused

    def _on_key(self, event: DtmfReceived, now: float) -> None:
        self._events.append(event)

    def _on_stopped(self, event: CallStopped, now: float) -> None:
        self._end(LegEnded(reason=event.reason or "the caller hung up"))

    def _on_ignored(self, event: MessageIgnored, now: float) -> None:
        self.ignored += 1

    # --- to the caller ---------------------------------------------------------------------------------------------

    def play(self, audio: bytes, part: PartName, now: float) -> None:
        """Queue audio of a part, in ``output_format``, whole samples. Raises ``StateError`` before the call started."""
        lost = self._started().play(audio, part)
        if lost:
            self._events.append(AudioLost(direction="in", ms=lost, reason="too much speech waits for the caller"))
        self._turn(now)

    def end_part(self, now: float) -> None:
        """Note that nothing more of the part will come."""
        self._started().end()
        self._turn(now)

    def heard(self, now: float) -> list[PartPlayed]:
        """Return what was heard so far of each part on the line, estimated between marks."""
        return self._outbound.heard(now, is_over=self.ended is not None) if self._outbound is not None else []

    def clear(self, now: float) -> None:
        """Silence the agent: drop what waits, and take back what the carrier has not played. Ask ``heard`` before."""
        if self._outbound is not None and self.ended is None:
            self._frames += self._outbound.clear(now)

    def send_dtmf(self, digits: str) -> None:
        """Press keys. Raises ``UnsupportedOperation`` where that takes a REST call, ``InvalidArgument`` for no keys."""
        self._started()
        self._frames += self._codec.dtmf(digits)

    def hang_up(self, reason: str) -> None:
        """End the leg, with the carrier's own message where it has one; else closing the socket has to do."""
        able = self._codec.capabilities
        if self.ended is None and self.call is not None and able.can_hang_up:
            self._frames += self._codec.hang_up()
            self.is_parting = able.closes_last
        self._end(LegEnded(reason=reason))

    def _started(self) -> Outbound:
        if self._outbound is None or self.ended is not None:
            raise StateError("there is no call on the line")
        return self._outbound

    # --- drains and time -------------------------------------------------------------------------------------------

    def frames_to_send(self) -> list[Frame]:
        """Hand over what has to go to the carrier, in order, once."""
        frames, self._frames = self._frames, []
        return frames

    def events(self) -> list[LegEvent]:
        """Hand over what happened, in order, once."""
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> float | None:
        """Return when ``wake`` has something to do; None for never."""
        if self.ended is not None:
            return None
        if self._inbound is None or self._outbound is None:
            return self._start_by
        deadlines = (
            self._inbound.next_deadline(),
            self._outbound.next_deadline(),
            self._outbound.line.next_deadline(),
        )
        return min((at for at in deadlines if at is not None), default=None)

    def wake(self, now: float) -> None:
        """Let time pass."""
        if self.ended is not None:
            return
        if self._inbound is not None and self._outbound is not None:
            self._inbound.wake(now)
            self._events += self._outbound.line.wake(now)
            self._turn(now)
        elif now >= self._start_by:
            self._fault(f"the carrier did not start a call within {self._options.start_timeout:g} s")

    def _turn(self, now: float) -> None:
        if self._inbound is not None:
            self._events += self._inbound.take()
        if self._outbound is not None and self.ended is None:
            self._frames += self._outbound.pump(now)

    def _fault(self, reason: str) -> None:
        self._end(LegEnded(reason=reason, fault=True))

    def _end(self, ended: LegEnded) -> None:
        if self.ended is None:
            self.ended = ended
            self._events.append(ended)


_HANDLERS: Final[Mapping[type[CarrierEvent], Callable[[PhoneLeg, Any, float], None]]] = {
    CallStarted: PhoneLeg._on_started,  # pyright: ignore[reportPrivateUsage]
    MediaReceived: PhoneLeg._on_media,  # pyright: ignore[reportPrivateUsage]
    MarkReached: PhoneLeg._on_mark,  # pyright: ignore[reportPrivateUsage]
    PlaybackChanged: PhoneLeg._on_playback,  # pyright: ignore[reportPrivateUsage]
    FlowChanged: PhoneLeg._on_flow,  # pyright: ignore[reportPrivateUsage]
    DtmfReceived: PhoneLeg._on_key,  # pyright: ignore[reportPrivateUsage]
    CallStopped: PhoneLeg._on_stopped,  # pyright: ignore[reportPrivateUsage]
    MessageIgnored: PhoneLeg._on_ignored,  # pyright: ignore[reportPrivateUsage]
}
"""What a carrier says -> who deals with it. A pause of the input and a cleared buffer need no answer: silence is filled
in by time, and what was cleared was forgotten when we asked for it."""
