"""What goes to the client: in order, each with an id of its own; and the ids that count."""

from __future__ import annotations

import pytest

from realtime_transport.conversation.server_errors import refusal
from realtime_transport.conversation.server_outbox import ServerOutbox, counted_ids
from realtime_transport.events import InputAudioBufferCleared, ServerEvent
from realtime_transport.wire import to_dict


def frames(out: ServerOutbox) -> list[dict[str, object]]:
    return [to_dict(event) for event in out.drain()]


def test_frames_leave_in_order_each_with_an_id_and_once() -> None:
    out = ServerOutbox(counted_ids(2))
    cleared: ServerEvent = InputAudioBufferCleared(event_id="of nobody")
    out.send(cleared)
    out.refuse(refusal("cancel_idle"))
    assert [(frame["type"], frame["event_id"]) for frame in frames(out)] == [
        ("input_audio_buffer.cleared", "event_01"),
        ("error", "event_02"),
    ]
    assert cleared.event_id == "of nobody"
    assert frames(out) == []
    out.send(cleared)
    assert [frame["event_id"] for frame in frames(out)] == ["event_03"]


def test_a_list_that_was_handed_over_does_not_grow() -> None:
    out = ServerOutbox(counted_ids(2))
    handed = out.drain()
    out.send(InputAudioBufferCleared())
    assert handed == []


@pytest.mark.parametrize(
    ("row", "caused_by", "named"),
    [
        ("cancel_idle", "mine", "mine"),
        ("cancel_idle", None, None),
        ("no_such_call", "mine", None),  # the live service does not name the event here
    ],
)
def test_a_refusal_names_what_caused_it(row: str, caused_by: str | None, named: str | None) -> None:
    error = refusal(row, call_id="call_1")
    out = ServerOutbox(counted_ids(2))
    out.refuse(error, caused_by)
    (frame,) = frames(out)
    assert frame == {
        "type": "error",
        "event_id": "event_01",
        "error": {
            "type": "invalid_request_error",
            "code": error.code,
            "message": error.message,
            "param": None,
            "event_id": named,
        },
    }


def test_nothing_hides_the_length_of_a_delta_unless_asked() -> None:
    ids = counted_ids()
    assert ServerOutbox(ids).padding("words") == {}
    assert ServerOutbox(ids, lambda _: "").padding("words") == {}
    assert ServerOutbox(ids, lambda text: "x" * (8 - len(text))).padding("words") == {"obfuscation": "xxx"}


def test_ids_count_by_prefix_and_are_as_long_as_the_live_ones() -> None:
    ids = counted_ids()
    assert [ids("item"), ids("item"), ids("resp"), ids("item")] == [
        "item_000000000000000000001",
        "item_000000000000000000002",
        "resp_000000000000000000001",
        "item_000000000000000000003",
    ]
    assert ids("call") == "call_0000000000000001"


def test_ids_may_be_short_but_for_calls() -> None:
    ids, others = counted_ids(4), counted_ids(4)
    assert (ids("item"), ids("call"), ids("call")) == ("item_0001", "call_0000000000000001", "call_0000000000000002")
    assert others("item") == "item_0001"
