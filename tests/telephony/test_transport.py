"""A phone call over real sockets: the carrier's on one side, the emulator's WebSocket on the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pybase64
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from realtime_transport.audio import PCMU
from realtime_transport.audio.g711 import pcmu_to_pcm16
from realtime_transport.conversation.brain import Say
from realtime_transport.conversation.brains import Script, hum
from realtime_transport.emulator import Emulator
from realtime_transport.events.audio_config import PcmuFormat
from realtime_transport.events.client import ClientEvent, InputAudioBufferAppend
from realtime_transport.events.server import ServerEvent, SessionUpdated
from realtime_transport.events.server_response import ResponseOutputAudioDelta
from realtime_transport.telephony import (
    PhoneSocket,
    StarletteSocket,
    StreamSocket,
    TelephonyTransport,
    WebsocketsSocket,
)
from realtime_transport.telephony.codecs import AudioSocketCodec
from realtime_transport.testing.carriers import FakeTwilio, Speak, Wait

WORDS = "Hi"
SPEECH = hum(WORDS)
MURMUR = b"".join(bytes((n * n % 100, 0)) for n in range(24_000))
"""A second (PCM16, 24 kHz) of something that is no silence, and that no turn detection takes for speech."""


def script() -> Script:
    return Script(otherwise=Say(transcript=WORDS, audio=SPEECH))


async def agent(phone: PhoneSocket, url: str, carrier: str = "twilio") -> str:
    async with TelephonyTransport(phone, carrier=carrier) as call:
        await call.connect(url=url)
        call.request_response()
        return await call.hangup()


async def twilio_caller(url: str) -> bytes:
    """Answer marks at once, and return all that was played."""
    played = b""
    fake = FakeTwilio(lambda _: asyncio.sleep(0))
    async with connect(url) as line:
        for message in fake.opening():
            await line.send(message)
        with contextlib.suppress(ConnectionClosed):
            while True:
                said = json.loads(await line.recv())
                if said["event"] == "media":
                    played += pybase64.b64decode(said["media"]["payload"])
                elif said["event"] == "mark":
                    await line.send(fake.marked(said["mark"]["name"]))
    return played


async def test_a_call_on_a_websockets_server() -> None:
    outcomes: list[str] = []
    async with Emulator(script(), pace=None) as server:

        async def answer(connection: ServerConnection) -> None:
            outcomes.append(await agent(WebsocketsSocket(connection), server.url))

        async with serve(answer, "127.0.0.1", 0) as gateway:
            port = gateway.sockets[0].getsockname()[1]
            played = await twilio_caller(f"ws://127.0.0.1:{port}/")
    assert outcomes == ["confirmed"]
    assert len(pcmu_to_pcm16(played)) == len(SPEECH) // 3


class Overheard:
    """What the server was sent and what it said, on its own side of the socket."""

    def __init__(self) -> None:
        self.appended = b""
        self.spoken = b""
        self.session: Any = None

    def received(self, event: ClientEvent) -> None:
        if isinstance(event, InputAudioBufferAppend):
            self.appended += event.audio

    def sent(self, event: ServerEvent) -> None:
        if isinstance(event, ResponseOutputAudioDelta):
            self.spoken += event.delta
        elif isinstance(event, SessionUpdated):
            self.session = event.session

    async def close(self) -> None: ...


async def test_twilio_with_no_configuration_at_all_speaks_mu_law_end_to_end() -> None:
    """Every byte that the caller says reaches the server as it is, and every byte that it says reaches the caller.

    Peers leave the session at its default here, PCM at 24 kHz, and send mu-law into it.
    """
    overheard = Overheard()
    plans: list[str] = []
    async with Emulator(script(), observe=lambda _: overheard) as server:

        async def answer(connection: ServerConnection) -> None:
            async with TelephonyTransport(WebsocketsSocket(connection)) as call:
                await call.connect(url=server.url)
                plans.append(str(call.plan()))
                call.request_response()
                await call.wait_ended()

        async with serve(answer, "127.0.0.1", 0) as gateway:
            port = gateway.sockets[0].getsockname()[1]
            record = await FakeTwilio().dial(f"ws://127.0.0.1:{port}/", Speak(MURMUR), Wait(1.5))
    assert overheard.session.audio.input.format == overheard.session.audio.output.format == PcmuFormat()
    assert plans == [
        "caller to model: pcmu 8 kHz, untouched, 0.0 ms\nmodel to caller: pcmu 8 kHz, untouched, 0.0 ms,"
        " written 160 ms ahead"
    ]
    assert record.format == PCMU
    assert record.faults == ()
    heard = b"".join(stretch.data for stretch in record.stretches)
    assert heard == overheard.spoken != b""
    assert len(record.said) == PCMU.bytes_for(1000)
    assert overheard.appended.rstrip(b"\xff") == record.said.rstrip(b"\xff")


@contextlib.asynccontextmanager
async def starlette_app(answer: Callable[[WebSocket], Awaitable[Any]]) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # before the server does: nobody is refused
    app = Starlette(routes=[WebSocketRoute("/", answer)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="websockets-sansio", lifespan="off"))
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await running
        listener.close()


async def test_a_call_on_a_starlette_server() -> None:
    outcomes: list[str] = []
    async with Emulator(script(), pace=None) as server:

        async def answer(websocket: WebSocket) -> None:
            await websocket.accept()
            outcomes.append(await agent(StarletteSocket(websocket), server.url))

        async with starlette_app(answer) as url:
            played = await twilio_caller(url)
    assert outcomes == ["confirmed"]
    assert len(pcmu_to_pcm16(played)) == len(SPEECH) // 3


async def test_a_call_on_a_tcp_stream() -> None:
    """AudioSocket at 24 kHz: nothing acknowledged, nothing converted, whole frames."""
    outcomes: list[str] = []
    async with Emulator(script(), pace=None) as server:

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            outcomes.append(await agent(StreamSocket(reader, writer), server.url, "audiosocket"))

        gateway = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with gateway:
            reader, writer = await asyncio.open_connection(*gateway.sockets[0].getsockname())
            writer.write(b"\x01\x00\x10" + bytes(16))
            received = await reader.read(-1)
            writer.close()
            await writer.wait_closed()
    assert outcomes == ["unconfirmed"]
    kinds: list[int] = []
    while received:
        length = int.from_bytes(received[1:3], "big")
        kinds.append(received[0])
        received = received[3 + length :]
    # 200 ms of speech in frames of 20 ms, then the hangup.
    assert kinds == [0x10] * (len(SPEECH) // 960) + [0x00]
    assert AudioSocketCodec.name == "audiosocket"


# --- sockets that are gone -----------------------------------------------------------------------------------------


class BrokenWebSocket:
    """An ASGI socket whose peer went away."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        return self.messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        raise RuntimeError("Unexpected ASGI message")


