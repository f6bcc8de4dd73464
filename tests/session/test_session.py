"""The session as its user sees it: connecting, listening, closing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import CallTool
from realtime_transport.conversation.brains import Echo, after, hum, when
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events import (
    RealtimeSessionConfig,
    ServerVad,
    TranscriptionSessionConfig,
)
from realtime_transport.events.transport import AudioGapEvent
from realtime_transport.exceptions import (
    ConnectError,
    ConnectionLost,
    InvalidArgument,
    ListenerError,
    RequestTimeout,
    ServerError,
    StateError,
)
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import RunContext
from realtime_transport.session.mcp import McpServer
from realtime_transport.session.session import RealtimeSession
from realtime_transport.session.tools import function_tool
from realtime_transport.transports import LoopbackTransport
from tests.session.line import talking

pytestmark = pytest.mark.virtual_time


@function_tool
def weather(city: str) -> dict[str, int]:
    """Look up the weather."""
    return {"degrees": 21}


def desk(**options: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="desk", **options)


async def test_a_turn_with_a_tool() -> None:
    agent = desk(instructions="Help.", tools=[weather])
    rules = (
        when("weather", CallTool(name="weather", arguments='{"city": "Graz"}')),
        after("weather", "It is {fields[degrees]} degrees."),
    )
    async with talking(agent, *rules, context={"user": "ann"}) as talk:
        talk.session.send_message("What is the weather?")
        first, second = await talk.ends(2)
        assert first.output == ""
        assert second.output == "It is 21 degrees."
        assert second.context == {"user": "ann"}
        (end,) = talk.heard("agent_tool_end")
        assert json.loads(end.output) == {"degrees": 21}
        assert [item.type for item in talk.session.history] == [
            "message",
            "function_call",
            "function_call_output",
            "message",
        ]
        assert talk.heard("error") == []


# --- connecting ------------------------------------------------------------------------------------------------------


async def test_connecting_configures_the_agent_before_it_returns() -> None:
    agent = desk(instructions=lambda context: f"Help {context.context}.", tools=[weather], voice="cedar")
    config = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}, "speed": 1.2}
    async with RealtimeSession(agent, "loopback", config=config, context="ann") as session:
        assert session.status == session.connection_state.status == "connected"
        in_force = session.session
        assert isinstance(in_force, RealtimeSessionConfig)
        assert in_force.instructions == "Help ann."
        assert [tool.name for tool in in_force.tools or ()] == ["weather"]  # type: ignore[union-attr]
        assert in_force.audio
        assert in_force.audio.output
        assert (in_force.audio.output.voice, in_force.audio.output.speed) == ("cedar", 1.2)
        assert in_force.audio.input
        assert in_force.audio.input.turn_detection
        assert isinstance(in_force.audio.input.turn_detection, ServerVad)
        assert in_force.audio.input.turn_detection.silence_duration_ms == 300
        assert session.agent is agent
    assert session.status == "disconnected"


async def test_events_before_the_first_listener_are_not_lost() -> None:
    session: RealtimeSession[Any] = RealtimeSession(desk(), LoopbackTransport(ServerPeer(Echo())))
    async with session:
        session.send_message("hello")
        await session.wait_for("agent_end")
        heard: list[Any] = []
        session.on("audio", heard.append)
        session.on("connected", heard.append)
        await asyncio.sleep(0.1)
        assert heard[0].name == "connected"
        assert b"".join(event.data for event in heard[1:]) == hum("hello")


async def test_the_servers_refusal_is_raised_and_nothing_stays_open() -> None:
    async with talking(desk(), config={"output_modalities": ["smell"]}, connect=False) as talk:
        with pytest.raises(ServerError):
            await talk.session.connect()
        assert talk.session.status == "disconnected"
        assert len(talk.frames) == 1
        await talk.session.close()
        with pytest.raises(StateError, match="over"):
            await talk.session.connect()


async def test_a_failed_attempt_may_be_repeated() -> None:
    attempts: list[int] = []

    def instructions(_: RunContext[Any]) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise KeyError("not yet")
        return "Now."

    async with talking(desk(instructions=instructions), connect=False) as talk:
        with pytest.raises(KeyError):
            await talk.session.connect()
        await talk.session.connect()
        assert talk.session.status == "connected"
        with pytest.raises(StateError, match="connected"):
            await talk.session.connect()


async def test_a_second_connect_while_connecting_is_refused() -> None:
    async with talking(desk(), connect=False) as talk:
        first = asyncio.create_task(talk.session.connect())
        await asyncio.sleep(0)
        with pytest.raises(StateError, match="connecting"):
            await talk.session.connect()
        await first


async def test_a_transport_that_is_connected_is_only_configured() -> None:
    line = LoopbackTransport()
    await line.connect()
    async with RealtimeSession(desk(instructions="Hello."), line) as session:
        assert session.connection_state.epoch == 1
        assert isinstance(session.session, RealtimeSessionConfig)
        assert session.session.instructions == "Hello."
    assert line.status == "disconnected"


async def test_a_local_mcp_server_that_fails_keeps_the_session_from_connecting() -> None:
    agent = desk(mcp_servers=[McpServer.stdio("/no/such/program", label="shop")])
    async with talking(agent, connect=False) as talk:
        with pytest.raises(ConnectError, match="shop"):
            await talk.session.connect()
        assert talk.session.status == "disconnected"
        assert talk.frames == []


async def test_options_of_the_making_and_of_connect_reach_the_transport() -> None:
    seen: dict[str, Any] = {}

    class Spy(LoopbackTransport):
        async def connect(self, **options: Any) -> None:
            seen.update(options)
            await super().connect(**options)

    session: RealtimeSession[Any] = RealtimeSession(
        desk(), Spy(), model="m1", api_key="k", url="ws://127.0.0.1/x", connect_options={"timeout": 3.0, "headers": {}}
    )
    await session.connect(model="m2", timeout=None)
    await session.close()
    config = seen.pop("session")
    assert isinstance(config, RealtimeSessionConfig)
    assert seen == {"model": "m2", "api_key": "k", "url": "ws://127.0.0.1/x", "headers": {}}


def test_what_cannot_be_a_session_is_refused_at_its_making() -> None:
    with pytest.raises(InvalidArgument, match="realtime session"):
        RealtimeSession(desk(), "loopback", config={"type": "transcription"})
    with pytest.raises(InvalidArgument, match="realtime session"):
        RealtimeSession(desk(), "loopback", config=TranscriptionSessionConfig())  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="no transport 'pigeon'"):
        RealtimeSession(desk(), "pigeon")
    with pytest.raises(InvalidArgument, match="agent: must be a RealtimeAgent, not str"):
        RealtimeSession("desk", "loopback")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="transport: must be a name or a transport, not int"):
        RealtimeSession(desk(), 42)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="transport: must be a name or a transport, not the class Loopback"):
        RealtimeSession(desk(), LoopbackTransport)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"output_guardrails\[0\]: must be an OutputGuardrail .*, not function"):
        RealtimeSession(desk(), "loopback", output_guardrails=[lambda context, text: True])  # type: ignore[list-item]
    with pytest.raises(InvalidArgument, match=r"input_guardrails\[0\]: must be an InputGuardrail.*, not str"):
        RealtimeSession(desk(), "loopback", input_guardrails=["no"])  # type: ignore[list-item]


async def test_a_session_shows_who_speaks_over_what() -> None:
    assert (
        repr(RealtimeSession(desk(), "loopback"))
        == "<RealtimeSession of 'desk' over <LoopbackTransport disconnected epoch=0>>"
    )


# --- listening -------------------------------------------------------------------------------------------------------


async def test_listeners_of_both_kinds_come_and_go() -> None:
    async with talking(desk(), when(None, "Hi.")) as talk:
        session, heard = talk.session, list[str]()

        @session.on("agent_end")
        def ended(event: Any) -> None:
            heard.append(event.output)

        @session.once("turn_done")
        async def done(event: Any) -> None:
            heard.append(event.status)

        session.on("transcript_done", lambda event: heard.append(event.transcript))
        session.send_message("hello")
        await talk.ends()
        await asyncio.sleep(0.1)
        assert sorted(heard) == ["Hi.", "Hi.", "completed"]
        session.off("agent_end", ended)
        session.off("agent_end", ended)
        session.off("turn_done", done)
        session.send_message("hello")
        await talk.ends(2)
        assert sorted(heard) == ["Hi.", "Hi.", "Hi.", "completed"]
        with pytest.raises(InvalidArgument, match="did you mean 'agent_end'"):
            session.on("agent_ends", ended)  # type: ignore[call-overload]


async def test_a_listener_that_raises_is_an_error_event_with_its_agent() -> None:
    async with talking(desk(), when(None, "Hi.")) as talk:
        talk.session.on("agent_end", lambda event: event.no_such_thing)
        talk.session.send_message("hello")
        await talk.ends()
        (error,) = talk.heard("error")
        assert isinstance(error.error, ListenerError)
        assert error.agent is talk.session.agent


async def test_a_slow_listener_misses_audio_and_is_told_how_much() -> None:
    release = asyncio.Event()

    async def slow(_: Any) -> None:
        await release.wait()

    async with talking(desk(), when(None, "word " * 400), pace=None) as talk:
        gaps: list[AudioGapEvent] = []
        talk.session.on("audio", slow)
        talk.session.on("audio_gap", gaps.append)
        talk.session.send_message("hello")
        await talk.ends()
        release.set()
        await asyncio.sleep(1)
        sent = sum(len(event.data) for event in talk.heard("audio"))
        assert sum(gap.ms for gap in gaps) == PCM16_24K.ms(sent) - 256 * 200


async def test_frames_are_heard_only_when_asked_for() -> None:
    async with talking(desk(), when(None, "Hi.")) as talk:
        talk.session.send_message("hello")
        await talk.ends()
        await asyncio.sleep(10)  # early events are kept for late listeners; these are not meant
        frames: list[Any] = []
        talk.session.on("transport_event", frames.append)
        talk.say({"type": "vendor.thing", "event_id": "e1", "x": 1})
        assert [event.event.type for event in frames] == ["vendor.thing"]
        assert frames[0].agent is talk.session.agent
        stream = talk.session.events("transport_event")
        talk.say({"type": "vendor.other", "event_id": "e2"})
        assert (await anext(stream)).event.type == "vendor.other"  # type: ignore[attr-defined]


async def test_a_session_is_an_async_iterator() -> None:
    names: list[str] = []
    async with talking(desk(), when(None, "Hi.")) as talk:
        talk.session.send_message("hello")
        async for event in talk.session:
            names.append(event.name)
            if event.name == "agent_end":
                break
        assert {"agent_start", "audio", "history_updated"} <= set(names)
        assert "transport_event" not in names
        stream = talk.session.events("usage")
        await talk.session.close()
        assert [event.name async for event in stream] == []


async def test_waiting_for_an_event() -> None:
    async with talking(desk(), when(None, "Hi.")) as talk:
        with pytest.raises(RequestTimeout):
            await talk.session.wait_for("agent_end", timeout=1.0)
        with pytest.raises(InvalidArgument):
            await talk.session.wait_for("nothing")  # type: ignore[call-overload]
        talk.session.send_message("hello")
        done = await talk.session.wait_for("turn_done", timeout=10)
        assert done.status == "completed"
        talk.session.send_message("hello")
        usage = await talk.session.wait_for(lambda event: event.name == "usage")
        assert usage.agent is talk.session.agent
        await asyncio.sleep(10)
        frame = asyncio.ensure_future(talk.session.wait_for("transport_event"))
        await asyncio.sleep(0)
        talk.say({"type": "vendor.thing", "event_id": "e1"})
        assert (await frame).event.type == "vendor.thing"


async def test_a_dropped_socket_is_an_event_and_ends_the_session() -> None:
    async with talking(desk()) as talk:
        stream = talk.session.events("disconnected")
        waiting = asyncio.ensure_future(talk.session.wait_for("agent_end"))
        await asyncio.sleep(0)
        talk.line.feed_closed(1011, "the server fell over")
        (event,) = [event async for event in stream]
        assert (event.code, event.reason, event.clean) == (1011, "the server fell over", False)  # type: ignore[attr-defined]
        with pytest.raises(ConnectionLost) as caught:
            await waiting
        assert caught.value.close_code == 1011
        await talk.session.close()
        with pytest.raises(StateError):
            talk.session.send_message("hello?")


async def test_a_server_that_hangs_up_ends_the_session() -> None:
    async with talking(desk()) as talk:
        talk.line.feed_closed(1000, "bye")
        event = await talk.session.wait_for("connection_change") if not talk.heard("disconnected") else None
        assert event is None
        await talk.session.close()
        (ended,) = talk.heard("disconnected")
        assert ended.clean


# --- closing ---------------------------------------------------------------------------------------------------------


async def test_close_may_be_called_twice_at_once_and_by_listeners() -> None:
    async with talking(desk(), when(None, "Hi.")) as talk:
        closed: list[str] = []

        async def close(_: Any) -> None:
            await talk.session.close()
            closed.append("listener")

        talk.session.on("agent_end", close)
        talk.session.on("turn_done", close)
        talk.session.send_message("hello")
        await talk.session.wait_for("agent_end")
        await asyncio.gather(talk.session.close(), talk.session.close())
        await asyncio.sleep(0.1)
        assert closed == ["listener", "listener"]
        assert asyncio.get_running_loop().time() < 2


async def test_a_tool_may_close_the_session() -> None:
    @function_tool
    async def hang_up(context: Any = None) -> str:
        await sessions[0].close()
        return "never said"

    async with talking(desk(tools=[hang_up]), when(None, CallTool(name="hang_up"))) as talk:
        sessions = [talk.session]
        talk.session.send_message("bye")
        await talk.session.wait_for("disconnected")
        await talk.session.close()
        assert talk.session.status == "disconnected"


async def test_an_error_in_the_block_closes_the_session() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with RealtimeSession(desk(), "loopback") as session:
            raise KeyError("mine")
    assert session.status == "disconnected"


async def test_a_session_that_never_connected_closes() -> None:
    await RealtimeSession(desk(), "loopback").close()
