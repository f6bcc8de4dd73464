"""A response as a whole, its items, and the calls in it."""

from typing import Any

import attrs
import pytest

from realtime_transport.events import (
    UNSET,
    AssistantMessageItem,
    AudioDoneEvent,
    ConversationItemAdded,
    ConversationItemDeleted,
    FunctionCallEvent,
    FunctionCallItem,
    InputTokenDetails,
    ItemUpdateEvent,
    McpCallItem,
    McpToolCallCompletedEvent,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseError,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
    ResponseOptions,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseStatusDetails,
    TurnDoneEvent,
    Usage,
    UsageUpdateEvent,
)
from realtime_transport.exceptions import ServerError
from tests.conversation.client_case import Case, message

CALL = FunctionCallItem(id="item_f", call_id="call_1", name="clock", arguments='{"zone":"UTC"}', status="completed")
MCP = McpCallItem(id="item_m", server_label="docs", name="search", arguments="{}")
MCP_RAN = McpCallItem(id="item_m", server_label="docs", name="search", arguments="{}", output="found")
OUTSIDE = ResponseOptions(conversation="none")


def running(*, outside: bool = False) -> Case:
    case = Case()
    case.do("request_response", OUTSIDE if outside else None)
    case.created("resp_1", conversation_id=None if outside else "conv_1")
    case.clear()
    return case


# --- the end of a response ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("completed", None, None),
        ("completed", ResponseStatusDetails(type="completed"), None),
        ("cancelled", ResponseStatusDetails(type="cancelled", reason="turn_detected"), "turn_detected"),
        ("incomplete", ResponseStatusDetails(type="incomplete", reason="max_output_tokens"), "max_output_tokens"),
        ("brand_new", ResponseStatusDetails(reason="unheard_of"), "unheard_of"),
    ],
)
def test_fm54_the_status_of_a_turn_is_never_dropped(status, details, reason) -> None:
    case = running()
    case.done(status=status, status_details=details)
    (told,) = case.heard(TurnDoneEvent)
    assert (told.status, told.reason, told.error) == (status, reason, None)


def test_fm54_a_failed_turn_says_why() -> None:
    case = running()
    error = ResponseError(type="tokens", code="rate_limit_exceeded", message="Slow down.")
    case.done(status="failed", status_details=ResponseStatusDetails(type="failed", error=error))
    (told,) = case.heard(TurnDoneEvent)
    assert isinstance(told.error, ServerError)
    assert (told.error.type, told.error.code, told.error.message) == ("tokens", "rate_limit_exceeded", "Slow down.")


def test_fm54_a_failure_without_words_is_a_failure() -> None:
    case = running()
    case.done(status="failed", status_details=ResponseStatusDetails(error=ResponseError()))
    (told,) = case.heard(TurnDoneEvent)
    assert isinstance(told.error, ServerError)
    assert (told.error.type, told.error.code, told.error.message) == ("", None, "the response failed")


def test_a_turn_without_a_status_is_taken_for_complete() -> None:
    case = running()
    case.server(ResponseDone(response=Response(id="resp_1")))
    assert case.heard(TurnDoneEvent)[0].status == "completed"


@pytest.mark.parametrize(("kind", "status"), [("failed", "failed"), (None, "completed"), (UNSET, "completed")])
def test_fm54_a_turn_without_a_status_is_not_taken_for_complete_where_the_details_say_otherwise(
    kind: Any, status: str
) -> None:
    case = running()
    case.done(status=None, status_details=ResponseStatusDetails(type=kind))
    assert case.heard(TurnDoneEvent)[0].status == status


def test_usage_is_told_and_added_up_over_connections() -> None:
    case = running()
    usage = Usage(total_tokens=10, input_tokens=4, input_token_details=InputTokenDetails(audio_tokens=3))
    case.done(usage=usage)
    assert case.heard(TurnDoneEvent)[0].usage == usage
    assert case.heard(UsageUpdateEvent) == [UsageUpdateEvent(usage=usage, total=usage, response_id="resp_1")]
    case.talk.connection_lost(case.now)
    case.talk.opened(case.now)
    case.created("resp_2", ours=False)
    case.done("resp_2", usage=usage)
    assert case.talk.usage.total_tokens == 20


@pytest.mark.parametrize("usage", [None, Usage(total_tokens=None)])
def test_usage_may_be_null_or_half_null(usage: Usage | None) -> None:
    case = running()
    case.done(usage=usage)
    assert len(case.heard(TurnDoneEvent)) == 1