async def test_starlette_messages() -> None:
    raw = BrokenWebSocket(
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.receive", "text": None, "bytes": b"b"},
        {"type": "websocket.disconnect", "code": 1000},
    )
    phone = StarletteSocket(raw)
    assert [await phone.receive() for _ in range(4)] == ["a", b"b", None, None]
    await phone.send("nobody hears this")
    assert raw.sent == []


async def test_starlette_peers_that_are_gone() -> None:
    raw = BrokenWebSocket()
    phone = StarletteSocket(raw)
    await phone.send("text")
    await phone.send(b"bytes")
    await phone.close(1000, "bye")
    await phone.close(1000, "bye")
    assert [message["type"] for message in raw.sent] == ["websocket.send", "websocket.send", "websocket.close"]


async def test_a_websocket_that_is_gone() -> None:
    done = asyncio.Event()

    async def answer(connection: ServerConnection) -> None:
        phone = WebsocketsSocket(connection)
        await phone.close(1000, "")
        assert await phone.receive() is None
        await phone.send("nobody hears this")
        done.set()

    async with serve(answer, "127.0.0.1", 0) as gateway:
        async with connect(f"ws://127.0.0.1:{gateway.sockets[0].getsockname()[1]}/") as line:
            with pytest.raises(ConnectionClosed):
                await line.recv()
        await done.wait()


async def test_a_tcp_stream_that_is_reset() -> None:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        phone = StreamSocket(reader, writer)
        first = await phone.receive()
        await phone.send("text is bytes")
        await phone.send(b"and more")
        await phone.close(1000, "")
        done.set_result(first)

    gateway = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with gateway:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, gateway.sockets[0].getsockname())
        line.close()  # with a reset
        assert await done is None
