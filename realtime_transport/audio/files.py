"""Audio files through soundfile: read whatever it reads as mono PCM16, write WAV that is whole or not there.

soundfile (and with it numpy and libsndfile) is imported at the first call.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from realtime_transport.audio.resample import Resampler
from realtime_transport.audio.samples import to_pcm16
from realtime_transport.exceptions import InvalidArgument

if TYPE_CHECKING:
    import numpy as np
    import soundfile as sf
    from numpy.typing import NDArray

_BLOCK_S = 1
"""How much of a file is in memory at a time."""
_MP3_BLOCK_S = 120
_MP3_LEAD = 40 * 1152
"""soundfile seeks after every read, and an MP3 decoder that was moved needs up to twenty frames of its own until it is
right again (it crackles, and complains on stderr). So MP3 is read in large blocks, each with forty frames before it."""


class AudioReader:
    """Read an audio file block by block as mono PCM16 at ``rate``.

    Any container, encoding, rate and number of channels that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF, ...);
    channels are averaged. Raises ``InvalidArgument``, whose ``path`` is the file's, when it is missing, not a file,
    not readable, no audio, or holds no samples; and while reading, when it is damaged further on.

        with AudioReader("question.flac") as reader:
            for block in reader:
                ...
    """

    def __init__(self, path: str | os.PathLike[str], rate: int = 24_000) -> None:
        self.path: Path = Path(path)
        self.rate = rate
        self._resampler: Resampler
        self._at = 0
        """Frames of the file that were given out."""
        self._file = _open(self.path)
        try:
            self._resampler = Resampler(self._file.samplerate, rate)
            if not self._file.frames:
                raise _bad(self.path, "holds no audio")
        except InvalidArgument:
            self.close()
            raise
        self.duration_ms: float = 1000 * self._file.frames / self._file.samplerate
        """How long the file says it is; an estimate for some compressed formats."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield what has not been read yet, about a second at a time (MP3: two minutes), none of it empty."""
        import soundfile as sf

        mp3 = self._file.format == "MP3"
        frames = self._file.samplerate * (_MP3_BLOCK_S if mp3 else _BLOCK_S)
        while True:
            try:
                block = self._read(frames, _MP3_LEAD if mp3 else 0)
            except sf.LibsndfileError as error:
                at = self._at / self._file.samplerate
                raise _bad(self.path, f"cannot be read beyond {at:.1f} s: {error.error_string}") from error
            pcm16 = self._resampler.push(_mono(block)) if len(block) else self._resampler.flush()
            if pcm16:
                yield pcm16
            if not len(block):
                return

    def _read(self, frames: int, lead: int) -> NDArray[np.float64]:
        """Read on from where the last block ended, and ``lead`` frames before it that are thrown away."""
        lead = min(lead, self._at)
        if lead:
            self._file.seek(self._at - lead)
        data = self._file.read(lead + frames, dtype="float64", always_2d=True)[lead:]
        self._at += len(data)
        return cast("NDArray[np.float64]", data)

    def close(self) -> None:
        """Close the file; again does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_pcm16(path: str | os.PathLike[str], rate: int = 24_000) -> bytes:
    """Return a whole audio file as mono PCM16 at ``rate``. Raises as ``AudioReader`` does."""
    with AudioReader(path, rate) as reader:
        return b"".join(reader)


class WavWriter:
    """Write PCM16 to a WAV file that appears under its name when it is complete, and not before.

    As a context manager it commits at the end and discards when the block raises. Until then the audio is in
    ``.NAME.part`` beside it; one that a dead process left is overwritten. Raises ``OSError`` as ``open`` does, and
    for a full disk.
    """

    def __init__(
        self, path: str | os.PathLike[str], rate: int = 24_000, *, channels: int = 1, mode: int = 0o666
    ) -> None:
        import soundfile as sf

        self.path: Path = Path(path)
        self._part = self.path.with_name(f".{self.path.name}.part")
        self._frame_bytes = 2 * channels
        self._frames = 0
        self._rate = rate
        # Python opens it, for its error messages and for ``mode``; libsndfile writes, without going through Python.
        os.close(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
        with self._whole_or_gone():
            self._file = sf.SoundFile(self._part, "w", rate, channels, "PCM_16", format="WAV")

    @property
    def seconds(self) -> float:
        """How much has been written."""
        return self._frames / self._rate

    def write(self, pcm16: bytes) -> None:
        """Append whole samples (of every channel, interleaved). Raises ``InvalidArgument`` for a part of one."""
        if len(pcm16) % self._frame_bytes:
            raise InvalidArgument(f"{len(pcm16)} bytes are not whole samples", path="pcm16")
        with self._whole_or_gone():
            self._file.buffer_write(pcm16, dtype="int16")
        self._frames += len(pcm16) // self._frame_bytes

    def commit(self) -> None:
        """Finish the file and give it its name."""
        with self._whole_or_gone():
            self._file.close()
        self._part.replace(self.path)

    def discard(self) -> None:
        """Drop everything; a file that had the name before is untouched."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    @contextmanager
    def _whole_or_gone(self) -> Generator[None]:
        """Turn libsndfile's "System error" into what it is: the disk did not take it. Nothing is left behind."""
        import soundfile as sf

        try:
            yield
        except sf.LibsndfileError as error:
            self._part.unlink(missing_ok=True)
            raise OSError(f"cannot write all of {self.path}: no space left, or a limit reached") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


def write_wav(path: str | os.PathLike[str], pcm16: bytes, rate: int = 24_000, *, channels: int = 1) -> None:
    """Write PCM16 to a WAV file, whole or not at all. Raises as ``WavWriter`` does."""
    with WavWriter(path, rate, channels=channels) as writer:
        writer.write(pcm16)


def _open(path: Path) -> sf.SoundFile:
    """Open for reading, and say in one line what is wrong with a file that is not what it should be."""
    import soundfile as sf

    try:
        # libsndfile would say "System error" for each of these.
        with path.open("rb") as file:
            if not file.read(1):
                raise _bad(path, "is empty")
        return sf.SoundFile(path)
    except FileNotFoundError as error:
        raise _bad(path, "no such file") from error
    except OSError as error:
        raise _bad(path, (error.strerror or str(error)).lower()) from error
    except sf.LibsndfileError as error:
        raise _bad(path, f"is not an audio file that can be read: {error.error_string}") from error
    except TypeError as error:  # soundfile's answer to .raw, which says nothing about itself
        raise _bad(path, "headerless audio; convert it to WAV first") from error


def _bad(path: Path, message: str) -> InvalidArgument:
    return InvalidArgument(message, path=str(path))


def _mono(block: NDArray[np.float64]) -> bytes:
    """Average the channels; a float file may hold what is not a number, and that is silence."""
    import numpy as np

    return to_pcm16(np.nan_to_num(block.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0) * 32768)
