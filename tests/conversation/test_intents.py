"""What is refused before it is sent, and what each intent waits for."""

import re
from typing import Any

import pytest

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.intents import MAX_APPEND_BYTES
from realtime_transport.events import (
    AssistantMessageItem,
    AudioConfig,
    AudioInputConfig,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemTruncate,
    ConversationItemTruncated,
    ErrorEvent,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputTextPart,
    OutputAudioPart,
    OutputTextPart,
    PcmuFormat,
    RealtimeSessionConfig,
    ResponseCreate,
    TranscriptionSessionConfig,
    UserMessageItem,
)
from realtime_transport.exceptions import InvalidArgument, StateError, UnsupportedOperation
from tests.conversation.client_case import Case, message

MANUAL = RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=None)))
HELLO = UserMessageItem(content=(InputTextPart(text="Hello"),))


def spoken(**options: Any) -> Case:
    """Let the agent have spoken for two seconds."""
    case = Case(**options)
    case.turn(2.0, ours=False)
    case.clear()
    return case


def refused(case: Case, error: type[Exception], intent: str, *args: Any, match: str | None = None) -> None:
    """Check that a call raises and leaves nothing behind."""
    before = case.talk.next_deadline()
    with pytest.raises(error, match=match):
        case.do(intent, *args)
    case.drain()
    assert case.frames == []
    assert case.settlements == []
    assert case.talk.next_deadline() == before


SPOKEN = AssistantMessageItem(content=(OutputAudioPart(transcript="Hello"),))


