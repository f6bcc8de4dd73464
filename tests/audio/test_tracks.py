"""Tracks: what was placed is where it was placed, what was cut is gone, and the disk holds nothing else."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from realtime_transport.audio import PCM16_8K
from realtime_transport.audio.tracks import CallTracks


def level(value: int, ms: float) -> bytes:
    return np.full(int(ms * 8), value, dtype="<i2").tobytes()


def stereo(path: Path) -> tuple[np.ndarray, np.ndarray]:
    data, rate = sf.read(path, dtype="int16")
    assert rate == 8000
    return data[:, 0], data[:, 1]


def test_both_sides_lie_where_they_were_placed(tmp_path: Path) -> None:
    tracks = CallTracks(tmp_path, PCM16_8K)
    tracks.caller.write(level(100, 10), 20)
    tracks.caller.write(level(200, 10), 25)  # comes too early: behind what is there
    tracks.agent.write(level(300, 10), 50)
    assert (tracks.caller.ends_ms, tracks.agent.ends_ms) == (40, 60)
    tracks.save(tmp_path / "call.wav")
    tracks.close()
    left, right = stereo(tmp_path / "call.wav")
    assert len(left) == 60 * 8
    assert left.tolist() == [0] * 160 + [100] * 80 + [200] * 80 + [0] * 160
    assert right.tolist() == [0] * 400 + [300] * 80
    assert (tmp_path / "call.wav").stat().st_mode & 0o777 == 0o600


def test_what_was_cut_is_gone_and_its_place_is_free(tmp_path: Path) -> None:
    tracks = CallTracks(tmp_path, PCM16_8K)
    tracks.agent.write(level(100, 50), 0)
    tracks.agent.cut(20)
    tracks.agent.cut(30)  # behind the end: nothing to take away
    tracks.agent.write(level(200, 5), 25)
    tracks.save(tmp_path / "call.wav")
    tracks.close()
    assert stereo(tmp_path / "call.wav")[1].tolist() == [100] * 160 + [0] * 40 + [200] * 40


def test_a_call_longer_than_a_block(tmp_path: Path) -> None:
    tracks = CallTracks(tmp_path, PCM16_8K)
    for second in range(25):
        tracks.caller.write(level(second + 1, 1000), 1000 * second)
    tracks.save(tmp_path / "call.wav")
    tracks.close()
    assert stereo(tmp_path / "call.wav")[0][::8000].tolist() == list(range(1, 26))


def test_an_empty_call_is_an_empty_file(tmp_path: Path) -> None:
    tracks = CallTracks(tmp_path, PCM16_8K)
    tracks.save(tmp_path / "call.wav")
    tracks.close()
    assert sf.info(tmp_path / "call.wav").frames == 0


def test_a_call_that_is_not_saved_leaves_nothing(tmp_path: Path) -> None:
    tracks = CallTracks(tmp_path, PCM16_8K)
    tracks.caller.write(level(1, 10), 0)
    assert list(tmp_path.iterdir()) == []
    tracks.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_os_error(tmp_path: Path) -> None:
    tracks = CallTracks(tmp_path, PCM16_8K)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(27)):
            tracks.caller.write(level(1, 10), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        tracks.close()
