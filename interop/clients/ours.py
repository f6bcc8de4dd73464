"""Our own client, one scene per run: ``python ours.py URL SCENE CLIPS [KEY]``. Prints what it saw."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from realtime_transport import RealtimeAgent, RealtimeSession, WebSocketTransport, function_tool
from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.files import read_pcm16

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

    def __init__(self, session: RealtimeSession, clips: Path) -> None:
        self.session = session
        self._clips = clips

    async def until(self, name: Any) -> Any:
        return await self.session.transport.wait_for(name, timeout=PATIENCE)

    async def speak(self, clip: str, faster: float = 1.0) -> None:
        audio = read_pcm16(self._clips / f"{clip}.wav") + PCM16_24K.silence(1500)
        for at in range(0, len(audio), BLOCK):
            self.session.send_audio(audio[at : at + BLOCK])
            await asyncio.sleep(0.1 / faster)


async def text(caller: Caller) -> str:
    caller.session.send_message("Good morning")
    ended = await caller.session.wait_for("agent_end", timeout=PATIENCE)
    assert ended.status == "completed", ended.reason
    assert ended.output, "an empty answer"
    return f"answered {ended.output!r}"


async def audio(caller: Caller) -> str:
    heard = asyncio.create_task(caller.until("input_transcript_done"))
    ended = asyncio.create_task(caller.session.wait_for("agent_end", timeout=PATIENCE))
    await caller.speak("caller_hello", faster=10)
    return f"heard {(await heard).transcript!r}, said {(await ended).output!r}"


async def tool(caller: Caller) -> str:
    caller.session.send_message("What is the weather?")
    ended = await caller.session.wait_for("agent_tool_end", timeout=PATIENCE)
    assert ended.error is None, ended.error
    answer = await caller.session.wait_for("agent_end", timeout=PATIENCE)
    if not answer.output:  # the end of the response that called
        answer = await caller.session.wait_for("agent_end", timeout=PATIENCE)
    assert len(asked) == 1, asked
    return f"called with {asked[0]!r}, said {answer.output!r}"


async def interruption(caller: Caller) -> str:
    speech = asyncio.create_task(caller.until("audio"))
    caller.session.send_message("Tell me a long story")
    await speech
    await asyncio.sleep(0.5)  # something has to be heard before it can be cut
    cut = asyncio.create_task(caller.until("audio_interrupted"))
    await caller.speak("caller_stop", faster=2)
    (first, *_) = (await cut).cuts
    assert 0 < first.heard_ms < 10_000, first
    return f"heard {first.heard_ms:.0f} of {first.received_ms:.0f} ms"


SCENES = {scene.__name__: scene for scene in (text, audio, tool, interruption)}
TEXT_ONLY = frozenset({"text", "tool"})
"""What a server without speech can do as well."""


async def main(url: str, scene: str, clips: str, key: str = "any") -> None:
    agent: RealtimeAgent = RealtimeAgent(name="shop", instructions="You answer the phone.", tools=[get_weather])
    config = {
        "output_modalities": ["text" if scene in TEXT_ONLY else "audio"],
        "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
    }
    session = RealtimeSession(agent, WebSocketTransport(), model="gpt-realtime", url=url, api_key=key, config=config)
    refused: list[Any] = []
    session.on("error", lambda event: refused.append(event.error))
    async with session:
        seen = await SCENES[scene](Caller(session, Path(clips)))
    # A proxy that asks for a response of its own after every transcript is refused, and passes the refusal on.
    beside = [error for error in refused if error.code == "conversation_already_has_active_response"]
    assert len(beside) == len(refused), f"told as an error: {refused}"
    print(seen, f"(a request of the proxy's own was refused {len(beside)} times)" if beside else "")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