@pytest.mark.parametrize(
    ("options", "intent", "arguments", "error", "words"),
    [
        (
            {"capabilities": Capabilities(carries_audio=False)},
            "append_audio",
            (b"\0\0",),
            UnsupportedOperation,
            "this connection carries no audio: send it over the call's own medium",
        ),
        ({}, "append_audio", (b"\1\2\3",), InvalidArgument, "audio: 3 bytes are not whole samples of 2 bytes"),
        ({}, "append_audio", ([1, 2],), InvalidArgument, "audio: must be bytes, not list"),
        (
            {"capabilities": Capabilities(manual_commit_under_vad=False)},
            "commit_audio",
            (),
            UnsupportedOperation,
            "this server ignores commit while turn detection is on; switch it off first",
        ),
        (
            {"session": MANUAL},
            "commit_audio",
            (),
            StateError,
            "the buffer holds 0 ms, the server commits 100 ms or more",
        ),
        ({}, "clear_output", (), UnsupportedOperation, "the server does not play the audio here: use interrupt()"),
        (
            {},
            "create_item",
            (SPOKEN,),
            UnsupportedOperation,
            "the protocol cannot create assistant audio: send its transcript as an OutputTextPart instead",
        ),
        (
            {},
            "create_item",
            (UserMessageItem(id="x" * 33),),
            InvalidArgument,
            "item.id: has 33 characters, at most 32 are allowed",
        ),
        (
            {},
            "create_item",
            (UserMessageItem(id="item_u"),),
            InvalidArgument,
            "item.id: 'item_u' is the id of another item",
        ),
        (
            {"capabilities": Capabilities(can_delete_items=False)},
            "delete_item",
            ("item_u",),
            UnsupportedOperation,
            "this server cannot delete items",
        ),
        (
            {"capabilities": Capabilities(can_truncate=False)},
            "truncate_item",
            ("item_u", 0, 1),
            UnsupportedOperation,
            "items cannot be truncated here",
        ),
        (
            {},
            "truncate_item",
            ("item_u", 0, 1),
            StateError,
            "'item_u' is not an item that the agent spoke: only its audio can be truncated",
        ),
        (
            {},
            "truncate_item",
            ("item_w", 0, 1),
            StateError,
            "no audio of 'item_w' was received in this session: delete it instead",
        ),
        (
            {},
            "truncate_item",
            ("item_a", 0, 0.5),
            InvalidArgument,
            "audio_end_ms: must be whole milliseconds from 1, not 0.5",
        ),
        (
            {"session": TranscriptionSessionConfig()},
            "request_response",
            (None,),
            UnsupportedOperation,
            "a transcription session has no responses",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(
    options: dict[str, Any], intent: str, arguments: tuple[Any, ...], error: type[Exception], words: str
) -> None:
    case = spoken(**options)
    case.server(ConversationItemAdded(item=UserMessageItem(id="item_u")))
    case.server(ConversationItemAdded(item=message("item_w", transcript="restored")))
    case.clear()
    refused(case, error, intent, *arguments, match=f"^{re.escape(words)}$")


# --- audio -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"\1\0\2\0", bytearray(b"\1\0\2\0"), memoryview(b"\1\0\2\0")])
def test_audio_is_sent_as_it_is_and_never_settled(data: Any) -> None:
    case = Case()
    event_id = case.do("append_audio", data)
    assert case.frames == [InputAudioBufferAppend(event_id=event_id, audio=b"\1\0\2\0")]
    assert case.talk.next_deadline() is None
    assert case.settlements == []


@pytest.mark.parametrize("data", ["text", [1, 2], None, 5])
def test_fm62_what_is_not_bytes_is_refused(data: Any) -> None:
    refused(Case(), InvalidArgument, "append_audio", data, match="bytes")


def test_companded_audio_has_no_half_samples() -> None:
    case = Case(session=RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(format=PcmuFormat()))))
    case.do("append_audio", b"\1\2\3")
    assert len(case.frames) == 1


def test_fm62_above_the_servers_limit_audio_goes_in_several_events() -> None:
    case = Case()
    data = bytes(range(256)) * (2 * MAX_APPEND_BYTES // 256) + b"\1\2"
    case.do("append_audio", data)
    pieces = [frame.audio for frame in case.sent(InputAudioBufferAppend)]
    assert [len(piece) for piece in pieces] == [MAX_APPEND_BYTES, MAX_APPEND_BYTES, 2]
    assert b"".join(pieces) == data


def test_fm61_less_than_100_ms_is_not_committed() -> None:
    case = Case(session=MANUAL)
    refused(case, StateError, "commit_audio", match="0 ms")
    case.do("append_audio", bytes(4798))
    case.clear()
    refused(case, StateError, "commit_audio", match="100 ms")
    case.do("append_audio", bytes(2))
    case.do("commit_audio")
    assert len(case.sent(InputAudioBufferCommit)) == 1


def test_fm61_what_was_committed_or_cleared_does_not_count_again() -> None:
    case = Case(session=MANUAL)
    for empty in "commit_audio", "clear_audio":
        case.do("append_audio", bytes(4800))
        case.do(empty)
        case.clear()
        refused(case, StateError, "commit_audio", match="holds 0 ms")


def test_fm61_under_turn_detection_an_empty_buffer_is_no_error() -> None:
    case = Case()
    event_id = case.do("commit_audio")
    case.refuse("input_audio_buffer_commit_empty", event_id)
    assert case.settled == {event_id: "acknowledged"}
    assert case.heard(ErrorEvent) == []


def test_fm61_without_turn_detection_an_empty_buffer_is_one() -> None:
    case = Case(session=MANUAL)
    case.do("append_audio", bytes(4800))
    event_id = case.do("commit_audio")
    case.refuse("input_audio_buffer_commit_empty", event_id)
    assert case.settled == {event_id: "failed"}


def test_a_server_that_ignores_commit_under_turn_detection_is_asked_without() -> None:
    case = Case(capabilities=Capabilities(manual_commit_under_vad=False), session=MANUAL)
    case.do("append_audio", bytes(4800))
    case.do("commit_audio")
    assert len(case.sent(InputAudioBufferCommit)) == 1


def test_a_commit_that_is_not_answered_times_out() -> None:
    case = Case()
    event_id = case.do("commit_audio")
    case.wait(10.0)
    assert case.settled == {event_id: "timeout"}
    case.server(InputAudioBufferCommitted(item_id="item_u"))
    assert case.settled == {event_id: "timeout"}


# --- items -------------------------------------------------------------------------------------------------------


def test_an_item_gets_an_id_so_that_its_answer_is_known() -> None:
    case = Case()
    first, second = case.do("create_item", HELLO), case.do("create_item", HELLO)
    items = [frame.item for frame in case.sent(ConversationItemCreate)]
    assert len({item.id for item in items}) == 2
    case.server(ConversationItemAdded(item=items[1]))
    assert case.settled == {second: "acknowledged"}
    case.server(ConversationItemAdded(item=items[0]))
    assert case.settled[first] == "acknowledged"


def test_an_item_is_put_where_it_is_told() -> None:
    case = Case()
    case.do("create_item", HELLO, previous_item_id="root")
    assert case.sent(ConversationItemCreate)[0].previous_item_id == "root"


def test_fm67_an_id_that_is_too_long_is_refused() -> None:
    case = Case()
    refused(case, InvalidArgument, "create_item", UserMessageItem(id="x" * 33), match=r"item\.id")
    case.do("create_item", UserMessageItem(id="x" * 32))
    assert len(case.frames) == 1


def test_fm67_an_id_that_is_taken_is_refused() -> None:
    case = Case()
    case.server(ConversationItemAdded(item=UserMessageItem(id="item_u")))
    case.clear()
    refused(case, InvalidArgument, "create_item", UserMessageItem(id="item_u"), match="another item")


def test_fm67_an_id_that_is_about_to_be_taken_is_refused() -> None:
    case = Case()
    case.do("create_item", UserMessageItem(id="item_u"))
    case.clear()
    refused(case, InvalidArgument, "create_item", UserMessageItem(id="item_u"), match="another item")


def test_what_the_agent_said_can_be_created_as_text() -> None:
    case = Case()
    case.do("create_item", AssistantMessageItem(content=(OutputTextPart(text="Hello"),)))
    assert len(case.frames) == 1


def test_an_output_that_the_server_has_already_is_as_good() -> None:
    case = Case()
    event_id = case.do("create_item", FunctionCallOutputItem(id="fco_1", call_id="call_1", output="42"))
    case.refuse("item_create_duplicate_item_id", event_id)
    assert case.settled == {event_id: "acknowledged"}


def test_any_other_item_that_the_server_has_already_is_an_error() -> None:
    case = Case()
    event_id = case.do("create_item", UserMessageItem(id="item_u"))
    case.refuse("item_create_duplicate_item_id", event_id)
    assert case.settled == {event_id: "failed"}


def test_a_server_that_does_not_acknowledge_items_is_not_waited_for() -> None:
    case = Case(capabilities=Capabilities(acknowledges_items=False))
    event_id = case.do("create_item", HELLO)
    case.wait(1.0)
    assert case.settled == {event_id: "acknowledged"}


# --- truncate ----------------------------------------------------------------------------------------------------


def test_fm59_a_truncation_is_never_past_the_end() -> None:
    case = spoken()
    event_id = case.do("truncate_item", "item_a", 0, 5000)
    assert case.sent(ConversationItemTruncate)[0].audio_end_ms == 2000
    case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=2000))
    assert case.settled == {event_id: "acknowledged"}


