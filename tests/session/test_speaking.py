"""What can be said and changed in a session, and the history that comes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_transport.conversation.brains import Echo, hum, when
from realtime_transport.events import (
    AssistantMessageItem,
    AudioConfig,
    AudioInputConfig,
    InputImagePart,
    InputTextPart,
    OutputAudioPart,
    OutputTextPart,
    RealtimeSessionConfig,
    ServerVad,
    UserMessageItem,
)
from realtime_transport.exceptions import (
    InvalidArgument,
    StateError,
    UnsupportedOperation,
)
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import RunContext
from realtime_transport.session.session import RealtimeSession
from realtime_transport.session.tools import function_tool
from tests.session.line import talking

pytestmark = pytest.mark.virtual_time


@function_tool
def weather(city: str) -> dict[str, int]:
    """Look up the weather."""
    return {"degrees": 21}


def desk(**options: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="desk", **options)


# --- history ---------------------------------------------------------------------------------------------------------

PAST = (
    UserMessageItem(id="u1", content=(InputTextPart(text="My name is Ann."),)),
    AssistantMessageItem(id="a1", content=(OutputTextPart(text="Hello Ann."),)),
)


async def test_a_session_may_start_from_a_history() -> None:
    async with talking(desk(), history=PAST) as talk:
        assert [item.id for item in talk.session.history] == ["u1", "a1"]
        talk.session.send_message("Who am I?")
        await talk.ends()
        assert len(talk.session.history) == 4


async def test_a_history_that_cannot_be_made_keeps_the_session_from_connecting() -> None:
    audio = AssistantMessageItem(content=(OutputAudioPart(transcript="said"),))
    async with talking(desk(), history=[audio], connect=False) as talk:
        with pytest.raises(InvalidArgument, match="OutputTextPart"):
            await talk.session.connect()
        assert talk.session.status == "disconnected"


async def test_the_history_may_be_rewritten_by_a_function() -> None:
    async with talking(desk(), history=PAST) as talk:
        receipt = talk.session.update_history(lambda history: history[1:])
        await receipt.acknowledged()
        assert [item.id for item in talk.session.history] == ["a1"]
        assert len(talk.sent("conversation.item.delete")) == 1


async def test_an_item_that_comes_before_its_parent_finds_its_place() -> None:
    def added(item_id: str, parent: str | None) -> dict[str, Any]:
        content = [{"type": "input_text", "text": item_id}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        return {
            "type": "conversation.item.added",
            "event_id": f"e_{item_id}",
            "previous_item_id": parent,
            "item": item,
        }

    async with talking(desk()) as talk:
        for item_id, parent in (("a", None), ("c", "b"), ("d", "c"), ("b", "a")):
            talk.say(added(item_id, parent))
        assert [item.id for item in talk.session.history] == ["a", "b", "c", "d"]


async def test_pictures_stay_in_the_history() -> None:
    async with talking(desk(), when("look", "A dot.")) as talk:
        png = b"\x89PNG\r\n\x1a\n"
        talk.session.add_image(png, text="look", trigger_response=True)
        talk.session.send_message(
            [InputTextPart(text="and"), InputImagePart(image_url="data:image/png;base64,AAAA")], trigger_response=False
        )
        await talk.ends()
        await asyncio.sleep(1)
        first, _, second = talk.session.history
        for item in (first, second):
            assert isinstance(item, UserMessageItem)
            assert [part.type for part in item.content] == ["input_text", "input_image"]
        assert len(talk.sent("response.create")) == 1


async def test_listeners_hear_the_history_grow() -> None:
    async with talking(desk(), when("hello", "Hi.")) as talk:
        snapshots: list[Any] = []
        talk.session.on("history_updated", snapshots.append)
        talk.session.send_message("hello", role="system", trigger_response=False)
        talk.session.send_message("hello")
        await talk.ends()
        assert [event.index for event in talk.heard("history_added")] == [0, 1, 2]
        assert snapshots[-1].history == talk.session.history
        talk.session.update_history(talk.session.history[1:])
        await asyncio.sleep(1)
        assert len(snapshots[-1].history) == 2


# --- changing --------------------------------------------------------------------------------------------------------


async def test_another_agent_may_take_over_without_a_handoff() -> None:
    first, second = desk(instructions="One.", tools=[weather]), RealtimeAgent[Any](name="second")
    async with talking(first, when(None, "Hi.")) as talk:
        assert await talk.session.update_agent(second) is first
        assert talk.session.agent is second
        update = talk.sent("session.update")[-1].session
        assert (update.instructions, update.tools) == ("", ())
        assert talk.heard("agent_handoff") == []
        update = talk.session.update_agent(first)
        assert talk.session.agent is second
        assert await update.acknowledged() is second
        talk.session.send_message("hello")
        assert (await talk.ends())[0].agent is first


async def test_an_agent_that_cannot_take_over_leaves_the_old_one() -> None:
    def broken(_: RunContext[Any]) -> str:
        raise KeyError("instructions")

    agent, other = desk(), RealtimeAgent[Any](name="other", instructions=broken)
    async with talking(agent) as talk:
        with pytest.raises(KeyError):
            await talk.session.update_agent(other)
        assert talk.heard("error") == []
        talk.session.update_agent(other)
        await talk.session.wait_for("error")
        assert talk.session.agent is agent
        late = RealtimeAgent[Any](name="late", instructions="Late.")
        begun = talk.session.update_agent(late)
        await asyncio.sleep(0)
        not_begun = talk.session.update_agent(late)
        await talk.session.close()
        for update in (begun, not_begun, talk.session.update_agent(late)):
            with pytest.raises(StateError, match="closed"):
                await update


async def test_the_voice_stays_once_the_agent_has_spoken() -> None:
    first, second = desk(voice="cedar"), RealtimeAgent[Any](name="second", voice="marin", instructions="Two.")
    async with talking(first, when(None, "Hi.")) as talk:
        await talk.session.update_agent(second)
        assert talk.sent("session.update")[-1].session.audio.output.voice == "marin"
        assert talk.heard("error") == []
        talk.session.send_message("hello")
        await talk.ends()
        await talk.session.update_agent(first)
        assert talk.session.agent is first
        assert not talk.sent("session.update")[-1].session.audio
        (error,) = talk.heard("error")
        assert isinstance(error.error, UnsupportedOperation)
        assert "voice" in str(error.error)


async def test_a_partial_update_keeps_the_rest_and_later_agents_keep_the_update() -> None:
    config = {"speed": 1.1, "turn_detection": {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 400}}
    async with talking(desk(instructions="Help.", tools=[weather]), config=config) as talk:
        changes = {"audio": {"input": {"turn_detection": {"silence_duration_ms": 900}}}}
        await talk.session.update_session(changes).acknowledged()
        await talk.session.update_agent(RealtimeAgent(name="second", instructions="Two."))
        in_force = talk.session.session
        assert isinstance(in_force, RealtimeSessionConfig)
        assert in_force.audio
        assert isinstance(in_force.audio.input, AudioInputConfig)
        detection = in_force.audio.input.turn_detection
        assert isinstance(detection, ServerVad)
        assert (detection.threshold, detection.silence_duration_ms) == (0.7, 900)
        assert in_force.audio.output
        assert in_force.audio.output.speed == 1.1
        _, partial, second = talk.sent("session.update")
        assert partial.session.instructions is not None
        assert not partial.session.instructions
        assert not second.session.audio


async def test_the_initial_config_can_be_had_without_connecting() -> None:
    session: RealtimeSession[Any] = RealtimeSession(
        desk(instructions="Help.", tools=[weather]), "loopback", config=RealtimeSessionConfig(audio=AudioConfig())
    )
    config = await session.initial_config()
    assert config.instructions == "Help."
    assert [tool.name for tool in config.tools or ()] == ["weather"]  # type: ignore[union-attr]
    async with session:
        assert (await session.initial_config()).instructions == "Help."


# --- sending ---------------------------------------------------------------------------------------------------------


async def test_audio_is_sent_committed_and_muted() -> None:
    async with talking(desk(), brain=Echo(), config={"turn_detection": None}) as talk:
        assert not talk.session.muted
        talk.session.mute()
        assert talk.session.muted
        await talk.session.send_audio(hum("unheard"))
        talk.session.mute(False)
        await talk.session.send_audio(hum("hello"), commit=True)
        talk.session.request_response()
        await talk.ends()
        assert b"".join(event.data for event in talk.heard("audio")) == hum("hello")
        assert len(talk.sent("input_audio_buffer.append")) == 1
