from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from realtime_transport.events import AudioConfig, AudioOutputConfig, RealtimeSessionConfig
from realtime_transport.exceptions import RealtimeError, ServerError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import InputGuardrail
from realtime_transport.session.roster import RESPONSES_KEPT, Roster

FIRST: RealtimeAgent[Any] = RealtimeAgent(name="first", instructions="One.", voice="cedar")


class Bench:
    """A roster, what it sent and what it reported."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[RealtimeSessionConfig] = []
        self.errors: list[RealtimeError] = []
        self.refuse = False

        async def changed() -> None: ...

        self.roster: Roster[Any] = Roster(
            FIRST,
            ground=RealtimeSessionConfig(),
            input_guardrails=(),
            context_of=lambda agent: RunContext(context=None, session=cast("Any", None), agent=agent),
            on_tools_changed=changed,
            on_error=self.errors.append,
            **options,
        )

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
    assert len(bench.errors) == reported


async def test_the_ground_changes_for_later_agents() -> None:
    bench = Bench()
    bench.roster.change_ground(RealtimeSessionConfig(max_output_tokens=100))
    assert (await bench.roster.preview()).max_output_tokens == 100
    assert bench.roster.current.config == RealtimeSessionConfig()


async def test_guardrails_of_session_and_agent_count_together() -> None:
    guardrail = InputGuardrail(name="g", check=lambda _, __: False)
    bench = Bench()
    assert bench.roster.input_guardrails() == ()
    await bench.roster.prepare_first()
    bench.roster.current = bench.roster.current.__class__(
        agent=RealtimeAgent(name="x", input_guardrails=[guardrail]), config=RealtimeSessionConfig(), callables={}
    )
    assert bench.roster.input_guardrails() == (guardrail,)
