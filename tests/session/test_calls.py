"""What peers get wrong with tool calls: each of these once left a conversation silent."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Annotated, Any

import msgspec
import pytest

from realtime_transport.conversation.brain import CallTool, GenerationRequest, Output, Pause, Reply
from realtime_transport.conversation.brains import after, when
from realtime_transport.events import RealtimeSessionConfig
from realtime_transport.events.transport import FunctionCallEvent
from realtime_transport.exceptions import ToolError
from realtime_transport.session.agent import AgentHooks, RealtimeAgent
from realtime_transport.session.context import RunContext, ToolContext
from realtime_transport.session.guardrails import ToolOutputGuardrail
from realtime_transport.session.handoffs import handoff
from realtime_transport.session.outputs import quiet
from realtime_transport.session.tools import LocalTool, function_tool
from tests.session.line import Talk, talking

pytestmark = pytest.mark.virtual_time


def desk(*tools: LocalTool, **options: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="desk", tools=tools, **options)


def outputs(talk: Talk) -> dict[str, Any]:
    """Call id -> the output that the client sent."""
    items = [event.item for event in talk.sent("conversation.item.create")]
    return {item.call_id: item.output for item in items if item.type == "function_call_output"}


def order(talk: Talk) -> list[str]:
    """The outputs and the requests for responses, in the order sent."""
    kinds = {"conversation.item.create": "item", "response.create": "response"}
    return [kinds[event.type] for event in talk.sent(*kinds)]


def slow(name: str, seconds: float, **options: Any) -> LocalTool:
    async def work() -> str:
        await asyncio.sleep(seconds)
        return name

    return function_tool(name=name, **options)(work)


async def test_parallel_tools_that_end_at_different_times_give_one_response() -> None:
    calls = [CallTool(name=name, call_id=f"call_{name}") for name in ("slow", "fast", "middle")]
    agent = desk(slow("slow", 9), slow("fast", 1), slow("middle", 4))
    async with talking(agent, when("go", *calls), after("", "All done.")) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        assert outputs(talk) == {"call_slow": "slow", "call_fast": "fast", "call_middle": "middle"}
        assert list(outputs(talk)) == ["call_fast", "call_middle", "call_slow"]
        assert order(talk) == ["item", "response", "item", "item", "item", "response"]
        assert talk.heard("error") == []


def fails() -> LocalTool:
    @function_tool
    async def fail(kind: str) -> str:
        raise {"key": KeyError("a secret"), "tool": ToolError("sold out"), "time": TimeoutError()}[kind]

    return fail


@function_tool
async def count(number: Annotated[int, msgspec.Meta(ge=1)]) -> int:
    return number


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (CallTool(name="count", arguments='{"number": "one"}'), {"error": "invalid_arguments", "path": "$.number"}),
        (CallTool(name="count", arguments='{"number": 0}'), {"error": "invalid_arguments", "path": "$.number"}),
        (CallTool(name="count", arguments='{"number": 1, "x": 2}'), {"error": "invalid_arguments", "path": "$"}),
        (CallTool(name="count", arguments='{"numb'), {"error": "invalid_arguments", "path": "$"}),
        (CallTool(name="count", arguments=""), {"error": "invalid_arguments", "path": "$"}),
        (CallTool(name="count", arguments='{"number": ' + "1" * 300_000 + "}"), {"error": "arguments_too_long"}),
        (CallTool(name="nonsense"), {"error": "unknown_tool"}),
        (CallTool(name="fail", arguments='{"kind": "key"}'), {"error": "KeyError"}),
        (CallTool(name="fail", arguments='{"kind": "time"}'), {"error": "TimeoutError"}),
        (CallTool(name="fail", arguments='{"kind": "tool"}'), {"error": "tool_error", "message": "sold out"}),
        (CallTool(name="hang"), {"error": "timeout", "message": "no result within 5 s"}),
    ],
)
async def test_whatever_goes_wrong_is_answered_and_the_talk_goes_on(call: CallTool, error: dict[str, str]) -> None:
    agent = desk(count, fails(), slow("hang", 999, timeout=5))
    async with talking(agent, when("go", call), after("", "Sorry.")) as talk:
        talk.session.send_message("go")
        _, second = await talk.ends(2)
        (output,) = outputs(talk).values()
        told = json.loads(output)
        assert {key: told[key] for key in error} == error
        assert "secret" not in output
        assert "Traceback" not in output
        assert second.output == "Sorry."
        (end,) = talk.heard("agent_tool_end")
        assert end.output == output
        assert isinstance(end.error, Exception)


async def test_an_unknown_tool_is_told_what_there_is() -> None:
    for agent, known in ((desk(), "none"), (desk(count, slow("b", 1)), "b, count")):
        async with talking(agent, when("go", CallTool(name="x")), after("", "Sorry.")) as talk:
            talk.session.send_message("go")
            await talk.ends(2)
            assert json.loads(*outputs(talk).values())["message"] == f"there is no tool 'x'; known are: {known}"


async def test_the_same_call_again_does_not_run_again_and_other_arguments_are_an_error() -> None:
    runs: list[int] = []

    @function_tool
    async def once(number: int) -> int:
        runs.append(number)
        return number

    def rerun(number: int) -> CallTool:
        return CallTool(name="once", call_id="call_1", arguments=f'{{"number": {number}}}')

    async with talking(desk(once), when("go", rerun(1)), when("again", rerun(1)), after("", "Done.")) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        for number in (1, 2):
            talk.line.emit(
                FunctionCallEvent(
                    call_id="call_1",
                    call_name="once",
                    arguments=f'{{"number": {number}}}',
                    item_id="x",
                    response_id="other",
                )
            )
        await asyncio.sleep(1)
        assert runs == [1]
        (error,) = talk.heard("error")
        assert "other arguments" in str(error.error)
        assert list(outputs(talk).values()) == ["1"]


async def test_quiet_tools_ask_for_no_response_unless_they_fail() -> None:
    @function_tool(reply="quiet")
    async def note(text: str) -> None: ...

    @function_tool
    async def maybe(loud: bool) -> Any:
        return "loud" if loud else quiet("quiet")

    class ByWords:
        """A script takes an output for what has to be answered; here the caller's words count."""

        def answer(self, request: GenerationRequest) -> list[Output]:
            calls = {
                "note": CallTool(name="note", arguments='{"text": "x"}'),
                "wrong": CallTool(name="note", arguments='{"text": 1}'),
                "silent": CallTool(name="maybe", arguments='{"loud": false}'),
                "loud": CallTool(name="maybe", arguments='{"loud": true}'),
            }
            return [calls.get(request.words, Reply(text="I see."))]

    async with talking(desk(note, maybe), brain=ByWords()) as talk:
        for words, responses in (("note", 1), ("wrong", 3), ("silent", 4), ("loud", 6)):
            talk.session.send_message(words)
            await talk.ends(responses)
            await asyncio.sleep(10)
            assert len(talk.heard("agent_end")) == responses, words
        assert list(outputs(talk).values())[2:] == ["quiet", "loud"]


