"""Real sockets: what a WebSocket and a TCP stream do to a call."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from realtime_transport.emulator.certificate import self_signed
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.testing.carriers import FakeAsterisk, FakeAudioSocket, FakeTwilio, Wait


async def test_a_url_has_to_lead_somewhere() -> None:
    for url in ("http://127.0.0.1/", "tcp://127.0.0.1", "127.0.0.1:80"):
        with pytest.raises(InvalidArgument, match="ws://"):
            await FakeTwilio().dial(url)


async def test_nobody_answers() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await FakeTwilio().dial(f"ws://127.0.0.1:{port}/")
    with pytest.raises(OSError, match=r"refused|Connect"):
        await FakeAudioSocket().dial(f"tcp://127.0.0.1:{port}")


async def test_the_code_and_the_reason_of_the_agent() -> None:
    told: list[object] = []

    async def answer(connection: ServerConnection) -> None:
        told.append(connection.subprotocol)
        await connection.send("HANGUP?")
        await connection.close(1011, "broken")

    async with serve(answer, "127.0.0.1", 0, subprotocols=["media"]) as server:  # type: ignore[list-item]
        port = server.sockets[0].getsockname()[1]
        record = await FakeAsterisk().dial(f"ws://127.0.0.1:{port}/", Wait(30))
    assert (record.ended_by, record.code, record.reason) == ("agent", 1011, "broken")
    assert record.messages == ("HANGUP?",)
    assert told == ["media"]


async def test_an_agent_that_drops_the_line() -> None:
    async def drop(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with serve(drop, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        record = await FakeTwilio().dial(f"ws://127.0.0.1:{port}/", Wait(30))
    assert (record.ended_by, record.code) == ("agent", 1006)


async def test_a_stream_that_is_cut() -> None:
    heard = asyncio.Event()

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(19)
        heard.set()
        writer.transport.abort()

    async with await asyncio.start_server(drop, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        record = await FakeAudioSocket().dial(f"tcp://127.0.0.1:{port}", Wait(30))
    assert heard.is_set()
    assert (record.ended_by, record.code) == ("agent", None)


async def test_the_caller_hangs_up_a_stream() -> None:
    rest: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest.append(await reader.read(-1))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        record = await FakeAudioSocket().dial(f"tcp://127.0.0.1:{port}", Wait(0.05))
    assert record.ended_by == "caller"
    assert rest[0].endswith(b"\x00\x00\x00")
    assert len(rest[0]) == 19 + 2 * 323 + 3


async def test_a_secure_socket_is_trusted_by_its_certificate(tmp_path: Path) -> None:
    async def answer(connection: ServerConnection) -> None:
        await connection.close(1000, "bye")

    certificate, key = self_signed(tmp_path, "localhost", time.time())
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate, key)
    theirs = ssl.create_default_context(cafile=certificate)
    async with serve(answer, "127.0.0.1", 0, ssl=ours) as server:
        url = f"wss://localhost:{server.sockets[0].getsockname()[1]}/"
        record = await FakeTwilio().dial(url, Wait(5), tls=theirs)
        assert record.reason == "bye"
        with pytest.raises(ssl.SSLCertVerificationError):
            await FakeTwilio().dial(url, Wait(5))
