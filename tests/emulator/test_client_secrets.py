"""Short-lived keys: made over HTTP, and the only thing that opens a socket with them."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import Emulator
from realtime_transport.emulator import access as access_module
from tests.emulator.calling import calling

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


async def mint(server: Emulator, body: Any = None, key: str = "", **options: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{server.http_url}/realtime/client_secrets", json=body, headers=headers, **options)


def bearer(key: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {key}"}}


async def test_a_secret_opens_the_session_it_was_made_for() -> None:
    async with Emulator(Echo(), token="master", wall_clock=Clock()) as server:
        session = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "From the secret."}
        response = await mint(server, {"session": session}, "master")
        assert response.status_code == 200
        body = response.json()
        assert body["value"].startswith("ek_")
        assert body["expires_at"] == NOW + 600
        assert body["session"]["instructions"] == "From the secret."
        assert body["session"]["object"] == "realtime.session"
        assert body["session"]["expires_at"] == 0
        assert body["session"]["audio"]["output"]["voice"] == "marin"
        async with calling(server, **bearer(body["value"])) as caller:
            assert caller.frames[0]["session"]["instructions"] == "From the secret."
        offered = ["realtime", f"openai-insecure-api-key.{body['value']}"]
        async with calling(server, subprotocols=offered):
            pass


async def test_no_body_is_a_session_as_it_comes() -> None:
    async with Emulator(Echo()) as server, httpx2.AsyncClient() as client:
        response = await client.post(f"{server.http_url}/realtime/client_secrets")
        assert response.json()["session"]["type"] == "realtime"


async def test_a_transcription_session() -> None:
    async with Emulator(Echo()) as server:
        body = (await mint(server, {"session": {"type": "transcription"}})).json()
        assert body["session"]["type"] == "transcription"
        async with calling(server, "?intent=transcription", **bearer(body["value"])) as caller:
            assert caller.frames[0]["session"]["type"] == "transcription"


async def test_a_secret_expires() -> None:
    clock = Clock()
    async with Emulator(Echo(), wall_clock=clock) as server:
        body = (await mint(server, {"expires_after": {"anchor": "created_at", "seconds": 10}})).json()
        assert body["expires_at"] == NOW + 10
        clock.now += 9
        async with calling(server, **bearer(body["value"])):
            pass
        clock.now += 1
        with pytest.raises(InvalidStatus):
            async with calling(server, **bearer(body["value"])):
                pass


async def test_a_secret_that_nobody_made() -> None:
    async with Emulator(Echo()) as server:
        with pytest.raises(InvalidStatus) as raised:
            async with calling(server, **bearer("ek_made_up")):
                pass
        assert raised.value.response.status_code == 401


async def test_a_secret_makes_no_secrets() -> None:
    async with Emulator(Echo(), token="master") as server:
        value = (await mint(server, {}, "master")).json()["value"]
        for key in (value, "", "wrong"):
            response = await mint(server, {}, key)
            assert response.status_code == 401
            assert response.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": "soon"}}, "expires_after.seconds"),
        ({"session": {"type": "telepathy"}}, "session.type"),
        ({"session": {"type": "realtime", "output_modalities": ["smell"]}}, "session.output_modalities"),
        ({"session": {"type": "realtime", "instructions": 7}}, "session.instructions"),
        ({"session": "realtime"}, "session"),
    ],
)
async def test_what_is_refused(body: Any, param: str) -> None:
    async with Emulator(Echo()) as server:
        response = await mint(server, body)
        assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_a_refusal_has_the_code_that_a_socket_would_have_told() -> None:
    session = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}}
    async with Emulator(Echo()) as server, httpx2.AsyncClient() as client:
        by_secret = await mint(server, {"session": session})
        calls = f"{server.http_url}/realtime/calls"
        by_call = await client.post(f"{calls}/{server.ring().id}/accept", json=session)
        by_type = await client.post(f"{calls}/{server.ring().id}/accept", json={"type": 7})
    assert [answer.json()["error"]["code"] for answer in (by_secret, by_call, by_type)] == [
        "integer_below_min_value",
        "integer_below_min_value",
        "invalid_value",
    ]


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b"[]", 400), (b" " * (1024 * 1024 + 1), 413)])
async def test_bodies_that_are_none(content: bytes, status: int) -> None:
    async with Emulator(Echo()) as server, httpx2.AsyncClient() as client:
        response = await client.post(f"{server.http_url}/realtime/client_secrets", content=content)
        assert response.status_code == status


async def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "MAX_SECRETS", 1)
    async with Emulator(Echo()) as server:
        first, second = [(await mint(server, {})).json()["value"] for _ in range(2)]
        async with calling(server, **bearer(second)):
            pass
        with pytest.raises(InvalidStatus):
            async with calling(server, **bearer(first)):
                pass


# --- kinds ---------------------------------------------------------------------------------------------------------


async def secret_of(server: Emulator, kind: str) -> str:
    path = "/realtime/translations/client_secrets" if kind == "translation" else "/realtime/client_secrets"
    session = {} if kind == "translation" else {"type": kind}
    async with httpx2.AsyncClient() as client:
        response = await client.post(f"{server.http_url}{path}", json={"session": session})
    value: str = response.json()["value"]
    return value


@pytest.mark.parametrize(
    ("kind", "path", "opens"),
    [
        ("realtime", "", True),
        ("realtime", "?intent=transcription", False),
        ("realtime", "/translations", False),
        ("transcription", "", True),
        ("transcription", "?intent=transcription", True),
        ("transcription", "/translations", False),
        ("translation", "", False),
        ("translation", "?intent=transcription", False),
        ("translation", "/translations", True),
    ],
)
async def test_a_secret_opens_its_own_kind_of_session_only(kind: str, path: str, opens: bool) -> None:
    async with Emulator(Echo()) as server:
        key = bearer(await secret_of(server, kind))
        if opens:
            async with calling(server, path, **key) as caller:
                assert caller.frames[0]["session"]["type"] == kind
            return
        with pytest.raises(InvalidStatus) as raised:
            async with calling(server, path, **key):
                pass
        assert raised.value.response.status_code == 401


async def test_a_translation_secret_is_for_translations() -> None:
    async with Emulator(Echo()) as server, httpx2.AsyncClient() as client:
        url = f"{server.http_url}/realtime/translations/client_secrets"
        response = await client.post(url, json={"session": {"type": "realtime"}})
        assert (response.status_code, response.json()["error"]["param"]) == (400, "session.type")
        response = await client.post(url, json={"session": {"voice": "marin"}})
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["param"]) == (400, "unknown_parameter", "session.voice")


@pytest.mark.parametrize(
    ("query", "model"), [("", "gpt-realtime-2.1"), ("?model=gpt-realtime-mini", "gpt-realtime-mini")]
)
async def test_the_model_of_a_secret_counts_where_the_url_names_none(query: str, model: str) -> None:
    async with Emulator(Echo()) as server:
        body = (await mint(server, {"session": {"type": "realtime", "model": "gpt-realtime-2.1"}})).json()
        async with calling(server, query, **bearer(body["value"])) as caller:
            assert caller.frames[0]["session"]["model"] == model
