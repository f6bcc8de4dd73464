"""Speech for words: recorded, synthesised, hummed."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.files import write_wav
from realtime_transport.conversation.brains import hum
from realtime_transport.emulator import library
from realtime_transport.emulator import voices as module
from realtime_transport.emulator.voices import EspeakVoice, recorded

KNOWN = library().words("agent_ok")


def program(folder: Path, body: str) -> str:
    path = folder / "synthesiser"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_recording_or_a_hum() -> None:
    speak = recorded()
    assert speak(KNOWN) == library().audio("agent_ok")
    assert speak("Never recorded.") == hum("Never recorded.")


async def test_a_recording_is_preferred() -> None:
    assert await EspeakVoice(program="/nowhere")(KNOWN) == library().audio("agent_ok")


async def test_a_synthesiser(tmp_path: Path) -> None:
    """It is given the words and writes a WAV, at a rate of its own, to its output."""
    at_16k = tmp_path / "spoken.wav"
    write_wav(at_16k, bytes(32_000), rate=16_000)
    voice = EspeakVoice(program=program(tmp_path, f'test "$(cat)" = "Never recorded." && cat {at_16k}'))
    assert voice.is_available
    speech = await voice("Never recorded.")
    assert PCM16_24K.ms(len(speech)) == pytest.approx(1000, abs=1)
    assert await voice("Never recorded.") is speech


async def test_without_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    voice = EspeakVoice()
    assert not voice.is_available
    assert await voice("Hello there.") == hum("Hello there.")


@pytest.mark.parametrize("body", ["exit 1", "echo this is no sound"])
async def test_a_synthesiser_that_fails(tmp_path: Path, body: str) -> None:
    assert await EspeakVoice(program=program(tmp_path, body))("Hello there.") == hum("Hello there.")


async def test_a_synthesiser_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ESPEAK_SECONDS", 0.05)
    assert await EspeakVoice(program=program(tmp_path, "exec sleep 60"))("Hello there.") == hum("Hello there.")


async def test_cancelling_ends_the_synthesiser(tmp_path: Path) -> None:
    started = tmp_path / "started"
    voice = EspeakVoice(program=program(tmp_path, f"touch {started}; exec sleep 60"))
    task = asyncio.create_task(voice("Hello there."))  # type: ignore[arg-type]
    while not started.exists():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_only_so_many_sentences_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    count = tmp_path / "count"
    voice = EspeakVoice(program=program(tmp_path, f"echo x >> {count}"))
    for sentence in ("a", "b", "a", "c", "a", "b"):
        await voice(sentence)
    assert count.read_text().count("x") == 4
