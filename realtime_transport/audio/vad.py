"""Hear when somebody speaks: loudness against a noise floor that follows the line.

The audio is judged in frames of 32 ms counted from its first sample: the grid on which the real service reports speech.
A frame is speech when it is ``threshold`` above the noise floor, which is the quietest moment of the last 1.5 seconds:
speech has gaps within that time and noise has none. Three loud frames in a row begin speech, so a click does not;
``silence_duration_ms`` of quiet ones end it.

Everything is counted in samples. The same audio gives the same answer, whatever pieces it comes in and however fast.
numpy is imported at the first audio.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, TypeAlias

import attrs

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.audio.framing import SampleAligner
from realtime_transport.audio.samples import from_pcm16
from realtime_transport.exceptions import InvalidArgument

FRAME_MS = 32

_ONSET_FRAMES = 3
"""96 ms: longer than a click or a key press, shorter than the shortest word."""
_FLOOR_FRAMES = 47
"""1.5 s: nobody speaks that long without a gap of a frame or two between sounds."""
_SMOOTH_FRAMES = 3
"""The floor is taken over three frames at a time, or single quiet frames of a rough noise would pull it too low."""
_LOWEST_FLOOR_DB = -60.0
"""A digitally silent line would otherwise make speech of a rounding error."""
_FIRST_FLOOR_DB = -45.0
"""Until 1.5 s were heard the floor is assumed to be no higher than this, so that speech may begin at once. A line
that is louder than that from its first moment gives one false start and is known for noise after 1.5 s."""
_MARGIN_DB = 3.0
_MARGIN_DB_PER_THRESHOLD = 14.0
"""Speech begins 3 dB (threshold 0) to 17 dB (threshold 1) above the floor; 10 dB at the usual 0.5."""
_HOLD_DB = 5.0
"""Speech that has begun goes on down to this much below what it needed to begin, but never below ``_MARGIN_DB``."""
_FULL_SCALE = 32768.0**2


def _in_range(upper: float) -> Any:
    """Make a validator: a number from 0 to ``upper``."""

    def check(_: object, attribute: attrs.Attribute[float], value: object) -> None:
        if not isinstance(value, (int, float)) or not 0 <= value <= upper:
            raise InvalidArgument(f"must be from 0 to {upper:g}, not {value!r}", path=attribute.name)

    return check


@attrs.frozen(kw_only=True)
class VadSettings:
    """What a server VAD can be told. Raises ``InvalidArgument`` for a value out of range."""

    threshold: float = attrs.field(default=0.5, validator=_in_range(1))
    """How loud speech must be, 0 to 1; higher suits a noisy room."""
    prefix_padding_ms: int = attrs.field(default=300, validator=_in_range(60_000))
    """Audio before the first loud frame that belongs to the speech."""
    silence_duration_ms: int = attrs.field(default=500, validator=_in_range(60_000))
    """Silence that ends the speech, and is part of it."""


@attrs.frozen(kw_only=True)
class SpeechStarted:
    """Speech begins ``ms`` after the first sample, padding included; it was certain at ``noticed_ms``."""

    ms: int
    noticed_ms: int


@attrs.frozen(kw_only=True)
class SpeechStopped:
    """Speech ended ``ms`` after the first sample, the silence that ended it included."""

    ms: int


VadEvent: TypeAlias = SpeechStarted | SpeechStopped


class EnergyVad:
    """Find speech in a stream of mono PCM16.

    ``settings`` may be replaced at any time, also within speech; what was heard so far stays heard.
    """

    def __init__(self, rate: int = 24_000, settings: VadSettings | None = None) -> None:
        fmt = AudioFormat(encoding="pcm16", rate=rate)
        self.settings: VadSettings = settings or VadSettings()
        self._rate = fmt.rate
        self._aligner = SampleAligner(fmt)
        self._rest = b""
        self._frames = 0
        """How many frames were judged: the position in the stream."""
        self._smooth: deque[float] = deque(maxlen=_SMOOTH_FRAMES)
        self._history: deque[float] = deque(maxlen=_FLOOR_FRAMES)
        """Energies of the last 1.5 s, each smoothed."""
        self._speaking = False
        self._run = 0
        """Frames in a row that speak against the present state: loud ones in silence, quiet ones in speech."""
        self._free_from_ms = 0
        """Where padding must stop: the end of the last speech."""

    @property
    def speaking(self) -> bool:
        """Whether the last word was that somebody speaks."""
        return self._speaking

    @property
    def position_ms(self) -> int:
        """How much audio was judged; up to one frame more may wait."""
        return self._frames * FRAME_MS

    @property
    def noise_db(self) -> float:
        """The noise floor, in dB below full scale."""
        floor = _decibels(min(self._history, default=0.0))
        if len(self._history) < _FLOOR_FRAMES:
            floor = min(floor, _FIRST_FLOOR_DB)
        return max(floor, _LOWEST_FLOOR_DB)

    def push(self, pcm16: bytes) -> list[VadEvent]:
        """Listen to any number of bytes; return what became certain, in order."""
        audio = self._rest + self._aligner.push(pcm16)
        events: list[VadEvent] = []
        at = 0
        while len(audio) - at >= (size := self._frame_size()):
            event = self._judge(_energy(audio[at : at + size]))
            at += size
            if event:
                events.append(event)
        self._rest = audio[at:]
        return events

    def forget_speech(self) -> None:
        """Be silent again, without an event: the buffer that held the speech was cleared or committed by hand.

        Position and noise floor stay. Speech that goes on is noticed anew.
        """
        self._speaking = False
        self._run = 0
        self._free_from_ms = self.position_ms

    def _frame_size(self) -> int:
        # By absolute position, because 32 ms are not whole samples at every rate (705.6 at 22,050 Hz).
        begin, end = (n * FRAME_MS * self._rate // 1000 for n in (self._frames, self._frames + 1))
        return 2 * (end - begin)

    def _judge(self, energy: float) -> VadEvent | None:
        self._frames += 1
        self._smooth.append(energy)
        self._history.append(sum(self._smooth) / len(self._smooth))
        margin = _MARGIN_DB + _MARGIN_DB_PER_THRESHOLD * self.settings.threshold
        if self._speaking:
            margin = max(_MARGIN_DB, margin - _HOLD_DB)
        loud = _decibels(energy) >= self.noise_db + margin
        self._run = 0 if loud == self._speaking else self._run + 1
        if not self._run:
            return None
        if self._speaking:
            return self._stop() if self._run * FRAME_MS >= self.settings.silence_duration_ms else None
        return self._start() if self._run == _ONSET_FRAMES else None

    def _start(self) -> SpeechStarted:
        noticed = self.position_ms
        start = noticed - self._run * FRAME_MS - self.settings.prefix_padding_ms
        self._speaking, self._run = True, 0
        return SpeechStarted(ms=max(start, self._free_from_ms), noticed_ms=noticed)

    def _stop(self) -> SpeechStopped:
        self._speaking, self._run = False, 0
        self._free_from_ms = self.position_ms
        return SpeechStopped(ms=self.position_ms)


def _energy(pcm16: bytes) -> float:
    """Return the mean square of a frame around its mean: an offset of the line is no sound.

    Both sums are whole numbers below 2**53, hence exact.
    """
    samples = from_pcm16(pcm16)
    mean = float(samples.sum()) / len(samples)
    return max(0.0, float(samples.dot(samples)) / len(samples) - mean * mean)


def _decibels(energy: float) -> float:
    return 10 * math.log10(max(energy, 1e-2) / _FULL_SCALE)
