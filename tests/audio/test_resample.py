"""Resampling: exact length, exact time, telephone-band quality, and no trace of how the stream was chopped up."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio.resample import Resampler
from realtime_transport.exceptions import InvalidArgument
from tests.audio.chopping import chopped

RATES = [8000, 11025, 16000, 22050, 24000, 44100, 48000]
TELEPHONE = [(8000, 24000), (24000, 8000), (16000, 24000), (24000, 16000), (8000, 16000), (48000, 24000)]


def resampled(pcm16: bytes, source: int, target: int) -> np.ndarray:
    resampler = Resampler(source, target)
    return np.frombuffer(resampler.push(pcm16) + resampler.flush(), dtype="<i2").astype(float)


def sine(frequency: float, rate: int, seconds: float = 0.5, amplitude: float = 10_000) -> bytes:
    times = np.arange(int(rate * seconds)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype("<i2").tobytes()


def level_db(samples: np.ndarray, reference: float) -> float:
    return 10 * math.log10(float((samples**2).mean()) / (reference**2 / 2) + 1e-12)


@given(
    data=st.data(),
    source=st.sampled_from(RATES),
    target=st.sampled_from(RATES),
    noise=st.integers(0, 2**32 - 1),
    samples=st.integers(0, 700),
)
@settings(max_examples=150, deadline=None)
def test_the_output_does_not_depend_on_the_chopping_and_has_the_right_length(
    data: st.DataObject, source: int, target: int, noise: int, samples: int
) -> None:
    audio = np.random.default_rng(noise).integers(-32768, 32768, samples).astype("<i2").tobytes()
    whole = Resampler(source, target)
    expected = whole.push(audio) + whole.flush()
    assert len(expected) == 2 * math.ceil(samples * target / source)
    pieces = Resampler(source, target)
    assert b"".join(map(pieces.push, data.draw(chopped(audio)))) + pieces.flush() == expected
    # A flushed one is as new.
    assert pieces.push(audio) + pieces.flush() == expected


@given(source=st.sampled_from(RATES), target=st.sampled_from(RATES), samples=st.integers(1, 2000))
@settings(max_examples=60, deadline=None)
def test_no_more_is_held_back_than_the_stated_delay(source: int, target: int, samples: int) -> None:
    resampler = Resampler(source, target)
    given_ms = 1000 * samples / source
    taken_ms = 1000 * (len(resampler.push(bytes(2 * samples))) // 2) / target
    assert given_ms - resampler.delay_ms <= taken_ms + 1e-9
    assert taken_ms < max(given_ms - resampler.delay_ms, 0) + 1000 / target


@pytest.mark.parametrize(("source", "target"), TELEPHONE)
def test_the_delay_is_small(source: int, target: int) -> None:
    assert Resampler(source, target).delay_ms <= 2.5


@pytest.mark.parametrize(("source", "target"), TELEPHONE)
@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_tone_comes_out_unchanged_and_on_time(source: int, target: int, frequency: int) -> None:
    out = resampled(sine(frequency, source), source, target)
    expected = np.frombuffer(sine(frequency, target), dtype="<i2").astype(float)
    middle = slice(200, -200)
    assert level_db((out - expected)[middle], 10_000) < -60


@pytest.mark.parametrize("frequency", [4100, 5000, 7000, 11000])
def test_what_the_slower_side_cannot_hold_is_gone(frequency: int) -> None:
    assert level_db(resampled(sine(frequency, 24000), 24000, 8000)[100:-100], 10_000) < -60


def test_a_faster_copy_has_no_images() -> None:
    out = resampled(sine(1000, 8000), 8000, 24000)[240:-240]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    above_band = spectrum[len(spectrum) * 4500 // 12000 :]
    assert 20 * math.log10(above_band.max() / spectrum.max()) < -60


@pytest.mark.parametrize(("source", "target"), [*TELEPHONE, (44100, 24000), (11025, 48000)])
def test_a_constant_stays_exactly_that_constant(source: int, target: int) -> None:
    out = resampled(np.full(2000, 12_345, dtype="<i2").tobytes(), source, target)
    assert set(out[200:-200].tolist()) == {12_345.0}


def test_full_scale_is_clipped_and_never_wraps_around() -> None:
    square = np.where(np.arange(4000) // 40 % 2, 32767, -32768).astype("<i2")
    out = resampled(square.tobytes(), 8000, 24000)
    inside = np.repeat(square, 3).astype(float)[300:-300]
    assert (np.sign(out[300:-300]) == np.sign(inside)).mean() > 0.95
    assert out.max() == 32767
    assert out.min() == -32768


@pytest.mark.parametrize(("source", "target"), [(8000, 24000), (24000, 8000)])
def test_much_at_once_comes_out_the_same_and_takes_little_memory(source: int, target: int) -> None:
    minutes, streamed = sine(440, source, 120), Resampler(source, target)
    expected = b"".join(streamed.push(minutes[at : at + 10_000]) for at in range(0, len(minutes), 10_000))
    at_once = Resampler(source, target)
    tracemalloc.start()
    out = at_once.push(minutes)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out == expected
    assert peak < 30_000_000  # the output is 6 MB; without blocks the windows are 300 MB


def test_equal_rates_pass_through() -> None:
    resampler = Resampler(24000, 24000)
    audio = sine(440, 24000)
    assert (resampler.push(audio), resampler.flush(), resampler.delay_ms) == (audio, b"", 0)


def test_reset_forgets_and_flush_of_nothing_is_nothing() -> None:
    resampler = Resampler(8000, 24000)
    assert resampler.flush() == b""
    fresh = resampler.push(sine(440, 8000))
    resampler.push(b"\x01")
    resampler.reset()
    assert resampler.push(sine(440, 8000)) == fresh
    assert resampler.push(b"") == b""


@pytest.mark.parametrize(("source", "target"), [(0, 8000), (8000, -1), (8000, 24000.0), (767_999, 8_000)])
def test_impossible_rates_are_refused(source: int, target: int) -> None:
    with pytest.raises(InvalidArgument):
        Resampler(source, target)
