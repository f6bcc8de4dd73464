from typing import Any

import attrs
import pytest

from realtime_transport.events import McpTool
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.agent import AgentHooks, RealtimeAgent, is_enabled
from realtime_transport.session.context import RunContext
from realtime_transport.session.handoffs import handoff
from realtime_transport.session.tools import LocalTool, function_tool


def tool(name: str) -> LocalTool:
    async def nothing() -> None: ...

    return function_tool(name=name)(nothing)


def test_an_agent_needs_a_name() -> None:
    with pytest.raises(InvalidArgument, match="name"):
        RealtimeAgent(name="  ")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"tools": [tool("one"), print]}, r"tools\[1\]: must be a tool \(decorate .* @function_tool\), not builtin"),
        ({"handoffs": ["billing"]}, r"handoffs\[0\]: must be a RealtimeAgent or handoff\(agent\), not str"),
        (
            {"output_guardrails": [print]},
            r"output_guardrails\[0\]: must be an OutputGuardrail \(decorate .*, not builtin",
        ),
        ({"input_guardrails": [print]}, r"input_guardrails\[0\]: must be an InputGuardrail\(name=.*, not builtin"),
    ],
)
def test_what_is_no_tool_handoff_or_guardrail_is_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        RealtimeAgent(name="desk", **given)


def test_handoffs_that_a_function_names_are_looked_at_when_it_is_asked() -> None:
    nobody: Any = ["billing"]
    agent: RealtimeAgent[Any] = RealtimeAgent(name="desk", handoffs=lambda: nobody)
    with pytest.raises(InvalidArgument, match=r"handoffs\[0\]"):
        agent.ways_out()


def test_duplicate_names_are_an_error_sorted_in_the_message() -> None:
    other: RealtimeAgent[Any] = RealtimeAgent(name="b")
    with pytest.raises(InvalidArgument, match="'a' has more than one tool named alpha, transfer_to_b, zeta"):
        RealtimeAgent(
            name="a",
            tools=[tool("zeta"), tool("alpha"), tool("zeta"), tool("alpha"), tool("transfer_to_b"), tool("one")],
            handoffs=[other],
        )


def test_tools_are_told_apart() -> None:
    mine, hosted = tool("mine"), McpTool(server_label="docs")
    agent: RealtimeAgent[Any] = RealtimeAgent(name="a", tools=[mine, hosted])
    assert agent.local_tools == (mine,)
    assert agent.hosted_tools == (hosted,)


def test_two_agents_can_point_at_each_other() -> None:
    first: RealtimeAgent[Any] = RealtimeAgent(name="first", handoffs=lambda: [second])
    second: RealtimeAgent[Any] = RealtimeAgent(name="second", handoffs=[handoff(first, name="back")])
    assert [way.agent for way in first.ways_out()] == [second]
    assert [way.name for way in second.ways_out()] == ["back"]


async def test_instructions_are_text_or_asked_for(run_context: RunContext[Any]) -> None:
    async def later(context: RunContext[Any]) -> str:
        return f"later {context.context}"

    cases: list[tuple[Any, str | None]] = [
        (None, None),
        ("Be kind.", "Be kind."),
        (lambda context: f"for {context.context}", "for ann"),
        (later, "later ann"),
    ]
    for instructions, expected in cases:
        agent: RealtimeAgent[Any] = RealtimeAgent(name="a", instructions=instructions)
        assert await agent.render_instructions(run_context) == expected


async def test_enabled_is_a_flag_or_a_question(run_context: RunContext[Any]) -> None:
    async def later(_: RunContext[Any]) -> bool:
        return False

    assert await is_enabled(True, run_context)
    assert not await is_enabled(lambda context: context.context == "bob", run_context)
    assert not await is_enabled(later, run_context)


async def test_hooks_do_nothing_until_overridden(run_context: RunContext[Any], tool_context: Any) -> None:
    hooks: AgentHooks[Any] = AgentHooks()
    agent: RealtimeAgent[Any] = RealtimeAgent(name="a", hooks=hooks)
    assert hooks.on_start(run_context) is None
    assert hooks.on_end(run_context, "x") is None
    assert hooks.on_handoff(run_context, agent) is None
    assert hooks.on_tool_start(tool_context) is None
    assert hooks.on_tool_end(tool_context, "x") is None


def test_agents_are_values_compared_by_identity() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent(name="a", instructions="x")
    changed = attrs.evolve(agent, instructions="y")
    assert changed != agent
    assert changed.name == "a"
