"""Everything that can be said: each call makes the frame it promises, at once, and refuses what it must."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime_transport import wire
from realtime_transport.events.client import InputAudioBufferClear, UnknownClientEvent
from realtime_transport.events.items import (
    AssistantMessageItem,
    InputTextPart,
    OutputAudioPart,
    OutputTextPart,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.session import RealtimeSessionConfig
from realtime_transport.events.transport import McpApprovalRequestEvent
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation
from tests.transports.bare import Bare, idle

pytestmark = pytest.mark.virtual_time

PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.fixture
async def transport() -> AsyncIterator[Bare]:
    async with Bare() as transport:
        await transport.connect()
        yield transport


async def written(transport: Bare) -> list[dict[str, Any]]:
    await idle()
    frames, transport.written = transport.written, []
    return [{key: value for key, value in frame.items() if key != "event_id"} for frame in frames]


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "id": "item_1", "content": list(content)}


# --- messages ----------------------------------------------------------------------------------------------------


async def test_send_message_is_an_item_and_a_response(transport: Bare) -> None:
    receipt = transport.send_message("Hello", event_id="mine")
    await idle()
    assert [frame["event_id"] for frame in transport.written] == ["mine", receipt.event_id]
    item, response = await written(transport)
    assert item == {"type": "conversation.item.create", "item": user({"type": "input_text", "text": "Hello"})}
    assert response["type"] == "response.create"


def test_a_role_that_nobody_has_is_refused(transport: Bare) -> None:
    with pytest.raises(InvalidArgument, match=r"role: no role 'robot'; there are user, system, assistant"):
        transport.send_message("Hello", role="robot")  # type: ignore[arg-type]


@pytest.mark.parametrize("message", [5, None, b"Hello", {"role": "user", "content": []}])
async def test_a_message_that_is_neither_text_nor_parts_is_refused(transport: Bare, message: Any) -> None:
    with pytest.raises(InvalidArgument, match=rf"message: must be .*, not {type(message).__name__}; .* create_item"):
        transport.send_message(message)
    assert await written(transport) == []


async def test_send_message_without_a_response_and_with_parts(transport: Bare) -> None:
    receipt = transport.send_message([InputTextPart(text="a"), InputTextPart(text="b")], respond=False)
    transport.say("conversation.item.added", item={**user(), "status": "completed"})
    assert (await receipt.acknowledged()) is not None
    (item,) = await written(transport)
    assert [part["text"] for part in item["item"]["content"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("role", "made"),
    [
        ("system", SystemMessageItem(id="item_1", content=(InputTextPart(text="x"),))),
        ("assistant", AssistantMessageItem(id="item_1", content=(OutputTextPart(text="x"),))),
        ("user", UserMessageItem(id="item_1", content=(InputTextPart(text="x"),))),
    ],
)
async def test_roles(transport: Bare, role: Any, made: Any) -> None:
    transport.send_message("x", role=role, respond=False)
    (item,) = await written(transport)
    assert item["item"]["role"] == role
    assert item["item"]["content"][0]["type"] == made.content[0].type


async def test_add_image(transport: Bare) -> None:
    transport.add_image(PNG, text="What is this?", detail="low", respond=True)
    transport.add_image(b"\xff\xd8\xff jpeg")
    transport.add_image("data:image/png;base64,AAAA")
    first, response, second, third = await written(transport)
    assert first["item"]["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {
            "type": "input_image",
            "image_url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
            "detail": "low",
        },
    ]
    assert response["type"] == "response.create"
    assert second["item"]["content"][0]["image_url"].startswith("data:image/jpeg;base64,")
    assert third["item"]["content"] == [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]
    with pytest.raises(InvalidArgument, match="neither PNG nor JPEG"):
        transport.add_image(b"GIF89a")


# --- audio -------------------------------------------------------------------------------------------------------


async def test_send_audio(transport: Bare) -> None:
    receipt = transport.send_audio(b"\1\0" * 2400, event_id="mine")
    assert receipt.event_id == "mine"
    assert await receipt is receipt
    (frame,) = await written(transport)
    assert base64.b64decode(frame["audio"]) == b"\1\0" * 2400
    with pytest.raises(UnsupportedOperation):
        await receipt.acknowledged()
    with pytest.raises(InvalidArgument, match="whole samples"):
        transport.send_audio(b"\0")


async def test_send_audio_and_commit_and_clear(transport: Bare) -> None:
    transport.send_audio(b"\0\0" * 4800, commit=True)
    transport.send_audio(b"\0\0" * 4800)
    transport.commit_audio()
    transport.clear_audio()
    assert [frame["type"] for frame in await written(transport)] == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
    ]


async def test_muted_audio_is_not_sent(transport: Bare) -> None:
    assert not transport.muted
    transport.mute()
    assert transport.muted
    receipt = transport.send_audio(b"\0\0")
    assert receipt.event_id == ""
    await receipt
    transport.mute(False)
    transport.send_audio(b"\0\0")
    assert len(await written(transport)) == 1


async def test_sixty_seconds_in_one_call_are_sent_whole(transport: Bare) -> None:
    transport.send_audio(b"\0\0" * 24_000 * 60)
    (frame,) = await written(transport)
    assert len(base64.b64decode(frame["audio"])) == 2 * 24_000 * 60


async def test_clear_output_is_for_servers_that_play(transport: Bare) -> None:
    with pytest.raises(UnsupportedOperation, match="interrupt"):
        transport.clear_output()
    async with Bare(greets=False) as sideband:
        await sideband.connect(call_id="rtc_1")
        sideband.clear_output()
        assert [frame["type"] for frame in await written(sideband)] == ["output_audio_buffer.clear"]


# --- items -------------------------------------------------------------------------------------------------------


async def test_create_item_from_a_dict_and_in_a_place(transport: Bare) -> None:
    transport.create_item({"type": "message", "role": "user", "content": []}, previous_item_id="root")
    (frame,) = await written(transport)
    assert frame["previous_item_id"] == "root"
    with pytest.raises(InvalidArgument, match="content"):
        transport.create_item({"type": "message", "role": "user", "content": 5})
    with pytest.raises(InvalidArgument, match="text"):
        transport.create_item(UserMessageItem(content=(InputTextPart(text=5),)))  # type: ignore[arg-type]
    assert await written(transport) == []


async def test_delete_retrieve_truncate(transport: Bare) -> None:
    transport.delete_item("a")
    retrieving = transport.retrieve_item("b")
    transport.say("conversation.item.retrieved", item={**user(), "id": "b"})
    answer: Any = await retrieving.acknowledged()
    assert answer.item.id == "b"
    assert [frame["type"] for frame in await written(transport)] == [
        "conversation.item.delete",
        "conversation.item.retrieve",
    ]
    with pytest.raises(Exception, match="spoke"):
        transport.truncate_item("b", 100)


async def speak(transport: Bare, ms: int) -> None:
    transport.say("response.created", response={"id": "resp_1", "status": "in_progress"})
    item = {"type": "message", "role": "assistant", "id": "item_a", "content": []}
    transport.say("response.output_item.added", response_id="resp_1", output_index=0, item=item)
    transport.say("conversation.item.added", item=item)
    audio = base64.b64encode(b"\0\0" * 24 * ms).decode()
    transport.say("response.output_audio.delta", response_id="resp_1", item_id="item_a", delta=audio)


async def test_interrupt_cancels_and_truncates_what_was_heard(transport: Bare) -> None:
    heard: list[Any] = []
    transport.on("audio_interrupted", heard.append)
    await speak(transport, 1000)
    await asyncio.sleep(0.3)
    transport.interrupt()
    cancel, truncate = await written(transport)
    assert cancel["type"] == "response.cancel"
    assert truncate["audio_end_ms"] == 300
    assert heard[0].by == "application"
    assert await transport.interrupt().acknowledged() is None


async def test_heard_is_what_the_application_says() -> None:
    async with Bare(playout="reported") as transport:
        await transport.connect()
        done: list[Any] = []
        transport.on("audio_heard", done.append)
        await speak(transport, 1000)
        transport.say("response.output_audio.done", response_id="resp_1", item_id="item_a")
        transport.heard("item_a", 400)
        assert done == []
        transport.truncate_item("item_a", 500)
        transport.heard("item_a", 1000)
        assert [event.heard_ms for event in done] == [1000]
        assert [frame["audio_end_ms"] for frame in await written(transport)] == [500]


async def test_reset_history_by_value_and_by_function(transport: Bare) -> None:
    items = [UserMessageItem(id=f"item_{n}", content=(InputTextPart(text=f"{n}"),)) for n in range(3)]
    for item in items:
        transport.create_item(item)
        transport.say(
            "conversation.item.added", item={**user({"type": "input_text", "text": item.id[-1:]}), "id": item.id}
        )
    await written(transport)
    assert len(transport.history) == 3
    transport.reset_history(lambda history: [wire.to_dict(item) for item in history if item.id != "item_1"])
    assert [(frame["type"], frame["item_id"]) for frame in await written(transport)] == [
        ("conversation.item.delete", "item_1")
    ]
    with pytest.raises(InvalidArgument, match="transcript"):
        transport.reset_history([AssistantMessageItem(content=(OutputAudioPart(transcript="x"),))])


async def test_function_call_output_and_its_follow_up(transport: Bare) -> None:
    transport.send_function_call_output("call_1", "42")
    transport.send_function_call_output("call_2", "43", respond=False)
    one, response, two = await written(transport)
    assert (one["item"]["call_id"], one["item"]["output"]) == ("call_1", "42")
    assert response["type"] == "response.create"
    assert two["item"]["call_id"] == "call_2"


async def test_mcp_response_by_event_and_by_id(transport: Bare) -> None:
    request = McpApprovalRequestEvent(approval_request_id="mcpr_1", server_label="s", tool_name="t", arguments="{}")
    transport.send_mcp_response(request, True)
    transport.send_mcp_response("mcpr_2", False, reason="no")
    one, two = await written(transport)
    assert (one["item"]["approval_request_id"], one["item"]["approve"]) == ("mcpr_1", True)
    assert (two["item"]["approve"], two["item"]["reason"]) == (False, "no")


# --- responses and session ---------------------------------------------------------------------------------------


async def test_request_and_cancel_a_response(transport: Bare) -> None:
    transport.request_response({"instructions": "Be brief.", "conversation": "none"})
    transport.request_response(ResponseOptions(instructions="Be long."), event_id="mine")
    one, two = await written(transport)
    assert one["response"]["instructions"] == "Be brief."
    assert two["response"]["instructions"] == "Be long."
    with pytest.raises(InvalidArgument, match="instructions"):
        transport.request_response(ResponseOptions(instructions=5))  # type: ignore[arg-type]
    transport.cancel_response()
    transport.cancel_response("resp_9")
    assert {frame["type"] for frame in await written(transport)} == {"response.cancel"}


async def test_update_session_by_keywords_mapping_and_object(transport: Bare) -> None:
    transport.update_session(instructions="a")
    transport.update_session({"instructions": "b"})
    transport.update_session(RealtimeSessionConfig(instructions="c"))
    frames = await written(transport)
    assert [frame["session"]["instructions"] for frame in frames] == ["a", "b", "c"]
    with pytest.raises(InvalidArgument, match="not both"):
        transport.update_session({"instructions": "d"}, instructions="e")
    with pytest.raises(InvalidArgument):
        transport.update_session(RealtimeSessionConfig(instructions=5))  # type: ignore[arg-type]
    assert await written(transport) == []


async def test_send_event_takes_anything(transport: Bare) -> None:
    transport.send_event({"type": "vendor.thing", "x": 1})
    transport.send_event({"type": "input_audio_buffer.clear"}, event_id="mine")
    transport.send_event(InputAudioBufferClear(), event_id="yours")
    transport.send_event(InputAudioBufferClear(event_id="its own"))
    transport.send_event(UnknownClientEvent(type="vendor.other", raw={"type": "vendor.other", "y": 2}))
    await idle()
    assert [frame.get("event_id") for frame in transport.written[1:4]] == ["mine", "yours", "its own"]
    vendor, *_, other = await written(transport)
    assert vendor == {"type": "vendor.thing", "x": 1}
    assert other["y"] == 2
    with pytest.raises(InvalidArgument):
        transport.send_event({"type": "session.update"})


async def test_an_unknown_event_has_no_answer(transport: Bare) -> None:
    with pytest.raises(UnsupportedOperation):
        await transport.send_event({"type": "vendor.thing"}).acknowledged()
    transport.send_event({"type": "input_audio_buffer.append", "audio": "AAA="})
    await written(transport)


async def test_finish_is_not_for_conversations(transport: Bare) -> None:
    with pytest.raises(UnsupportedOperation):
        await transport.finish()
