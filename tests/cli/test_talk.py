"""``talk`` as its user runs it: any file against a running server, and one clear line for whatever is wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from realtime_transport.audio.files import read_pcm16, write_wav
from realtime_transport.cli import main, talk
from realtime_transport.cli.arguments import parser
from realtime_transport.conversation.brain import Say, Stop
from realtime_transport.conversation.brains import Script, when
from realtime_transport.emulator import Emulator, library
from realtime_transport.exceptions import RealtimeError, RequestFailed
from realtime_transport.transports.recording import read_recording

CLIPS = library()


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """A caller's sentence as a 16 kHz stereo FLAC."""
    path = tmp_path / "question.flac"
    samples = np.frombuffer(read_pcm16(CLIPS.clips[1].path, 16_000), "<i2")
    sf.write(path, np.stack([samples, samples // 2], axis=1), 16_000, format="FLAC")
    return path


def options(question: Path, answer: Path, *more: str) -> list[str]:
    return ["talk", "--input", str(question), "--output", str(answer), *more]


def answering(*outputs: Say | Stop) -> Callable[[], Script]:
    return lambda: Script(when("weather", *outputs))


async def test_a_stereo_flac_gets_a_spoken_answer(question: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.wav"
    say = Say(transcript=CLIPS.words("agent_driest"), audio=CLIPS.audio("agent_driest"))
    async with Emulator(answering(say)) as server:
        words = options(question, answer, "--url", server.url, "--record", str(tmp_path / "call"))
        assert await talk.run(parser().parse_args(words)) == 0
    assert read_pcm16(answer) == CLIPS.audio("agent_driest")
    types = [frame.frame.get("type") for frame in read_recording(tmp_path / "call" / "call.jsonl")]
    assert "input_audio_buffer.speech_started" in types
    assert (tmp_path / "call" / "timeline.png").stat().st_size > 10_000


async def test_silence_is_told(tmp_path: Path) -> None:
    quiet, answer = tmp_path / "quiet.wav", tmp_path / "answer.wav"
    write_wav(quiet, bytes(48_000))
    async with Emulator("echo") as server:
        with pytest.raises(RequestFailed, match="heard no speech"):
            await talk.run(parser().parse_args(options(quiet, answer, "--url", server.url)))
    assert not answer.exists()


async def test_a_model_that_fails_is_told(question: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.wav"
    async with Emulator(answering(Stop(code="insufficient_quota", message="No money left."))) as server:
        with pytest.raises(RealtimeError, match="insufficient_quota"):
            await talk.run(parser().parse_args(options(question, answer, "--url", server.url)))
    assert not answer.exists()


def missing(folder: Path) -> list[str]:
    return options(folder / "nothing.wav", folder / "answer.wav", "--url", "ws://127.0.0.1:1/")


def empty(folder: Path) -> list[str]:
    (folder / "empty.wav").touch()
    return options(folder / "empty.wav", folder / "answer.wav", "--url", "ws://127.0.0.1:1/")


def unreadable(folder: Path) -> list[str]:
    (folder / "words.wav").write_text("this is no sound")
    return options(folder / "words.wav", folder / "answer.wav", "--url", "ws://127.0.0.1:1/")


def nowhere(folder: Path) -> list[str]:
    return options(CLIPS.clips[0].path, folder / "no" / "such" / "answer.wav", "--url", "ws://127.0.0.1:1/")


def keyless(folder: Path) -> list[str]:
    return options(CLIPS.clips[0].path, folder / "answer.wav")


def refused(folder: Path) -> list[str]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    return options(CLIPS.clips[0].path, folder / "answer.wav", "--url", f"ws://127.0.0.1:{port}/v1/realtime")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (missing, "no such file"),
        (empty, "is empty"),
        (unreadable, "words.wav"),
        (nowhere, "no such folder"),
        (keyless, "OPENAI_API_KEY"),
        (refused, "refused"),
    ],
)
def test_one_line_says_what_is_wrong(
    wrong: Callable[[Path], list[str]],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(wrong(tmp_path)) == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.startswith("realtime-transport talk: ")
    assert said.count("\n") == 1
    assert not list(tmp_path.glob("**/answer.wav"))
