"""The session over a real socket, against the emulator: what the memory line cannot show."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_transport.conversation.brain import CallTool, Pause, Reply
from realtime_transport.conversation.brains import Script, after, hum, when
from realtime_transport.emulator import Emulator
from realtime_transport.exceptions import ConnectError, HandshakeError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.session import RealtimeSession
from realtime_transport.session.tools import function_tool


@function_tool
def weather(city: str) -> dict[str, int]:
    """Look up the weather."""
    return {"degrees": 21}


AGENT: RealtimeAgent[Any] = RealtimeAgent(name="desk", instructions="Help.", tools=[weather])


def script() -> Script:
    return Script(
        when("weather", CallTool(name="weather", arguments='{"city": "Graz"}')),
        after("weather", "It is {fields[degrees]} degrees."),
        when("story", Reply(text="word " * 200)),
        when("slow", Pause(ms=60_000), Reply(text="never")),
    )


async def test_a_turn_with_a_tool_and_an_interruption() -> None:
    async with Emulator(script, pace=None) as server, RealtimeSession(AGENT, url=server.url) as session:
        heard: list[bytes] = []
        session.on("audio", lambda event: heard.append(event.data))
        session.send_message("weather?")
        await session.wait_for("agent_tool_end", timeout=10)
        end = await session.wait_for("agent_end", timeout=10)
        assert end.output == "It is 21 degrees."
        assert b"".join(heard) == hum(end.output)
        session.send_message("a story")
        await session.wait_for("audio_start", timeout=10)
        cut = asyncio.ensure_future(session.wait_for("audio_interrupted", timeout=10))
        await asyncio.sleep(0)
        await session.interrupt().acknowledged()
        # The first answer was still being heard: both are cut.
        answer, story = (await cut).cuts
        assert answer.heard_ms < answer.received_ms
        assert story.heard_ms == 0
        assert session.usage.responses >= 2


async def test_a_spoken_turn_is_found_by_the_servers_turn_detection() -> None:
    server = Emulator(lambda: Script(otherwise="I heard you."), pace=None)
    async with server, RealtimeSession(AGENT, url=server.url) as session:
        stopped = asyncio.ensure_future(session.wait_for("speech_stopped", timeout=10))
        await asyncio.sleep(0)
        session.send_audio(hum("what time is it now") + bytes(48_000 * 2))
        end = await session.wait_for("agent_end", timeout=10)
        assert (await stopped).audio_end_ms > 0
        assert end.output == "I heard you."
        assert session.latency.turns[-1].to_first_audio is not None


async def test_a_server_that_goes_away_ends_the_session() -> None:
    async with Emulator(script) as server:
        session: RealtimeSession[Any] = RealtimeSession(AGENT, url=server.url)
        await session.connect()
        session.send_message("slow")
        await session.wait_for("agent_start", timeout=10)
        gone = asyncio.ensure_future(session.wait_for("disconnected", timeout=10))
        await asyncio.sleep(0)
    assert (await gone).code == 1001
    await session.close()


async def test_a_refused_connection_leaves_nothing_behind() -> None:
    async with Emulator(script, token="secret") as server:
        with pytest.raises(HandshakeError) as caught:
            await RealtimeSession(AGENT, url=server.url, api_key="wrong").connect()
        assert caught.value.status == 401
        url = server.url
    with pytest.raises(ConnectError):
        await RealtimeSession(AGENT, url=url).connect()
