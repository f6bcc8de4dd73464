"""What the rooms do together: the input gate, hosted MCP, local MCP, budgets."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from realtime_transport.conversation.brain import CallTool, Pause
from realtime_transport.conversation.brains import after, when
from realtime_transport.dialects import OPENAI
from realtime_transport.events import McpTool, UnknownItem
from realtime_transport.events.transport import (
    InputTranscriptDoneEvent,
    InputTranscriptFailedEvent,
    McpToolCallCompletedEvent,
    McpToolsListedEvent,
)
from realtime_transport.exceptions import InvalidArgument, ServerError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import GuardrailSettings, InputGuardrail
from realtime_transport.session.mcp import McpServer
from realtime_transport.session.tools import function_tool
from realtime_transport.session.usage import Budget, Prices
from tests import corpus
from tests.session import mcp_server
from tests.session.line import Talk, talking

virtual = pytest.mark.virtual_time

LISTENING = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}


def desk(**options: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="desk", **options)


# --- the input gate --------------------------------------------------------------------------------------------------

NO_PASSWORDS = InputGuardrail(name="no passwords", check=lambda _, text: "password" in text, hint="Never ask for it.")


@virtual
async def test_words_that_pass_are_answered_once() -> None:
    async with talking(desk(), when("time", "Noon."), config=LISTENING, input_guardrails=[NO_PASSWORDS]) as talk:
        await talk.speak("what time is it")
        (end,) = await talk.ends()
        assert end.output == "Noon."
        await asyncio.sleep(10)
        assert len(talk.sent("response.create")) == len(talk.heard("agent_end")) == 1


@virtual
async def test_words_that_trip_are_taken_out_and_not_answered() -> None:
    rules = (when("password", "It is 1234."), when(None, "I cannot take that."))
    async with talking(desk(input_guardrails=[NO_PASSWORDS]), *rules, config=LISTENING) as talk:
        await talk.speak("my password please")
        (end,) = await talk.ends()
        assert end.output == "I cannot take that."
        (trip,) = talk.heard("guardrail_tripped")
        assert (trip.kind, trip.text, trip.message) == ("input", "my password please", "Never ask for it.")
        (delete,) = talk.sent("conversation.item.delete")
        assert delete.item_id not in {item.id for item in talk.session.history}
        (feedback,) = talk.sent("conversation.item.create")
        assert "'no passwords'" in feedback.item.content[0].text


@virtual
@pytest.mark.parametrize(("reaction", "deletes"), [("cut", 1), ("report", 0)])
async def test_other_reactions_to_the_callers_words(reaction: Any, deletes: int) -> None:
    settings = GuardrailSettings(reaction=reaction)
    async with talking(desk(), config=LISTENING, input_guardrails=[NO_PASSWORDS], guardrails=settings) as talk:
        await talk.speak("my password please")
        await asyncio.sleep(10)
        assert len(talk.heard("guardrail_tripped")) == 1
        assert len(talk.sent("conversation.item.delete")) == deletes
        assert talk.sent("response.create") == []


@virtual
async def test_speech_without_words_is_not_answered_as_if_it_had_passed() -> None:
    failed = InputTranscriptFailedEvent(item_id="u1", content_index=0, error=ServerError("noise"))
    async with talking(desk(), when(None, "Pardon?"), config=LISTENING, input_guardrails=[NO_PASSWORDS]) as talk:
        talk.line.emit(failed)
        (end,) = await talk.ends()
        assert end.output == "Pardon?"
        assert talk.heard("guardrail_tripped")[0].guardrail == "transcription"
    async with talking(desk(), config=LISTENING) as talk:
        talk.line.emit(failed)
        await asyncio.sleep(10)
        assert talk.frames[1:] == []


@virtual
async def test_where_items_cannot_be_deleted_the_model_is_still_told() -> None:
    rules = (when(None, "I cannot take that."),)
    dialect = attrs.evolve(OPENAI, capabilities=attrs.evolve(OPENAI.capabilities, can_delete_items=False))
    options = {"line_options": {"dialect": dialect}, "config": LISTENING}
    async with talking(desk(input_guardrails=[NO_PASSWORDS]), *rules, **options) as talk:
        await talk.speak("my password please")
        await talk.ends()
        assert talk.sent("conversation.item.delete") == []
        assert len(talk.sent("conversation.item.create")) == 1


@virtual
async def test_a_gate_needs_a_transcript() -> None:
    async with talking(desk(input_guardrails=[NO_PASSWORDS]), connect=False) as talk:
        with pytest.raises(InvalidArgument, match="transcript"):
            await talk.session.connect()


@virtual
async def test_an_agent_without_gate_is_answered_for_by_the_server_again() -> None:
    gated = desk(input_guardrails=[NO_PASSWORDS])
    async with talking(gated, when(None, "Noon."), config=LISTENING) as talk:
        await talk.session.update_agent(RealtimeAgent(name="open"))
        await talk.speak("what time is it")
        await talk.ends()
        assert talk.sent("response.create") == []
        await talk.session.update_agent(gated)
        await talk.speak("what time is it")
        await talk.ends(2)
        assert len(talk.sent("response.create")) == 1


@virtual
async def test_what_comes_after_the_connection_is_told_but_not_sent() -> None:
    @function_tool
    async def quick() -> str:
        return "done"

    failed = InputTranscriptFailedEvent(item_id="u1", content_index=0, error=ServerError("noise"))
    rules = (when(None, CallTool(name="quick"), Pause(ms=5000)),)
    async with talking(desk(tools=[quick]), *rules, config=LISTENING, input_guardrails=[NO_PASSWORDS]) as talk:
        talk.session.send_message("hello")
        await talk.session.wait_for("agent_tool_end")
        sent = len(talk.frames)
        talk.session.once("disconnected", lambda _: talk.line.emit(failed))
        talk.line.feed_closed(1006, "gone")  # ends the response as well, whose follow-up would be due
        await asyncio.sleep(1)
        assert len(talk.frames) == sent
        assert len(talk.heard("guardrail_tripped")) == 1
        assert talk.heard("error") == []


# --- hosted MCP ------------------------------------------------------------------------------------------------------

DICE = McpTool(server_label="dmcp", server_url="https://dmcp.example/sse", require_approval="always")


def frames() -> list[dict[str, Any]]:
    """What a server says around hosted MCP, as it was captured."""
    return [line.frame for line in corpus.lines("mcp") if line.sender == "server"]


def play(talk: Talk, *types: str) -> None:
    """Say the captured frames of these types, in order, each once."""
    seen: set[str] = set()
    for frame in frames():
        kind = f"{frame['type']}:{frame.get('item', {}).get('type', '')}"
        if kind not in seen and any(kind.startswith(wanted) for wanted in types):
            seen.add(kind)
            talk.say(frame)


@virtual
async def test_hosted_tools_are_known_and_follow_the_agent() -> None:
    agent = desk(tools=[DICE])
    async with talking(agent) as talk:
        assert talk.session.available_mcp_tools == ()
        play(talk, "mcp_list_tools", "conversation.item.done:mcp_list_tools")
        assert "roll" in {tool.name for tool in talk.session.available_mcp_tools}
        assert talk.heard("mcp_tools_changed")[-1].tools == talk.session.available_mcp_tools
        await talk.session.update_agent(RealtimeAgent(name="plain"))
        assert talk.session.available_mcp_tools == ()
        assert talk.heard("mcp_tools_changed")[-1].tools == ()
        await talk.session.update_agent(agent)
        assert talk.session.available_mcp_tools


@virtual
async def test_a_hosted_call_is_followed_by_one_response() -> None:
    async with talking(desk(tools=[DICE]), when(None, "Seven.")) as talk:
        play(
            talk,
            "response.created",
            "response.output_item",
            "conversation.item.added:mcp_call",
            "response.mcp_call_arguments",
        )
        play(talk, "response.done")
        assert talk.sent("response.create") == []
        play(talk, "response.mcp_call.completed", "conversation.item.done:mcp_call")
        await talk.session.wait_for("audio")
        await asyncio.sleep(10)
        assert len(talk.sent("response.create")) == 1
        (done,) = talk.heard("mcp_tool_call_completed")
        assert (done.item.name, done.failed, done.agent) == ("roll", False, talk.session.agent)


@virtual
async def test_a_cut_response_has_no_follow_up_to_its_hosted_calls() -> None:
    async with talking(desk(tools=[DICE])) as talk:
        (done,) = [frame for frame in frames() if frame["type"] == "response.done"][:1]
        play(talk, "response.created", "response.output_item")
        talk.say({**done, "response": {**done["response"], "status": "cancelled"}})
        play(talk, "response.mcp_call.completed", "conversation.item.done:mcp_call")
        await asyncio.sleep(10)
        assert len(talk.heard("mcp_tool_call_completed")) == 1
        assert talk.sent("response.create") == []


@virtual
async def test_items_of_another_kind_are_passed_by() -> None:
    odd = UnknownItem(type="mcp_new")
    async with talking(desk(tools=[DICE])) as talk:
        talk.line.emit(McpToolsListedEvent(item=odd))
        talk.line.emit(McpToolCallCompletedEvent(item=odd, failed=False))
        talk.line.emit(InputTranscriptDoneEvent(item_id="u1", content_index=0, transcript="", usage=None))
        assert talk.heard("mcp_tools_changed", "mcp_tool_call_completed", "usage") == []


@virtual
@pytest.mark.parametrize("approve", [True, False, None])
async def test_hosted_calls_need_a_person_as_well(approve: bool | None) -> None:
    async with talking(desk(tools=[DICE]), approval_timeout=60.0) as talk:
        play(talk, "conversation.item.done:mcp_approval_request")
        if not talk.heard("tool_approval_requested"):
            await talk.session.wait_for("tool_approval_requested")
        (asked,) = talk.heard("tool_approval_requested")
        assert (asked.call.kind, asked.call.server_label, asked.call.tool_name) == ("mcp", "dmcp", "delete")
        if approve:
            talk.session.approve(asked.call)
        elif approve is not None:
            talk.session.reject(asked.call, "Better not.")
        await talk.session.wait_for("tool_approval_decided")
        await asyncio.sleep(1)
        (create,) = talk.sent("conversation.item.create")
        assert create.item.approval_request_id == asked.call.call_id
        assert create.item.approve is bool(approve)
        reasons = {True: None, False: "Better not.", None: "nobody approved this call in time"}
        assert (create.item.reason or None) == reasons[approve]


# --- local MCP -------------------------------------------------------------------------------------------------------


async def test_local_tools_are_called_and_their_changes_reach_the_model() -> None:
    shop = McpServer.stdio(sys.executable, str(Path(mcp_server.__file__)), label="shop")
    rules = (
        when("price", CallTool(name="price", arguments='{"item": "tea"}')),
        after("price", "It is {fields[price]}."),
        when("learn", CallTool(name="learn")),
        after("learn", "Learnt."),
    )
    async with talking(desk(mcp_servers=[shop]), *rules) as talk:
        assert {"price", "learn"} <= {tool.name for tool in talk.session.available_mcp_tools}
        talk.session.send_message("price?")
        assert (await talk.ends(2))[1].output == "It is 2.5."
        changed = asyncio.ensure_future(talk.session.wait_for("mcp_tools_changed", timeout=10))
        await asyncio.sleep(0)
        await talk.session.update_history([])
        talk.session.send_message("learn")
        await changed
        in_force = talk.session.session
        assert in_force is not None
        assert "dance" in {tool.name for tool in in_force.tools or ()}  # type: ignore[union-attr]
        await talk.session.update_agent(RealtimeAgent(name="plain"))
        assert talk.session.available_mcp_tools == ()


async def test_a_change_of_tools_that_cannot_be_told_is_reported() -> None:
    shop = McpServer.stdio(sys.executable, str(Path(mcp_server.__file__)), label="shop")
    broken: list[bool] = []

    def instructions(_: RunContext[Any]) -> str:
        if broken:
            raise KeyError("instructions")
        return "Sell."

    agent = desk(mcp_servers=[shop], instructions=instructions)
    async with talking(agent, when(None, CallTool(name="learn"))) as talk:
        broken.append(True)
        talk.session.send_message("learn")
        error = await talk.session.wait_for("error", timeout=10)
        assert isinstance(error.error.__cause__, KeyError)
        assert talk.session.status == "connected"


# --- what it costs ---------------------------------------------------------------------------------------------------


@virtual
async def test_a_budget_stops_the_call() -> None:
    prices = Prices(per_million={"output_audio": 64.0, "output_text": 16.0})
    async with talking(desk(), when(None, "Hello there."), budget=Budget(cost=0.000001, prices=prices)) as talk:
        talk.session.send_message("hello")
        await talk.session.wait_for("disconnected")
        (exceeded,) = talk.heard("budget_exceeded")
        assert exceeded.total == talk.session.usage
        assert prices.cost(talk.session.usage) >= 0.000001
        assert talk.heard("disconnected")[0].clean


@virtual
async def test_a_budget_may_only_be_reported() -> None:
    async with talking(desk(), when(None, "Hello."), budget=Budget(tokens=1, on_exceeded="report")) as talk:
        for number in (1, 2):
            talk.session.send_message("hello")
            await talk.ends(number)
        await asyncio.sleep(1)
        assert len(talk.heard("budget_exceeded")) == 1
        assert talk.session.status == "connected"
        first, second = talk.heard("usage")
        assert second.total.responses == 2
        assert first.response_id == talk.heard("agent_end")[0].response_id
        assert second.total.last.total == second.usage.total_tokens


@virtual
async def test_transcription_is_counted_beside_the_conversation() -> None:
    async with talking(desk(), when(None, "Noon."), config=LISTENING) as talk:
        await talk.speak("what time is it")
        await talk.ends()
        await asyncio.sleep(1)
        usage = talk.session.usage
        assert usage.transcription_seconds > 0 or usage.tokens.transcription_input > 0
        assert [event.usage is None for event in talk.heard("usage")].count(True) == 1
