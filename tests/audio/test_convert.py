"""Conversion: the steps that are needed and no other, whatever the pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.audio.convert import Converter, converter
from realtime_transport.audio.g711 import pcm16_to_pcma, pcmu_to_pcm16
from realtime_transport.audio.resample import Resampler
from realtime_transport.exceptions import InvalidArgument
from tests.audio.chopping import chopped

FORMATS = [PCM16_8K, PCM16_16K, PCM16_24K, PCMU, PCMA]
STEREO = AudioFormat(encoding="pcm16", rate=8000, channels=2)


@given(data=st.data(), source=st.sampled_from(FORMATS), target=st.sampled_from(FORMATS), audio=st.binary(max_size=900))
@settings(max_examples=150, deadline=None)
def test_the_result_lasts_as_long_and_does_not_depend_on_the_chopping(
    data: st.DataObject, source: AudioFormat, target: AudioFormat, audio: bytes
) -> None:
    whole = Converter(source, target)
    expected = whole.push(audio) + whole.flush()
    lasts = source.ms(len(audio) - len(audio) % source.frame_bytes)
    assert 0 <= target.ms(len(expected)) - lasts < 1000 / target.rate + 1e-9
    pieces = Converter(source, target)
    assert b"".join(map(pieces.push, data.draw(chopped(audio)))) + pieces.flush() == expected


@pytest.mark.parametrize("fmt", [*FORMATS, STEREO])
def test_equal_formats_pass_untouched(fmt: AudioFormat) -> None:
    audio = bytes(range(256))
    same = converter(fmt, fmt)
    assert (same.push(audio), same.flush(), same.delay_ms) == (audio, b"", 0.0)


def test_the_telephone_way_is_expand_resample_compress() -> None:
    assert converter("g711_ulaw", {"type": "audio/pcm", "rate": 24000}).target == PCM16_24K
    codes = np.random.default_rng(1).integers(0, 256, 800).astype(np.uint8).tobytes()
    up = Resampler(8000, 24000)
    to_model = Converter(PCMU, PCM16_24K)
    assert to_model.push(codes) == up.push(pcmu_to_pcm16(codes))
    assert to_model.delay_ms == up.delay_ms == 2.5
    pcm = np.random.default_rng(2).integers(-9000, 9000, 2400).astype("<i2").tobytes()
    down = Resampler(24000, 8000)
    to_phone = Converter(PCM16_24K, PCMA)
    assert to_phone.push(pcm) + to_phone.flush() == pcm16_to_pcma(down.push(pcm) + down.flush())


def test_one_law_becomes_the_other_without_resampling() -> None:
    assert Converter(PCMU, PCMA).push(b"\xff\x00") == pcm16_to_pcma(pcmu_to_pcm16(b"\xff\x00"))


@pytest.mark.parametrize("target", [PCM16_8K, PCM16_24K])
def test_reset_drops_what_was_held_back(target: AudioFormat) -> None:
    used = Converter(PCM16_8K, target)
    used.push(b"\x11" * 801)
    used.reset()
    fresh = Converter(PCM16_8K, target)
    assert used.push(b"\x22" * 800) + used.flush() == fresh.push(b"\x22" * 800) + fresh.flush()


@pytest.mark.parametrize(("source", "target"), [(STEREO, PCM16_8K), (PCMU, STEREO)])
def test_channels_are_never_mixed_in_silence(source: AudioFormat, target: AudioFormat) -> None:
    with pytest.raises(InvalidArgument, match="mono"):
        Converter(source, target)
