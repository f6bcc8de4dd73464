#!/usr/bin/env python3
"""Make the spoken clips of the emulator and the demo: espeak-ng says them, this package trims and stores them.

Run ``python scripts/make_speech.py`` from the root of the repository with espeak-ng installed. The same espeak-ng
gives the same bytes. What is said, and by whom, is the table below; ``speech.json`` beside the clips lists what was
made: file, words, role, voice, length.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.files import write_wav
from realtime_transport.audio.resample import Resampler
from realtime_transport.audio.samples import to_pcm16

FOLDER = Path(__file__).parent.parent / "realtime_transport" / "emulator" / "speech"
MAX_BYTES = 1_500_000
"""The clips travel with the package."""
PEAK = 0.6
"""Loudest sample of every clip: both voices equally loud, with room to mix them."""
QUIET = 10 ** (-50 / 20)
"""Below -50 dBFS the synthesiser is only breathing."""
MARGIN_S = 0.02

VOICES = {
    "caller": ("en-gb-x-rp", ["-s", "165", "-p", "42"]),
    "agent": ("en-us+f3", ["-s", "172", "-p", "55"]),
}
"""Role -> espeak-ng voice and how it speaks (words per minute, pitch): told apart at the first word."""

CLIPS = [
    ("caller_hello", "caller", "Hello, I am planning a weekend by the sea."),
    ("caller_weather", "caller", "What is the weather like in Lisbon today?"),
    ("caller_city", "caller", "Tell me something about the city."),
    ("caller_barge_in", "caller", "Sorry, which month is the driest?"),
    ("caller_stop", "caller", "Wait, stop."),
    ("caller_goodbye", "caller", "Thank you, goodbye!"),
    ("agent_hello", "agent", "Hello! How can I help you?"),
    ("agent_weather", "agent", "It is sunny in Lisbon, twenty two degrees, with a light wind."),
    (
        "agent_city",
        "agent",
        "Lisbon stands on seven hills above the river Tagus. Yellow trams climb through narrow streets, and from the "
        "castle you can see as far as the Atlantic Ocean.",
    ),
    ("agent_driest", "agent", "July is the driest month."),
    ("agent_ok", "agent", "All right."),
    ("agent_fallback", "agent", "Sorry, could you say that again?"),
    ("agent_goodbye", "agent", "You are welcome. Goodbye!"),
]
"""Name, role, words."""


def say(words: str, voice: str, options: list[str]) -> np.ndarray:
    """Speak one clip, mono, at 24 kHz and ``PEAK``, without the silence around it."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, *options, "--stdout", words], check=True, capture_output=True, timeout=60
    ).stdout
    # A WAV written to a pipe has no length in its header: libsndfile takes what is there.
    samples, rate = sf.read(io.BytesIO(spoken), dtype="float64")
    samples *= PEAK / np.abs(samples).max()
    resampler = Resampler(rate, PCM16_24K.rate)
    pcm16 = resampler.push(to_pcm16(samples * 32768)) + resampler.flush()
    out = np.frombuffer(pcm16, dtype="<i2")
    loud = np.flatnonzero(np.abs(out) > QUIET * 32768)
    margin = int(MARGIN_S * PCM16_24K.rate)
    out = out[max(0, loud[0] - margin) : loud[-1] + margin].astype(np.float64)
    ramp = np.linspace(0, 1, margin)
    out[:margin] *= ramp
    out[-margin:] *= ramp[::-1]
    return out


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for stale in FOLDER.glob("*.wav"):
        stale.unlink()
    clips = []
    for name, role, words in CLIPS:
        voice, options = VOICES[role]
        pcm16 = to_pcm16(say(words, voice, options))
        write_wav(FOLDER / f"{name}.wav", pcm16)
        ms = round(PCM16_24K.ms(len(pcm16)))
        clips.append({"name": name, "file": f"{name}.wav", "voice": voice, "role": role, "words": words, "ms": ms})
        print(f"{ms / 1000:6.2f} s  {name}: {words}")
    (FOLDER / "speech.json").write_text(json.dumps({"clips": clips}, indent=2, ensure_ascii=False) + "\n")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{total / 1e6:.2f} MB in {FOLDER}")
    return 0 if total <= MAX_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
