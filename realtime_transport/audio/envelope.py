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
        """Sum of squares in each bin."""

    def add(self, pcm16: bytes, at_ms: float) -> None:
        """Add whole samples that sound from ``at_ms`` on; what sounds there already stays and grows louder."""
        import numpy as np

        squares = from_pcm16(pcm16) ** 2
        if not len(squares):
            return
        first = round(at_ms * self._rate / 1000)
        bins = ((np.arange(len(squares)) + first) / self._samples_per_bin).astype(np.int64)
        energy = np.bincount(bins - bins[0], squares)
        begin = int(bins[0])
        self._grow(begin + len(energy))
        self._energy[begin : begin + len(energy)] += energy

    def cut(self, at_ms: float, into: Envelope | None = None) -> None:
        """Take away what sounds from ``at_ms`` on, and lay it into another envelope."""
        begin = min(math.ceil(at_ms / BIN_MS), len(self._energy))
        if into is not None:
            into._grow(len(self._energy))
            into._energy[begin : len(self._energy)] += self._energy[begin:]
        self._energy = self._energy[:begin].copy()

    def level(self, at_ms: float) -> float:
        """Return how loud it is at ``at_ms``, 0 to 1 (a full-scale square wave)."""
        place = int(at_ms // BIN_MS)
        if not 0 <= place < len(self._energy):
            return 0.0
        return float(math.sqrt(self._energy[place] / self._samples_per_bin)) / _FULL_SCALE

    def levels(self) -> NDArray[np.float64]:
        """Return all levels, one per ``BIN_MS`` from 0 on."""
        import numpy as np

        return np.sqrt(self._energy / self._samples_per_bin) / _FULL_SCALE

    def _grow(self, size: int) -> None:
        import numpy as np

        missing = size - len(self._energy)
        if missing > 0:
            # A minute at a time: growing by each piece would copy an hour for every word.
            room = max(missing, 60_000 // BIN_MS)
            self._energy = np.concatenate((self._energy, np.zeros(room)))
