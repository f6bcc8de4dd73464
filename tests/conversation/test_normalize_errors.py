"""What the server refuses, with and without the id of what it refuses."""

import pytest

from realtime_transport.capabilities import Capabilities
from realtime_transport.events import (
    UNSET,
    ConversationItemAdded,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ErrorDetail,
    ErrorEvent,
    ErrorFrame,
    FunctionCallItem,
    InputTextPart,
    ItemDeletedEvent,
    ResponseOptions,
    ResponseOutputItemAdded,
    TranscriptionSessionConfig,
    UserMessageItem,
)
from realtime_transport.exceptions import ServerError
from tests.conversation.client_case import Case, message

MUTE = Capabilities(echoes_event_id=False)
HELLO = UserMessageItem(content=(InputTextPart(text="Hello"),))


def test_fm52_an_error_fails_the_call_that_it_names_and_is_told() -> None:
    case = Case()
    first, second = case.do("create_item", HELLO), case.do("create_item", HELLO)
    case.refuse("invalid_value", second, "bad text")
    assert case.settled == {second: "failed"}
    (told,) = case.heard(ErrorEvent)
    assert told.event_id == second
    error = case.settlements[0].error
    assert told.error is error
    assert isinstance(error, ServerError)
    assert (error.code, error.message, error.event_id) == ("invalid_value", "bad text", second)
    assert case.settlements[0].reported
    assert first not in case.settled


def test_an_error_is_told_with_all_that_the_server_says() -> None:
    case = Case()
    detail = ErrorDetail(type="invalid_request_error", code="invalid_value", message="no", param="session.voice")
    frame = ErrorFrame(error=detail, raw={"type": "error", "error": {"param": "session.voice", "doc": "see there"}})
    case.server(frame)
    (told,) = case.heard(ErrorEvent)
    assert isinstance(told.error, ServerError)
    assert (told.error.type, told.error.code, told.error.message) == ("invalid_request_error", "invalid_value", "no")
    assert (told.error.param, told.error.event_id, told.error.raw) == ("session.voice", None, frame.raw)


def test_fm53_an_error_of_nobodys_is_told() -> None:
    case = Case()
    case.do("create_item", HELLO)
    case.refuse("insufficient_quota")
    assert case.settled == {}
    assert len(case.heard(ErrorEvent)) == 1


def test_an_error_for_what_is_settled_or_never_answered_is_told_with_its_id() -> None:
    case = Case()
    event_id = case.do("append_audio", b"\0\0")
    case.refuse("invalid_value", event_id)
    assert [event.event_id for event in case.heard(ErrorEvent)] == [event_id]


def test_a_code_in_the_place_of_the_type_is_a_code() -> None:
    case = Case()
    event_id = case.do("clear_audio")
    case.server(ErrorFrame(error=ErrorDetail(type="buffer_error", message="no", event_id=event_id)))
    (told,) = case.heard(ErrorEvent)
    assert isinstance(told.error, ServerError)
    assert told.error.code == "buffer_error"


def test_an_unknown_call_never_names_its_event_and_fails_the_oldest_creation() -> None:
    case = Case()
    event_id = case.do("function_call_output", "call_1", "42", respond=False)
    case.refuse("invalid_tool_call_id")
    assert case.settled == {event_id: "failed"}


@pytest.mark.parametrize("named", [UNSET, None, "the_servers_own"])
def test_without_our_id_the_code_tells_what_was_meant(named: str | None) -> None:
    case = Case(capabilities=MUTE)
    case.do("clear_audio")
    delete = case.do("delete_item", "item_x")
    case.refuse("item_delete_invalid_item_id", named)
    assert case.settled == {delete: "failed"}


def test_a_server_that_names_events_is_believed_when_it_names_one_of_nobody() -> None:
    case = Case()
    case.do("delete_item", "item_x")
    case.refuse("item_delete_invalid_item_id", "somebody_else")
    assert case.settled == {}


def test_a_code_that_fits_nothing_open_is_told_only() -> None:
    case = Case()
    case.refuse("item_delete_invalid_item_id")
    assert len(case.heard(ErrorEvent)) == 1


def test_a_code_without_a_kind_is_told_only() -> None:
    case = Case(capabilities=MUTE)
    case.do("clear_audio")
    case.refuse("whatever")
    assert case.settled == {}


def test_a_late_error_after_the_answer_settles_nothing_twice() -> None:
    case = Case()
    event_id = case.do("create_item", FunctionCallItem(id="item_1", name="clock", call_id="call_1"))
    case.wait(10.0)
    case.refuse("invalid_value", event_id)
    assert case.settled == {event_id: "timeout"}


