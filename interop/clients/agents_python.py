"""openai-agents for Python, one scene per run: ``python agents_python.py URL SCENE CLIPS KEY``. Prints what it saw."""

from __future__ import annotations

import asyncio
import sys
import wave
from pathlib import Path
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner

PATIENCE = 20.0
BLOCK = 4_800
"""Bytes of 100 ms."""
asked: list[str] = []


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    asked.append(city)
    return "sunny, 21 degrees"


class Caller:
    """The session, and what to do with it."""

    def __init__(self, session: Any, clips: Path) -> None:
        self.session = session
        self.raw: list[dict[str, Any]] = []
        self._clips = clips

    async def until(self, kind: str) -> Any:
        async with asyncio.timeout(PATIENCE):
            async for event in self.session:
                if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                    self.raw.append(event.data.data)
                if event.type == "error":
                    raise AssertionError(f"an error: {event.error}")
                if event.type == kind:
                    return event
        raise AssertionError(f"the session ended before {kind}")

    async def until_raw(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for the frame that is number ``count`` of its kind."""
        while len(found := [frame for frame in self.raw if frame["type"] == kind]) < count:
            await self.until("raw_model_event")
        return found[count - 1]

    async def speak(self, clip: str, faster: float = 1.0) -> None:
        with wave.open(str(self._clips / f"{clip}.wav")) as file:
            audio = file.readframes(file.getnframes()) + bytes(72_000)
        for at in range(0, len(audio), BLOCK):
            await self.session.send_audio(audio[at : at + BLOCK])
            await asyncio.sleep(0.1 / faster)


def words(frame: dict[str, Any]) -> str:
    """Give what a finished response said."""
    parts = [part for item in frame["response"]["output"] for part in item.get("content") or ()]
    return " ".join(part.get("transcript") or part.get("text") or "" for part in parts)


async def text(caller: Caller) -> str:
    await caller.session.send_message("Good morning")
    done = await caller.until_raw("response.done")
    assert done["response"]["status"] == "completed", done
    assert "Good morning" in words(done), done
    return f"answered {words(done)!r}"


async def audio(caller: Caller) -> str:
    await caller.speak("caller_hello", faster=10)
    heard = await caller.until_raw("conversation.item.input_audio_transcription.completed")
    await caller.until("audio_end")
    said = words(await caller.until_raw("response.done"))
    assert "weekend by the sea" in heard["transcript"], heard
    assert heard["transcript"] in said, said
    return f"heard {heard['transcript']!r}, said {said!r}"


async def tool(caller: Caller) -> str:
    await caller.session.send_message("What is the weather?")
    ended = await caller.until("tool_end")
    said = words(await caller.until_raw("response.done", count=2))
    assert len(asked) == 1, asked
    assert "21" in said, said
    return f"called with {asked[0]!r}, told {ended.output!r}, said {said!r}"


async def interruption(caller: Caller) -> str:
    await caller.session.send_message("Tell me a long story")
    await caller.until("audio")
    await asyncio.sleep(0.5)  # something has to be heard before it can be cut
    speaking = asyncio.create_task(caller.speak("caller_stop", faster=2))
    await caller.until("audio_interrupted")
    truncated = await caller.until_raw("conversation.item.truncated")
    await speaking
    assert 0 < truncated["audio_end_ms"] < 10_000, truncated
    done = await caller.until_raw("response.done", count=2)
    assert done["response"]["status"] == "completed", done
    return f"truncated at {truncated['audio_end_ms']} ms, then it said {words(done)!r}"


SCENES = {scene.__name__: scene for scene in (text, audio, tool, interruption)}


async def main(url: str, scene: str, clips: str, key: str) -> None:
    agent = RealtimeAgent(name="shop", instructions="You answer the phone.", tools=[get_weather])
    settings = {
        "model_name": "gpt-realtime",
        "turn_detection": {"type": "server_vad"},
        "input_audio_transcription": {"model": "gpt-4o-transcribe"},
    }
    runner = RealtimeRunner(agent, config={"model_settings": settings, "tracing_disabled": True})
    async with await runner.run(model_config={"url": url, "api_key": key}) as session:
        print(await SCENES[scene](Caller(session, Path(clips))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
