"""The vendor's own Python client against our server: text, speech, tools, interruption; the shape of every event."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import connect

from realtime_transport.emulator import Emulator, Improviser, library
from realtime_transport.events import SERVER_EVENTS
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


SEEN_ELSEWHERE = {
    "conversation.created",
    "conversation.item.created",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.dtmf_event_received",
    "input_audio_buffer.timeout_triggered",
}
"""Events of other sessions (SIP, a diarising model, an idle caller) or other dialects."""


async def test_every_event_has_the_shape_that_the_vendor_publishes() -> None:
    frames = await one_call()
    for frame in frames:
        SHAPE.validate_python(frame)
    missing = set(SERVER_EVENTS) - SEEN_ELSEWHERE - {frame["type"] for frame in frames}
    assert {name for name in missing if "mcp" not in name and not name.startswith("output_audio_buffer")} == set()


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
