"""Whoever only passes audio on pays for no numpy and no libsndfile: both are imported where they are used."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_audio_modules_imports_neither_numpy_nor_soundfile() -> None:
    names = ("convert", "envelope", "files", "formats", "framing", "g711", "playline", "resample", "tracks", "vad")
    program = "\n".join(
        [
            "import sys",
            *(f"import realtime_transport.audio.{name}" for name in names),
            "print([name for name in ('numpy', 'soundfile') if name in sys.modules])",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