async def test_a_background_tool_holds_nobody_up() -> None:
    agent = desk(slow("research", 60, reply="background", timeout=None), slow("quick", 1))
    rules = (
        when("go", CallTool(name="research"), CallTool(name="quick")),
        after("research", "The research is there."),
        after("quick", "That was quick."),
    )
    async with talking(agent, *rules) as talk:
        talk.session.send_message("go")
        ends = await talk.ends(2)
        assert ends[1].output == "That was quick."
        assert asyncio.get_running_loop().time() < 10
        talk.session.send_message("And?")
        await talk.ends(4)
        assert talk.heard("agent_end")[-1].output == "The research is there."
        assert asyncio.get_running_loop().time() > 60


async def test_calls_run_while_the_rest_of_the_response_is_still_said() -> None:
    rules = (when("go", CallTool(name="quick"), Pause(ms=5000), Reply(text="One moment.")), after("", "Done."))
    async with talking(desk(slow("quick", 1)), *rules) as talk:
        talk.session.send_message("go")
        end = await talk.session.wait_for("agent_tool_end")
        assert end.seconds == 1.0
        assert talk.heard("agent_end") == []
        await talk.ends(2)
        assert order(talk)[-2:] == ["item", "response"]


async def test_progress_is_told_to_the_application_only() -> None:
    @function_tool
    async def search(query: str, context: ToolContext[Any]) -> Any:
        context.progress("starting")
        yield f"looking for {query}"
        yield "found it"

    rules = (when("go", CallTool(name="search", arguments='{"query": "tea"}')), after("", "Found."))
    async with talking(desk(search), *rules) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        updates = [event.update for event in talk.heard("agent_tool_progress")]
        assert updates == ["starting", "looking for tea", "found it"]
        assert list(outputs(talk).values()) == ["found it"]


