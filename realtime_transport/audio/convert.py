"""One object from any format to any other: expand G.711, resample, compress; nothing at all when they are equal."""

from __future__ import annotations

from collections.abc import Callable

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.audio.framing import SampleAligner
from realtime_transport.audio.g711 import DECODERS, ENCODERS
from realtime_transport.audio.resample import Resampler
from realtime_transport.exceptions import InvalidArgument


class Converter:
    """Turn a stream of ``source`` bytes into ``target`` bytes, whatever the pieces it comes in.

    Each step is there only when it is needed, so G.711 to the same law and PCM to the same rate pass untouched.
    Raises ``InvalidArgument`` when the two have different numbers of channels, or more than one and something to do:
    which of two callers is meant is for the application to say.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        if source != target and (source.channels, target.channels) != (1, 1):
            raise InvalidArgument(f"cannot turn {source} into {target}: mono only", path="channels")
        self.source = source
        self.target = target
        self._whole = SampleAligner(source)
        same_encoding = source.encoding == target.encoding and source.rate == target.rate
        self._expand = None if same_encoding else DECODERS.get(source.encoding)
        self._resampler = None if source.rate == target.rate else Resampler(source.rate, target.rate)
        self._compress = None if same_encoding else ENCODERS.get(target.encoding)

    @property
    def delay_ms(self) -> float:
        """How much is held back: the resampler's constant delay, or 0."""
        return self._resampler.delay_ms if self._resampler else 0.0

    def push(self, data: bytes) -> bytes:
        """Take any bytes, return what can be said about them now, in whole samples."""
        data = self._whole.push(data)
        data = _step(self._expand, data)
        if self._resampler:
            data = self._resampler.push(data)
        return _step(self._compress, data)

    def flush(self) -> bytes:
        """Return what was held back; the converter is as new afterwards. Call it at the end of every item."""
        tail = self._resampler.flush() if self._resampler else b""
        self._whole.clear()
        return _step(self._compress, tail)

    def reset(self) -> None:
        """Drop what was held back: it was interrupted."""
        self._whole.clear()
        if self._resampler:
            self._resampler.reset()


def _step(codec: Callable[[bytes], bytes] | None, data: bytes) -> bytes:
    return codec(data) if codec and data else data


def converter(source: object, target: object) -> Converter:
    """Make a ``Converter`` of formats spelt in any way that ``AudioFormat.parse`` reads."""
    return Converter(AudioFormat.parse(source), AudioFormat.parse(target))
