"""Recorded speech that comes with the package: sentences of a caller and of an agent, and what they say."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.files import read_pcm16
from realtime_transport.exceptions import InvalidArgument

SPEECH: Final = Path(__file__).parent / "speech"


@attrs.frozen(kw_only=True)
class Clip:
    """One recorded sentence."""

    name: str
    words: str
    role: str
    """``caller`` or ``agent``: two voices that are easily told apart."""
    path: Path


class SpeechLibrary:
    """A folder of clips with a ``speech.json`` beside them; audio is read when it is first asked for."""

    def __init__(self, folder: Path = SPEECH) -> None:
        described: dict[str, Any] = json.loads((folder / "speech.json").read_text("utf-8"))
        self.clips: tuple[Clip, ...] = tuple(
            Clip(name=clip["name"], words=clip["words"], role=clip["role"], path=folder / clip["file"])
            for clip in described["clips"]
        )
        self._by_name = {clip.name: clip for clip in self.clips}
        self._audio: dict[str, bytes] = {}

    def words(self, name: str) -> str:
        """Say what a clip says. Raises ``InvalidArgument`` for a name that no clip has."""
        return self._clip(name).words

    def audio(self, name: str) -> bytes:
        """Read a clip as PCM16, 24 kHz, mono. Raises ``InvalidArgument`` for a name that no clip has."""
        if name not in self._audio:
            self._audio[name] = read_pcm16(self._clip(name).path, PCM16_24K.rate)
        return self._audio[name]

    def spoken(self, words: str) -> bytes | None:
        """Find the recording of exactly these words, whatever the case; None when there is none."""
        wanted = words.strip().casefold()
        clip = next((clip for clip in self.clips if clip.words.casefold() == wanted), None)
        return self.audio(clip.name) if clip is not None else None

    def _clip(self, name: str) -> Clip:
        if name not in self._by_name:
            raise InvalidArgument(f"no clip {name!r}; there are {', '.join(sorted(self._by_name))}", path="name")
        return self._by_name[name]


@cache
def library() -> SpeechLibrary:
    """Open the clips that come with the package, once."""
    return SpeechLibrary()
