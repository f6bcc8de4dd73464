"""The driver: every frame is carried away at once, in order, and time passes for the conversation."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from realtime_transport.conversation import Limits
from realtime_transport.events.client import UnknownClientEvent
from realtime_transport.events.server import RateLimitsUpdated, UnknownServerEvent
from realtime_transport.events.transport import ErrorEvent, RawEvent, SentEvent
from realtime_transport.exceptions import DecodeError, InvalidArgument, RequestTimeout
from tests.transports.bare import SESSION, Bare, idle

pytestmark = pytest.mark.virtual_time


async def connected(**layer: Any) -> Bare:
    transport = Bare(**layer)
    await transport.connect()
    return transport


def heard(transport: Bare, *names: Any) -> list[Any]:
    found: list[Any] = []
    for name in names:
        transport.on(name, found.append)
    return found


async def test_the_raw_event_comes_first_then_the_named_one() -> None:
    transport = await connected()
    found = heard(transport, "*", "rate_limits")
    transport.say("rate_limits.updated", rate_limits=[])
    await idle()
    assert [event.name for event in found[-2:]] == ["*", "rate_limits"]
    assert isinstance(found[-2].event, RateLimitsUpdated)
    await transport.close()


async def test_server_events_are_heard_under_their_own_names() -> None:
    transport = await connected()
    found: list[Any] = []
    transport.off_server_event("vendor.thing", found.append)  # which nobody listens to
    transport.on_server_event("vendor.thing", found.append)
    transport.on_server_event("rate_limits.updated", found.append)
    transport.say("vendor.thing", x=1)
    transport.say("rate_limits.updated", rate_limits=[])
    transport.off_server_event("vendor.thing", found.append)
    transport.say("vendor.thing", x=2)
    assert [type(event) for event in found] == [UnknownServerEvent, RateLimitsUpdated]
    await transport.close()


async def test_an_error_of_a_server_event_listener_goes_where_all_errors_go() -> None:
    transport = await connected()
    errors = heard(transport, "error")
    transport.on_server_event("vendor.thing", lambda event: 1 / 0)
    transport.say("vendor.thing")
    assert "vendor.thing" in str(errors[0].error)
    await transport.close()


async def test_what_a_listener_causes_follows_what_it_hears() -> None:
    """A listener interrupts in the middle of a delivery: its frames leave at once, its events come after."""
    transport = await connected()
    order: list[str] = []

    def nested(event: RawEvent) -> None:
        order.append("raw")
        if event.event.type == "outer":
            transport.say("inner")
            order.append("fed")

    transport.on("*", nested)
    await idle()
    order.clear()
    transport.say("outer")
    assert order == ["raw", "fed", "raw"]
    await transport.close()


async def test_frames_leave_in_call_order_and_are_told_as_they_leave() -> None:
    transport = await connected()
    found: list[SentEvent] = []
    transport.on("sent", found.append)
    for n in range(5):
        transport.send_event({"type": "vendor.thing", "n": n})
    assert found == []
    await idle()
    assert [frame["n"] for frame in transport.written] == [0, 1, 2, 3, 4]
    assert [event.event.raw["n"] for event in found if isinstance(event.event, UnknownClientEvent)] == [0, 1, 2, 3, 4]
    await transport.close()


async def test_what_nobody_hears_is_not_made() -> None:
    transport = await connected()
    await asyncio.sleep(10)  # nothing is early any more
    transport.send_event({"type": "vendor.thing"})
    await idle()
    assert transport.types() == ["vendor.thing"]
    late: list[object] = []
    transport.on("sent", late.append)
    await idle()
    assert late == []
    await transport.close()


async def test_a_bad_frame_is_told_with_its_path_and_forgotten() -> None:
    transport = await connected()
    errors: list[ErrorEvent] = []
    transport.on("error", errors.append)
    transport.feed("not json")
    transport.feed(b"[1]")
    transport.say("rate_limits.updated", rate_limits=5)
    assert all(isinstance(event.error, DecodeError) for event in errors)
    assert [event.path for event in errors] == ["", "", "rate_limits"]
    assert transport.status == "connected"
    await transport.close()


async def test_fm37_twenty_bad_frames_in_a_row() -> None:
    transport = await connected()
    ends = heard(transport, "disconnected")
    transport.on("error", lambda event: None)
    for _ in range(19):
        transport.feed("x")
    transport.say("rate_limits.updated", rate_limits=[])
    for _ in range(19):
        transport.feed('{"type": 5}')
    assert ends == []
    transport.feed("x")
    assert [(end.code, end.reason) for end in ends] == [(1002, "20 frames in a row were no events")]
    transport.feed("x")
    await transport.close()
    assert transport.closed[0][0] == 1002


async def test_time_passes_for_the_conversation() -> None:
    transport = await connected(limits=Limits(request_timeout=7.0))
    receipt = transport.delete_item("x")
    with pytest.raises(RequestTimeout):
        await receipt.acknowledged()
    assert asyncio.get_running_loop().time() == 7.0
    await transport.close()


async def test_fm22_a_response_that_says_nothing_is_told_while_others_wait() -> None:
    transport = await connected(limits=Limits(request_timeout=7.0, response_timeout=3.0))
    slow = transport.delete_item("x")
    transport.say("response.created", response={"id": "resp_1", "status": "in_progress"})
    errors = heard(transport, "error")
    await asyncio.sleep(3.1)
    assert [type(event.error) for event in errors] == [RequestTimeout]
    with pytest.raises(RequestTimeout):
        await slow.acknowledged()
    await transport.close()


async def test_a_deadline_that_moves_away_is_met_when_it_comes() -> None:
    transport = await connected(limits=Limits(response_timeout=3.0))
    errors = heard(transport, "error")
    transport.say("response.created", response={"id": "resp_1", "status": "in_progress"})
    for _ in range(5):
        await asyncio.sleep(2)
        transport.say("response.output_text.delta", response_id="resp_1", item_id="i", delta="x")
    assert errors == []
    await asyncio.sleep(3.1)
    assert len(errors) == 1
    await transport.close()


async def test_what_cannot_be_spelt_is_refused_at_the_call() -> None:
    transport = await connected()
    with pytest.raises(InvalidArgument):
        transport.send_event({"type": "vendor.thing", "x": float("nan")})
    with pytest.raises(InvalidArgument):
        transport.send_event({"no": "type"})
    with pytest.raises(InvalidArgument):
        transport.request_response({"instructions": 5})
    await idle()
    assert transport.written == []
    transport.send_event({"type": "vendor.thing"})
    await idle()
    assert transport.types() == ["vendor.thing"]
    await transport.close()


async def test_a_frame_that_cannot_be_spelt_holds_up_no_other() -> None:
    """What a caller's object becomes after the check can still be wrong; the other frames of the call leave."""
    transport = await connected()
    conversation = transport._conversation
    good = UnknownClientEvent(type="vendor.good", raw={"type": "vendor.good"})
    bad = UnknownClientEvent(type="vendor.bad", raw={"type": "vendor.bad", "x": {1, 2}})
    conversation.send_event(bad, 0.0)
    conversation.send_event(good, 0.0)
    with pytest.raises(InvalidArgument):
        transport.send_event({"type": "vendor.last"})
    await idle()
    assert transport.types() == ["vendor.good", "vendor.last"]
    await transport.close()


