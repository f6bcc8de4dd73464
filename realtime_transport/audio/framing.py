"""Cut a stream of bytes into whole samples or whole frames, however it was chopped up on its way."""

from __future__ import annotations

from realtime_transport.audio.formats import SILENCE, AudioFormat
from realtime_transport.exceptions import InvalidArgument


class SampleAligner:
    """Give back whole samples only; the rest waits for what follows (less than one frame of samples)."""

    def __init__(self, fmt: AudioFormat) -> None:
        self._size = fmt.frame_bytes
        self._rest = b""

    @property
    def held(self) -> int:
        """How many bytes wait for the end of their sample."""
        return len(self._rest)

    def push(self, data: bytes) -> bytes:
        """Take any bytes, return the longest whole run so far."""
        if self._rest:
            data = self._rest + data
        odd = len(data) % self._size
        self._rest = data[len(data) - odd :]
        return data[: len(data) - odd] if odd else data

    def clear(self) -> None:
        """Forget the beginning of a sample that waits for its end."""
        self._rest = b""


class Framer:
    """Cut audio into frames of exactly ``ms`` milliseconds.

    For media that want whole frames: Vonage and the RTP world (20 ms), Asterisk (``optimal_frame_size``), Exotel
    (multiples of 320 bytes; ``fmt.ms(320)`` says how long that is). Holds less than one frame. Raises
    ``InvalidArgument`` when a frame would be shorter than one sample.
    """

    def __init__(self, fmt: AudioFormat, ms: float = 20.0) -> None:
        self.frame_bytes: int = fmt.bytes_for(ms)
        """Bytes of every frame."""
        if not self.frame_bytes:
            raise InvalidArgument(f"{ms:g} ms are less than one sample of {fmt}", path="ms")
        self._silence = SILENCE[fmt.encoding]
        self._rest = b""

    @property
    def pending_bytes(self) -> int:
        """How much is held back until its frame is full."""
        return len(self._rest)

    def push(self, data: bytes) -> list[bytes]:
        """Take any bytes, return the frames that are now complete, in order."""
        data = self._rest + data
        size = self.frame_bytes
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        return [data[at : at + size] for at in range(0, whole, size)]

    def flush(self) -> list[bytes]:
        """Return the started frame filled up with silence, or nothing; the framer is as new afterwards."""
        rest, self._rest = self._rest, b""
        if not rest:
            return []
        # Half a sample at the very end is dropped: silence after it would turn it into a click.
        rest = rest[: len(rest) - len(rest) % len(self._silence)]
        return [rest + self._silence * ((self.frame_bytes - len(rest)) // len(self._silence))] if rest else []

    def clear(self) -> None:
        """Drop what is held back: the listener was interrupted and must not hear it."""
        self._rest = b""
