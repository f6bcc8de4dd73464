"""``make demo`` as its user runs it: at the pace of a person, over a socket, with everything it leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from realtime_transport.cli import main
from realtime_transport.transports.recording import read_recording


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo once, in a process of its own, and return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "call"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "realtime_transport.cli", "demo", "--output", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    return folder, ended.stdout


def frames(folder: Path) -> list[dict[str, Any]]:
    return [recorded.frame for recorded in read_recording(folder / "call.jsonl")]


def test_each_file_names_itself(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    for name in ("call.wav", "call.jsonl", "timeline.png"):
        assert str(folder / name) in printed
        assert (folder / name).stat().st_size > 10_000


def test_both_voices_are_on_their_channel(demo: tuple[Path, str]) -> None:
    samples, rate = sf.read(demo[0] / "call.wav")
    assert samples.shape[1] == 2
    loud = np.sqrt(np.add.reduceat(samples**2, np.arange(0, len(samples), rate // 10)) / (rate // 10)) > 0.02
    caller, agent = loud.sum(axis=0) / 10
    assert caller > 5.0  # seconds of speech
    assert agent > 7.0


def test_the_frames_hold_turns_a_tool_and_a_truncation(demo: tuple[Path, str]) -> None:
    told = frames(demo[0])
    by_type: dict[str, list[dict[str, Any]]] = {}
    for frame in told:
        by_type.setdefault(str(frame.get("type")), []).append(frame)
    assert len(by_type["input_audio_buffer.speech_started"]) == 5
    (call,) = by_type["response.function_call_arguments.done"]
    created = [frame["item"] for frame in by_type["conversation.item.create"]]
    assert [item["call_id"] for item in created if item["type"] == "function_call_output"] == [call["call_id"]]
    (truncate,) = by_type["conversation.item.truncate"]
    assert type(truncate["audio_end_ms"]) is int
    generated = sum(
        len(frame["delta"]) * 3 / 4 / 48
        for frame in by_type["response.output_audio.delta"]
        if frame["item_id"] == truncate["item_id"]
    )
    assert 1000 < truncate["audio_end_ms"] < generated - 1000


def test_the_summary_has_its_figures(demo: tuple[Path, str]) -> None:
    for figure in ("turns", "time to first audio", "barge-in", "audio in", "audio out", "tool calls", "tokens"):
        assert figure in demo[1]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--output", str(tmp_path / "file" / "call")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
