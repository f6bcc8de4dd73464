"""PCM16 bytes as numbers to compute with, and back. numpy is imported at the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def from_pcm16(data: bytes) -> NDArray[np.float64]:
    """Read whole samples as float64 from -32768 to 32767, which holds them and their products exactly."""
    import numpy as np

    return np.frombuffer(data, dtype=np.dtype("<i2")).astype(np.float64)


def to_pcm16(samples: NDArray[np.float64]) -> bytes:
    """Round to the nearest sample and stop at the ends of the scale, where a wrap-around would be a bang."""
    import numpy as np

    return np.clip(np.rint(samples), -32768, 32767).astype(np.dtype("<i2")).tobytes()
