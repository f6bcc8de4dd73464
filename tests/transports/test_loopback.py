"""The loopback: a whole conversation in memory, on virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import CallTool, Reply, Say
from realtime_transport.conversation.brains import Echo, Rule, Script, hum
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events import RealtimeSessionConfig
from realtime_transport.events.items import AssistantMessageItem, FunctionCallItem, FunctionCallOutputItem
from realtime_transport.exceptions import ServerError
from realtime_transport.testing.contract import CHECKS, run_check
from realtime_transport.transports import LoopbackTransport

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("name", CHECKS)
async def test_contract(name: str) -> None:
    await run_check(CHECKS[name], LoopbackTransport)


async def test_the_peer_may_be_an_object_or_a_function() -> None:
    peer = ServerPeer(Echo(), pace=None)
    async with LoopbackTransport(peer) as transport:
        assert transport.peer is None
        await transport.connect()
        assert transport.peer is peer
    async with LoopbackTransport(lambda: ServerPeer(Echo(), pace=None)) as transport:
        await transport.connect()
        first = transport.peer
        await transport.close()
        await transport.connect()
        assert transport.peer is not first


@pytest.mark.parametrize("dialect", ["beta", "openai"])
async def test_sessions_without_a_type_are_configured_too(dialect: str) -> None:
    """The beta's flat session has no type; GA's has one, and the library says it."""
    async with LoopbackTransport(dialect=dialect) as transport:
        await transport.connect(session=RealtimeSessionConfig(instructions="Be brief."))
        await transport.update_session(instructions="Be briefer.").acknowledged()
        assert transport.session is not None
        assert transport.session.instructions == "Be briefer."  # type: ignore[union-attr]


async def test_a_spoken_call_is_interrupted_where_it_was_heard() -> None:
    """Two seconds of speech at eight times real time; the caller speaks up after 700 ms of it."""
    answer = Say(transcript="a long answer", audio=PCM16_24K.silence(2000))
    peer = ServerPeer(Script(Rule(outputs=(answer,))), pace=8.0)
    async with LoopbackTransport(peer) as transport:
        audio, cuts = list[Any](), list[Any]()
        transport.on("audio", audio.append)
        transport.on("audio_interrupted", cuts.append)
        await transport.connect()
        began = asyncio.get_running_loop().time()
        started = asyncio.ensure_future(transport.wait_for("audio", 5))
        transport.send_message("Tell me everything.")
        await started
        first = asyncio.get_running_loop().time()
        await asyncio.sleep(0.7)
        await transport.interrupt().acknowledged()
        (cut,) = cuts[0].cuts
        assert (cut.heard_ms, cut.received_ms) == (700, 2000)
        assert sum(len(event.data) for event in audio) == PCM16_24K.bytes_for(2000)
        item = transport.history[-1]
        assert isinstance(item, AssistantMessageItem)
        assert first - began < 0.1
        assert asyncio.get_running_loop().time() - began < 1.0


async def test_a_tool_is_called_and_answered_once() -> None:
    script = Script(
        Rule(outputs=(Reply(text="It is sunny."),), tool=""),
        Rule(outputs=(CallTool(name="weather", arguments='{"city": "Oslo"}'),)),
    )
    async with LoopbackTransport(ServerPeer(script, pace=None)) as transport:
        done: list[Any] = []
        transport.on("turn_done", done.append)
        transport.on("function_call", lambda event: transport.send_function_call_output(event.call_id, "sunny"))
        await transport.connect(
            session={"output_modalities": ["text"], "tools": [{"type": "function", "name": "weather"}]}
        )
        transport.send_message("How is the weather in Oslo?")
        await asyncio.sleep(1)
        assert len(done) == 2
        kinds = [type(item) for item in transport.history]
        assert kinds.count(FunctionCallItem) == kinds.count(FunctionCallOutputItem) == 1


async def test_turn_detection_finds_the_turn() -> None:
    async with LoopbackTransport(ServerPeer(Echo(), pace=None)) as transport:
        heard: list[str] = []
        for name in ("speech_started", "speech_stopped", "turn_done"):
            register: Any = transport.on
            register(name, lambda event: heard.append(event.name))
        await transport.connect()
        speech = PCM16_24K.silence(500) + hum("hello there how are you") + PCM16_24K.silence(1500)
        for start in range(0, len(speech), 960):
            transport.send_audio(speech[start : start + 960])
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        assert heard == ["speech_started", "speech_stopped", "turn_done"]


async def test_a_flawed_frame_is_answered_like_by_a_server() -> None:
    async with LoopbackTransport() as transport:
        errors: list[Any] = []
        transport.on("error", errors.append)
        await transport.connect()
        transport.send_event({"type": "vendor.thing"})
        await asyncio.sleep(0.1)
        assert isinstance(errors[0].error, ServerError)
        await transport._write(b'{"type": "response.create", "response": {"output_modalities": 5}}')
        await transport._write(b"not json")
        assert len(errors) == 3


async def test_the_server_ends_the_session_after_an_hour() -> None:
    async with LoopbackTransport() as transport:
        ends, errors = list[Any](), list[Any]()
        transport.on("disconnected", ends.append)
        transport.on("error", errors.append)
        await transport.connect()
        await asyncio.sleep(3599)
        assert ends == []
        await asyncio.sleep(2)
        assert [end.code for end in ends] == [1001]
        assert errors[0].error.code == "session_expired"
