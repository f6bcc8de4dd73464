"""Files: every format comes in as mono PCM16, every failure as one line, and WAV goes out whole or not at all."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from realtime_transport.audio.files import AudioReader, WavWriter, read_pcm16, write_wav
from realtime_transport.exceptions import InvalidArgument
from tests.audio.speech import CLIPS, FOLDER, clip


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    mono = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
    return np.repeat(mono[:, np.newaxis], channels, axis=1)


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "W64", "CAF"])
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 2), (44_100, 1), (8_000, 1), (24_000, 2)])
def test_reads_any_container_rate_and_number_of_channels(
    tmp_path: Path, container: str, rate: int, channels: int
) -> None:
    path = tmp_path / f"tone.{container.lower()}"
    sf.write(path, tone(rate, 2.5, channels), rate, format=container)
    out = np.frombuffer(read_pcm16(path), dtype="<i2").astype(float)
    assert abs(len(out) / 24_000 - 2.5) < 0.1
    middle = out[12_000:48_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(int(spectrum.argmax()) * 24_000 / len(middle) - 440) < 1
    assert abs(float(np.sqrt((middle**2).mean())) / 32768 - 0.5 / np.sqrt(2)) < 0.02


def test_pcm16_at_the_same_rate_is_untouched(tmp_path: Path) -> None:
    audio = np.random.default_rng(5).integers(-32768, 32768, 50_000).astype("<i2").tobytes()
    write_wav(tmp_path / "noise.wav", audio)
    assert read_pcm16(tmp_path / "noise.wav") == audio


def test_a_long_file_is_read_in_blocks(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", bytes(2 * 8_000 * 5), 8_000)
    with AudioReader(tmp_path / "long.wav", 16_000) as reader:
        assert reader.duration_ms == 5000
        blocks = list(reader)
    assert [len(block) for block in blocks][1:5] == [32_000] * 4
    assert sum(map(len, blocks)) == 2 * 16_000 * 5
    reader.close()


def test_mp3_has_no_seams(tmp_path: Path) -> None:
    path = tmp_path / "long.mp3"
    sf.write(path, tone(8_000, 125), 8_000, format="MP3")
    out = np.frombuffer(read_pcm16(path, 8_000), dtype="<i2").astype(float)
    whole = sf.read(path)[0] * 32768
    assert len(out) == len(whole)
    assert np.abs(out - whole).max() <= 1


def test_stereo_is_averaged_and_what_is_no_number_is_silence(tmp_path: Path) -> None:
    samples = np.array([[0.5, -0.5], [0.5, 0.25], [np.nan, 0.1], [np.inf, 1.0], [2.0, 2.0], [-9.0, -9.0]], np.float32)
    sf.write(tmp_path / "odd.wav", samples, 24_000, subtype="FLOAT")
    out = np.frombuffer(read_pcm16(tmp_path / "odd.wav"), dtype="<i2")
    assert out.tolist() == [0, 12288, 0, 32767, 32767, -32768]


def test_what_cannot_be_read_is_one_line_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no audio")
    (tmp_path / "headerless.raw").write_bytes(bytes(100))
    (tmp_path / "folder.wav").mkdir()
    write_wav(tmp_path / "nothing.wav", b"")
    for name, says in {
        "missing.wav": "no such file",
        "empty.wav": "is empty",
        "text.wav": "not an audio file",
        "headerless.raw": "headerless",
        "folder.wav": "is a directory",
        "nothing.wav": "holds no audio",
    }.items():
        with pytest.raises(InvalidArgument, match=says) as caught:
            read_pcm16(tmp_path / name)
        assert caught.value.path == str(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_rate_that_cannot_be_reached_closes_the_file(tmp_path: Path) -> None:
    write_wav(tmp_path / "tone.wav", bytes(100))
    with pytest.raises(InvalidArgument, match="rate"):
        AudioReader(tmp_path / "tone.wav", 0)


def test_damage_further_on_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "damaged.flac"
    sf.write(path, np.random.default_rng(1).uniform(-0.9, 0.9, 24_000 * 4), 24_000)
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(whole[:half] + bytes(len(whole) - half))
    with AudioReader(path) as reader, pytest.raises(InvalidArgument, match=r"cannot be read beyond \d\.\d s"):
        for _ in reader:
            pass


def test_the_writer_commits_at_the_end_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with WavWriter(path, 8_000, channels=2) as writer:
        writer.write(bytes(4 * 4_000))
        assert writer.seconds == 0.5
        assert not path.exists()
    info = sf.info(path)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (8_000, 2, 4_000, "PCM_16")
    assert [found.name for found in tmp_path.iterdir()] == ["out.wav"]


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    write_wav(path, b"\x01\x02" * 10)
    before = path.read_bytes()

    def fail() -> None:
        with WavWriter(path) as writer:
            writer.write(bytes(1000))
            raise RuntimeError("the call dropped")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["out.wav"]


def test_half_a_sample_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="whole samples"):
        write_wav(tmp_path / "out.wav", b"\0" * 6, channels=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_file_has_the_mode_that_was_asked_for(tmp_path: Path, mode: int) -> None:
    with WavWriter(tmp_path / "out.wav", mode=mode):
        pass
    assert (tmp_path / "out.wav").stat().st_mode & 0o777 == mode & ~_umask()


def test_a_folder_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_wav(tmp_path / "nowhere" / "out.wav", b"")


@pytest.mark.parametrize("room", [10, 50, 100_000])
def test_a_full_disk_is_an_os_error_and_leaves_nothing(tmp_path: Path, room: int) -> None:
    """A limit of the process on the size of its files stands for the disk: the system call fails alike."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(OSError, match="cannot write all"):
            write_wav(tmp_path / "out.wav", bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_the_clips_are_what_their_list_says() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.wav")) == sorted(str(entry["file"]) for entry in CLIPS)
    assert {entry["role"] for entry in CLIPS} == {"caller", "agent"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000
    for entry in CLIPS:
        info = sf.info(FOLDER / str(entry["file"]))
        assert (info.samplerate, info.channels, info.subtype) == (24_000, 1, "PCM_16")
        assert abs(len(clip(str(entry["name"]))) / 48 - float(str(entry["ms"]))) <= 1
        assert entry["words"]
        assert entry["voice"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