def test_an_item_can_be_truncated_after_it_was_heard() -> None:
    case = spoken()
    case.wait(5.0)
    case.do("truncate_item", "item_a", 0, 700)
    assert case.sent(ConversationItemTruncate)[0].audio_end_ms == 700


def test_a_millisecond_can_be_left() -> None:
    case = spoken()
    case.do("truncate_item", "item_a", 0, 1)
    assert case.sent(ConversationItemTruncate)[0].audio_end_ms == 1


@pytest.mark.parametrize("ms", [0, -1, 1.5, True, "7"])
def test_a_truncation_is_whole_milliseconds_from_1(ms: Any) -> None:
    refused(spoken(), InvalidArgument, "truncate_item", "item_a", 0, ms, match="audio_end_ms")


@pytest.mark.parametrize(
    "item",
    [
        UserMessageItem(id="item_x"),
        FunctionCallItem(id="item_x", name="clock"),
        message("item_x", transcript="restored"),
        AssistantMessageItem(id="item_x", content=(OutputTextPart(text="restored as text"),)),
    ],
    ids=["user", "call", "speech of another session", "text"],
)
def test_fm60_only_what_was_spoken_here_can_be_truncated(item: Any) -> None:
    case = Case()
    case.server(ConversationItemAdded(item=item))
    case.clear()
    refused(case, StateError, "truncate_item", "item_x", 0, 100)


def test_fm60_an_unknown_item_and_an_unknown_part_cannot_be_truncated() -> None:
    case = spoken()
    refused(case, StateError, "truncate_item", "item_x", 0, 100)
    refused(case, StateError, "truncate_item", "item_a", 1, 100)


@pytest.mark.parametrize("lacking", [Capabilities(can_truncate=False), Capabilities(server_plays_audio=True)])
def test_where_nothing_can_be_truncated_it_is_refused(lacking: Capabilities) -> None:
    refused(spoken(capabilities=lacking), UnsupportedOperation, "truncate_item", "item_a", 0, 100)


# --- responses ---------------------------------------------------------------------------------------------------


def test_a_cancel_of_nothing_is_settled_and_one_of_something_waits() -> None:
    case = Case()
    nothing = case.do("cancel_response")
    case.created(ours=False)
    case.do("cancel_response")
    assert case.settled == {nothing: "acknowledged"}


def test_a_session_update_of_nothing_is_settled_at_once() -> None:
    case = Case()
    event_id = case.do("update_session", {})
    assert case.settled == {event_id: "acknowledged"}
    case.do("update_session", {"instructions": "Be long."})
    assert case.types() == ["session.update"]


def test_the_server_plays_and_is_cleared() -> None:
    case = Case(capabilities=Capabilities(server_plays_audio=True))
    case.do("clear_output")
    assert case.types() == ["output_audio_buffer.clear"]


def test_delete_and_retrieve_are_sent() -> None:
    case = Case()
    case.do("delete_item", "item_u")
    case.do("retrieve_item", "item_v")
    assert case.types() == ["conversation.item.delete", "conversation.item.retrieve"]


def test_a_response_is_asked_for_by_event_too() -> None:
    case = Case()
    case.do("send_event", ResponseCreate())
    assert case.types() == ["response.create"]


def test_responses_that_are_asked_for_by_event_are_kept_apart() -> None:
    case = Case()
    for _ in range(3):
        case.do("send_event", ResponseCreate())
    for response_id in ("resp_1", "resp_2"):
        case.created(response_id)
        case.done(response_id)
    assert len(case.sent(ResponseCreate)) == 3


def test_a_second_truncation_is_never_past_the_first() -> None:
    case = spoken()
    for ms in (700, 900, 300):
        case.do("truncate_item", "item_a", 0, ms)
    assert [frame.audio_end_ms for frame in case.sent(ConversationItemTruncate)] == [700, 700, 300]


def test_fm60_an_item_that_is_being_deleted_cannot_be_truncated() -> None:
    case = spoken()
    case.do("delete_item", "item_a")
    case.clear()
    refused(case, StateError, "truncate_item", "item_a", 0, 100, match="deleted")