async def test_a_tool_is_given_its_context_and_may_use_the_session() -> None:
    seen: list[ToolContext[Any]] = []

    @function_tool
    def whoami(context: ToolContext[dict[str, str]]) -> str:
        seen.append(context)
        assert threading.current_thread() is not threading.main_thread()
        return context.context["user"]

    rules = (when("go", CallTool(name="whoami", call_id="call_1")), after("", "{output}"))
    async with talking(desk(whoami), *rules, context={"user": "ann"}) as talk:
        talk.session.send_message("go")
        assert (await talk.ends(2))[1].output == "ann"
        (context,) = seen
        assert context.session is talk.session
        assert context.agent is talk.session.agent
        assert (context.tool_name, context.call_id, context.arguments) == ("whoami", "call_1", "{}")
        assert context.idempotency_key.endswith(":call_1")
        assert len(context.idempotency_key) == 32 + len(":call_1")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "quick"}])
async def test_a_forced_choice_forces_only_once(choice: Any) -> None:
    rules = (when("go", CallTool(name="quick")), after("", "Done."))
    async with talking(desk(slow("quick", 1)), *rules, config={"tool_choice": choice}) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        first, second = talk.sent("response.create")
        assert not first.response or not first.response.tool_choice
        assert second.response.tool_choice == "auto"


async def test_a_free_choice_is_left_as_it_is() -> None:
    rules = (when("go", CallTool(name="quick")), after("", "Done."))
    async with talking(desk(slow("quick", 1)), *rules, config=RealtimeSessionConfig(tool_choice="auto")) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        assert not talk.sent("response.create")[1].response or not talk.sent("response.create")[1].response.tool_choice


async def test_calls_outside_the_conversation_are_left_to_whoever_asked() -> None:
    async with talking(desk(slow("quick", 1)), when(None, CallTool(name="quick"))) as talk:
        talk.session.request_response({"conversation": "none"})
        await talk.session.wait_for("turn_done")
        await asyncio.sleep(10)
        assert outputs(talk) == {}
        assert talk.heard("agent_start", "agent_end", "agent_tool_start") == []


# --- what disturbs a running tool ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cancel_on", "answer"), [(("interrupt",), "cancelled"), (("close",), "long")])
async def test_an_interruption_cancels_the_tools_that_say_so(cancel_on: Any, answer: str) -> None:
    rules = (when("go", CallTool(name="long")), after("", "Yes."))
    async with talking(desk(slow("long", 20, cancel_on=cancel_on)), *rules) as talk:
        talk.session.send_message("go")
        await talk.session.wait_for("agent_tool_start")
        talk.session.interrupt()
        talk.session.interrupt()
        await talk.ends(2)
        (output,) = outputs(talk).values()
        assert answer in output
        assert (asyncio.get_running_loop().time() < 5) is (answer == "cancelled")


