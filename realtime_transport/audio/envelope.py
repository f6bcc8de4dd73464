"""How loud it was when: what level meters show and waveforms are drawn from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from realtime_transport.audio.samples import from_pcm16

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BIN_MS = 20
"""One level each 20 ms: finer than the eye, and than the words."""

_FULL_SCALE = 32768.0


class Envelope:
    """Collect the loudness of mono PCM16 along a time axis, however it is cut into pieces.

    Takes 8 bytes per ``BIN_MS``: 1.4 MB for an hour. numpy is imported by the constructor.
    """

    def __init__(self, rate: int = 24_000) -> None:
        import numpy as np

        self._rate = rate
        self._samples_per_bin = rate * BIN_MS / 1000
        self._energy: NDArray[np.float64] = np.zeros(0)
        """Sum of squares in each bin; behind ``_bins`` there is room to grow."""
        self._bins = 0

    def add(self, pcm16: bytes, at_ms: float) -> None:
        """Add whole samples that sound from ``at_ms`` on; what sounds there already stays and grows louder."""
        import numpy as np

        squares = from_pcm16(pcm16) ** 2
        if not len(squares):
            return
        first = round(at_ms * self._rate / 1000)
        bins = ((np.arange(len(squares)) + first) / self._samples_per_bin).astype(np.int64)
        energy = np.bincount(bins - bins[0], weights=squares).astype(np.float64)
        self._lay(energy, int(bins[0]))

    def cut(self, at_ms: float, into: Envelope | None = None) -> None:
        """Take away what sounds from ``at_ms`` on, and lay it into another envelope."""
        begin = min(math.ceil(at_ms / BIN_MS), self._bins)
        rest = self._energy[begin : self._bins].copy()
        self._energy[begin : self._bins] = 0
        self._bins = begin
        if into is not None:
            into._lay(rest, begin)

    def level(self, at_ms: float) -> float:
        """Return how loud it is at ``at_ms``, 0 to 1 (a full-scale square wave)."""
        place = int(at_ms // BIN_MS)
        if not 0 <= place < self._bins:
            return 0.0
        return float(math.sqrt(self._energy[place] / self._samples_per_bin)) / _FULL_SCALE

    def levels(self) -> NDArray[np.float64]:
        """Return all levels, one per ``BIN_MS`` from 0 on."""
        import numpy as np

        return np.sqrt(self._energy[: self._bins] / self._samples_per_bin) / _FULL_SCALE

    def _lay(self, energy: NDArray[np.float64], begin: int) -> None:
        import numpy as np

        end = begin + len(energy)
        if end > len(self._energy):
            # A minute more than needed: growing by each piece would copy an hour for every word.
            room = end - len(self._energy) + 60_000 // BIN_MS
            self._energy = np.concatenate((self._energy, np.zeros(room)))
        self._energy[begin:end] += energy
        self._bins = max(self._bins, end)
