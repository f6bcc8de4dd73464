"""Every kind of socket that a call can come in on, over real connections."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from aiohttp import web
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from realtime_transport.telephony import AiohttpSocket, PhoneSocket, StarletteSocket, StreamSocket, WebsocketsSocket

PATIENCE = 10.0
Handler = Callable[[PhoneSocket], Awaitable[None]]


@contextlib.asynccontextmanager
async def uvicorn_house(handler: Handler) -> AsyncIterator[str]:
    async def answer(websocket: WebSocket) -> None:
        await websocket.accept()
        await handler(StarletteSocket(websocket))

    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute("/", answer)]), log_config=None, lifespan="off", ws="websockets-sansio"
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup([listener])
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        await server.shutdown([listener])


@contextlib.asynccontextmanager
async def websockets_house(handler: Handler) -> AsyncIterator[str]:
    async def answer(connection: ServerConnection) -> None:
        await handler(WebsocketsSocket(connection))

    async with serve(answer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@contextlib.asynccontextmanager
async def aiohttp_house(handler: Handler) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(timeout=1.0)
        await websocket.prepare(request)
        await handler(AiohttpSocket(websocket))
        return websocket

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await web.SockSite(runner, listener).start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        await runner.cleanup()


HOUSES = {"starlette": uvicorn_house, "websockets": websockets_house, "aiohttp": aiohttp_house}
every_house = pytest.mark.parametrize("house", HOUSES.values(), ids=list(HOUSES))


@every_house
async def test_carries_text_and_bytes_both_ways(house: Any) -> None:
    heard: list[str | bytes | None] = []

    async def handler(phone: PhoneSocket) -> None:
        for _ in range(2):
            message = await phone.receive()
            heard.append(message)
            assert message is not None
            await phone.send(message)
        heard.append(await phone.receive())

    async with asyncio.timeout(PATIENCE), house(handler) as url, connect(url, proxy=None) as carrier:
        await carrier.send("é text")
        await carrier.send(b"\x00\xff")
        assert [await carrier.recv(), await carrier.recv()] == ["é text", b"\x00\xff"]
        await carrier.close()
    assert heard == ["é text", b"\x00\xff", None]


@every_house
async def test_closes_with_a_code_and_a_reason(house: Any) -> None:
    async def handler(phone: PhoneSocket) -> None:
        await phone.receive()
        await phone.close(4321, "tschüss")

    async with asyncio.timeout(PATIENCE), house(handler) as url, connect(url, proxy=None) as carrier:
        await carrier.send("hello")
        await carrier.wait_closed()
        assert (carrier.close_code, carrier.close_reason) == (4321, "tschüss")


@every_house
async def test_a_socket_that_is_gone_takes_everything_in_silence(house: Any) -> None:
    done = asyncio.Event()

    async def handler(phone: PhoneSocket) -> None:
        while await phone.receive() is not None:
            pass
        for _ in range(100):
            await phone.send("into the void")
            await phone.send(b"as well")
        await phone.close(1000, "")
        done.set()

    async with asyncio.timeout(PATIENCE), house(handler) as url:
        async with connect(url, proxy=None) as carrier:
            await carrier.send("hello")
            carrier.transport.abort()
        await done.wait()


@every_house
async def test_a_writer_survives_that_the_peer_vanishes(house: Any) -> None:
    """The reader has not noticed yet, or nobody reads."""
    done = asyncio.Event()
    gone = asyncio.Event()

    async def handler(phone: PhoneSocket) -> None:
        await gone.wait()
        for _ in range(2000):
            await phone.send("x" * 1000)
        await phone.close(1000, "")
        done.set()

    async with asyncio.timeout(PATIENCE), house(handler) as url:
        async with connect(url, proxy=None) as carrier:
            carrier.transport.abort()
        gone.set()
        await done.wait()


@contextlib.asynccontextmanager
async def tcp_house(handler: Handler) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handler(StreamSocket(reader, writer))

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_tcp_carries_bytes_and_ends() -> None:
    heard: list[object] = []

    async def handler(phone: PhoneSocket) -> None:
        heard.append(await phone.receive())
        await phone.send("text")
        await phone.send(b"bytes")
        heard.append(await phone.receive())
        await phone.close(1000, "")

    async with asyncio.timeout(PATIENCE), tcp_house(handler) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        assert await reader.readexactly(9) == b"textbytes"
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    assert heard == [b"hello", None]


async def test_tcp_survives_a_reset() -> None:
    done = asyncio.Event()

    async def handler(phone: PhoneSocket) -> None:
        assert await phone.receive() == b"hello"
        assert await phone.receive() is None
        for _ in range(100):
            await phone.send(b"into the void")
        await phone.close(1000, "")
        done.set()

    async with asyncio.timeout(PATIENCE), tcp_house(handler) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # close with a reset
        writer.write(b"hello")
        await asyncio.sleep(0)
        writer.transport.abort()
        await done.wait()


async def test_an_asgi_socket_needs_no_starlette(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("starlette"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    sent: list[Any] = []

    class Plain:
        async def receive(self) -> Any:
            return {"type": "websocket.receive", "text": "hello"}

        async def send(self, message: Any) -> None:
            sent.append(message)
            raise OSError

    monkeypatch.setattr(builtins, "__import__", without)
    phone = StarletteSocket(Plain())
    assert await phone.receive() == "hello"
    await phone.send(b"x")
    assert sent == [{"type": "websocket.send", "bytes": b"x"}]


async def test_what_starlette_makes_of_a_broken_socket_is_silence_too() -> None:
    """Starlette turns the server's OSError into an exception of its own."""

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        if message["type"] != "websocket.accept":
            raise OSError

    websocket = WebSocket({"type": "websocket", "headers": []}, receive, send)
    await websocket.accept()
    await StarletteSocket(websocket).send("into the void")
