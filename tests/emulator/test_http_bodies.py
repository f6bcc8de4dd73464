"""Bodies that are no objects, at every HTTP endpoint: 400 with a reason, never 500."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import Emulator

MINTS = ("/v1/realtime/client_secrets", "/v1/realtime/translations/client_secrets")
ENDPOINTS = (*MINTS, *(f"/v1/realtime/calls/CALL/{verb}" for verb in ("accept", "reject", "refer")), "/emulator/calls")


async def post(server: Emulator, path: str, **options: Any) -> httpx2.Response:
    path = path.replace("CALL", server.ring().id)
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{server.http_url.removesuffix('/v1')}{path}", **options)


def refused(response: httpx2.Response) -> dict[str, Any]:
    assert response.status_code == 400, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return error


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_bodies_that_are_no_objects(path: str) -> None:
    async with Emulator(Echo()) as server:
        for content in (
            b"[]",
            b'[{"type": "realtime"}]',
            b'"text"',
            b"7",
            b"1.5",
            b"true",
            b"null",
            b"{",
            b"\xff",
            b"[" * 9999,
        ):
            refused(await post(server, path, content=content, headers={"content-type": "application/json"}))


@pytest.mark.parametrize("path", MINTS)
@pytest.mark.parametrize("session", [[1], "realtime", 7, 1.5, True, [], 0, "", False])
async def test_sessions_that_are_no_objects(path: str, session: Any) -> None:
    async with Emulator(Echo()) as server:
        assert refused(await post(server, path, json={"session": session}))["param"] == "session"


@pytest.mark.parametrize("path", MINTS)
@pytest.mark.parametrize(
    "expires", [[1], "soon", 7, {"seconds": [1]}, {"seconds": True}, {"seconds": "10"}, {"seconds": 1.5}]
)
async def test_lifetimes_that_are_none(path: str, expires: Any) -> None:
    async with Emulator(Echo()) as server:
        assert refused(await post(server, path, json={"expires_after": expires}))["param"].startswith("expires_after")


@pytest.mark.parametrize("path", MINTS)
@pytest.mark.parametrize("inner", [[1], "text", 7, True])
async def test_parts_of_a_session_that_are_no_objects(path: str, inner: Any) -> None:
    async with Emulator(Echo()) as server:
        for session in ({"audio": inner}, {"audio": {"input": inner}}, {"audio": {"output": inner}}):
            assert refused(await post(server, path, json={"session": session}))["param"].startswith("session.audio")


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_keys_come_before_bodies(path: str) -> None:
    async with Emulator(Echo(), token="t") as server:
        assert (await post(server, path, content=b"[]")).status_code == 401


@pytest.mark.parametrize("path", MINTS)
async def test_what_is_null_is_absent(path: str) -> None:
    async with Emulator(Echo()) as server:
        for body in ({"session": None}, {"expires_after": None}, {"session": {}}, {}):
            assert (await post(server, path, json=body)).status_code == 200


UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/realtime/calls", "/nowhere"])
async def test_a_handshake_with_a_body_is_answered(path: str) -> None:
    async with Emulator(Echo()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE}Content-Length: 2\r\n\r\n{{}}".encode())
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ")
