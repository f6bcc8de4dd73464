"""The vendor's own Python client against our server: text, speech, tools, interruption; the shape of every event."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import connect

from realtime_transport.conversation.brain import CallMcp
from realtime_transport.conversation.brains import Script, when
from realtime_transport.conversation.mcp_script import ScriptedTool
from realtime_transport.emulator import Emulator, Improviser, WebhookTarget, library
from realtime_transport.events import SERVER_EVENTS
from realtime_transport.exceptions import ServerError
from tests.emulator.calling import SECONDS, Caller

SHAPE: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
QUIET = bytes(24_000)


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


class Client:
    """The vendor's connection, and what it received."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection: Any = connection
        self.events: list[Any] = []

    async def until(self, kind: str, where: Callable[[Any], bool] = lambda _: True) -> Any:
        async with asyncio.timeout(SECONDS):
            while True:
                event = await self.connection.recv()
                self.events.append(event)
                if event.type == kind and where(event):
                    return event

    async def speak(self, audio: bytes) -> None:
        for at in range(0, len(audio), 9600):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(audio[at : at + 9600]).decode())

    def types(self) -> list[str]:
        return [event.type for event in self.events]


@asynccontextmanager
async def client(brain: Any = Improviser, **options: Any) -> AsyncIterator[Client]:
    async with Emulator(brain, **options) as server:
        sdk = AsyncOpenAI(
            api_key="any", base_url=server.http_url, websocket_base_url=server.url.removesuffix("/realtime")
        )
        async with sdk, sdk.realtime.connect(model="gpt-realtime") as connection:
            yield Client(connection)


async def test_a_text_turn() -> None:
    async with client() as caller:
        created = await caller.until("session.created")
        assert created.session.model == "gpt-realtime"
        await caller.connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await caller.until("session.updated")
        await caller.connection.conversation.item.create(item=user("Good morning."))
        await caller.connection.response.create()
        done = await caller.until("response.done")
        assert done.response.status == "completed"
        assert done.response.output[0].content[0].text == "You said: Good morning."
        written = "".join(event.delta for event in caller.events if event.type == "response.output_text.delta")
        assert written == "You said: Good morning."
        usage = done.response.usage
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_a_spoken_turn() -> None:
    async with client() as caller:
        transcription = {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}
        await caller.connection.session.update(session={"type": "realtime", "audio": transcription})
        await caller.speak(QUIET + library().audio("caller_hello") + QUIET + QUIET)
        done = await caller.until("response.done")
        words = "Hello, I am planning a weekend by the sea."
        assert done.response.output[0].content[0].transcript == f"You said: {words}"
        heard = [event.transcript for event in caller.events if event.type.endswith("transcription.completed")]
        if not heard:  # its own pace: it may come after the answer
            heard = [(await caller.until("conversation.item.input_audio_transcription.completed")).transcript]
        assert heard == [words]
        spoken = b"".join(
            base64.b64decode(event.delta) for event in caller.events if event.type == "response.output_audio.delta"
        )
        assert len(spoken) > 48_000


async def test_a_tool_loop() -> None:
    async with client() as caller:
        await caller.connection.session.update(session={"type": "realtime", "tools": [TOOL]})
        await caller.connection.conversation.item.create(item=user("What is the weather?"))
        await caller.connection.response.create()
        call = (await caller.until("response.done")).response.output[0]
        assert (call.type, call.name, list(json.loads(call.arguments))) == ("function_call", "get_weather", ["city"])
        output = {"type": "function_call_output", "call_id": call.call_id, "output": '{"celsius": 21}'}
        await caller.connection.conversation.item.create(item=output)
        await caller.connection.response.create()
        done = await caller.until("response.done")
        assert done.response.output[0].content[0].transcript == 'get_weather says: {"celsius": 21}'


async def test_an_interruption() -> None:
    async with client(pace=4) as caller:
        await caller.connection.conversation.item.create(item=user("Tell me a long story."))
        await caller.connection.response.create()
        item_id = (await caller.until("response.output_audio.delta")).item_id
        await caller.speak(QUIET + library().audio("caller_stop"))
        await caller.until("input_audio_buffer.speech_started")
        done = await caller.until("response.done")
        assert (done.response.status, done.response.status_details.reason) == ("cancelled", "turn_detected")
        await caller.connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=150)
        assert (await caller.until("conversation.item.truncated")).audio_end_ms == 150
        await caller.connection.conversation.item.retrieve(item_id=item_id)
        item = (await caller.until("conversation.item.retrieved")).item
        assert len(base64.b64decode(item.content[0].audio)) == 24 * 2 * 150
        assert len(item.content[0].transcript) < len(done.response.output[0].content[0].transcript)


