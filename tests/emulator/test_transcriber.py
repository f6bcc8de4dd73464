"""Words of known recordings, through everything that clients do to audio."""

from __future__ import annotations

import numpy as np
import pytest

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.audio.convert import converter
from realtime_transport.conversation.brains import hum
from realtime_transport.emulator import ClipTranscriber, library

NAMES = [clip.name for clip in library().clips]
TRANSCRIBER = ClipTranscriber()


def through(audio: bytes, fmt: AudioFormat) -> bytes:
    there, back = converter(PCM16_24K, fmt), converter(fmt, PCM16_24K)
    sent = there.push(audio) + there.flush()
    return back.push(sent) + back.flush()


def noise(samples: int, level: float, seed: int = 1) -> bytes:
    return (np.random.default_rng(seed).standard_normal(samples) * level).astype("<i2").tobytes()


@pytest.mark.parametrize("fmt", [PCM16_24K, PCM16_16K, PCM16_8K, PCMU, PCMA], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_clip_is_known_through_any_format(name: str, fmt: AudioFormat) -> None:
    assert TRANSCRIBER.transcribe(through(library().audio(name), fmt)) == library().words(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_is_known_quietly_late_and_in_noise(name: str) -> None:
    clip = np.frombuffer(library().audio(name), "<i2")
    quiet = (clip * 0.25).astype("<i2").tobytes()
    heard = np.frombuffer(bytes(2 * 7777) + quiet + bytes(2 * 12_345), "<i2")
    noisy = heard + np.frombuffer(noise(len(heard), 20), "<i2")
    assert TRANSCRIBER.transcribe(noisy.astype("<i2").tobytes()) == library().words(name)


@pytest.mark.parametrize("name", [name for name in NAMES if library().words(name).count(" ") > 3])
def test_a_clip_is_known_without_its_last_moment(name: str) -> None:
    audio = library().audio(name)
    assert TRANSCRIBER.transcribe(audio[: -PCM16_24K.bytes_for(60)]) == library().words(name)


def test_several_in_one_turn_keep_their_order() -> None:
    names = ["caller_weather", "caller_hello", "caller_stop"]
    turn = bytes(9600).join(library().audio(name) for name in names)
    assert TRANSCRIBER.transcribe(turn) == " ".join(library().words(name) for name in names)


@pytest.mark.parametrize(
    "audio",
    [b"", b"\0", bytes(96_000), noise(48_000, 3000), hum("what is the weather like in Lisbon today"), hum("wait stop")],
    ids=["nothing", "half a sample", "silence", "noise", "a long hum", "a short hum"],
)
def test_anything_else_has_no_words(audio: bytes) -> None:
    assert TRANSCRIBER.transcribe(audio) == ""


def test_more_than_a_person_says_in_a_breath_is_not_searched() -> None:
    assert TRANSCRIBER.transcribe(bytes(PCM16_24K.bytes_for(130_000)) + library().audio("caller_stop")) == ""
