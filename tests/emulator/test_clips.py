"""The recorded sentences that come with the package."""

from __future__ import annotations

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.emulator import library
from realtime_transport.exceptions import InvalidArgument


def test_every_clip_is_there_and_as_long_as_its_words() -> None:
    for clip in library().clips:
        seconds = PCM16_24K.ms(len(library().audio(clip.name))) / 1000
        assert 0.03 * len(clip.words) < seconds < 0.12 * len(clip.words) + 0.5, clip.name
        assert clip.role in {"caller", "agent"}


def test_words_and_sound_find_each_other() -> None:
    assert library().words("caller_stop") == "Wait, stop."
    assert library().spoken(" wait, STOP. ") is library().audio("caller_stop")
    assert library().spoken("Never recorded.") is None


@pytest.mark.parametrize("ask", [library().words, library().audio])
def test_a_clip_that_does_not_exist(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(InvalidArgument):
        ask("nobody")
