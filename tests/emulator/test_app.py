"""Paths, keys, sub-protocols and dialects: the ways in which clients of the family connect."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_transport.conversation.brain import Reply
from realtime_transport.conversation.brains import Echo, Script, hum
from realtime_transport.emulator import Emulator
from tests.emulator.calling import Caller, calling

TOKEN = "a-token-of-the-test"


def address(server: Emulator, path: str) -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


async def first_frame(url: str, **options: Any) -> dict[str, Any]:
    async with connect(url, **options) as socket:
        return await Caller(socket).next()


# --- models and kinds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/realtime?model=gpt-realtime-2.1", "gpt-realtime-2.1"),
        ("/v1/realtime", "gpt-realtime"),
        ("/openai/v1/realtime?model=my-deployment", "my-deployment"),
        ("/openai/realtime?api-version=2024-10-01-preview&deployment=mine", "mine"),
        ("/voice-live/realtime?api-version=2026-04-10&model=gpt-realtime", "gpt-realtime"),
        ("/api-ws/v1/realtime?model=qwen3-omni", "qwen3-omni"),
    ],
)
async def test_the_model_comes_from_the_url(path: str, model: str) -> None:
    async with Emulator(Echo()) as server:
        frame = await first_frame(address(server, path))
        assert (frame["type"], frame["session"]["model"]) == ("session.created", model)


async def test_a_transcription_session_by_intent() -> None:
    async with Emulator(Echo()) as server:
        frame = await first_frame(address(server, "/v1/realtime?intent=transcription"))
        assert frame["session"]["type"] == "transcription"


async def test_a_path_that_nobody_serves() -> None:
    async with Emulator(Echo()) as server:
        with pytest.raises(InvalidStatus) as raised:
            await first_frame(address(server, "/v2/realtime"))
        assert raised.value.response.status_code in {403, 404}


# --- keys ----------------------------------------------------------------------------------------------------------

KEYS: list[dict[str, Any]] = [
    {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}},
    {"additional_headers": {"authorization": f"bearer {TOKEN}"}},
    {"additional_headers": {"api-key": TOKEN}},
    {"additional_headers": {"xi-api-key": TOKEN}},
    {"subprotocols": ["realtime", f"openai-insecure-api-key.{TOKEN}"]},
    {"subprotocols": ["realtime", f"openai-ephemeral-api-key.{TOKEN}"]},
]


@pytest.mark.parametrize("presented", KEYS)
async def test_a_key_in_every_place_that_clients_put_it(presented: dict[str, Any]) -> None:
    async with Emulator(Echo(), token=TOKEN) as server, calling(server, **presented):
        pass


@pytest.mark.parametrize("name", ["api-key", "api_key"])
async def test_a_key_in_the_query(name: str) -> None:
    async with Emulator(Echo(), token=TOKEN) as server, calling(server, f"?{name}={TOKEN}"):
        pass


@pytest.mark.parametrize(
    "presented",
    [
        {},
        {"additional_headers": {"Authorization": "Bearer wrong"}},
        {"additional_headers": {"Authorization": f"Basic {TOKEN}"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.wrong"]},
    ],
)
async def test_a_wrong_key_is_answered_with_401(presented: dict[str, Any]) -> None:
    async with Emulator(Echo(), token=TOKEN) as server:
        with pytest.raises(InvalidStatus) as raised:
            await first_frame(server.url, **presented)
        response = raised.value.response
        assert response.status_code == 401
        assert json.loads(response.body)["error"]["code"] == "invalid_api_key"


async def test_a_full_house() -> None:
    async with Emulator(Echo(), max_sessions=1) as server, calling(server):
        with pytest.raises(InvalidStatus) as raised:
            await first_frame(server.url)
        assert raised.value.response.status_code == 429


# --- sub-protocols -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        (["realtime", "openai-insecure-api-key.x", "openai-organization.y"], "realtime"),
        (["openai-insecure-api-key.x"], None),
        (None, None),
    ],
)
async def test_only_realtime_is_answered(offered: list[Any] | None, answered: str | None) -> None:
    async with Emulator(Echo()) as server, connect(server.url, subprotocols=offered) as socket:
        assert socket.subprotocol == answered


# --- beta ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asking",
    [
        {"additional_headers": {"OpenAI-Beta": "realtime=v1"}},
        {"subprotocols": ["realtime", "openai-beta.realtime-v1"]},
    ],
)
async def test_the_beta_is_over(asking: dict[str, Any]) -> None:
    async with Emulator(Echo()) as server, connect(server.url, **asking) as socket:
        caller = Caller(socket)
        frame = await caller.next()
        assert (frame["type"], frame["error"]["code"]) == ("error", "beta_api_shape_disabled")
        assert await caller.closed() == (4000, "invalid_request_error.beta_api_shape_disabled")
        assert len(caller.frames) == 1


async def test_the_beta_on_purpose() -> None:
    beta = {"OpenAI-Beta": "realtime=v1"}
    async with Emulator(Echo(), beta=True) as server, calling(server, additional_headers=beta) as caller:
        assert caller.frames[0]["session"]["modalities"] == ["text", "audio"]
        await caller.send("session.update", session={"voice": "echo", "turn_detection": None})
        updated = await caller.until("session.updated")
        assert (updated["session"]["voice"], updated["session"]["turn_detection"]) == ("echo", None)


async def test_the_beta_names_under_the_dated_azure_path() -> None:
    script = Script(otherwise=Reply(text="Hello."))
    async with Emulator(script) as server:
        url = address(server, "/openai/realtime?api-version=2024-10-01-preview&deployment=mine")
        async with connect(url, additional_headers={"api-key": "x"}) as socket:
            caller = Caller(socket)
            await caller.send("session.update", session={"input_audio_transcription": {"model": "whisper-1"}})
            await caller.until("session.updated")
            await caller.speak(bytes(24_000) + hum("hello there you") + bytes(48_000))
            await caller.until("response.done")
    kinds = set(caller.types)
    assert "response.audio.delta" in kinds
    assert "response.audio_transcript.delta" in kinds
    assert "conversation.item.created" in kinds
    assert not {kind for kind in kinds if "output_audio" in kind or kind.startswith("conversation.item.added")}
    assert "conversation.item.done" not in kinds
    assert "conversation.item.input_audio_transcription.delta" not in kinds
    done = caller.frames[-1]
    assert done["response"]["output"][0]["content"][0]["type"] == "audio"


# --- anything else over HTTP ---------------------------------------------------------------------------------------


async def test_a_plain_get_on_the_socket_path() -> None:
    async with Emulator(Echo()) as server, httpx2.AsyncClient() as client:
        response = await client.get(f"{server.http_url}/realtime")
        assert response.status_code in {404, 405, 426}
