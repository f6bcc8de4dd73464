"""Conversations of our client with our server, recorded; each event of the server read by the published types."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from realtime_transport.emulator import Emulator
from realtime_transport.events import SERVER_EVENTS, TRANSLATION_SERVER_EVENTS
from realtime_transport.testing import virtual_time
from realtime_transport.transports.recording import read_recording
from tests.emulator.calling import calling
from tests.interop.published import BEYOND, beyond, deviations
from tests.interop.scenes import PLAYS, Play, silence, translation

Frames = list[dict[str, Any]]
Recorded = Mapping[str, Frames]

PLAY_SECONDS: Final = 60.0

REFUSED: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"type": "no.such.event"},
    {"type": "session.update", "session": {}},
    {"type": "session.update", "session": {"type": "realtime", "no_such_field": 1}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"speed": 9}}}},
    {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["smoke"]}},
    {"type": "session.update", "session": {"type": "realtime", "instructions": 7}},
    {"type": "conversation.item.create", "item": {"type": "no_such_item"}},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_x", "output": ""}},
    {
        "type": "conversation.item.create",
        "previous_item_id": "item_x",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
    },
    {"type": "conversation.item.delete", "item_id": "item_x"},
    {"type": "conversation.item.retrieve", "item_id": "item_x", "event_id": "mine"},
    {"type": "conversation.item.truncate", "item_id": "item_x", "content_index": 0, "audio_end_ms": 1},
    {"type": "input_audio_buffer.append", "audio": "?"},
    {"type": "input_audio_buffer.commit"},
    {"type": "output_audio_buffer.clear"},
    {"type": "response.cancel"},
    {"type": "response.create", "response": {"conversation": "none", "input": [{"type": "item_reference", "id": "x"}]}},
)
"""What no client of ours would send."""

NEVER_SAID: Final = {
    "conversation.created": "beta",
    "conversation.item.created": "beta",
    "conversation.item.input_audio_transcription.segment": "models that tell speakers apart",
    "input_audio_buffer.dtmf_event_received": "nobody presses keys on the emulator's calls",
}
"""Event of the family -> why our server does not send it in a GA session."""


async def refusals() -> Frames:
    async with Emulator("improvise") as server, calling(server) as caller:
        for flawed in REFUSED:
            await caller.socket.send(json.dumps(flawed))
            await caller.until("error")
        await caller.socket.send("not JSON")
        await caller.until("error")
        await caller.update(output_modalities=["text"])  # the session lives on
        return caller.frames


async def played(play: Play, folder: Path) -> None:
    async with asyncio.timeout(PLAY_SECONDS):
        await play(folder)


def received(folder: Path) -> Frames:
    return [line.frame for line in read_recording(folder / "call.jsonl") if line.side == "in"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Hold all conversations at once."""
    folders = {play: tmp_path_factory.mktemp(play.__name__) for play in PLAYS}

    async def main() -> Frames:
        *_, refused = await asyncio.gather(
            *(played(play, folder) for play, folder in folders.items() if play is not silence), refusals()
        )
        return refused

    refused = asyncio.run(main())
    virtual_time.run(silence(folders[silence]))
    return {play.__name__: received(folder) for play, folder in folders.items()} | {"refusals": refused}


@pytest.mark.parametrize("name", [*(play.__name__ for play in PLAYS), "refusals"])
def test_no_event_deviates(name: str, recorded: Recorded) -> None:
    family = "translation" if name == translation.__name__ else "realtime"
    assert recorded[name]
    assert sorted({flaw for frame in recorded[name] for flaw in deviations(frame, family)}) == []


def test_each_event_was_said(recorded: Recorded) -> None:
    said = {frame["type"] for frames in recorded.values() for frame in frames}
    assert set(SERVER_EVENTS) - said == set(NEVER_SAID)
    assert set(TRANSLATION_SERVER_EVENTS) <= {frame["type"] for frame in recorded[translation.__name__]}


def test_each_field_beyond_the_published_is_said(recorded: Recorded) -> None:
    paths = {
        path for name in recorded.keys() - {translation.__name__} for frame in recorded[name] for path in beyond(frame)
    }
    assert {pattern for pattern in BEYOND if not any(re.search(pattern, path) for path in paths)} == set()


DELTA: Final = {
    "type": "response.output_audio.delta",
    "event_id": "event_1",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "AAAA",
}
ADDED: Final[dict[str, Any]] = {
    "type": "conversation.item.added",
    "event_id": "event_1",
    "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
}


@pytest.mark.parametrize(
    ("spoilt", "flaw"),
    [
        (DELTA, None),
        (ADDED, None),
        (DELTA | {"type": "response.audio.delta"}, "response.audio.delta: no such event"),
        (DELTA | {"output_index": "0"}, "output_index: Input should be a valid integer"),
        (DELTA | {"response_id": None}, "response_id: Input should be a valid string"),
        ({key: value for key, value in DELTA.items() if key != "item_id"}, "item_id: Field required"),
        (DELTA | {"volume": 11}, "response.output_audio.delta:volume"),
        (ADDED | {"item": {**ADDED["item"], "mood": "good"}}, "conversation.item.added:item.mood"),
        (ADDED | {"item": {**ADDED["item"], "content": [{"type": "smell"}]}}, "Input should be 'input_text'"),
    ],
)
def test_it_is_strict_enough_to_notice(spoilt: dict[str, Any], flaw: str | None) -> None:
    found = deviations(spoilt)
    assert not found if flaw is None else any(flaw in each for each in found), found