# --- the shape of every event ----------------------------------------------------------------------------------------


def frames_of_one_call() -> list[Any]:
    """What a client says that wants to see every kind of event."""
    audio = QUIET + library().audio("caller_stop") + QUIET
    speech = [
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio[at : at + 9600]).decode()}
        for at in range(0, len(audio), 9600)
    ]
    vad = {"type": "server_vad", "idle_timeout_ms": 5000}
    return [
        {
            "type": "session.update",
            "session": {
                "type": "realtime",
                "tools": [TOOL],
                "audio": {"input": {"turn_detection": vad, "transcription": {"model": "gpt-4o-transcribe"}}},
            },
        },
        {"type": "conversation.item.create", "item": {"id": "mine", **user("Hi.")}},
        {"type": "response.create", "response": {"output_modalities": ["text"], "metadata": {"a": "b"}}},
        "response.done",
        {"type": "response.create"},
        "response.done",
        {"type": "conversation.item.create", "item": user("The weather?")},
        {"type": "response.create"},
        "response.done",
        {"type": "response.create"},
        {"type": "response.cancel"},
        "response.done",
        {"type": "conversation.item.retrieve", "item_id": "mine"},
        {"type": "conversation.item.delete", "item_id": "mine"},
        *speech,
        "response.done",
        "conversation.item.input_audio_transcription.completed",
        {"type": "input_audio_buffer.clear"},
        {"type": "surprise"},
        "error",
    ]


async def one_call() -> list[dict[str, Any]]:
    async with Emulator(Improviser) as server, connect(server.url, max_size=None) as socket:
        caller = Caller(socket)
        for step in frames_of_one_call():
            if isinstance(step, str):
                await caller.until(step)
            else:
                await socket.send(json.dumps(step))
        item_id = next(
            frame["item_id"] for frame in reversed(caller.frames) if frame["type"] == "response.output_audio.delta"
        )
        await caller.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10)
        await caller.until("conversation.item.truncated")
        return caller.frames


PAPER = {"weather": (ScriptedTool(name="get_weather", output="21"), ScriptedTool(name="break_weather", error="no"))}


class Deaf:
    def transcribe(self, audio: bytes) -> str:
        raise ServerError("no", code="DeploymentNotFound")


async def one_hosted_call() -> list[dict[str, Any]]:
    """MCP servers: listed, called, approved, broken, unreachable."""
    script = Script(
        when("weather", CallMcp(server_label="weather", name="get_weather", arguments='{"city": "Lisbon"}')),
        when("break", CallMcp(server_label="weather", name="break_weather"), tool=""),
    )
    tools = [
        {"type": "mcp", "server_label": "weather", "server_url": "https://mcp.example.com"},
        {"type": "mcp", "server_label": "gone", "server_url": "http://127.0.0.1:1/mcp"},
    ]
    async with Emulator(script, mcp=PAPER) as server, connect(server.url) as socket:
        caller = Caller(socket)
        await caller.send("session.update", session={"type": "realtime", "tools": tools})
        await caller.until("mcp_list_tools.failed")
        for words, end in (("The weather?", "completed"), ("Break it!", "failed")):
            await caller.write(words)
            await caller.send("response.create")
            asked = await caller.until("conversation.item.done", lambda f: f["item"]["type"] == "mcp_approval_request")
            item = {"type": "mcp_approval_response", "approval_request_id": asked["item"]["id"], "approve": True}
            await caller.send("conversation.item.create", item=item)
            await caller.until(f"response.mcp_call.{end}")
        await caller.until("conversation.item.done")
        return caller.frames


async def one_phone_call() -> list[dict[str, Any]]:
    """A sideband: what is played, and what is cleared."""
    async with Emulator(Improviser, pace=None) as server:
        call = server.ring()
        async with httpx2.AsyncClient() as http:
            await http.post(f"{server.http_url}/realtime/calls/{call.id}/accept", json={"type": "realtime"})
        async with connect(f"{server.url}?call_id={call.id}") as socket:
            caller = Caller(socket)
            await call.speak(library().audio("caller_hello"), pace=None)
            await caller.until("response.done")
            await caller.send("output_audio_buffer.clear")
            await caller.until("conversation.item.truncated")
            await caller.send("response.create", response={"instructions": "Again."})
            await caller.until("output_audio_buffer.stopped")
            call.press("#")
            await caller.until("input_audio_buffer.dtmf_event_received")
            return caller.frames