async def test_what_the_conversation_makes_by_itself_is_reported_when_it_cannot_be_spelt() -> None:
    transport = await connected()
    errors = heard(transport, "error")
    bad = UnknownClientEvent(type="vendor.bad", raw={"type": "vendor.bad", "x": {1, 2}})
    transport._conversation.send_event(bad, 0.0)
    transport.say("rate_limits.updated", rate_limits=[])
    assert [type(event.error) for event in errors] == [InvalidArgument]
    assert transport.status == "connected"
    await transport.close()


async def test_fm63_cancelling_a_sender_takes_nothing_back_and_breaks_nothing() -> None:
    transport = await connected()
    gate = asyncio.Event()

    async def slow(frame: dict[str, Any]) -> None:
        await gate.wait()

    transport.writing = slow
    senders = []
    for n in range(100):

        async def send(n: int = n) -> None:
            await transport.send_message("x" * 10_000 + f" {n}", respond=False)

        senders.append(asyncio.ensure_future(send()))
    await idle()
    waiting = [sender for sender in senders if not sender.done()]
    assert waiting
    for sender in waiting:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    gate.set()
    await idle()
    assert [frame["item"]["content"][0]["text"][10_001:] for frame in transport.written] == [f"{n}" for n in range(100)]
    await transport.close()


async def test_fm64_concurrent_senders_never_interleave() -> None:
    transport = await connected()
    transport.writing = lambda frame: asyncio.sleep(0.001)

    async def send(name: str) -> None:
        for n in range(50):
            await transport.send_event({"type": "vendor.thing", "who": name, "n": n, "filler": "x" * 10_000})

    await asyncio.gather(*(send(name) for name in "abcd"))
    await transport.close()
    for name in "abcd":
        assert [frame["n"] for frame in transport.written if frame["who"] == name] == list(range(50))


async def test_nothing_is_written_before_the_medium_is_open() -> None:
    transport = Bare(greets=False)
    opening = asyncio.Event()

    async def wait() -> None:
        transport.say("session.created", session=SESSION)
        await opening.wait()
        assert transport.written == []

    transport.opening = wait
    transport.on("session_created", lambda event: transport.send_message("early", respond=False))
    connecting = asyncio.ensure_future(transport.connect())
    await idle()
    opening.set()
    await connecting
    await idle()
    assert transport.types() == ["conversation.item.create"]
    await transport.close()


