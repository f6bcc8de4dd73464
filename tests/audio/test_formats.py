"""Formats: every spelling of the field reads to the same three encodings, and bytes <-> milliseconds is exact."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.events import PcmaFormat, PcmFormat, PcmuFormat
from realtime_transport.exceptions import InvalidArgument


@attrs.frozen
class Spelt:
    encoding: str
    sample_rate: object = None
    channels: object = None


SPELLINGS: list[tuple[object, AudioFormat]] = [
    # OpenAI GA and beta, as text, mapping and config object
    ("audio/pcm", PCM16_24K),
    ("pcm16", PCM16_24K),
    ({"type": "audio/pcm", "rate": 24000}, PCM16_24K),
    ({"type": "audio/pcm", "rate": 16000.0}, PCM16_16K),
    ({"type": "audio/pcm", "rate": None}, PCM16_24K),
    (PcmFormat(), PCM16_24K),
    (PcmFormat(rate=16000), PCM16_16K),
    ("g711_ulaw", PCMU),
    ("audio/pcmu", PCMU),
    ({"type": "audio/pcmu"}, PCMU),
    (PcmuFormat(), PCMU),
    ("g711_alaw", PCMA),
    (PcmaFormat(), PCMA),
    # dialects
    ("pcm24", PCM16_24K),
    ("pcm_16000", PCM16_16K),
    ("pcm16_8000hz", PCM16_8K),
    ("ulaw_8000", PCMU),
    # Twilio, Telnyx, Plivo, Vonage, Exotel, Genesys, Asterisk
    ({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, PCMU),
    ({"encoding": "PCMA", "sample_rate": 8000, "channels": 1}, PCMA),
    ({"contentType": "audio/x-l16", "sampleRate": "16000"}, PCM16_16K),
    ("audio/x-mulaw;rate=8000", PCMU),
    ("Audio/L16; rate=16000", PCM16_16K),
    ("audio/l16;rate=24000;annexb", PCM16_24K),
    ({"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"}, PCM16_8K),
    ({"type": "audio", "format": "PCMU", "rate": 8000, "channels": ["external"]}, PCMU),
    ({"type": "audio", "format": "PCMU", "channels": ["a", "b"]}, AudioFormat(encoding="pcmu", rate=8000, channels=2)),
    ("ulaw", PCMU),
    ("slin", PCM16_8K),
    ("slin16", PCM16_16K),
    ("slin44", AudioFormat(encoding="pcm16", rate=44100)),
    (Spelt("l16", "16000"), PCM16_16K),
    (Spelt("pcm", 8000, 2), AudioFormat(encoding="pcm16", rate=8000, channels=2)),
    (PCMA, PCMA),
]


@pytest.mark.parametrize(("spelt", "meant"), SPELLINGS, ids=lambda value: str(value)[:60])
def test_every_spelling(spelt: object, meant: AudioFormat) -> None:
    assert AudioFormat.parse(spelt) == meant


@pytest.mark.parametrize(
    ("spelt", "path"),
    [
        ("opus", "format"),
        ("l16", "format.rate"),
        ({"encoding": "audio/x-raw"}, "format.rate"),
        ({"type": "audio/pcm;rate=8000", "rate": 16000}, "format.rate"),
        ("pcm_8000;rate=16000", "format.rate"),
        ({"type": "audio/pcm", "rate": "fast"}, "format.rate"),
        ({"type": "audio/pcm", "rate": True}, "format.rate"),
        ({"type": "audio/pcm", "rate": 0}, "rate"),
        ({"type": "audio/pcm", "channels": -1}, "channels"),
        ("audio/pcmu;rate=16000", "rate"),
        ({"rate": 8000}, "format"),
        ("", "format"),
        (None, "format"),
        (8000, "format"),
        (b"pcm16", "format"),
    ],
)
def test_what_is_no_format_is_refused_with_a_path(spelt: object, path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        AudioFormat.parse(spelt)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "fields",
    [
        {"encoding": "opus", "rate": 8000},
        {"encoding": "pcm16", "rate": 0},
        {"encoding": "pcm16", "rate": 24000.0},
        {"encoding": "pcm16", "rate": True},
        {"encoding": "pcm16", "rate": 10**9},
        {"encoding": "pcm16", "rate": 8000, "channels": 0},
        {"encoding": "pcma", "rate": 16000},
    ],
)
def test_impossible_formats_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        AudioFormat(**fields)


def test_sizes() -> None:
    assert (PCM16_24K.bytes_per_sample, PCM16_24K.frame_bytes, PCM16_24K.bytes_per_second) == (2, 2, 48_000)
    stereo = attrs.evolve(PCM16_24K, channels=2)
    assert (stereo.bytes_per_sample, stereo.frame_bytes, stereo.bytes_per_second) == (2, 4, 96_000)
    assert (PCMU.bytes_for(20), PCM16_24K.bytes_for(20), PCM16_24K.ms(960)) == (160, 960, 20.0)
    assert PCM16_24K.bytes_for(0.0625) == 2  # one and a half samples: the started one is left out
    assert str(stereo) == "pcm16 24 kHz x2"
    assert str(PCMU) == "pcmu 8 kHz"


@pytest.mark.parametrize("ms", [-1, -0.001, math.inf, math.nan])
def test_a_duration_is_finite_and_not_negative(ms: float) -> None:
    with pytest.raises(InvalidArgument):
        PCM16_24K.bytes_for(ms)


@given(
    samples=st.integers(min_value=0, max_value=3600 * 48_000),
    rate=st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 48000]),
    channels=st.sampled_from([1, 2]),
)
@settings(deadline=None)
def test_bytes_and_milliseconds_are_inverse(samples: int, rate: int, channels: int) -> None:
    spelt = AudioFormat(encoding="pcm16", rate=rate, channels=channels)
    nbytes = samples * spelt.frame_bytes
    assert spelt.bytes_for(spelt.ms(nbytes)) == nbytes


def test_silence() -> None:
    assert PCMU.silence(20) == b"\xff" * 160
    assert PCMA.silence(0.25) == b"\xd5\xd5"
    assert attrs.evolve(PCM16_24K, channels=2).silence(1) == bytes(96)
