"""The ``openai`` package of Python, one scene per run: ``python openai_python.py URL SCENE CLIPS KEY``."""

from __future__ import annotations

import asyncio
import base64
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

PATIENCE = 20.0
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
BLOCK = 4_800
"""Bytes of 100 ms."""


class Caller:
    """The connection, and what to do with it."""

    def __init__(self, connection: Any, clips: Path) -> None:
        self.connection = connection
        self._clips = clips

    async def until(self, kind: str, where: Callable[[Any], bool] = lambda _: True) -> Any:
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await self.connection.recv()
                if event.type == "error":
                    raise AssertionError(f"the server refused: {event.error.code}: {event.error.message}")
                if event.type == kind and where(event):
                    return event

    async def configure(self, **session: Any) -> None:
        await self.until("session.created")
        await self.connection.session.update(session={"type": "realtime", **session})
        await self.until("session.updated")

    async def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await self.connection.response.create()

    async def speak(self, clip: str, faster: float = 1.0) -> None:
        with wave.open(str(self._clips / f"{clip}.wav")) as file:
            audio = file.readframes(file.getnframes()) + bytes(72_000)
        for at in range(0, len(audio), BLOCK):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(audio[at : at + BLOCK]).decode())
            await asyncio.sleep(0.1 / faster)


async def text(caller: Caller) -> str:
    await caller.configure(output_modalities=["text"])
    await caller.say("Good morning.")
    done = (await caller.until("response.done")).response
    assert done.status == "completed", done.status
    answer = done.output[0].content[0].text
    assert "Good morning" in answer, answer
    return f"answered {answer!r}"


async def audio(caller: Caller) -> str:
    await caller.configure(audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}})
    await caller.speak("caller_hello", faster=10)
    heard = await caller.until("conversation.item.input_audio_transcription.completed")
    done = (await caller.until("response.done")).response
    assert done.status == "completed", done.status
    said = done.output[0].content[0].transcript
    assert "weekend by the sea" in heard.transcript, heard.transcript
    assert heard.transcript in said, said
    return f"heard {heard.transcript!r}, said {said!r}"


async def tool(caller: Caller) -> str:
    await caller.configure(output_modalities=["text"], tools=[WEATHER])
    await caller.say("What is the weather?")
    call = (await caller.until("response.done")).response.output[0]
    assert (call.type, call.name) == ("function_call", "get_weather"), call
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny, 21 degrees"}
    await caller.connection.conversation.item.create(item=output)
    await caller.connection.response.create()
    done = (await caller.until("response.done")).response
    said = done.output[0].content[0].text
    assert "21" in said, said
    return f"called with {call.arguments}, answered {said!r}"


async def interruption(caller: Caller) -> str:
    await caller.configure()
    await caller.say("Tell me a long story.")
    await caller.until("response.output_audio.delta")
    await caller.speak("caller_stop", faster=10)
    await caller.until("input_audio_buffer.speech_started")
    cut = (await caller.until("response.done")).response
    assert cut.status == "cancelled", cut.status
    assert cut.status_details.reason == "turn_detected", cut.status_details
    item = cut.output[0].id
    await caller.connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=100)
    truncated = await caller.until("conversation.item.truncated")
    assert (truncated.item_id, truncated.audio_end_ms) == (item, 100)
    done = (await caller.until("response.done")).response
    assert done.status == "completed", done.status
    return f"{cut.status} ({cut.status_details.reason}), truncated at 100 ms, then it went on"


SCENES = {scene.__name__: scene for scene in (text, audio, tool, interruption)}


async def main(url: str, scene: str, clips: str, key: str) -> None:
    base = url.removesuffix("/realtime")
    sdk = AsyncOpenAI(api_key=key, base_url=base.replace("ws", "http", 1), websocket_base_url=base)
    async with sdk, sdk.realtime.connect(model="gpt-realtime") as connection:
        print(await SCENES[scene](Caller(connection, Path(clips))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
