"""Recordings of a server's sessions: read back with what reads every recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile as sf

from realtime_transport.cli import overheard as overheard_module
from realtime_transport.cli.overheard import recording_to
from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import Emulator, library
from realtime_transport.transports.recording import read_recording
from tests.emulator.calling import Caller, calling


async def spoken_turn(caller: Caller) -> dict[str, Any]:
    await caller.speak(library().audio("caller_hello") + bytes(48_000))
    return await caller.until("response.done")


def frames(folder: Path) -> list[tuple[str, str]]:
    return [(kept.side, kept.frame["type"]) for kept in read_recording(folder)]


async def test_every_session_has_a_folder_with_frames_and_sound(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    async with Emulator(Echo(), pace=None, observe=recording_to(folder)) as server:
        async with calling(server) as caller:
            done = await spoken_turn(caller)
            item_id = done["response"]["output"][0]["id"]
            await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=400)
            await caller.until("conversation.item.truncated")
            session_id = caller.frames[0]["session"]["id"]
        async with calling(server) as other:
            other_id = other.frames[0]["session"]["id"]
    kept = frames(folder / session_id)
    assert kept[0] == ("in", "session.created")
    assert ("out", "input_audio_buffer.append") in kept
    assert ("in", "response.output_audio.delta") in kept
    assert ("local", "audio_interrupted") in kept
    sound, rate = sf.read(folder / session_id / "call.wav")
    assert (rate, sound.shape[1]) == (24_000, 2)
    caller_side, agent_side = abs(sound).max(axis=0)
    assert caller_side > 0.1
    assert agent_side > 0.01
    agent_ms = (abs(sound[:, 1]) > 0.001).nonzero()[0]
    assert (agent_ms[-1] - agent_ms[0]) / 24 <= 400  # cut where the client said that it was
    assert frames(folder / other_id)[0] == ("in", "session.created")


async def test_translations_are_recorded_too(tmp_path: Path) -> None:
    from websockets.asyncio.client import connect

    async with (
        Emulator(observe=recording_to(tmp_path)) as server,
        connect(f"{server.url}/translations") as socket,
    ):
        caller = Caller(socket)
        session_id = (await caller.next())["session"]["id"]
        await caller.send("session.close")
        await caller.until("session.closed")
    assert ("out", "session.close") in frames(tmp_path / session_id)


def test_earlier_recordings_stay(tmp_path: Path) -> None:
    (tmp_path / "sess_1").mkdir()
    (tmp_path / "sess_1-2").mkdir()

    async def main() -> None:
        await recording_to(tmp_path)("sess_1").close()

    import asyncio

    asyncio.run(main())
    assert (tmp_path / "sess_1-3" / "call.jsonl").exists()


async def test_a_full_disk_ends_the_recording_and_not_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(overheard_module.Recorder):
        def _write(self, line: bytes) -> None:
            if json.loads(line).get("side") == "out":
                raise OSError(28, "No space left on device")
            super()._write(line)

        async def close(self) -> None:
            await super().close()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(overheard_module, "Recorder", Full)
    async with Emulator(Echo(), pace=None, observe=recording_to(tmp_path)) as server, calling(server) as caller:
        assert (await spoken_turn(caller))["response"]["status"] == "completed"
    told = capsys.readouterr().err
    assert told.count("recording ended early") == 1
    assert "no sound was recorded" in told