async def test_a_call_that_is_cancelled_before_its_first_step_is_answered_too() -> None:
    rules = (when("go", CallTool(name="long")), after("", "Yes."))
    async with talking(desk(slow("long", 20, cancel_on=("interrupt",))), *rules) as talk:
        talk.session.on("function_call", lambda _: talk.session.interrupt())
        talk.session.send_message("go")
        await talk.session.wait_for("agent_tool_end")
        (output,) = outputs(talk).values()
        assert json.loads(output)["error"] == "cancelled"


async def test_speech_counts_as_an_interruption_and_holds_the_follow_up_back() -> None:
    rules = (when("go", CallTool(name="long")), after("long", "Result: {output}"), when("wait", "I am waiting."))
    async with talking(desk(slow("long", 8)), *rules) as talk:
        talk.session.send_message("go")
        await talk.session.wait_for("agent_tool_start")
        speaking = asyncio.create_task(talk.speak("wait " * 30))
        await talk.session.wait_for("agent_tool_end")
        assert not speaking.done()
        created = len(talk.sent("response.create"))
        await speaking
        await talk.ends(2)
        await asyncio.sleep(30)
        # The server's own answer to the caller saw the output: nothing else is asked for.
        assert len(talk.sent("response.create")) == created
        assert len(talk.heard("agent_end")) == 2


async def test_a_cut_response_is_answered_but_not_followed() -> None:
    rules = (when("go", CallTool(name="long"), Pause(ms=100), Reply(text="word " * 100)), after("", "No."))
    async with talking(desk(slow("long", 5)), *rules) as talk:
        talk.session.send_message("go")
        await talk.session.wait_for("audio")
        talk.session.interrupt()
        await talk.session.wait_for("agent_tool_end")
        await asyncio.sleep(30)
        assert list(outputs(talk).values()) == ["long"]
        (end,) = talk.heard("agent_end")
        assert end.status == "cancelled"
        assert len(talk.sent("response.create")) == 1


async def test_a_lost_connection_cancels_tools_and_says_what_was_never_answered() -> None:
    cancelled = asyncio.Event()

    @function_tool
    async def long() -> None:
        try:
            await asyncio.sleep(99)
        finally:
            cancelled.set()

    async with talking(desk(long), when("go", CallTool(name="long", call_id="call_1"))) as talk:
        talk.session.send_message("go")
        await talk.session.wait_for("agent_tool_start")
        talk.line.feed_closed(1006, "gone")
        await cancelled.wait()
        await talk.session.close()
        errors = [str(event.error) for event in talk.heard("error")]
        assert "the call call_1 of 'long' was never answered" in errors
        assert outputs(talk) == {}


async def test_an_output_that_crosses_the_end_of_the_connection_is_reported() -> None:
    def cut_the_line(context: ToolContext[Any], _: str) -> bool:
        context.session.transport.feed_closed(1006, "gone")
        return False

    guardrail = ToolOutputGuardrail(name="scissors", check=cut_the_line)
    tool = slow("quick", 1, output_guardrails=[guardrail])
    async with talking(desk(tool), when("go", CallTool(name="quick", call_id="call_1"))) as talk:
        talk.session.send_message("go")
        await talk.session.wait_for("disconnected")
        await talk.session.close()
        assert outputs(talk) == {}
        errors = [str(event.error) for event in talk.heard("error")]
        assert "the call call_1 of 'quick' was never answered" in errors


# --- handing over ----------------------------------------------------------------------------------------------------


