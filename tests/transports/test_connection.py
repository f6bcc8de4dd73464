"""The quick connection: what arrives is what was sent, in order, over every kind of socket and loop."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError

from realtime_transport import WebSocketOptions, WebSocketTransport
from realtime_transport.transports import connection as module
from realtime_transport.transports.connection import QuickConnection
from tests.transports.certificates import Authority
from tests.transports.test_scanning import frame

MIB = 1024 * 1024
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture(scope="module", autouse=True)
def uvloop_is_awake() -> None:
    """uvloop opens a pipe for the whole process with its first loop: before anybody counts descriptors."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))


class Heard:
    """What a connection delivered at once, and what waited in ``recv``."""

    def __init__(self, socket: ClientConnection, *, room: Callable[[], bool] = lambda: True) -> None:
        assert isinstance(socket, QuickConnection)
        self.socket = socket
        self.room = room
        self.messages: list[bytes] = []
        self.at_once = 0
        self.looks = 0
        socket.deliver_to(self._take, self._look, max_size=MIB)

    def _take(self, message: bytes) -> bool:
        self.messages.append(message)
        self.at_once += 1
        return self.room()

    def _look(self) -> None:
        self.looks += 1

    async def drain(self, count: int) -> None:
        """Receive until so many messages are here."""
        while len(self.messages) < count:
            receiving = asyncio.ensure_future(self.socket.recv(decode=False))
            while not receiving.done() and len(self.messages) < count:
                await asyncio.wait({receiving}, timeout=0.01)
            if len(self.messages) == count:  # at once: what was awaited meanwhile may be the end of the connection
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
                return
            self.messages.append(receiving.result())
            self.socket.taken()