async def transcribed(model: str, transcriber: Any = None) -> list[dict[str, Any]]:
    include = ["item.input_audio_transcription.logprobs"]
    async with Emulator(Improviser, transcriber=transcriber) as server, connect(server.url) as socket:
        caller = Caller(socket)
        audio = {"input": {"transcription": {"model": model}}}
        await caller.send("session.update", session={"type": "realtime", "audio": audio, "include": include})
        await caller.speak(library().audio("caller_stop") + QUIET)
        end = "failed" if transcriber else "completed"
        await caller.until(f"conversation.item.input_audio_transcription.{end}")
        return caller.frames


SEEN_ELSEWHERE = {
    "conversation.created",
    "conversation.item.created",
    "input_audio_buffer.timeout_triggered",
}
"""Events of other dialects, and of a caller who is idle: tests/interop has those."""


async def test_every_event_has_the_shape_that_the_vendor_publishes() -> None:
    frames = [
        *await one_call(),
        *await one_hosted_call(),
        *await one_phone_call(),
        *await transcribed("gpt-4o-transcribe-diarize"),
        *await transcribed("gpt-4o-transcribe"),
        *await transcribed("whisper-1", Deaf()),
    ]
    for frame in frames:
        SHAPE.validate_python(frame)
    assert set(SERVER_EVENTS) - SEEN_ELSEWHERE - {frame["type"] for frame in frames} == set()


# --- keys, calls and webhooks ------------------------------------------------------------------------------------


async def test_the_vendor_steers_our_calls_and_believes_our_webhooks() -> None:
    secret = "whsec_" + base64.b64encode(b"secret of the test").decode()
    taken: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        taken.put_nowait((body, headers))

    listener = await asyncio.start_server(receive, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    async with listener, Emulator(Improviser, webhook=WebhookTarget(url=url, secret=secret)) as server:
        sdk = AsyncOpenAI(
            api_key="any",
            base_url=server.http_url,
            websocket_base_url=server.url.removesuffix("/realtime"),
            webhook_secret=secret,
        )
        async with sdk:
            rejected = server.ring()
            await taken.get()
            call = server.ring([("From", "sip:+15550100@example.com")])
            async with asyncio.timeout(SECONDS):
                body, headers = await taken.get()
            event: Any = sdk.webhooks.unwrap(body.decode(), headers)
            assert (event.type, event.data.call_id) == ("realtime.call.incoming", call.id)
            assert event.data.sip_headers[0].value == "sip:+15550100@example.com"
            await sdk.realtime.calls.reject(rejected.id, status_code=486)
            await sdk.realtime.calls.accept(call.id, type="realtime", instructions="Be kind.")
            async with sdk.realtime.connect(call_id=call.id) as connection:
                joined = Client(connection)
                await connection.response.create()
                await joined.until("output_audio_buffer.started")
                await joined.until("response.done")
                await sdk.realtime.calls.refer(call.id, target_uri="tel:+15550100")
            assert (call.referred_to, rejected.status_code) == ("tel:+15550100", 486)


async def test_the_vendor_makes_our_client_secrets() -> None:
    async with Emulator(Improviser, token="master") as server:
        async with AsyncOpenAI(api_key="master", base_url=server.http_url) as sdk:
            made = await sdk.realtime.client_secrets.create(session={"type": "realtime", "instructions": "Be kind."})
        address = server.url.removesuffix("/realtime")
        async with (
            AsyncOpenAI(api_key=made.value, base_url=server.http_url, websocket_base_url=address) as sdk,
            sdk.realtime.connect(model="gpt-realtime") as connection,
        ):
            created = await Client(connection).until("session.created")
            assert created.session.instructions == "Be kind."


@pytest.mark.parametrize("spoilt", [{"response_id": None}, {"type": "response.output_audio.delta", "delta": 7}])
def test_the_shape_is_strict_enough_to_notice(spoilt: dict[str, Any]) -> None:
    frame = {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": "",
    }
    SHAPE.validate_python(frame)
    with pytest.raises(ValueError, match="validation error"):
        SHAPE.validate_python(frame | spoilt)
