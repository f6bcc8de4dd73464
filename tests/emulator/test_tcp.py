"""The tap on the TCP connection, without one."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import Emulator
from realtime_transport.emulator.tcp import TappedTransport


class Plain:
    """A transport that writes down what is done to it."""

    def __init__(self) -> None:
        self.written = b""
        self.done: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


def tapped() -> tuple[TappedTransport, Plain]:
    plain = Plain()
    return TappedTransport(cast("asyncio.Transport", plain)), plain


def test_everything_passes() -> None:
    tap, plain = tapped()
    tap.write(b"abc")
    tap.resume_reading()
    tap.close()
    assert (plain.written, plain.done) == (b"abc", ["resume_reading", "close"])


def test_a_cut_in_the_middle() -> None:
    tap, plain = tapped()
    tap.cut_after(5)
    for piece in (b"abc", b"def"):
        tap.write(piece)
    assert (plain.written, plain.done) == (b"abcde", ["close"])


def test_frozen_means_both_ways() -> None:
    tap, plain = tapped()
    tap.freeze()
    tap.write(b"abc")
    tap.resume_reading()
    assert (plain.written, plain.done) == (b"", ["pause_reading"])


async def test_a_refused_upgrade_that_is_still_open_does_not_keep_the_server_from_stopping() -> None:
    async with Emulator(Echo) as server:
        host, port = server.url.removeprefix("ws://").split("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        async with asyncio.timeout(5):
            assert b" 400 " in await reader.readline()
    writer.close()


async def test_a_key_that_is_no_ascii_is_a_wrong_key() -> None:
    async with Emulator(Echo, token="key") as server:
        host, port = server.url.removeprefix("ws://").split("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        request = b"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n"
        writer.write(request + b"Content-Length: 2\r\n\r\n{}")
        async with asyncio.timeout(5):
            assert b" 401 " in await reader.readline()
        writer.close()


async def test_a_goodbye_whose_answer_is_never_read_does_not_keep_the_server_from_stopping() -> None:
    async with Emulator(Echo) as server:
        host, port = server.url.removeprefix("ws://").split("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        async with asyncio.timeout(5):
            assert b" 101 " in await reader.readline()
        update = b'{"type":"session.update","session":{"type":"realtime","instructions":"' + b"x" * 65_000 + b'"}}'
        for _ in range(150):  # nearly 10 MB of answers, which no system keeps for a client that does not read
            writer.write(b"\x81\xfe" + len(update).to_bytes(2) + bytes(4) + update)
        writer.write(b"\x88\x80" + bytes(4))
        async with asyncio.timeout(5):
            await writer.drain()
        async with asyncio.timeout(5):
            await server.stop()
    writer.close()


@pytest.mark.parametrize("key", ["wrong", "key"])
async def test_whoever_is_refused_is_no_error_of_ours(key: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Emulator(Echo, token="key") as server:
        host, port = server.url.removeprefix("ws://").split("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        writer.write(f"Authorization: Bearer {key}\r\n\r\n".encode())
        async with asyncio.timeout(5):
            assert (b" 401 " if key == "wrong" else b" 101 ") in await reader.readline()
            if key == "wrong":
                await reader.read()
        writer.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