def test_an_update_refused_by_code_is_no_wish_any_more() -> None:
    case = Case(capabilities=MUTE)
    event_id = case.do("update_session", {"instructions": "Be long."})
    case.refuse("session_update_error")
    assert case.settled == {event_id: "failed"}
    assert case.talk.desired_session == case.talk.session


def test_an_error_for_a_response_goes_to_the_queue_and_is_told_unless_it_was_put_back() -> None:
    case = Case(capabilities=MUTE)
    case.refuse("conversation_already_has_active_response")
    assert len(case.heard(ErrorEvent)) == 1
    first = case.do("request_response", None)
    case.refuse("conversation_already_has_active_response")
    assert len(case.heard(ErrorEvent)) == 1
    case.wait(1.0)
    case.refuse("conversation_too_long")
    assert case.settled == {first: "failed"}
    assert len(case.heard(ErrorEvent)) == 2


def test_a_response_that_is_refused_without_our_id_is_the_one_that_has_to_wait_for_others() -> None:
    case = Case(capabilities=MUTE)
    case.do("request_response", ResponseOptions(conversation="none"))
    ours = case.do("request_response", None)
    case.refuse("conversation_too_long")
    assert case.settled == {ours: "failed"}


def test_only_cancels_join_each_other() -> None:
    case = Case()
    case.do("request_response", None)
    case.refuse("conversation_already_has_active_response", case.frames[0].event_id)
    case.do("cancel_response")
    clear = case.do("clear_audio")
    case.refuse("server_error", clear)
    assert case.settled == {clear: "failed"}


def test_a_cancel_that_is_late_is_benign_and_so_are_those_that_joined_it() -> None:
    case = Case(capabilities=MUTE)
    case.created(ours=False)
    cancels = [case.do("cancel_response") for _ in range(2)]
    case.refuse("response_cancel_not_active")
    assert case.settled == dict.fromkeys(cancels, "acknowledged")
    assert case.heard(ErrorEvent) == []


def test_a_refused_truncation_asks_for_the_item() -> None:
    case = Case()
    case.turn(1.0, ours=False)
    event_id = case.do("truncate_item", "item_a", 0, 500)
    case.refuse("invalid_value", event_id)
    assert case.settled == {event_id: "failed"}
    assert case.types() == ["conversation.item.truncate", "conversation.item.retrieve"]
    case.wait(10.0)
    assert case.settled == {event_id: "failed"}


def test_cancels_that_crossed_the_end_of_their_responses_are_forgiven_without_a_word() -> None:
    case = Case()
    cancels: list[str] = []
    for response_id in ("resp_1", "resp_2"):
        case.created(response_id, ours=False)
        cancels.append(case.do("cancel_response"))
        case.done(response_id)
        case.refuse("response_cancel_not_active", cancels[-1])
    assert case.settled == dict.fromkeys(cancels, "acknowledged")
    assert case.heard(ErrorEvent) == []
    assert case.talk.counts.stale == 2


def test_a_refused_commit_fails_and_a_session_that_is_finishing_looks_again() -> None:
    case = Case(session=TranscriptionSessionConfig())
    commit = case.do("commit_audio")
    case.refuse("server_error", commit)
    assert case.settled == {commit: "failed"}


@pytest.mark.parametrize(("said", "type_"), [("invalid_request_error", "invalid_request_error"), ("", "")])
def test_the_type_of_an_error_is_told_as_the_server_says_it(said: str, type_: str) -> None:
    case = Case()
    case.server(ErrorFrame(error=ErrorDetail(type=said, code="some_code", message="no")))
    (told,) = case.heard(ErrorEvent)
    assert isinstance(told.error, ServerError)
    assert told.error.type == type_


def test_a_refused_truncation_fetches_the_item_under_an_id_of_its_own() -> None:
    case = Case()
    case.turn(1.0, ours=False)
    event_id = case.do("truncate_item", "item_a", 0, 500)
    case.refuse("invalid_value", event_id)
    (fetch,) = case.sent(ConversationItemRetrieve)
    assert fetch.item_id == "item_a"
    assert str(fetch.event_id).startswith("event_")
    case.refuse("item_not_found", str(fetch.event_id))
    assert case.settled == {event_id: "failed"}


