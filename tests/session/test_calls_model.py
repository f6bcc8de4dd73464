"""Random turns with random tools, interrupted at random: every call is answered once, no batch is followed twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.conversation.brain import CallTool, GenerationRequest, Output, Pause, Reply
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.tools import LocalTool, function_tool
from realtime_transport.testing import virtual_time
from tests.session.line import Talk, talking

SECONDS = st.sampled_from([0.0, 0.1, 1.0, 5.0])
KINDS = ["reply", "quiet", "background", "cancelled", "fails", "unknown", "malformed", "hangs"]


@attrs.frozen
class Call:
    kind: str
    seconds: float


@attrs.frozen
class Turn:
    """What the model calls in one response, and when the caller says something into it."""

    calls: tuple[Call, ...]
    pause_ms: int
    interrupt_after: float | None


CALLS = st.builds(Call, kind=st.sampled_from(KINDS), seconds=SECONDS)
TURNS = st.builds(
    Turn,
    calls=st.lists(CALLS, min_size=1, max_size=4).map(tuple),
    pause_ms=st.sampled_from([0, 50, 2000]),
    interrupt_after=st.none() | SECONDS,
)


def tools() -> list[LocalTool]:
    async def work(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    async def fails(seconds: float) -> str:
        await asyncio.sleep(seconds)
        raise KeyError("secret")

    async def hangs(seconds: float) -> str:
        await asyncio.Event().wait()
        return f"never {seconds}"

    return [
        function_tool(name="reply")(work),
        function_tool(name="malformed")(work),
        function_tool(name="quiet", reply="quiet")(work),
        function_tool(name="background", reply="background")(work),
        function_tool(name="cancelled", cancel_on=("interrupt", "close"))(work),
        function_tool(fails),
        function_tool(timeout=3.0)(hangs),
    ]


class Model:
    """Calls what the turn says, then comments on outputs."""

    def __init__(self, turns: list[Turn]) -> None:
        self.turns = turns
        self.made: list[str] = []

    def answer(self, request: GenerationRequest) -> list[Output]:
        if not request.words.startswith("turn "):
            return [Reply(text="I see.")]
        number = int(request.words.rsplit(" ", 1)[1])
        outputs: list[Output] = []
        for index, call in enumerate(self.turns[number].calls):
            call_id = f"call_{number}_{index}"
            self.made.append(call_id)
            seconds: object = "soon" if call.kind == "malformed" else call.seconds
            outputs.append(CallTool(name=call.kind, call_id=call_id, arguments=json.dumps({"seconds": seconds})))
        return [*outputs, Pause(ms=self.turns[number].pause_ms)]


async def hold(turns: list[Turn]) -> tuple[Talk, Model]:
    model = Model(turns)
    agent: RealtimeAgent[Any] = RealtimeAgent(name="desk", tools=tools())
    async with talking(agent, brain=model) as talk:
        for number, turn in enumerate(turns):
            talk.session.send_message(f"turn {number}")
            if turn.interrupt_after is not None:
                await asyncio.sleep(turn.interrupt_after)
                talk.session.interrupt()
            await asyncio.sleep(30)
        assert talk.heard("error") == []
    return talk, model


@settings(max_examples=60, deadline=None)
@given(st.lists(TURNS, min_size=1, max_size=3))
def test_every_call_is_answered_once_and_no_batch_is_followed_twice(turns: list[Turn]) -> None:
    talk, model = virtual_time.run(hold(turns))
    called = [event.call_id for event in talk.heard("agent_tool_end")]
    answered = [
        event.item.call_id
        for event in talk.sent("conversation.item.create")
        if event.item.type == "function_call_output"
    ]
    assert sorted(answered) == sorted(called)
    assert len(set(answered)) == len(answered)
    assert set(answered) <= set(model.made)
    cut = {event.response_id for event in talk.heard("agent_end") if event.status == "cancelled"}
    if not cut:
        assert sorted(answered) == sorted(model.made)
    background = sum(call.kind == "background" for turn in turns for call in turn.calls)
    # One for each message, at most one for each batch, and one for each background call.
    assert len(talk.sent("response.create")) <= 2 * len(turns) + background
    if not cut and not background:
        follow_ups_come_last(turns, talk)
    assert all("secret" not in event.output for event in talk.heard("agent_tool_end"))


def follow_ups_come_last(turns: list[Turn], talk: Talk) -> None:
    """Hold that nothing is asked for while a call of the batch is unanswered."""
    waiting: set[str] = set()
    asked_for_message = True
    for event in talk.frames:
        if event.type == "response.create":
            assert asked_for_message or not waiting
            asked_for_message = False
        elif event.type == "conversation.item.create" and event.item.type == "function_call_output":
            waiting.discard(event.item.call_id)
        elif event.type == "conversation.item.create":
            number = int(event.item.content[0].text.rsplit(" ", 1)[1])
            waiting = {f"call_{number}_{index}" for index in range(len(turns[number].calls))}
            asked_for_message = True