def test_items_that_only_the_end_tells_of_are_recorded() -> None:
    case = running()
    item = message("item_a", status="completed", transcript="Hello")
    case.done(output=(item, CALL))
    assert case.talk.history == (item, CALL)
    assert case.heard(TurnDoneEvent)[0].output == (item, CALL)
    assert [event.call_id for event in case.heard(FunctionCallEvent)] == ["call_1"]


def test_the_output_of_a_response_outside_is_told_and_not_recorded() -> None:
    case = running(outside=True)
    case.server(
        ResponseOutputItemAdded(response_id="resp_1", item=message("item_o")),
        ResponseFunctionCallArgumentsDelta(response_id="resp_1", item_id="item_f", delta="{"),
        ResponseOutputItemDone(response_id="resp_1", item=CALL),
    )
    case.done(output=(message("item_o"), CALL), conversation_id=None)
    case.server(ResponseOutputItemDone(response_id="resp_1", item=message("item_o")))
    assert case.talk.history == ()
    assert len(case.heard(FunctionCallEvent)) == 1


def test_what_was_said_outside_is_not_in_an_item_of_that_id_in_the_conversation() -> None:
    case = running(outside=True)
    case.server(
        ResponseFunctionCallArgumentsDelta(response_id="resp_1", item_id="item_f", delta='{"zone":'),
        ConversationItemAdded(item=FunctionCallItem(id="item_f", call_id="call_1", name="clock")),
    )
    (item,) = case.talk.history
    assert isinstance(item, FunctionCallItem)
    assert item.arguments == ""


def test_a_request_is_settled_with_what_the_server_created() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created()
    (settlement,) = case.settlements
    assert settlement.event_id == event_id
    assert isinstance(settlement.result, ResponseCreated)


def test_created_again_and_done_again_are_counted() -> None:
    case = running()
    again = ResponseCreated(response=Response(id="resp_1"))
    case.server(again, again)
    case.done()
    case.done()
    assert case.talk.counts.stale == 3


# --- items and calls ---------------------------------------------------------------------------------------------


def test_a_call_is_told_once_with_its_completed_item() -> None:
    case = running()
    open_call = FunctionCallItem(id="item_f", call_id="call_1", name="clock", status="in_progress")
    case.item(open_call)
    case.server(
        ResponseFunctionCallArgumentsDelta(response_id="resp_1", item_id="item_f", delta='{"zone":'),
        ResponseFunctionCallArgumentsDelta(response_id="resp_1", item_id="item_f", delta='"UTC"}'),
        ResponseFunctionCallArgumentsDone(response_id="resp_1", item_id="item_f", arguments='{"zone":"UTC"}'),
    )
    assert case.heard(FunctionCallEvent) == []
    assert case.talk.history == (attrs.evolve(CALL, status="in_progress"),)
    case.item_done(CALL)
    case.done(output=(CALL,))
    assert case.heard(FunctionCallEvent) == [
        FunctionCallEvent(
            call_id="call_1", call_name="clock", arguments='{"zone":"UTC"}', item_id="item_f", response_id="resp_1"
        )
    ]
    assert case.names().index("function_call") < case.names().index("turn_done")
    assert case.talk.history == (CALL,)


def test_a_call_that_was_completed_before_the_cut_is_told() -> None:
    case = running()
    case.do("interrupt")
    case.item_done(CALL)
    assert len(case.heard(FunctionCallEvent)) == 1


def test_a_call_that_was_cut_off_does_not_exist() -> None:
    case = running()
    cut = FunctionCallItem(id="item_f", call_id="call_1", name="clock", arguments='{"zo', status="incomplete")
    case.item_done(cut)
    case.done(status="cancelled", output=(cut,))
    assert case.heard(FunctionCallEvent) == []


def test_an_item_after_the_end_of_its_response_is_recorded() -> None:
    case = running()
    case.done()
    case.server(ResponseOutputItemDone(response_id="resp_1", item=CALL))
    assert case.talk.history == (CALL,)
    assert case.heard(FunctionCallEvent)[0].response_id == "resp_1"
    assert case.heard(ItemUpdateEvent)


def test_arguments_that_name_no_response_are_of_the_one_that_runs() -> None:
    case = running()
    case.item(MCP)
    case.clear()
    case.server(ResponseMcpCallArgumentsDelta(item_id="item_m", delta='{"a":1}'))
    case.done()
    assert case.names() == ["turn_done"]


def test_an_item_outside_keeps_no_other_out_of_the_record() -> None:
    case = running(outside=True)
    case.server(ResponseOutputItemAdded(response_id="resp_1", item=message("item_o")))
    case.created("resp_2", ours=False)
    case.server(ResponseOutputItemAdded(response_id="resp_2", item=message("item_a")))
    assert case.talk.history == (message("item_a"),)


