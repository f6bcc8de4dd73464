"""Calls made of several events."""

import attrs
import pytest

from realtime_transport.capabilities import Capabilities
from realtime_transport.events import (
    UNSET,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDeleted,
    ErrorEvent,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputTextPart,
    Item,
    ResponseCreate,
    TranscriptionSessionConfig,
    UserMessageItem,
)
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation
from tests.conversation.client_case import Case, message


def said(item_id: str, text: str = "Hello") -> UserMessageItem:
    return UserMessageItem(id=item_id, content=(InputTextPart(text=text),))


def holding(*items: Item, **options: object) -> Case:
    case = Case(**options)  # type: ignore[arg-type]
    case.server(*(ConversationItemAdded(item=item) for item in items))
    case.clear()
    return case


def answer(case: Case) -> None:
    """Let the server do what was asked of it."""
    previous: dict[str, str | None] = {}
    for frame in case.frames:
        if isinstance(frame, ConversationItemDelete):
            case.server(ConversationItemDeleted(item_id=frame.item_id))
        elif isinstance(frame, ConversationItemCreate):
            place = None if frame.previous_item_id == "root" else frame.previous_item_id
            previous[str(frame.item.id)] = str(place)
            case.server(ConversationItemAdded(item=frame.item, previous_item_id=place))


# --- function calls ----------------------------------------------------------------------------------------------


def test_an_output_is_sent_and_then_one_response_asked_for() -> None:
    case = Case()
    event_id = case.do("function_call_output", "call_1", "42")
    create, response = case.frames
    assert isinstance(create, ConversationItemCreate)
    assert create.event_id == event_id
    assert isinstance(create.item, FunctionCallOutputItem)
    assert (create.item.call_id, create.item.output) == ("call_1", "42")
    assert isinstance(response, ResponseCreate)
    case.server(ConversationItemAdded(item=create.item))
    assert case.settled == {}
    case.created()
    assert case.settled == {event_id: "acknowledged"}


def test_a_quiet_output_asks_for_nothing() -> None:
    case = Case()
    event_id = case.do("function_call_output", "call_1", "42", respond=False)
    (create,) = case.sent(ConversationItemCreate)
    assert case.sent(ResponseCreate) == []
    case.server(ConversationItemAdded(item=create.item))
    assert case.settled == {event_id: "acknowledged"}


def test_fm83_outputs_during_a_response_are_sent_at_once_and_followed_by_one_response() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    calls = [case.do("function_call_output", f"call_{n}", "42") for n in range(3)]
    assert case.types() == ["conversation.item.create"] * 3
    case.done("resp_1")
    assert case.types() == ["conversation.item.create"] * 3 + ["response.create"]
    answer(case)
    assert case.settled == {}
    case.created("resp_2")
    assert case.settled == dict.fromkeys(calls, "acknowledged")


def test_where_no_response_can_follow_the_output_is_not_sent_either() -> None:
    case = Case(session=TranscriptionSessionConfig())
    with pytest.raises(UnsupportedOperation, match=r"^a transcription session has no responses$"):
        case.do("function_call_output", "call_1", "42")
    case.drain()
    assert case.frames == []
    case.do("function_call_output", "call_1", "42", respond=False)
    assert len(case.sent(ConversationItemCreate)) == 1


def test_a_refused_output_fails_the_call_though_the_response_is_asked_for() -> None:
    case = Case()
    event_id = case.do("function_call_output", "call_1", "42")
    case.refuse("invalid_tool_call_id")
    case.created()
    assert case.settled == {event_id: "failed"}


# --- the history -------------------------------------------------------------------------------------------------


def test_a_reset_is_acknowledged_when_the_server_has_confirmed_all() -> None:
    case = holding(said("item_a"), said("item_b"), said("item_c"))
    event_id = case.do("reset_history", [said("item_a"), said("item_d"), said("item_c", "Changed")])
    assert case.types() == ["conversation.item.delete"] * 2 + ["conversation.item.create"] * 2
    assert case.frames[0].event_id == event_id
    answer(case)
    assert case.settled == {event_id: "acknowledged"}
    assert case.talk.history == (said("item_a"), said("item_d"), said("item_c", "Changed"))


def test_a_reset_to_what_is_there_is_nothing() -> None:
    case = holding(said("item_a"))
    event_id = case.do("reset_history", [said("item_a")])
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_a_reset_that_the_protocol_cannot_do_sends_nothing() -> None:
    case = holding(said("item_a"))
    with pytest.raises(InvalidArgument, match="OutputTextPart"):
        case.do("reset_history", [message("item_x", transcript="Hello")])
    case.drain()
    assert case.frames == []
    assert case.settlements == []


