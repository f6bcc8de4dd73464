"""G.711, both laws, exact: 16-bit samples to 8-bit codes and back.

The tables are computed from the recommendation's own construction (a sign, a segment of three bits, four bits within
the segment) instead of being typed in. Magnitudes are taken by absolute value, which is the symmetric reading of the
recommendation's decision values; some programs take the one's complement and differ at the segment borders.

numpy is imported at the first call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from realtime_transport.audio.formats import Encoding
from realtime_transport.exceptions import InvalidArgument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MU_BIAS = 33
"""Added to a 14-bit magnitude so that every segment begins at a power of two."""
_MU_CLIP = 8191 - _MU_BIAS


def _mu_code(sample: int) -> int:
    magnitude = min(abs(sample) >> 2, _MU_CLIP) + _MU_BIAS
    segment = magnitude.bit_length() - 6
    sign = 0x80 if sample < 0 else 0
    return ~(sign | (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)) & 0xFF


def _mu_sample(code: int) -> int:
    bits = ~code & 0xFF
    magnitude = (((bits & 0x0F) * 2 + _MU_BIAS) << ((bits >> 4) & 7)) - _MU_BIAS
    return -magnitude * 4 if bits & 0x80 else magnitude * 4


def _a_code(sample: int) -> int:
    magnitude = min(abs(sample) >> 4, 2047)
    segment = max(magnitude.bit_length() - 4, 0)
    sign = 0 if sample < 0 else 0x80
    # Segments 0 and 1 have the same step.
    return (sign | (segment << 4) | ((magnitude >> max(segment - 1, 0)) & 0x0F)) ^ 0x55


def _a_sample(code: int) -> int:
    bits = code ^ 0x55
    segment = (bits >> 4) & 7
    magnitude = (bits & 0x0F) * 16 + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if bits & 0x80 else -magnitude


@cache
def _codes(law: Callable[[int], int]) -> NDArray[np.uint8]:
    """Tabulate the code of every sample, found under its unsigned reading."""
    import numpy as np

    return np.array([law(n - 0x10000 if n > 0x7FFF else n) for n in range(0x10000)], dtype=np.uint8)


@cache
def _samples(law: Callable[[int], int]) -> NDArray[np.int16]:
    import numpy as np

    return np.array([law(code) for code in range(256)], dtype="<i2")


def _compress(pcm16: bytes, law: Callable[[int], int]) -> bytes:
    import numpy as np

    if len(pcm16) % 2:
        raise InvalidArgument(f"{len(pcm16)} bytes are not whole 16-bit samples", path="pcm16")
    codes: NDArray[np.uint8] = _codes(law)[np.frombuffer(pcm16, dtype="<u2")]
    return codes.tobytes()


def _expand(codes: bytes, law: Callable[[int], int]) -> bytes:
    import numpy as np

    samples: NDArray[np.int16] = _samples(law)[np.frombuffer(codes, dtype=np.uint8)]
    return samples.tobytes()


def pcm16_to_pcmu(pcm16: bytes) -> bytes:
    """Compress samples to mu-law, one byte each. Raises ``InvalidArgument`` for half a sample."""
    return _compress(pcm16, _mu_code)


def pcmu_to_pcm16(codes: bytes) -> bytes:
    """Expand mu-law codes to samples, two bytes each."""
    return _expand(codes, _mu_sample)


def pcm16_to_pcma(pcm16: bytes) -> bytes:
    """Compress samples to A-law, one byte each. Raises ``InvalidArgument`` for half a sample."""
    return _compress(pcm16, _a_code)


def pcma_to_pcm16(codes: bytes) -> bytes:
    """Expand A-law codes to samples, two bytes each."""
    return _expand(codes, _a_sample)


ENCODERS: dict[Encoding, Callable[[bytes], bytes]] = {"pcmu": pcm16_to_pcmu, "pcma": pcm16_to_pcma}
"""From PCM16 to the named law."""
DECODERS: dict[Encoding, Callable[[bytes], bytes]] = {"pcmu": pcmu_to_pcm16, "pcma": pcma_to_pcm16}
"""From the named law to PCM16."""
