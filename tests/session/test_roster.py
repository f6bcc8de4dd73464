from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from realtime_transport.events import (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    InputTranscription,
    McpTool,
    RealtimeSessionConfig,
)
from realtime_transport.exceptions import InvalidArgument, RealtimeError, ServerError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import InputGuardrail
from realtime_transport.session.mcp import McpServer
from realtime_transport.session.roster import RESPONSES_KEPT, Roster
from realtime_transport.session.tools import LocalTool
from tests.session import mcp_server

FIRST: RealtimeAgent[Any] = RealtimeAgent(name="first", instructions="One.", voice="cedar")


LISTENING = RealtimeSessionConfig(
    audio=AudioConfig(input=AudioInputConfig(transcription=InputTranscription(model="whisper-1")))
)


class Bench:
    """A roster, what it sent and what it reported."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[RealtimeSessionConfig] = []
        self.errors: list[RealtimeError] = []
        self.refuse = False
        self.changed = asyncio.Event()

        async def changed() -> None:
            self.changed.set()

        self.roster: Roster[Any] = Roster(
            FIRST,
            ground=options.get("ground", RealtimeSessionConfig()),
            input_guardrails=options.get("input_guardrails", ()),
            context_of=lambda agent: RunContext(context=None, session=cast("Any", None), agent=agent),
            on_tools_changed=changed,
            on_error=self.errors.append,
        )
        assert not self.roster.spoke
        assert self.roster.current.callables == {}

    async def send(self, config: RealtimeSessionConfig) -> None:
        await asyncio.sleep(0)
        if self.refuse:
            raise ServerError("no", code="invalid_value")
        self.sent.append(config)


async def test_a_response_keeps_the_agent_it_began_with() -> None:
    bench = Bench()
    await bench.roster.prepare_first()
    bench.roster.begin("r1")
    second: RealtimeAgent[Any] = RealtimeAgent(name="second")
    assert await bench.roster.switch(second, bench.send) is FIRST
    assert bench.roster.begin("r2").agent is second
    assert bench.roster.owner("r1").agent is FIRST
    assert bench.roster.owner("unknown").agent is bench.roster.owner(None).agent is second
    for number in range(RESPONSES_KEPT):
        bench.roster.begin(f"x{number}")
    assert bench.roster.owner("r1").agent is second


async def test_switches_do_not_overlap() -> None:
    bench = Bench()
    await bench.roster.prepare_first()
    agents = [RealtimeAgent[Any](name=f"a{n}", instructions=f"I am {n}.") for n in range(5)]
    previous = await asyncio.gather(*(bench.roster.switch(agent, bench.send) for agent in agents))
    assert previous == [FIRST, *agents[:-1]]
    assert [config.instructions for config in bench.sent] == [f"I am {n}." for n in range(5)]


async def test_a_refusal_leaves_the_old_agent() -> None:
    bench = Bench()
    await bench.roster.prepare_first()
    bench.refuse = True
    with pytest.raises(ServerError):
        await bench.roster.switch(RealtimeAgent(name="second"), bench.send)
    assert bench.roster.agent is FIRST


async def test_the_announcement_comes_between_preparing_and_sending() -> None:
    bench = Bench()
    await bench.roster.prepare_first()
    order: list[str] = []

    def instructions(_: RunContext[Any]) -> str:
        order.append("prepare")
        return "Two."

    async def announce() -> None:
        order.append("announce")
        assert bench.sent == []

    await bench.roster.switch(RealtimeAgent(name="second", instructions=instructions), bench.send, announce)
    assert order == ["prepare", "announce"]
    assert len(bench.sent) == 1


@pytest.mark.parametrize(("voice", "reported"), [("marin", 1), ("cedar", 0), (None, 0)])
async def test_the_voice_is_left_out_once_spoken_and_a_change_reported(voice: str | None, reported: int) -> None:
    bench = Bench()
    await bench.roster.prepare_first()
    bench.roster.spoke = True
    await bench.roster.switch(RealtimeAgent(name="second", voice=voice), bench.send)
    (sent,) = bench.sent
    assert not sent.audio or sent.audio == AudioConfig(output=AudioOutputConfig())
    assert [str(error) for error in bench.errors] == [
        "the voice stays: servers fix it at the first audio of a session"
    ] * reported


async def test_the_ground_changes_for_later_agents() -> None:
    bench = Bench()
    bench.roster.change_ground(RealtimeSessionConfig(max_output_tokens=100))
    assert (await bench.roster.preview()).max_output_tokens == 100
    assert bench.roster.current.config == RealtimeSessionConfig()


async def test_guardrails_of_session_and_agent_count_together() -> None:
    mine, agents = (InputGuardrail(name=name, check=lambda _, __: False) for name in ("mine", "agents"))
    gated: RealtimeAgent[Any] = RealtimeAgent(name="gated", input_guardrails=[agents])
    with pytest.raises(InvalidArgument, match="transcript"):
        await Bench(input_guardrails=(mine,)).roster.prepare_first()
    bench = Bench(ground=LISTENING, input_guardrails=(mine,))
    await bench.roster.prepare_first()
    assert bench.roster.input_guardrails() == (mine,)
    await bench.roster.switch(gated, bench.send)
    assert bench.roster.input_guardrails() == (mine, agents)
    for ground in ({"input_guardrails": (mine,)}, {}):
        bench = Bench(ground=LISTENING, **ground)
        config = await bench.roster.prepare_first()
        assert config.audio
        assert config.audio.input
        detection = config.audio.input.turn_detection
        assert bool(detection) is bool(ground)


async def test_a_server_is_opened_once_and_its_tools_are_offered_while_its_agent_speaks() -> None:
    shop = McpServer.stdio(sys.executable, str(Path(mcp_server.__file__)), label="shop")
    seller: RealtimeAgent[Any] = RealtimeAgent(name="seller", mcp_servers=[shop], tools=[McpTool(server_label="docs")])
    bench = Bench()
    await bench.roster.prepare_first()
    assert bench.roster.local_mcp_tools() == ()
    assert bench.roster.hosted_labels() == frozenset()
    for _ in range(2):
        await bench.roster.switch(seller, bench.send)
        tools = {tool.name: tool for tool in bench.roster.local_mcp_tools()}
        assert tools["price"].description == "Look up a price."
        assert tools["price"].input_schema["required"] == ["item"]
        assert bench.roster.hosted_labels() == {"docs"}
        assert "price" in bench.roster.current.callables
        await bench.roster.switch(FIRST, bench.send)
        assert bench.roster.local_mcp_tools() == ()
    await bench.roster.switch(seller, bench.send)
    learn = bench.roster.current.callables["learn"]
    assert isinstance(learn, LocalTool)
    await learn.call(cast("Any", None), {})
    await asyncio.wait_for(bench.changed.wait(), 10)
    await bench.roster.close()
    await bench.roster.close()
    assert bench.errors == []
