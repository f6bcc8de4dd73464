"""What the caller says, made whole: in order, at its time, at no more than real time.

A model's turn detection counts samples, not seconds. So what a carrier leaves out (mute, hold, loss) is filled with
silence by its own time stamps; and when it falls silent altogether, some silence is made up, or the turn that the
caller just finished would never end.
"""

from __future__ import annotations

from typing import Final

import attrs

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.telephony.codecs.events import MediaReceived
from realtime_transport.telephony.leg_events import AudioLost, CallerAudio
from realtime_transport.telephony.reorder import ReorderWindow

GAP_TOLERANCE_MS: Final = 10.0
"""Jitter of time stamps that is no gap: half a frame."""

MAX_GAP_MS: Final = 10_000.0
"""The most silence for one gap: a call on hold for an hour is not an hour of tokens."""

INACTIVITY_SECONDS: Final = 0.75
"""No audio for so long is a silence of the carrier's: far above jitter, and a caller waits no longer for an answer."""

INACTIVITY_PAD_MS: Final = 1_000.0
"""Silence made up then: above the silence that ends a turn, at every setting in use."""

FLOOD_RATE: Final = 1.5
"""Audio taken per second, in seconds. A carrier sends in real time; its clock and its catching up need some room."""

FLOOD_BURST: Final = 2.0
"""Seconds of audio taken at once: what a carrier holds back while a socket stalls."""

_ROUNDING: Final = 1e-9
"""A hundred times 20 ms are a little more than 2 s."""

MAX_LATE_STAMP_MS: Final = 3_600_000.0
"""A time stamp further ahead than this is no gap but nonsense."""


@attrs.define
class FloodBucket:
    """A token bucket of seconds of audio."""

    level: float = FLOOD_BURST
    filled_at: float = 0.0

    def take(self, seconds: float, now: float) -> bool:
        """Tell whether so much audio may pass now."""
        self.level = min(FLOOD_BURST, self.level + (now - self.filled_at) * FLOOD_RATE)
        self.filled_at = now
        if seconds > self.level + _ROUNDING:
            return False
        self.level -= seconds
        return True


class Inbound:
    """The caller's side of one call."""

    def __init__(self, fmt: AudioFormat, *, ordered: bool, now: float) -> None:
        self._fmt = fmt
        self._window = None if ordered else ReorderWindow()
        self._bucket = FloodBucket(filled_at=now)
        self._flooding = False
        self._expected: float | None = None
        """The time stamp that follows what was passed on, in the carrier's milliseconds."""
        self._padded = 0.0
        """Milliseconds of made-up silence that the next gap already has."""
        self._last: float | None = None
        """When something came; None before the first piece, and while silence has been made up."""
        self._out: list[CallerAudio | AudioLost] = []

    def receive(self, media: MediaReceived, now: float) -> None:
        """Take a piece from the carrier. Our own voice coming back is no caller."""
        if media.track != "inbound" or not media.audio:
            return
        ms = self._fmt.ms(len(media.audio))
        if not self._bucket.take(ms / 1000, now):
            if not self._flooding:
                self._out.append(AudioLost(direction="out", ms=ms, reason="it came faster than anybody speaks"))
            self._flooding = True
            return
        self._flooding = False
        self._last = now
        for piece in [media] if self._window is None else self._window.push(media, now):
            self._pass(piece)

    def take(self) -> list[CallerAudio | AudioLost]:
        """Hand over what there is, once."""
        out, self._out = self._out, []
        return out

    def next_deadline(self) -> float | None:
        """Return when ``wake`` has something to do."""
        waits = self._window.next_deadline() if self._window is not None else None
        quiet = None if self._last is None else self._last + INACTIVITY_SECONDS
        return min((at for at in (waits, quiet) if at is not None), default=None)

    def wake(self, now: float) -> None:
        """Give up on missing pieces, and make up silence when nothing has come for a while."""
        if self._window is not None:
            for piece in self._window.wake(now):
                self._pass(piece)
        if self._last is not None and now >= self._last + INACTIVITY_SECONDS:
            self._last = None
            self._padded += INACTIVITY_PAD_MS
            self._silence(INACTIVITY_PAD_MS)

    def _pass(self, media: MediaReceived) -> None:
        if media.timestamp_ms is not None:
            self._fill(media.timestamp_ms)
            self._expected = media.timestamp_ms + self._fmt.ms(len(media.audio))
        self._padded = 0.0
        self._out.append(CallerAudio(data=media.audio))

    def _fill(self, stamp: float) -> None:
        """Fill what is missing before a time stamp, less what was made up already."""
        missing = 0.0 if self._expected is None else stamp - self._expected
        if not GAP_TOLERANCE_MS < missing < MAX_LATE_STAMP_MS:
            return
        self._out.append(AudioLost(direction="out", ms=missing, reason="the carrier left it out"))
        self._silence(min(missing, MAX_GAP_MS) - self._padded)

    def _silence(self, ms: float) -> None:
        if ms > 0:
            self._out.append(CallerAudio(data=self._fmt.silence(ms)))
