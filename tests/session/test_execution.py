"""Approvals, guardrails and wording of calls, over a whole session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from realtime_transport.conversation.brain import CallTool
from realtime_transport.conversation.brains import after, when
from realtime_transport.exceptions import StateError, ToolError
from realtime_transport.session.agent import AgentHooks, RealtimeAgent
from realtime_transport.session.context import ToolContext
from realtime_transport.session.guardrails import ToolInputGuardrail, ToolOutputGuardrail, Verdict
from realtime_transport.session.tools import LocalTool, function_tool
from tests.session.line import Talk, talking

pytestmark = pytest.mark.virtual_time

PAY = CallTool(name="pay", arguments='{"amount": 7}', call_id="call_1")


def paying(paid: list[int], **options: Any) -> LocalTool:
    @function_tool(name="pay", **options)
    async def pay(amount: int) -> str:
        if amount < 0:
            raise ValueError("negative")
        paid.append(amount)
        return f"paid {amount}"

    return pay


def desk(tool: LocalTool) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="desk", tools=[tool])


def answer(talk: Talk) -> Any:
    """The last output that the client sent: text, or an error read back."""
    items = [event.item for event in talk.sent("conversation.item.create")]
    output = [item.output for item in items if item.type == "function_call_output"][-1]
    return json.loads(output) if output.startswith("{") else output


def pays(*amounts: int) -> Any:
    return [
        when(f"pay {amount}$", CallTool(name="pay", arguments=json.dumps({"amount": amount}))) for amount in amounts
    ] + [after("pay", "{output}")]


# --- approvals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_decides(approved: bool) -> None:
    paid: list[int] = []
    async with talking(desk(paying(paid, needs_approval=True)), when("go", PAY), after("pay", "Ok.")) as talk:
        talk.session.send_message("go")
        request = (await talk.session.wait_for("tool_approval_requested")).call
        assert (request.kind, request.tool_name, request.arguments) == ("function", "pay", '{"amount": 7}')
        assert talk.session.pending_approvals == (request,)
        await asyncio.sleep(100)  # approval takes its time, which is not the tool's
        if approved:
            talk.session.approve(request)
        else:
            talk.session.reject("call_1", "Not today.")
        await talk.ends(2)
        assert answer(talk) == ("paid 7" if approved else {"error": "rejected", "message": "Not today."})
        assert paid == ([7] if approved else [])
        (decided,) = talk.heard("tool_approval_decided")
        assert decided.decision.approved is approved
        assert len(talk.heard("agent_tool_start")) == approved
        assert len(talk.heard("agent_tool_end")) == 1
        with pytest.raises(StateError):
            talk.session.approve(request)


async def test_a_listener_may_decide_at_once_and_decisions_may_stick() -> None:
    paid: list[int] = []
    async with talking(desk(paying(paid, needs_approval=True)), *pays(1, 2)) as talk:
        talk.session.once("tool_approval_requested", lambda event: talk.session.approve(event.call, always=True))
        for number, amount in enumerate((1, 2)):
            talk.session.send_message(f"pay {amount}")
            await talk.ends(2 * number + 2)
        assert paid == [1, 2]
        assert len(talk.heard("tool_approval_requested")) == 1


async def test_a_sticky_refusal_keeps_its_words() -> None:
    async with talking(desk(paying([], needs_approval=True)), *pays(1, 2)) as talk:
        talk.session.once(
            "tool_approval_requested", lambda event: talk.session.reject(event.call, "Never.", always=True)
        )
        for number, amount in enumerate((1, 2)):
            talk.session.send_message(f"pay {amount}")
            await talk.ends(2 * number + 2)
            assert answer(talk) == {"error": "rejected", "message": "Never."}


async def test_silence_is_denied() -> None:
    async with talking(
        desk(paying([], needs_approval=True)), when("go", PAY), after("pay", "Ok."), approval_timeout=60.0
    ) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        assert answer(talk) == {"error": "expired", "message": "nobody approved this call in time"}
        assert asyncio.get_running_loop().time() >= 60
        assert talk.heard("tool_approval_decided")[0].decision.reason == "expired"


@pytest.mark.parametrize("later", [True, False])
async def test_approval_may_depend_on_the_arguments(later: bool) -> None:
    paid: list[int] = []

    def much(_: ToolContext[Any], arguments: Mapping[str, Any]) -> bool:
        return bool(arguments["amount"] > 100)

    async def much_later(context: ToolContext[Any], arguments: Mapping[str, Any]) -> bool:
        return much(context, arguments)

    tool = paying(paid, needs_approval=much_later if later else much)
    async with talking(desk(tool), *pays(7, 700), approval_timeout=5.0) as talk:
        for number, amount in enumerate((7, 700)):
            talk.session.send_message(f"pay {amount}")
            await talk.ends(2 * number + 2)
        assert paid == [7]
        assert len(talk.heard("tool_approval_requested")) == 1


async def test_a_session_that_closes_denies() -> None:
    paid: list[int] = []
    async with talking(desk(paying(paid, needs_approval=True)), when("go", PAY)) as talk:
        talk.session.send_message("go")
        await talk.session.wait_for("tool_approval_requested")
        await talk.session.close()
        assert paid == []
        assert talk.session.pending_approvals == ()


# --- guardrails ------------------------------------------------------------------------------------------------------


async def test_input_guardrails_stand_before_the_person_and_once_more_after() -> None:
    seen: list[int] = []
    limit = [100]

    def affordable(_: ToolContext[Any], arguments: Mapping[str, Any]) -> Verdict:
        seen.append(arguments["amount"])
        return Verdict(tripped=arguments["amount"] > limit[0], message="That is too much.", info=limit[0])

    paid: list[int] = []
    tool = paying(paid, needs_approval=True, input_guardrails=[ToolInputGuardrail(name="affordable", check=affordable)])
    async with talking(desk(tool), *pays(500, 50)) as talk:
        talk.session.send_message("pay 500")
        await talk.ends(2)
        refusal = {"error": "refused_by_guardrail", "message": "That is too much."}
        assert answer(talk) == refusal
        assert talk.heard("tool_approval_requested") == []
        talk.session.send_message("pay 50")
        request = (await talk.session.wait_for("tool_approval_requested")).call
        limit[0] = 10
        talk.session.approve(request)
        await talk.ends(4)
        assert answer(talk) == refusal
        assert seen == [500, 50, 50]
        assert paid == []
        first, second = talk.heard("guardrail_tripped")
        assert (first.guardrail, first.kind, first.info, first.text) == (
            "affordable",
            "tool_input",
            100,
            '{"amount": 500}',
        )
        assert second.agent is talk.session.agent


async def test_output_guardrails_replace_the_output() -> None:
    guardrail = ToolOutputGuardrail(name="no sevens", check=lambda _, output: "7" in output)
    async with talking(desk(paying([], output_guardrails=[guardrail])), *pays(7, 8)) as talk:
        talk.session.send_message("pay 7")
        await talk.ends(2)
        assert answer(talk) == {"error": "refused_by_guardrail", "message": "refused by the rule 'no sevens'"}
        assert talk.heard("guardrail_tripped")[0].kind == "tool_output"
        talk.session.send_message("pay 8")
        await talk.ends(4)
        assert answer(talk) == "paid 8"


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_guardrail_that_fails_keeps_the_tool_from_running(hangs: bool) -> None:
    async def broken(_: ToolContext[Any], __: Mapping[str, Any]) -> bool:
        if hangs:
            await asyncio.Event().wait()
        raise KeyError("x")

    paid: list[int] = []
    tool = paying(paid, input_guardrails=[ToolInputGuardrail(name="broken", check=broken)])
    async with talking(desk(tool), *pays(7)) as talk:
        talk.session.send_message("pay 7")
        await talk.ends(2)
        assert answer(talk)["error"] == "refused_by_guardrail"
        assert paid == []
        assert isinstance(talk.heard("guardrail_tripped")[0].error, TimeoutError if hangs else KeyError)


# --- wording ---------------------------------------------------------------------------------------------------------


async def test_the_session_may_word_refusals_but_not_over_a_persons_words() -> None:
    def word(reason: str, message: str, context: ToolContext[Any]) -> str | None:
        return f"{reason}: {context.tool_name}" if reason == "rejected" else None

    async with talking(desk(paying([], needs_approval=True)), *pays(1, 2, 3), tool_error_text=word) as talk:
        words = iter(["", "In their own words."])
        talk.session.on("tool_approval_requested", lambda event: talk.session.reject(event.call, next(words)))
        talk.session.send_message("pay 1")
        await talk.ends(2)
        assert answer(talk) == {"error": "rejected", "message": "rejected: pay"}
        talk.session.send_message("pay 2")
        await talk.ends(4)
        assert answer(talk) == {"error": "rejected", "message": "In their own words."}


@pytest.mark.parametrize(
    ("worded", "expected"),
    [
        ("Try a positive amount.", "Try a positive amount."),
        (None, {"error": "ValueError"}),
        (KeyError, {"error": "ValueError"}),
    ],
)
async def test_a_tool_may_word_its_errors(worded: Any, expected: Any) -> None:
    def word(_: ToolContext[Any], error: Exception) -> str | None:
        assert isinstance(error, ValueError)
        if worded is KeyError:
            raise KeyError("the wording itself fails")
        return worded  # type: ignore[no-any-return]

    async with talking(desk(paying([], error_text=word)), *pays(-1)) as talk:
        talk.session.send_message("pay -1")
        await talk.ends(2)
        assert answer(talk) == expected
        assert len(talk.heard("error")) == (worded is KeyError)


async def test_hooks_of_the_agent_hear_its_tools() -> None:
    heard: list[str] = []

    class Hooks(AgentHooks[Any]):
        async def on_tool_start(self, context: ToolContext[Any]) -> None:
            heard.append(f"start {context.call_id}")

        def on_tool_end(self, context: ToolContext[Any], output: str) -> None:
            heard.append(f"end {output}")

    agent: RealtimeAgent[Any] = RealtimeAgent(name="desk", tools=[paying([])], hooks=Hooks())
    async with talking(agent, when("go", PAY), after("pay", "Ok.")) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        assert heard == ["start call_1", "end paid 7"]


async def test_a_tool_error_from_a_thread_is_told_as_well() -> None:
    @function_tool
    def pay(amount: int) -> None:
        raise ToolError(f"{amount} is not in the till")

    async with talking(desk(pay), *pays(7)) as talk:
        talk.session.send_message("pay 7")
        await talk.ends(2)
        assert answer(talk) == {"error": "tool_error", "message": "7 is not in the till"}
