"""Our own client, one scene per run: ``python ours.py URL SCENE CLIPS KEY [no-create-response]``. Prints what it saw.

Exit 0: passed. 3: all that we asked for happened, and something beside it that should not. 4: the server has nothing
for this scene. Anything else: failed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from realtime_transport import RealtimeAgent, RealtimeSession, WebSocketTransport, function_tool
from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.files import read_pcm16
from realtime_transport.exceptions import RequestTimeout

PATIENCE = 20.0
NOTICE = 5.0
"""Seconds to notice that somebody spoke: ours needs half of one, for the silence that ends a turn."""
BLOCK = 4_800
"""Bytes of 100 ms."""
STORY_MS = 10_000
"""Less than the answer that is interrupted takes to say."""
DEVIATES, NOT_OFFERED = 3, 4
asked: list[str] = []


class NotOffered(Exception):
    """The server has nothing for this scene; the message is what it did instead."""


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    asked.append(city)
    return "sunny, 21 degrees"


class Caller:
    """The session, and what to do with it."""

    def __init__(self, session: RealtimeSession, clips: Path) -> None:
        self.session = session
        self.spoken = 0
        """Bytes of the agent's speech that came."""
        self._ended: asyncio.Queue[Any] = asyncio.Queue()
        self._clips = clips
        session.transport.on("audio", self._count)
        session.on("agent_end", self._ended.put_nowait)

    def _count(self, event: Any) -> None:
        self.spoken += len(event.data)

    async def until(self, name: str, timeout: float = PATIENCE) -> Any:
        return await self.session.transport.wait_for(lambda event: event.name == name, timeout=timeout)

    async def answer(self) -> Any:
        """Give the end of the next response, also when it has been."""
        async with asyncio.timeout(PATIENCE):
            return await self._ended.get()

    async def speak(self, clip: str, faster: float = 1.0) -> None:
        audio = read_pcm16(self._clips / f"{clip}.wav") + PCM16_24K.silence(1500)
        for at in range(0, len(audio), BLOCK):
            self.session.send_audio(audio[at : at + BLOCK])
            await asyncio.sleep(0.1 / faster)


async def text(caller: Caller) -> str:
    caller.session.send_message("Good morning")
    ended = await caller.answer()
    assert ended.status == "completed", ended.reason
    assert "Good morning" in ended.output, ended.output
    return f"answered {ended.output!r}"


async def audio(caller: Caller) -> str:
    noticed = asyncio.create_task(caller.until("speech_started", NOTICE))
    heard = asyncio.create_task(caller.until("input_transcript_done"))
    await caller.speak("caller_hello", faster=10)
    try:
        await noticed
    except RequestTimeout as late:
        heard.cancel()
        raise NotOffered(f"no speech_started within {NOTICE:g} s of somebody speaking") from late
    words, said = (await heard).transcript, (await caller.answer()).output
    assert "weekend by the sea" in words, words
    assert words in said, said
    assert caller.spoken > PCM16_24K.bytes_for(1000), caller.spoken
    return f"heard {words!r}, said {said!r} in {PCM16_24K.ms(caller.spoken):.0f} ms"


async def tool(caller: Caller) -> str:
    caller.session.send_message("What is the weather?")
    ended = await caller.session.wait_for("agent_tool_end", timeout=PATIENCE)
    assert ended.error is None, ended.error
    while not (answer := await caller.answer()).output:
        pass  # the end of the response that called
    assert len(asked) == 1, asked
    assert "21" in answer.output, answer.output
    return f"called with {asked[0]!r}, said {answer.output!r}"


async def interruption(caller: Caller) -> str:
    first = asyncio.create_task(
        caller.session.transport.wait_for(lambda event: event.name in {"audio", "text_delta"}, timeout=PATIENCE)
    )
    cut = asyncio.create_task(caller.until("audio_interrupted"))
    caller.session.send_message("Tell me a long story")
    if (await first).name == "text_delta":
        cut.cancel()
        raise NotOffered("asked for speech, it wrote")
    await asyncio.sleep(0.5)  # something has to be heard before it can be cut
    await caller.speak("caller_stop", faster=2)
    (part, *_) = (await cut).cuts
    assert 0 < part.heard_ms < STORY_MS, part
    while (answer := await caller.answer()).status != "completed":
        pass  # the end of the response that was interrupted
    return f"heard {part.heard_ms:.0f} of {part.received_ms:.0f} ms, then it said {answer.output!r}"


SCENES = {scene.__name__: scene for scene in (text, audio, tool, interruption)}
TEXT_ONLY = frozenset({"text", "tool"})
"""What a server without speech can do as well."""


async def main(url: str, scene: str, clips: str, key: str, *options: str) -> int:
    agent: RealtimeAgent = RealtimeAgent(name="shop", instructions="You answer the phone.", tools=[get_weather])
    detection = {"type": "server_vad", "create_response": "no-create-response" not in options}
    config = {
        "output_modalities": ["text" if scene in TEXT_ONLY else "audio"],
        "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": detection}},
    }
    session = RealtimeSession(agent, WebSocketTransport(), model="gpt-realtime", url=url, api_key=key, config=config)
    refused: list[Any] = []
    session.on("error", lambda event: refused.append(event.error))
    try:
        async with session:
            seen = await SCENES[scene](Caller(session, Path(clips)))
    except NotOffered as lack:
        print(lack)
        return NOT_OFFERED
    if refused:
        print(f"{seen}; told of {len(refused)} error(s) that it did not cause: {refused[0]}")
        return DEVIATES
    print(seen)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