def test_the_answer_to_a_question_of_our_own_is_not_taken_for_the_answer_to_the_callers() -> None:
    case = Case()
    case.turn(1.0, ours=False)
    truncate = case.do("truncate_item", "item_a", 0, 500)
    case.refuse("invalid_value", truncate)
    theirs = case.do("retrieve_item", "item_a")
    case.server(ConversationItemRetrieved(item=message("item_a")))
    assert case.settled == {truncate: "failed"}
    case.server(ConversationItemRetrieved(item=message("item_a")))
    assert case.settled == {truncate: "failed", theirs: "acknowledged"}


# --- items that the server does not have ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intent", "code"),
    [("delete_item", "item_delete_invalid_item_id"), ("retrieve_item", "item_retrieve_invalid_item_id")],
)
def test_an_item_that_the_server_does_not_have_leaves_the_record(intent: str, code: str) -> None:
    case = Case()
    case.turn(1.0, ours=False)
    case.clear()
    event_id = case.do(intent, "item_a")
    case.refuse(code, event_id)
    assert case.settled == {event_id: "failed"}
    assert case.talk.history == ()
    assert case.heard(ItemDeletedEvent) == [ItemDeletedEvent(item_id="item_a")]
    case.server(ConversationItemDone(item=message("item_a", status="completed")))
    assert case.talk.history == ()


@pytest.mark.parametrize(
    ("intent", "code"),
    [
        ("delete_item", "invalid_value"),
        ("delete_item", "item_retrieve_invalid_item_id"),
        ("retrieve_item", "item_delete_invalid_item_id"),
    ],
)
def test_another_refusal_says_nothing_about_the_item(intent: str, code: str) -> None:
    case = Case()
    case.turn(1.0, ours=False)
    case.clear()
    case.refuse(code, case.do(intent, "item_a"))
    assert [item.id for item in case.talk.history] == ["item_a"]


def test_an_id_that_nobody_had_may_be_used_afterwards() -> None:
    """Also with a server that says of a new item no more than that it is done."""
    case = Case()
    case.refuse("item_retrieve_invalid_item_id", case.do("retrieve_item", "item_x"))
    item = UserMessageItem(id="item_x", content=(InputTextPart(text="Hello"),))
    event_id = case.do("create_item", item)
    case.server(ConversationItemDone(item=item))
    assert case.settled[event_id] == "acknowledged"
    assert case.talk.history == (item,)


def test_an_unheard_item_that_was_deleted_too_early_is_deleted_when_it_has_come() -> None:
    case = Case()
    case.created(ours=False)
    case.server(ResponseOutputItemAdded(response_id="resp_1", item=message("item_a")))
    case.speak(1.0)
    case.do("interrupt")
    (early,) = case.sent(ConversationItemDelete)
    case.refuse("item_delete_invalid_item_id", str(early.event_id))
    assert case.talk.history == ()
    case.server(ConversationItemAdded(item=message("item_a")))
    case.done(status="cancelled")
    assert [frame.item_id for frame in case.sent(ConversationItemDelete)] == ["item_a", "item_a"]
    case.server(ConversationItemDeleted(item_id="item_a"))
    assert case.talk.history == ()


def test_an_unheard_item_that_the_server_never_had_is_not_deleted_again() -> None:
    case = Case()
    case.created(ours=False)
    case.server(ResponseOutputItemAdded(response_id="resp_1", item=message("item_a")))
    case.speak(1.0)
    case.do("interrupt")
    (delete,) = case.sent(ConversationItemDelete)
    case.refuse("item_delete_invalid_item_id", str(delete.event_id))
    case.done(status="cancelled")
    assert case.sent(ConversationItemDelete) == [delete]


# --- cancels that come too early -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("response_cancel_not_active", {}), ("invalid_value", {"mine": "failed"})],
)
def test_a_cancel_waits_for_a_response_that_has_yet_to_begin(code: str, outcome: dict[str, str]) -> None:
    case = Case()
    case.do("request_response", None)
    case.do("cancel_response", event_id="mine")
    case.refuse(code, "mine")
    assert case.settled == outcome


def test_a_late_cancel_of_theirs_is_settled_while_ours_has_yet_to_begin() -> None:
    case = Case()
    case.do("request_response", None)
    case.created("resp_vad", ours=False)
    cancel = case.do("cancel_response")
    case.refuse("response_cancel_not_active", cancel)
    assert case.settled == {cancel: "acknowledged"}


def test_another_refusal_with_that_code_is_no_cancel_that_came_too_early() -> None:
    case = Case()
    case.do("request_response", None)
    delete = case.do("delete_item", "item_a")
    case.refuse("response_cancel_not_active", delete)
    assert case.settled == {delete: "failed"}
