"""The scripted peer: it follows, it fails by name, and it shows where somebody left the script."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_transport.exceptions import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    HandshakeError,
    InvalidArgument,
    PermissionDeniedError,
    RateLimitError,
)
from realtime_transport.transports import ScriptedTransport
from realtime_transport.transports.scripted import FAILURES, ScriptNotFollowed, emit, expect, fail, opening, pause

pytestmark = pytest.mark.virtual_time

HELLO = {"content": [{"type": "input_text", "text": "Hello"}]}


def added(sent: Any) -> dict[str, Any]:
    return {"type": "conversation.item.added", "item": sent["item"]}


async def test_a_script_that_is_followed() -> None:
    transport = ScriptedTransport(
        [
            *opening({"instructions": "base"}, update=True),
            expect("conversation.item.create", item=HELLO),
            emit(added),
            pause(2.5),
            emit("vendor.thing", x=1),
            emit("this is not JSON"),
        ]
    )
    seen, errors = list[Any](), list[Any]()
    transport.on_server_event("vendor.thing", seen.append)
    transport.on("error", errors.append)
    async with transport:
        await transport.connect(session={"instructions": "Hi."})
        assert getattr(transport.session, "instructions", None) == "Hi."
        transport.send_audio(b"\0\0")
        await transport.send_message("Hello", respond=False).acknowledged()
        assert seen == []
        await asyncio.sleep(3)
        assert seen[0].raw == {"type": "vendor.thing", "x": 1}
        assert len(errors) == 1
    transport.verify()
    assert [frame["type"] for frame in transport.sent] == [
        "session.update",
        "input_audio_buffer.append",
        "conversation.item.create",
    ]


async def test_something_else_is_shown_with_what_differs() -> None:
    transport = ScriptedTransport([*opening(), expect("conversation.item.create", item=HELLO), fail("closed")])
    await transport.connect()
    receipt = transport.send_message("Hullo", respond=False)
    with pytest.raises(ConnectionLost, match="script was not followed"):
        await receipt.acknowledged()
    await transport.close()
    with pytest.raises(ScriptNotFollowed) as caught:
        transport.verify()
    told = str(caught.value)
    assert "->   2 expect conversation.item.create" in told
    assert '-        "text": "Hello"' in told.replace("          ", "        ")
    assert '+        "text": "Hullo"' in told.replace("          ", "        ")
    assert "event_id" not in told


async def test_another_type_and_after_the_end() -> None:
    transport = ScriptedTransport([*opening(), expect("response.create")])
    await transport.connect()
    transport.clear_audio()
    await transport.close()
    with pytest.raises(ScriptNotFollowed, match=r"input_audio_buffer\.clear"):
        transport.verify()
    transport = ScriptedTransport(opening())
    await transport.connect()
    transport.clear_audio()
    transport.commit_audio()
    await transport.close()
    with pytest.raises(ScriptNotFollowed, match=r"(?s)->   2 the end.*sent: input_audio_buffer\.clear"):
        transport.verify()


async def test_lists_of_another_length_and_other_kinds() -> None:
    for item in ({"content": []}, {"content": "text"}, {"content": {"a": 1}}, {"nothing": 1}):
        transport = ScriptedTransport([*opening(), expect("conversation.item.create", item=item)])
        await transport.connect()
        transport.send_message("x", respond=False)
        await transport.close()
        with pytest.raises(ScriptNotFollowed):
            transport.verify()


async def test_steps_that_are_left() -> None:
    transport = ScriptedTransport([*opening(), expect("response.create")])
    async with transport:
        await transport.connect()
    with pytest.raises(ScriptNotFollowed, match="left before its end"):
        transport.verify()


async def test_what_is_sent_in_a_pause_is_held_against_the_script_after_it() -> None:
    script = [*opening(), pause(1), expect("response.create"), pause(5), emit("rate_limits.updated", rate_limits=[])]
    transport = ScriptedTransport(script)
    clock, at = asyncio.get_running_loop().time, list[float]()
    transport.on("rate_limits", lambda event: at.append(clock()))
    async with transport:
        await transport.connect()
        began = clock()
        transport.request_response()
        await asyncio.sleep(10)
        assert [time - began for time in at] == [6.0]
    transport.verify()


async def test_what_is_sent_in_a_pause_may_be_wrong_after_it() -> None:
    transport = ScriptedTransport([*opening(), pause(1), expect("response.create")])
    async with transport:
        await transport.connect()
        transport.clear_audio()
        await asyncio.sleep(2)
        assert transport.status == "disconnected"
    with pytest.raises(ScriptNotFollowed, match="something else was sent"):
        transport.verify()


@pytest.mark.parametrize("before", [pause(1), expect("input_audio_buffer.clear")])
@pytest.mark.parametrize("step", [emit(lambda sent: {"type": sent["nothing"]}), fail("dns")])
async def test_a_step_that_cannot_be_taken_is_no_success(before: Any, step: Any) -> None:
    transport = ScriptedTransport([*opening(), before, step])
    async with transport:
        await transport.connect()
        if before != pause(1):
            transport.clear_audio()
        await asyncio.sleep(2)
        assert transport.status == "disconnected"
    with pytest.raises(
        ScriptNotFollowed, match=r"raised (KeyError: 'nothing'|InvalidArgument: .*first step)(.|\n)*->   3"
    ):
        transport.verify()


@pytest.mark.parametrize("frame", [b"{}", 5, None, ["a"]])
def test_what_is_no_frame_is_refused_where_it_is_written(frame: Any) -> None:
    with pytest.raises(InvalidArgument, match=f"no {type(frame).__name__}"):
        emit(frame)


def test_a_script_is_made_of_steps() -> None:
    with pytest.raises(InvalidArgument, match=r"script\[0\]: is no step but a list"):
        ScriptedTransport([opening(), expect("response.create")])  # type: ignore[list-item]


async def test_silence_ends_with_the_connection() -> None:
    transport = ScriptedTransport([fail("silence"), *opening(), expect("response.create")])
    with pytest.raises(ConnectTimeout):
        await transport.connect()
    async with transport:
        await transport.connect()
        transport.clear_audio()
        await asyncio.sleep(1)
    with pytest.raises(ScriptNotFollowed, match="something else was sent"):
        transport.verify()


async def test_a_pause_ends_with_the_connection() -> None:
    transport = ScriptedTransport([*opening(), pause(100), emit("late")])
    async with transport:
        await transport.connect()
    assert asyncio.get_running_loop().time() == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("refused", ConnectError),
        ("dns", ConnectError),
        ("unauthorized", AuthenticationError),
        ("forbidden", PermissionDeniedError),
        ("rate_limited", RateLimitError),
        ("unavailable", HandshakeError),
        ("silence", ConnectTimeout),
        ("closed", ConnectionLost),
        ("dropped", ConnectionLost),
    ],
)
async def test_failures_to_open(name: str, kind: type[Exception]) -> None:
    transport = ScriptedTransport([fail(name)])
    with pytest.raises(kind):
        await transport.connect()
    transport.verify()
    assert transport.status == "disconnected"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("closed", 1000),
        ("going_away", 1001),
        ("protocol_error", 1002),
        ("policy", 1008),
        ("internal_error", 1011),
        ("restart", 1012),
        ("dropped", None),
    ],
)
async def test_failures_of_an_open_connection(name: str, code: int | None) -> None:
    transport = ScriptedTransport([*opening(), expect("response.create"), fail(name)])
    ends: list[Any] = []
    transport.on("disconnected", ends.append)
    await transport.connect()
    transport.request_response()
    await asyncio.sleep(0.01)
    assert [end.code for end in ends] == [code]
    transport.verify()
    await transport.close()


async def test_silence() -> None:
    transport = ScriptedTransport([*opening(), expect("response.create"), fail("silence")])
    async with transport:
        await transport.connect()
        transport.request_response()
        transport.send_message("anyone?")
        await asyncio.sleep(1)
        assert transport.status == "connected"
    transport.verify()


async def test_a_refusal_cannot_come_later() -> None:
    transport = ScriptedTransport([*opening(), fail("refused")])
    with pytest.raises(ScriptNotFollowed, match="first step"):
        await transport.connect()


async def test_an_empty_script_is_a_server_that_says_nothing() -> None:
    transport = ScriptedTransport([])
    with pytest.raises(ConnectTimeout):
        await transport.connect()


def test_words() -> None:
    with pytest.raises(InvalidArgument, match="dropped"):
        fail("explosion")
    assert str(emit(lambda sent: "")) == "emit what a function makes"
    assert str(emit("session.created")) == "emit session.created"
    assert str(emit("session.created", x=1)) == "emit session.created"
    assert str(pause(1.5)) == "pause 1.5 s"
    assert str(fail("dns")) == "fail dns"
    assert len(FAILURES) == 14
