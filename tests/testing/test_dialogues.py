"""Conversations line by line: what is written down, and what an assertion shows when they differ."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport import LoopbackTransport, RealtimeAgent, RealtimeSession, function_tool
from realtime_transport.conversation.brain import CallTool
from realtime_transport.conversation.brains import Script, after, when
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events.items import (
    FunctionCallOutputItem,
    InputAudioPart,
    InputImagePart,
    InputTextPart,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpListToolsItem,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.testing import assert_dialogue, dialogue, virtual_time
from realtime_transport.testing.dialogues import compare


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


def session(*rules: Any, pace: float | None = None) -> RealtimeSession:
    peer = ServerPeer(Script(*rules, otherwise="Good day"), pace=pace)
    return RealtimeSession(RealtimeAgent(name="desk", tools=[get_weather]), LoopbackTransport(peer))


async def weather() -> RealtimeSession:
    rules = (
        when("weather", CallTool(name="get_weather", arguments='{"city": "Lisbon"}')),
        after("get_weather", "{output}"),
    )
    made = session(*rules)
    async with made:
        made.send_message("Hello")
        await made.wait_for("agent_end", timeout=10)
        made.send_message("What is the weather?")
        await made.wait_for(lambda event: "sunny" in getattr(event, "output", "") and event.name == "agent_end", 10)
    return made


WEATHER = (
    "caller: Hello",
    "agent: Good day",
    "caller: What is the weather?",
    'agent calls get_weather({"city": "Lisbon"})',
    "get_weather answers: sunny in Lisbon",
    "agent: sunny in Lisbon",
)


def test_a_conversation_is_written_down_line_by_line() -> None:
    assert dialogue(virtual_time.run(weather())) == WEATHER


def test_the_same_conversation_passes_with_wildcards_and_indentation() -> None:
    assert_dialogue(
        virtual_time.run(weather()),
        """
        caller: Hello

        agent: *
        caller: What is the weather?
          agent calls get_weather({"city": "Lisbon"})
        get_weather answers: sunny in *
        agent: sunny in Lis?on
        """,
    )
    assert_dialogue(virtual_time.run(weather()), WEATHER)


async def interrupted() -> RealtimeSession:
    made = session(when("story", "one two three four five six seven eight nine ten"), pace=8.0)
    async with made:
        made.send_message("a story")
        await made.transport.wait_for("audio", timeout=10)
        await asyncio.sleep(1.0)
        made.interrupt()
        await asyncio.sleep(1.0)
    return made


def test_what_was_cut_is_written_down_as_far_as_it_was_heard() -> None:
    said = dialogue(virtual_time.run(interrupted()))
    assert said[0] == "caller: a story"
    assert said[1].startswith("agent: one two")
    assert said[1].endswith("(cut)")
    assert "ten" not in said[1]


def test_every_kind_of_item_has_its_line() -> None:
    items = [
        SystemMessageItem(content=(InputTextPart(text="Be kind."),)),
        UserMessageItem(content=(InputImagePart(image_url="data:,"), InputTextPart(text="look"))),
        UserMessageItem(content=(InputAudioPart(transcript=None),)),
        UserMessageItem(content=(InputAudioPart(transcript=" hello "),)),
        FunctionCallOutputItem(call_id="call_x", output="lost"),
        McpListToolsItem(server_label="shop"),
        McpApprovalRequestItem(server_label="shop", name="buy", arguments='{"n": 1}'),
        McpApprovalResponseItem(approval_request_id="r", approve=True),
        McpApprovalResponseItem(approval_request_id="r", approve=False),
        McpCallItem(server_label="shop", name="buy", arguments="{}", output="done"),
    ]
    assert dialogue(items) == (
        "system: Be kind.",
        "caller: <a picture> look",
        "caller: <speech>",
        "caller: hello",
        "call_x answers: lost",
        'agent asks for buy({"n": 1})',
        "approved",
        "refused",
        "agent calls buy({}) and reads: done",
    )


def test_a_difference_is_shown_side_by_side() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_dialogue(virtual_time.run(weather()), [*WEATHER[:3], "agent: It rains", WEATHER[5]])
    rows = [" ".join(line.split()) for line in str(caught.value).splitlines()]
    assert rows == [
        "the conversation is another one:",
        "expected | came",
        "-------- | ----",
        "caller: Hello | caller: Hello",
        "agent: Good day | agent: Good day",
        "caller: What is the weather? | caller: What is the weather?",
        "- agent: It rains |",
        '+ | agent calls get_weather({"city": "Lisbon"})',
        "+ | get_weather answers: sunny in Lisbon",
        "agent: sunny in Lisbon | agent: sunny in Lisbon",
    ]


def test_long_lines_are_wrapped_and_stay_in_their_column() -> None:
    drawn = compare(["agent: " + "word " * 30], ["agent: " + "word " * 30])
    assert all(len(line) <= 122 for line in drawn.splitlines())
    assert len({line.index("|") for line in drawn.splitlines() if "|" in line}) == 1


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_nothing_is_lost_in_a_comparison(wanted: list[str], came: list[str]) -> None:
    rows = [line[2:].split("|") for line in compare(wanted, came).splitlines()[3:]]
    assert [left.strip() for left, _ in rows if left.strip()] == wanted
    assert [right.strip() for _, right in rows if right.strip()] == came


def test_brackets_stand_for_themselves() -> None:
    item = FunctionCallOutputItem(call_id="c", output='["a"]')
    assert_dialogue([item], 'c answers: ["a"]')
    with pytest.raises(AssertionError):
        assert_dialogue([item], "c answers: a")
