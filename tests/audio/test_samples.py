"""Samples: exact there and back, rounded and clipped on the way out."""

from __future__ import annotations

import numpy as np

from realtime_transport.audio.samples import from_pcm16, to_pcm16


def test_every_sample_survives() -> None:
    every = np.arange(-32768, 32768).astype("<i2").tobytes()
    assert to_pcm16(from_pcm16(every)) == every


def test_rounds_to_the_nearest_and_stops_at_the_ends() -> None:
    assert from_pcm16(to_pcm16(np.array([0.4, -0.6, 1e9, -1e9]))).tolist() == [0, -1, 32767, -32768]