async def test_a_handoff_takes_the_tools_away_and_is_followed_by_one_response() -> None:
    heard: list[str] = []

    class Hooks(AgentHooks[Any]):
        async def on_handoff(self, context: RunContext[Any], source: RealtimeAgent[Any]) -> None:
            heard.append(f"{source.name} -> {context.agent.name}")

    billing: RealtimeAgent[Any] = RealtimeAgent(name="Billing", instructions="Bill.", hooks=Hooks())
    agent = desk(slow("quick", 1), instructions="Greet.", handoffs=[billing])
    rules = (when("bill", CallTool(name="transfer_to_Billing")), after("transfer_to_Billing", "Billing here."))
    async with talking(agent, *rules) as talk:
        talk.session.send_message("my bill")
        _, second = await talk.ends(2)
        assert second.agent is billing
        assert talk.session.agent is billing
        (event,) = talk.heard("agent_handoff")
        assert (event.source, event.target, event.agent) == (agent, billing, billing)
        types = [e.type for e in talk.sent("session.update", "conversation.item.create", "response.create")]
        assert types[-3:] == ["session.update", "conversation.item.create", "response.create"]
        update = talk.sent("session.update")[-1].session
        assert update.tools == ()
        assert update.instructions == "Bill."
        assert list(outputs(talk).values()) == ['{"handed_over_to":"Billing"}']
        assert talk.session.session is not None
        assert talk.session.session.tools == ()  # type: ignore[union-attr]
        assert heard == ["desk -> Billing"]


async def test_calls_of_one_response_keep_the_agent_they_began_with() -> None:
    billing: RealtimeAgent[Any] = RealtimeAgent(name="Billing")
    sales: RealtimeAgent[Any] = RealtimeAgent(name="Sales")
    calls = [CallTool(name=f"transfer_to_{name}", call_id=name) for name in ("Billing", "Sales")]
    agent = desk(slow("quick", 1), handoffs=[billing, sales])
    rules = (when("go", *calls, CallTool(name="quick", call_id="quick")), after("", "Hello."))
    async with talking(agent, *rules) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        answered = outputs(talk)
        assert answered["quick"] == "quick"
        assert json.loads(answered["Sales"])["error"] == "second_handoff"
        assert talk.session.agent is billing
        assert [end.agent.name for end in talk.heard("agent_tool_end")] == ["desk"] * 3
        assert order(talk) == ["item", "response", "item", "item", "item", "response"]


async def test_a_handoff_that_fails_changes_nothing() -> None:
    def broken(_: RunContext[Any]) -> str:
        raise KeyError("instructions")

    def refuse(_: ToolContext[Any]) -> None:
        raise ToolError("Billing is closed.")

    agents = [RealtimeAgent[Any](name="Broken", instructions=broken), RealtimeAgent[Any](name="Closed")]
    agent = desk(handoffs=[agents[0], handoff(agents[1], on_handoff=refuse)])
    rules = (
        when("broken", CallTool(name="transfer_to_Broken")),
        when("closed", CallTool(name="transfer_to_Closed")),
        after("", "Sorry."),
    )
    async with talking(agent, *rules) as talk:
        for number, words in enumerate(("broken", "closed")):
            talk.session.send_message(words)
            await talk.ends(2 * number + 2)
        errors = [json.loads(output) for output in outputs(talk).values()]
        assert errors == [{"error": "KeyError"}, {"error": "tool_error", "message": "Billing is closed."}]
        assert talk.session.agent is agent
        assert talk.heard("agent_handoff") == []
        assert len(talk.sent("session.update")) == 1


async def test_a_handoff_cancels_the_tools_that_say_so() -> None:
    billing: RealtimeAgent[Any] = RealtimeAgent(name="Billing")
    agent = desk(slow("long", 50, cancel_on=("handoff",)), handoffs=[billing])
    rules = (when("go", CallTool(name="long", call_id="long"), CallTool(name="transfer_to_Billing")), after("", "Hi."))
    async with talking(agent, *rules) as talk:
        talk.session.send_message("go")
        await talk.ends(2)
        assert json.loads(outputs(talk)["long"]) == {"error": "cancelled", "message": "cancelled by handoff"}
        assert asyncio.get_running_loop().time() < 10
