"""The whole demo conversation in memory, on a clock that jumps: what came out against what went in."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.cli import demo_call
from realtime_transport.cli.call import hold
from realtime_transport.cli.exchange import Answer, Exchange
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import ServerConversation
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.emulator import ClipTranscriber, library
from realtime_transport.events import (
    AssistantMessageItem,
    AudioInterruptedEvent,
    ConversationItemTruncate,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    Item,
    OutputAudioPart,
    SentEvent,
    UserMessageItem,
)
from realtime_transport.session import RealtimeSession
from realtime_transport.transports import LoopbackTransport

pytestmark = pytest.mark.virtual_time

CLIPS = library()


@attrs.define
class Call:
    """What one run of the demo leaves behind."""

    history: tuple[Item, ...]
    answer: bytes
    exchange: Exchange
    sent: list[SentEvent]
    cuts: list[AudioInterruptedEvent]
    seconds: float


async def run_demo() -> Call:
    def peer() -> ServerPeer:
        conversation = ServerConversation(ids=counted_ids(), transcriber=ClipTranscriber())
        return ServerPeer(demo_call.brain(CLIPS.audio, CLIPS.words), conversation=conversation)

    transport = LoopbackTransport(peer)
    sent: list[SentEvent] = []
    cuts: list[AudioInterruptedEvent] = []
    transport.on("sent", sent.append)
    transport.on("audio_interrupted", cuts.append)
    answer, exchange = Answer(transport, PCM16_24K), Exchange(transport)
    loop = asyncio.get_running_loop()
    async with RealtimeSession(demo_call.agent(), transport, config=demo_call.CONFIG) as session:
        await hold(session, demo_call.caller_audio(CLIPS.audio), exchange, last_words_s=20.0)
        return Call(
            history=session.history,
            answer=answer.pcm(),
            exchange=exchange,
            sent=sent,
            cuts=cuts,
            seconds=loop.time(),
        )


def said(item: Item) -> str:
    """What a message says, by its transcript."""
    assert isinstance(item, UserMessageItem | AssistantMessageItem)
    return " ".join(
        part.transcript or "" for part in item.content if isinstance(part, InputAudioPart | OutputAudioPart)
    )


async def test_history_is_what_was_said() -> None:
    call = await run_demo()
    caller = [said(item) for item in call.history if isinstance(item, UserMessageItem)]
    agent = [said(item) for item in call.history if isinstance(item, AssistantMessageItem)]
    assert caller == [CLIPS.words(line.clip) for line in demo_call.CALL]
    answers = ["agent_hello", "agent_weather", "agent_city", "agent_driest", "agent_goodbye"]
    assert len(agent) == len(answers)
    for heard, name in zip(agent, answers, strict=True):
        full = CLIPS.words(name)
        assert heard == full or (name == "agent_city" and full.startswith(heard) and heard)


async def test_the_tool_is_called_and_answered() -> None:
    call = await run_demo()
    asked = next(item for item in call.history if isinstance(item, FunctionCallItem))
    told = next(item for item in call.history if isinstance(item, FunctionCallOutputItem))
    assert (asked.name, json.loads(asked.arguments)) == ("get_weather", {"city": "Lisbon"})
    assert told.call_id == asked.call_id
    assert json.loads(told.output) == {"city": "Lisbon", "sky": "sunny", "celsius": 22}


async def test_the_long_answer_is_cut_where_it_was_heard() -> None:
    call = await run_demo()
    (interruption,) = call.cuts
    (cut,) = interruption.cuts
    generated = PCM16_24K.ms(len(CLIPS.audio("agent_city")))
    assert cut.received_ms == int(generated)
    assert 2000 < cut.heard_ms < generated
    (truncate,) = [frame.event for frame in call.sent if isinstance(frame.event, ConversationItemTruncate)]
    assert (truncate.item_id, truncate.audio_end_ms) == (cut.item_id, cut.heard_ms)
    assert isinstance(truncate.audio_end_ms, int)


async def test_the_listener_hears_every_answer_and_half_of_one() -> None:
    call = await run_demo()
    heard_ms = call.cuts[0].cuts[0].heard_ms
    expected = b"".join(
        (
            CLIPS.audio("agent_hello"),
            CLIPS.audio("agent_weather"),
            CLIPS.audio("agent_city")[: PCM16_24K.bytes_for(heard_ms)],
            CLIPS.audio("agent_driest"),
            CLIPS.audio("agent_goodbye"),
        )
    )
    assert call.answer == expected


async def test_one_response_per_turn_and_one_after_the_tool() -> None:
    call = await run_demo()
    assert [turn.status for turn in call.exchange.turns] == ["completed"] * 6
    assert call.seconds >= PCM16_24K.ms(len(demo_call.caller_audio(CLIPS.audio))) / 1000