def test_a_reset_counts_with_what_is_on_its_way() -> None:
    case = holding(said("item_a"), said("item_z"), said("item_b"))
    case.do("delete_item", "item_a")
    case.do("clear_audio")
    case.do("create_item", said("item_c"))
    case.do("create_item", said("item_d"), previous_item_id="root")
    case.do("create_item", said("item_e"), previous_item_id=None)
    case.do("create_item", said("item_f"), previous_item_id="item_b")
    case.do("create_item", said("item_g"), previous_item_id="item_nobody_knows")
    case.clear()
    case.do("reset_history", [said(f"item_{name}") for name in "dzbfceg"])
    assert case.frames == []
    case.do("reset_history", [said("item_b"), said("item_e"), said("item_h")])
    assert [frame.item_id for frame in case.sent(ConversationItemDelete)] == ["item_z"]
    (create,) = case.sent(ConversationItemCreate)
    assert (create.item.id, create.previous_item_id) == ("item_h", "item_e")


def test_an_output_that_is_on_its_way_survives_a_reset_that_cannot_know_of_it() -> None:
    call = FunctionCallItem(id="item_f", call_id="call_1", name="clock")
    case = holding(said("item_a"), call)
    case.do("function_call_output", "call_1", "12:00", respond=False)
    (create,) = case.sent(ConversationItemCreate)
    case.do("reset_history", [call])
    answer(case)
    assert case.talk.history == (call, create.item)


def test_an_item_that_is_being_deleted_is_not_created_anew_by_a_reset_that_cannot_know_of_it() -> None:
    case = Case()
    case.turn(2.0, ours=False)
    case.do("interrupt")
    case.clear()
    case.do("reset_history", case.talk.history)
    assert case.frames == []


def test_a_reset_brings_back_what_an_earlier_one_deletes() -> None:
    case = holding(said("item_a"))
    case.do("reset_history", [])
    case.do("reset_history", [said("item_a")])
    assert case.types() == ["conversation.item.delete", "conversation.item.create"]


def test_two_resets_in_a_row_end_in_the_second() -> None:
    case = holding(said("item_a"))
    first = case.do("reset_history", [said("item_b"), said("item_d")])
    second = case.do("reset_history", [said("item_b", "Changed"), said("item_c")])
    assert [frame.item_id for frame in case.sent(ConversationItemDelete)] == ["item_a", "item_b", "item_d"]
    answer(case)
    assert case.talk.history == (said("item_b", "Changed"), said("item_c"))
    assert case.settled == {first: "acknowledged", second: "acknowledged"}


def test_a_reset_counts_with_what_an_interruption_deletes() -> None:
    case = Case()
    case.turn(2.0, ours=False)
    case.do("interrupt")
    case.clear()
    event_id = case.do("reset_history", [])
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_an_item_that_is_gone_before_a_reset_deletes_it_is_as_good() -> None:
    case = holding(said("item_a"))
    event_id = case.do("reset_history", [])
    case.refuse("item_delete_invalid_item_id", event_id)
    assert case.settled == {event_id: "acknowledged"}
    assert case.talk.history == ()
    assert case.heard(ErrorEvent) == []


def test_a_server_that_cannot_delete_can_only_be_added_to() -> None:
    case = holding(said("item_a"), capabilities=Capabilities(can_delete_items=False))
    with pytest.raises(
        UnsupportedOperation, match=r"^this server cannot delete items: it can only add to its history$"
    ):
        case.do("reset_history", [])
    case.do("reset_history", [said("item_a"), said("item_b")])
    assert case.types() == ["conversation.item.create"]


def test_an_item_that_a_reset_adds_without_an_id_gets_one() -> None:
    case = Case()
    event_id = case.do("reset_history", [attrs.evolve(said(""), id=UNSET)])
    (create,) = case.sent(ConversationItemCreate)
    assert str(create.item.id).startswith("item_")
    case.server(ConversationItemAdded(item=create.item))
    assert case.settled == {event_id: "acknowledged"}


@pytest.mark.parametrize(("acknowledges", "outcome"), [(True, {}), (False, {"mine": "acknowledged"})])
def test_a_reset_waits_for_the_server_where_it_says_that_items_are_there(
    acknowledges: bool, outcome: dict[str, str]
) -> None:
    case = Case(capabilities=Capabilities(acknowledges_items=acknowledges))
    case.do("reset_history", [said("item_a")], event_id="mine")
    case.wait(1.0)
    assert case.settled == outcome


def test_a_reset_of_which_one_part_is_refused_fails_when_all_are_settled() -> None:
    case = holding(said("item_a"))
    event_id = case.do("reset_history", [said("item_b"), said("item_c")])
    _, second, third = case.frames
    case.refuse("invalid_value", second.event_id)
    case.server(ConversationItemDeleted(item_id="item_a"))
    assert case.settled == {}
    assert isinstance(third, ConversationItemCreate)
    case.server(ConversationItemAdded(item=third.item))
    assert case.settled == {event_id: "failed"}
