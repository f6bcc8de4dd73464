"""The spoken clips as test material, and lines to lay them on: silence, noise, clicks."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from realtime_transport.audio.files import read_pcm16

FOLDER = Path(__file__).parents[2] / "realtime_transport" / "emulator" / "speech"
CLIPS: list[dict[str, object]] = json.loads((FOLDER / "speech.json").read_text())["clips"]


@cache
def clip(name: str, rate: int = 24_000) -> bytes:
    return read_pcm16(FOLDER / f"{name}.wav", rate)


def call(
    *names: str, rate: int = 24_000, lead_ms: int = 1000, gap_ms: int = 1200
) -> tuple[bytes, list[tuple[float, float]]]:
    """Lay clips one after the other; return the audio and where each begins and ends, in ms."""
    audio, spans = bytes(2 * rate * lead_ms // 1000), []
    for name in names:
        begin = len(audio) / 2 * 1000 / rate
        audio += clip(name, rate)
        spans.append((begin, len(audio) / 2 * 1000 / rate))
        audio += bytes(2 * rate * gap_ms // 1000)
    return audio, spans


def with_noise(audio: bytes, snr_db: float, *, pink: bool = False, seed: int = 7) -> bytes:
    """Add noise ``snr_db`` below the loudness of what is not silent in ``audio``."""
    samples = np.frombuffer(audio, dtype="<i2").astype(float)
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    if pink:
        spectrum = np.fft.rfft(noise)
        noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), len(samples))
    loudness = np.sqrt((samples[samples != 0] ** 2).mean())
    noise *= loudness * 10 ** (-snr_db / 20) / noise.std()
    return np.clip(np.rint(samples + noise), -32768, 32767).astype("<i2").tobytes()
