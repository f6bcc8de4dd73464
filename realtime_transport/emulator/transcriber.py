"""Words of known recordings: recognised by how loud they are when, never by what they sound like.

Not speech recognition. The loudness of a clip over time is as good as a fingerprint among a few dozen sentences, and
it survives what a client does to audio on the way: resampling, G.711, gain, silence around it. Whoever sends other
speech gets no words, which is what an honest server without a recogniser can say.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from realtime_transport.audio.samples import from_pcm16
from realtime_transport.emulator.clips import SpeechLibrary, library

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WINDOW: Final = 480
"""20 ms at 24 kHz: a syllable has several, and a sentence about a hundred."""

_MAX_BYTES: Final = 120 * 48_000
"""Two minutes: nobody says more in one turn, and the search takes 10 ms for each."""

_ALIKE: Final = 0.88
"""Correlation that counts as the same clip. Through G.711, noise and a gain of a third a clip stays above 0.9; other
clips and stretches of them reach 0.85."""

_LOUD: Final = 0.7
"""Of the loudest moment, on the compressed scale: correlation knows no loudness, and hiss must not be a sentence."""

_HUSH: Final = 8
"""Quiet windows that belong to a clip on both sides: a word inside of other speech is not a clip that says it."""

_SMALLEST_SHARE: Final = 0.8
"""How much of a clip must be there: a turn may have lost its last syllable to turn detection."""


class ClipTranscriber:
    """Knows the words of recorded clips, one after the other in a turn too."""

    def __init__(self, clips: SpeechLibrary | None = None) -> None:
        self._clips = clips or library()
        self._prints: list[tuple[str, NDArray[np.float64]]] | None = None

    def transcribe(self, audio: bytes) -> str:
        """Return the words of the clips in ``audio`` (PCM16, 24 kHz, mono), in order; empty when there are none."""
        if self._prints is None:  # longest first: a short clip may resemble a stretch of a long one
            prints = [(clip.words, _loudness(self._clips.audio(clip.name))) for clip in self._clips.clips]
            self._prints = sorted(prints, key=lambda known: -len(known[1]))
        if len(audio) > _MAX_BYTES:
            return ""
        heard = _loudness(audio)
        loud = _LOUD * heard.max(initial=0.0)
        found: list[tuple[int, str]] = []
        for words, known in self._prints:
            at, likeness = _best_match(heard, known)
            here = slice(max(0, at), at + len(known))
            if likeness >= _ALIKE and heard[here].max(initial=0.0) >= loud:
                found.append((at, words))
                heard[here] = 0.0
        return " ".join(words for _, words in sorted(found))


@cache
def clip_transcriber() -> ClipTranscriber:
    """Make the transcriber of the clips that come with the package, once."""
    return ClipTranscriber()


def _loudness(audio: bytes) -> NDArray[np.float64]:
    """Measure the loudness of every 20 ms, compressed the way ears do."""
    import numpy as np

    samples = from_pcm16(audio[: len(audio) // (2 * _WINDOW) * 2 * _WINDOW]).reshape(-1, _WINDOW)
    return np.asarray(np.sqrt(np.sqrt((samples**2).mean(axis=1))))


def _best_match(heard: NDArray[np.float64], known: NDArray[np.float64]) -> tuple[int, float]:
    """Slide ``known`` along ``heard``: where they are most alike, and how much (-1 to 1)."""
    import numpy as np

    known = np.pad(known, _HUSH)
    missing = int(len(known) * (1 - _SMALLEST_SHARE)) + _HUSH
    padded = np.concatenate((np.zeros(missing), heard, np.zeros(missing)))
    if len(padded) < len(known):
        return 0, 0.0
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(known))
    centred = windows - windows.mean(axis=1, keepdims=True)
    shape = known - known.mean()
    scale = np.sqrt((centred**2).sum(axis=1) * (shape**2).sum())
    likeness = np.divide(centred @ shape, scale, out=np.zeros(len(windows)), where=scale > 0)
    best = int(likeness.argmax())
    return best - missing + _HUSH, float(likeness[best])
