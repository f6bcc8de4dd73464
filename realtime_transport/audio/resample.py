"""Change the sample rate of a stream with a small, constant, known delay.

A conversation pays for every millisecond, so this is a short polyphase FIR filter and not a studio resampler: those
emit in blocks and hold back 20 to 150 ms, on the telephone paths 8 <-> 24 kHz. The delay here is ``ZERO_CROSSINGS``
samples of the slower side: 2.5 ms at 8 kHz.

All arithmetic is exact. Samples and coefficients are whole numbers held in float64, and no sum comes near 2**53, so
the order in which a sum is taken does not matter and the output cannot depend on how the stream was chopped up.

numpy is imported by the constructor.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.audio.framing import SampleAligner
from realtime_transport.audio.samples import from_pcm16, to_pcm16
from realtime_transport.exceptions import InvalidArgument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ZERO_CROSSINGS = 20
"""Lobes of the filter on each side: with 60 dB of attenuation the transition takes 9 % of the band, so telephone
speech keeps what it has up to 3.4 kHz. Twice as many would sound the same and take twice the time to arrive."""

_KAISER_BETA = 5.65
"""Kaiser's formula for 60 dB: half as much again as mu-law can resolve (38 dB)."""
_ROLLOFF = 0.91
"""Where the filter is down by 6 dB, as a share of the narrower band: the transition ends where aliases would begin."""
_ONE = 1 << 20
"""Unity of the whole-number coefficients."""
_MAX_TAPS = 4_000_000
"""32 MB of coefficients: every pair of rates in use stays below a hundredth; a pair such as 767,999 -> 8,000 Hz,
which shares no factor, would need 245 MB."""
_BLOCK_BYTES = 8 * 1024
"""Resampled at a time. The windows of a sample take 160 times its bytes and more while they are multiplied: ten
minutes at once would need 1.7 GB, and seven times as long as in blocks whose windows fit into a cache."""


class _Bank(NamedTuple):
    up: int
    down: int
    taps: NDArray[np.float64]
    """One row of coefficients per phase between two input samples."""
    lead: int
    """How many samples before the current one a window begins."""


@lru_cache(maxsize=16)  # the pairs of rates of one process; a bank takes microseconds to milliseconds to make again
def _bank(source: int, target: int) -> _Bank:
    """Design the filters of every phase: a windowed sinc, each phase scaled to pass a constant unchanged."""
    import numpy as np

    divisor = math.gcd(source, target)
    up, down = target // divisor, source // divisor
    if up == down:
        return _Bank(1, 1, np.ones((1, 1)) * _ONE, 0)
    half = math.ceil(ZERO_CROSSINGS * max(1.0, down / up))
    if up * 2 * half > _MAX_TAPS:
        raise InvalidArgument(f"{source} and {target} Hz have too little in common", path="rate")
    band = min(1.0, up / down) * _ROLLOFF
    phase = np.arange(up, dtype=np.float64)[:, np.newaxis] / up
    distance = phase + (half - 1) - np.arange(2 * half, dtype=np.float64)
    window = np.i0(_KAISER_BETA * np.sqrt(1 - (distance / half) ** 2))
    taps = np.sinc(band * distance) * window
    taps = np.rint(taps * (_ONE / taps.sum(axis=1, keepdims=True)))
    # Rounding left each phase a few millionths off unity: the tap nearest to the output sample takes the difference.
    taps[:, half - 1] += _ONE - taps.sum(axis=1)
    return _Bank(up, down, taps, half - 1)


class Resampler:
    """Convert mono PCM16 from one rate to another, piece by piece.

    The output is aligned with the input: sample 0 is the same instant in both, and after ``flush`` the output has
    ``ceil(samples * target / source)`` samples, as long as the input to within one. What is held back in between is
    ``delay_ms``, always the same. Equal rates pass through. Raises ``InvalidArgument`` for rates that are not
    positive, or share so few factors that the filter would not fit into 32 MB.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        source = AudioFormat(encoding="pcm16", rate=source_rate)
        target = AudioFormat(encoding="pcm16", rate=target_rate)
        self._bank = _bank(source.rate, target.rate)
        self._window: int = self._bank.taps.shape[1]
        self._ahead: int = self._window - 1 - self._bank.lead
        self.delay_ms: float = 1000 * self._ahead / source_rate
        """How much later a sample comes out than it went in."""
        self._samples = SampleAligner(source)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample is the first of a new stream."""
        import numpy as np

        self._samples.clear()
        self._buffer = np.zeros(self._bank.lead)
        self._start = 0
        """Where in the buffer the window of the next output sample begins; beyond its end when samples are skipped."""
        self._phase = 0
        """How far the next output sample lies behind its input sample, in ``1 / up``."""
        self._fed = False

    def push(self, pcm16: bytes) -> bytes:
        """Take any number of bytes, return the output samples that no later input can change."""
        whole = self._samples.push(pcm16)
        if not whole:
            return b""
        self._fed = True
        blocks = (whole[at : at + _BLOCK_BYTES] for at in range(0, len(whole), _BLOCK_BYTES))
        return b"".join(self._run(from_pcm16(block)) for block in blocks)

    def flush(self) -> bytes:
        """Return what was held back, as if silence followed; the resampler is as new afterwards.

        Call it at the end of an item, or the last ``delay_ms`` of every sentence are lost.
        """
        import numpy as np

        tail = self._run(np.zeros(self._ahead)) if self._fed else b""
        self.reset()
        return tail

    def _run(self, samples: NDArray[np.float64]) -> bytes:
        import numpy as np

        up, down, taps, _ = self._bank
        buffer = np.concatenate((self._buffer, samples))
        room = len(buffer) - self._window - self._start
        count = max(0, -(-((room + 1) * up - self._phase) // down))
        out = np.empty(count)
        step = buffer.itemsize
        # Output samples ``first``, ``first + up``, ... share a phase, and their windows lie ``down`` samples apart:
        # one overlapping view and one product for all of them.
        for first in range(min(up, count)):
            skipped, phase = divmod(self._phase + first * down, up)
            windows = np.ndarray(
                (len(range(first, count, up)), self._window),
                buffer.dtype,
                buffer,
                (self._start + skipped) * step,
                (down * step, step),
            )
            out[first::up] = np.dot(windows, taps[phase])
        moved, self._phase = divmod(self._phase + count * down, up)
        self._start += moved
        used = min(self._start, len(buffer))
        self._start -= used
        self._buffer = buffer[used:].copy()
        return to_pcm16(out / _ONE)
