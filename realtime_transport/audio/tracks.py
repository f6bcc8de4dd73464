"""The sound of a call while it is going on: two tracks on disk, made into one stereo file at the end.

An hour of call takes no memory: both tracks are temporary files without a name, written as the audio comes and cut by
cutting the file. Silence is not written at all. When the process dies they are gone with it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from realtime_transport.audio.files import WavWriter
from realtime_transport.audio.formats import AudioFormat

_BLOCK_MS = 10_000
"""How much is mixed at a time: 480 kB of each track at 24 kHz."""


class Track:
    """One voice, mono PCM16, placed by milliseconds. Raises ``OSError`` when the disk does not take it."""

    def __init__(self, folder: Path, fmt: AudioFormat) -> None:
        self._fmt = fmt
        # Unbuffered: a full disk is noticed by the call that meets it, and nothing is lost in a buffer.
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by CallTracks
        self._size = 0

    @property
    def ends_ms(self) -> float:
        """Where the next sound can begin."""
        return self._fmt.ms(self._size)

    def write(self, pcm16: bytes, at_ms: float) -> None:
        """Place audio at ``at_ms``, or behind what is there already; what lies between is silence."""
        at = max(self._size, self._fmt.bytes_for(at_ms))
        self._file.seek(at)
        # A raw file may take less than it was given when the disk is nearly full; the next write then says why.
        left = memoryview(pcm16)
        while left:
            left = left[self._file.write(left) :]
        self._size = at + len(pcm16)

    def cut(self, at_ms: float) -> None:
        """Take away what lies behind ``at_ms``."""
        size = min(self._size, self._fmt.bytes_for(at_ms))
        self._file.truncate(size)
        self._size = size

    def read(self, begin: int, size: int) -> bytes:
        """Return ``size`` bytes from ``begin``, silence behind the end."""
        self._file.seek(begin)
        return self._file.read(size).ljust(size, b"\0")

    def close(self) -> None:
        """Let the track go."""
        self._file.close()


class CallTracks:
    """The caller and the agent. ``save`` once at the end, then ``close``; ``close`` alone leaves nothing behind."""

    def __init__(self, folder: Path, fmt: AudioFormat) -> None:
        self._fmt = fmt
        self.caller: Track = Track(folder, fmt)
        self.agent: Track = Track(folder, fmt)

    def save(self, path: Path) -> None:
        """Write a stereo WAV, caller left and agent right, readable by its owner only. Raises ``OSError``.

        Reads and writes some 350 MB for an hour of call: run it in a thread when others wait for the event loop.
        """
        import numpy as np

        end = max(self._fmt.bytes_for(track.ends_ms) for track in (self.caller, self.agent))
        step = self._fmt.bytes_for(_BLOCK_MS)
        with WavWriter(path, self._fmt.rate, channels=2, mode=0o600) as wav:
            for begin in range(0, end, step):
                size = min(step, end - begin)
                sides = [np.frombuffer(track.read(begin, size), dtype="<i2") for track in (self.caller, self.agent)]
                wav.write(np.stack(sides, axis=1).tobytes())

    def close(self) -> None:
        """Let both tracks go."""
        self.caller.close()
        self.agent.close()