async def test_an_idle_connection_has_no_task() -> None:
    before = asyncio.all_tasks()
    transport = await connected()
    transport.send_message("hello", respond=False)
    await idle()
    assert asyncio.all_tasks() == before
    await transport.close()


def speak(transport: Bare, number: int, delta: str) -> None:
    """Say an audio delta as the service spells it."""
    ids = {"event_id": f"speech_{number}", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    frame = {"type": "response.output_audio.delta", **ids, "delta": delta}
    transport.feed(json.dumps(frame, separators=(",", ":")).encode())


@pytest.mark.parametrize("way", ["*", "its own name", "a stream", "nobody"])
async def test_speech_goes_the_short_way_only_where_nobody_hears_its_frames(way: str) -> None:
    transport = await connected()
    spoken = heard(transport, "audio")
    frames: list[Any] = []
    stream = transport.events("*") if way == "a stream" else None
    if way == "*":
        transport.on("*", frames.append)
    if way == "its own name":
        transport.on_server_event("response.output_audio.delta", frames.append)
    await idle()
    transport.say("response.created", response={"id": "r"})
    for number in range(3):
        speak(transport, number, "AAAA" * (number + 1) * 2)
    assert [len(event.data) for event in spoken] == [6, 12, 18]
    await transport.close()
    if stream is not None:
        frames = [event async for event in stream]
    events = [getattr(frame, "event", frame) for frame in frames]
    deltas = [event for event in events if event.type == "response.output_audio.delta"]
    assert len(deltas) == (0 if way == "nobody" else 3)
    assert all(event.raw["delta"] for event in deltas)


async def test_what_a_listener_of_speech_causes_follows_what_it_hears() -> None:
    transport = await connected()
    order: list[str] = []

    def interrupt_once(event: Any) -> None:
        order.append("audio")
        if len(order) == 2:
            transport.interrupt()
            order.append("called")

    transport.on("audio", interrupt_once)
    transport.on("audio_interrupted", lambda event: order.append("interrupted"))
    transport.say("response.created", response={"id": "r"})
    for number in range(4):
        speak(transport, number, "AAAAAAAA")
    assert order == ["audio", "audio", "called", "interrupted"]
    await transport.close()


class Immediate(Bare):
    """Takes what it can at once, as long as it has room."""

    def __init__(self, **layer: Any) -> None:
        super().__init__(**layer)
        self.room = True
        self.at_once = 0

    def _write_now(self, frame: bytes) -> bool:
        if self.room:
            self.at_once += 1
            self.written.append(json.loads(frame))
        return self.room


async def immediate() -> Immediate:
    transport = Immediate()
    await transport.connect()
    await idle()
    transport.written.clear()
    return transport


async def test_audio_leaves_at_once_and_overtakes_nothing() -> None:
    transport = await immediate()
    transport.send_audio(b"\0\0")
    assert transport.types() == ["input_audio_buffer.append"]
    transport.send_message("Hi.", respond=False)
    transport.send_audio(b"\0\0")
    assert transport.at_once == 1
    await idle()
    transport.send_audio(b"\0\0")
    append = "input_audio_buffer.append"
    assert transport.types() == [append, "conversation.item.create", append, append]
    assert transport.at_once == 2
    await transport.close()


async def test_audio_waits_where_the_medium_has_no_room_or_somebody_hears_what_is_sent() -> None:
    transport = await immediate()
    transport.room = False
    transport.send_audio(b"\0\0")
    assert transport.written == []
    await idle()
    transport.room = True
    found = heard(transport, "sent")
    transport.send_audio(b"\0\0")
    await idle()
    assert (len(transport.written), len(found), transport.at_once) == (2, 2, 0)  # the first was kept for whoever comes
    await transport.close()


async def test_audio_that_cannot_be_spelt_is_refused_at_the_call() -> None:
    transport = await connected()
    with pytest.raises(InvalidArgument):
        transport.send_audio(b"\0\0", event_id="\ud800")
    await transport.close()


async def test_an_id_that_cannot_be_spelt_is_refused_on_the_short_way_too() -> None:
    transport = Bare(ids=lambda prefix: f"{prefix}\ud800")
    await transport.connect()
    with pytest.raises(InvalidArgument, match="event_id"):
        transport.send_audio(b"\0\0")
    assert transport.types() == []
    await transport.close()


@pytest.mark.parametrize("audio", [b"", b"\0\0" * 480, bytearray(b"\1\2"), memoryview(b"\1\2")])
async def test_both_ways_of_an_append_say_the_same(audio: Any) -> None:
    transport = await immediate()
    short = transport.send_audio(audio)
    long = transport.send_audio(audio, event_id="mine")
    await idle()
    said = [{**frame, "event_id": "any"} for frame in transport.written]
    assert said[0] == said[1] == {**said[0], "type": "input_audio_buffer.append"}
    assert [frame["event_id"] for frame in transport.written] == [short.event_id, long.event_id] != ["mine", "mine"]
    await transport.close()