def test_arguments_that_name_no_response_begin_none() -> None:
    case = Case()
    case.server(ResponseFunctionCallArgumentsDelta(item_id="item_f", delta="{}"))
    assert case.events == []


def test_arguments_after_the_end_of_their_response_are_recorded_too() -> None:
    case = running()
    case.item(MCP)
    case.done()
    case.server(ResponseMcpCallArgumentsDelta(response_id="resp_1", item_id="item_m", delta='{"a":1}'))
    case.server(ResponseMcpCallArgumentsDone(response_id="resp_1", item_id="item_m", arguments='{"a":1}'))
    (item,) = case.talk.history
    assert isinstance(item, McpCallItem)


# --- hosted tools ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["item first", "event first"])
def test_a_hosted_call_is_told_when_its_output_is_there(order: str) -> None:
    case = running()
    case.item(MCP)
    case.done(output=(MCP,))
    case.server(ResponseMcpCallInProgress(item_id="item_m"))
    assert case.heard(McpToolCallCompletedEvent) == []
    if order == "item first":
        case.item_done(MCP_RAN)
    case.server(ResponseMcpCallCompleted(item_id="item_m"))
    if order == "event first":
        case.item_done(MCP_RAN)
    assert case.heard(McpToolCallCompletedEvent) == [McpToolCallCompletedEvent(item=MCP_RAN, failed=False)]


def test_a_hosted_call_that_came_with_its_output_is_told_when_it_is_complete() -> None:
    case = running()
    case.item(MCP_RAN)
    assert case.heard(McpToolCallCompletedEvent) == []
    case.server(ResponseMcpCallCompleted(item_id="item_m"), ResponseMcpCallCompleted(item_id="item_m"))
    assert case.heard(McpToolCallCompletedEvent) == [McpToolCallCompletedEvent(item=MCP_RAN, failed=False)]


def test_hosted_calls_that_failed_are_told_once_each() -> None:
    case = running()
    calls = [attrs.evolve(MCP, id=item_id) for item_id in ("item_m", "item_n")]
    for call in calls:
        case.item(call)
        case.server(ResponseMcpCallFailed(item_id=str(call.id)), ResponseMcpCallFailed(item_id=str(call.id)))
    assert case.heard(McpToolCallCompletedEvent) == [
        McpToolCallCompletedEvent(item=call, failed=True) for call in calls
    ]


def test_a_hosted_call_that_nobody_knows_is_not_told() -> None:
    case = running()
    case.server(ResponseMcpCallFailed(item_id="item_x"), ResponseMcpCallCompleted(item_id="item_x"))
    assert case.events == []


# --- what is left open at the end --------------------------------------------------------------------------------


def test_audio_that_was_not_ended_ends_with_its_response() -> None:
    case = running()
    case.item(message("item_a"))
    case.speak(0.1)
    case.speak(0.1, item_id="item_b")
    case.speak(0.1, item_id="item_b", content_index=1)
    case.spoken("item_b")
    case.done()
    assert case.names()[-2:] == ["audio_done", "turn_done"]
    assert case.heard(AudioDoneEvent) == [
        AudioDoneEvent(response_id="resp_1", item_id=item_id, content_index=index)
        for item_id, index in (("item_b", 0), ("item_a", 0), ("item_b", 1))
    ]


def test_a_message_of_a_cut_response_that_was_never_heard_is_deleted_at_its_end() -> None:
    case = running()
    case.item(message("item_a"))
    case.do("interrupt")
    case.done(status="cancelled")
    assert case.types() == ["response.cancel", "conversation.item.delete"]
    assert "audio_done" not in case.names()


def test_a_message_that_only_the_end_of_a_cut_response_tells_of_is_deleted_too() -> None:
    case = running()
    case.do("interrupt")
    case.done(status="cancelled", output=(message("item_z", status="incomplete"),))
    assert case.types() == ["response.cancel", "conversation.item.delete"]
    case.server(ConversationItemDeleted(item_id="item_z"))
    assert case.talk.history == ()


def test_what_was_never_heard_is_deleted_before_the_next_response_is_asked_for() -> None:
    case = Case()
    case.created(ours=False)
    case.item(message("item_a"))
    case.do("interrupt")
    case.do("request_response", None)
    case.done(status="cancelled")
    assert case.types() == ["response.cancel", "conversation.item.delete", "response.create"]


def test_a_message_without_an_id_cannot_be_deleted() -> None:
    case = running()
    case.server(ResponseOutputItemAdded(response_id="resp_1", item=AssistantMessageItem()))
    case.do("interrupt")
    case.done(status="cancelled")
    assert case.types() == ["response.cancel"]