@asynccontextmanager
async def raw_server(*pieces: bytes) -> AsyncIterator[str]:
    """Answer the handshake and say bytes, each piece in a segment of its own; ``%ACCEPT%`` is the server's key."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()
            handled.set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(
            line.split(": ")[1] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest())
        for piece in pieces:
            writer.write(piece.replace(b"%ACCEPT%", accept))
            await writer.drain()
            await asyncio.sleep(0.005)

    handled = asyncio.Event()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"ws://{host}:{port}/"
        await handled.wait()


RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %ACCEPT%\r\n\r\n"
)
ONE, TWO, CLOSE = frame(0x81, b"one"), frame(0x81, b"two" * 100), frame(0x88, b"\x03\xe8")


@pytest.mark.parametrize(
    "pieces",
    [
        (RESPONSE, ONE, TWO, CLOSE),
        (RESPONSE + ONE + TWO + CLOSE,),
        (RESPONSE + ONE[:1], ONE[1:] + TWO[:3], TWO[3:], CLOSE),
        (RESPONSE[:20], RESPONSE[20:-3], RESPONSE[-3:] + ONE, TWO + CLOSE),
        (RESPONSE[:-2], RESPONSE[-2:], ONE + TWO, CLOSE),
    ],
)
async def test_frames_begin_where_the_handshake_ends(pieces: tuple[bytes, ...]) -> None:
    async with raw_server(*pieces) as url:
        socket = await connect(url, create_connection=QuickConnection, compression=None, proxy=None)
        heard = Heard(socket)
        await heard.drain(2)
        assert heard.messages == [b"one", b"two" * 100]
        await asyncio.wait_for(socket.wait_closed(), 5)
        assert socket.close_code == 1000


async def test_a_refusal_is_read_by_the_protocol() -> None:
    async with raw_server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno", b"pe") as url:
        with pytest.raises(Exception, match="403"):
            await connect(url, create_connection=QuickConnection, proxy=None)


async def test_a_stream_that_breaks_off_is_an_abnormal_end() -> None:
    async with raw_server(RESPONSE, ONE + TWO[:50]) as url:
        socket = await connect(url, create_connection=QuickConnection, compression=None, proxy=None)
        heard = Heard(socket)
        await heard.drain(1)
        with pytest.raises(ConnectionClosedError):
            await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == 1006


async def mixed(ws: ServerConnection) -> None:
    """Say 300 numbered messages: whole and in fragments, short and long, text and bytes, with pings between."""
    chance = random.Random(3)
    for number in range(300):
        message = f"{number}:".ljust(chance.choice((10, 200, 70_000)), "x")
        kind = chance.randrange(8)
        if kind == 0:
            await ws.send([message[:5], message[5:7], message[7:]])
        elif kind == 1:
            await ws.send(message.encode())
        else:
            await ws.send(message)
        if kind == 2:
            await ws.ping()
        if number % 20 == 0:
            await asyncio.sleep(0.005)  # so that those who wait in recv are drained now and then
    await ws.wait_closed()


async def order_is_kept(url: str, **options: Any) -> Heard:
    busy = random.Random(4)
    socket = await connect(
        url, create_connection=QuickConnection, compression=None, proxy=None, max_size=MIB, **options
    )
    heard = Heard(socket, room=lambda: busy.random() > 0.05)
    await heard.drain(300)
    assert [int(message.split(b":")[0]) for message in heard.messages] == list(range(300))
    await socket.close()
    return heard


@asynccontextmanager
async def serving(handler: Any, **options: Any) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, compression=None, **options) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"{'wss' if 'ssl' in options else 'ws'}://{host}:{port}/"


async def test_order_is_kept_between_what_comes_at_once_and_what_waits() -> None:
    async with serving(mixed) as url:
        heard = await order_is_kept(url)
    assert 0 < heard.at_once < 300


async def test_order_is_kept_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(mixed, ssl=authority.server_context("127.0.0.1")) as url:
        context: ssl.SSLContext = authority.client_context()
        assert (await order_is_kept(url, ssl=context)).at_once > 0


async def test_where_reads_go_on_in_the_background_each_connection_has_a_buffer(monkeypatch: Any) -> None:
    monkeypatch.setattr(module.sys, "platform", "win32")
    async with serving(mixed) as url:
        await order_is_kept(url)


def test_order_is_kept_under_uvloop() -> None:
    async def run() -> None:
        async with serving(mixed) as url:
            assert (await order_is_kept(url)).at_once > 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def confirming(ws: ServerConnection) -> None:
    await ws.send(json.dumps({"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}}))
    async for message in ws:
        event = json.loads(message)
        if event["type"] == "session.update":
            await ws.send(json.dumps({"type": "session.updated", "session": event["session"]}))
        if event["type"] == "input_audio_buffer.append":
            await ws.send(json.dumps({"type": "echo", "size": len(event["audio"])}))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("create", [QuickConnection, ClientConnection])
def test_a_transport_speaks_over_either_class_under_either_loop(loop: str, create: Any) -> None:
    async def run() -> None:
        async with serving(confirming) as url:
            transport = WebSocketTransport(options=WebSocketOptions(create_connection=create, proxy=None))
            echoes: list[Any] = []
            transport.on_server_event("echo", echoes.append)
            await transport.connect(url=url, session={"instructions": "Hi."})
            for _ in range(200):
                await transport.send_audio(bytes(4_800))
            while len(echoes) < 200:
                await asyncio.sleep(0.005)
            assert {echo.raw["size"] for echo in echoes} == {6_400}
            await transport.close()

    factory = uvloop.new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run())


async def deaf(ws: ServerConnection) -> None:
    ws.transport.pause_reading()
    await ws.wait_closed()


async def test_writing_at_once_is_refused_while_the_network_is_full_and_after_the_end() -> None:
    async with serving(deaf) as url:
        socket = await connect(url, create_connection=QuickConnection, compression=None, proxy=None)
        assert isinstance(socket, QuickConnection)
        written = 0
        while socket.write_now(bytes(64 * 1024)):
            written += 1
            assert written < 1_000
        assert written > 0
        socket.transport.abort()
        await socket.wait_closed()
        assert not socket.write_now(b"{}")
        assert sys.getsizeof(socket.get_buffer(-1)) < 1_000


async def test_there_is_something_to_look_at_only_when_something_waits_and_at_the_end() -> None:
    crumbs = [frame(0x01, b"he"), frame(0x00, b"l"), frame(0x80, b"lo")]
    async with raw_server(RESPONSE, ONE, frame(0x89, b"ping"), TWO, *crumbs, ONE, CLOSE) as url:
        socket = await connect(url, create_connection=QuickConnection, compression=None, proxy=None)
        found = Heard(socket)
        while len(found.messages) < 2:
            await asyncio.sleep(0.001)
        assert (found.looks, socket.at_rest) == (0, True)  # type: ignore[attr-defined]
        await found.drain(4)
        assert [message[:5] for message in found.messages] == [b"one", b"twotw", b"hello", b"one"]
        assert found.looks >= 3
        looks = found.looks
        await socket.wait_closed()
        assert found.looks == looks + 1


async def test_what_came_before_anybody_listens_is_to_be_looked_at() -> None:
    async with raw_server(RESPONSE + ONE, TWO) as url:
        socket = await connect(url, create_connection=QuickConnection, compression=None, proxy=None)
        await asyncio.sleep(0.02)
        found = Heard(socket)
        assert found.looks == 1
        await found.drain(2)
        await socket.close()


async def test_who_leaves_leaves_everything_to_recv() -> None:
    async with raw_server(RESPONSE, ONE, TWO, CLOSE) as url:
        socket = await connect(url, create_connection=QuickConnection, compression=None, proxy=None)
        assert isinstance(socket, QuickConnection)
        found = Heard(socket)
        while not found.messages:
            await asyncio.sleep(0.001)
        socket.leave_to_recv()
        assert (await socket.recv(decode=False))[:5] == b"twotw"
        await socket.wait_closed()
        assert (found.at_once, found.looks) == (1, 0)
