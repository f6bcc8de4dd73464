"""One response at a time, under every race."""

import pytest

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import Limits
from realtime_transport.conversation.marking import MARKER
from realtime_transport.conversation.outbox import Outbox
from realtime_transport.conversation.requests import Requests
from realtime_transport.conversation.responses import MAX_RUNNING, REMEMBERED, ResponseQueue
from realtime_transport.conversation.states import Slot
from realtime_transport.events import (
    UNSET,
    AudioEvent,
    AudioHeardEvent,
    ErrorEvent,
    InputAudioBufferClear,
    Response,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseOptions,
    TurnDoneEvent,
    TurnStartedEvent,
)
from realtime_transport.exceptions import InvalidArgument, RequestDropped, RequestTimeout, ServerError
from tests.conversation.client_case import Case

BUSY = "conversation_already_has_active_response"
OUTSIDE = ResponseOptions(conversation="none")
NO_TOOLS = ResponseOptions(tool_choice="none")


def slot(case: Case) -> Slot:
    return case.talk._core.responses.slot


# --- the queue ---------------------------------------------------------------------------------------------------


def test_a_request_leaves_at_once_while_the_slot_is_free() -> None:
    case = Case()
    case.do("request_response", None)
    assert case.types() == ["response.create"]


def test_fm56_a_second_request_waits_for_done() -> None:
    case = Case()
    first = case.do("request_response", None)
    second = case.do("request_response", None)
    assert len(case.frames) == 1
    case.created("resp_1")
    assert case.settled == {first: "acknowledged"}
    assert len(case.frames) == 1
    case.done("resp_1")
    assert [frame.event_id for frame in case.frames] == [first, second]
    case.created("resp_2")
    assert case.settled == {first: "acknowledged", second: "acknowledged"}


def test_manual_requests_stay_apart_and_in_order() -> None:
    case = Case()
    case.do("request_response", None)
    for words in "one", "two":
        case.do("request_response", ResponseOptions(instructions=words))
    for number in range(3):
        case.created(f"resp_{number}")
        case.done(f"resp_{number}")
    said = [frame.response.instructions for frame in case.sent(ResponseCreate) if frame.response]
    assert said == [UNSET, "one", "two"]


def test_automatic_requests_that_wait_are_one_and_settle_together() -> None:
    case = Case()
    case.do("request_response", None)
    automatic = [case.do("request_response", None, automatic=True) for _ in range(3)]
    case.created("resp_1")
    case.done("resp_1")
    assert len(case.frames) == 2
    case.created("resp_2")
    assert [case.settled[event_id] for event_id in automatic] == ["acknowledged"] * 3
    case.done("resp_2")
    assert len(case.frames) == 2


@pytest.mark.parametrize("others", [(None, NO_TOOLS), (NO_TOOLS, None)])
def test_automatic_requests_with_other_options_stay_apart(others: tuple[ResponseOptions | None, ...]) -> None:
    case = Case()
    case.do("request_response", None)
    case.do("request_response", None)
    for options in others:
        case.do("request_response", options, automatic=True)
    for number in range(4):
        case.created(f"resp_{number}")
        case.done(f"resp_{number}")
    assert len(case.frames) == 4


def test_a_request_that_is_on_its_way_takes_no_other_in() -> None:
    case = Case()
    case.do("request_response", None, automatic=True)
    case.do("request_response", None, automatic=True)
    case.created()
    case.done()
    assert len(case.frames) == 2


def test_our_id_is_in_the_metadata_beside_the_callers() -> None:
    case = Case()
    event_id = case.do("request_response", ResponseOptions(metadata={"topic": "weather"}))
    (create,) = case.sent(ResponseCreate)
    assert create.response
    assert create.response.metadata == {"topic": "weather", MARKER: event_id}


def test_metadata_needs_room_for_our_id() -> None:
    case = Case()
    with pytest.raises(InvalidArgument, match="metadata"):
        case.do("request_response", ResponseOptions(metadata={str(n): "" for n in range(16)}))
    assert case.frames == []
    assert slot(case) is Slot.IDLE


# --- ours and theirs ---------------------------------------------------------------------------------------------


def test_a_response_of_turn_detection_is_not_taken_for_ours() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    assert case.settled == {}
    assert case.heard(TurnStartedEvent)[0].requested is False
    assert slot(case) is Slot.CONTENDED
    case.refuse(BUSY, event_id)
    assert slot(case) is Slot.ACTIVE
    case.done("resp_vad")
    case.created("resp_ours")
    assert case.settled == {event_id: "acknowledged"}
    assert case.talk.active_response_id == "resp_ours"


def test_ours_may_begin_after_theirs_ended_without_a_refusal() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.done("resp_vad")
    assert slot(case) is Slot.REQUESTED
    assert len(case.frames) == 1
    case.created("resp_ours")
    assert case.settled == {event_id: "acknowledged"}


def test_ours_while_theirs_was_never_ended_says_that_theirs_is_over() -> None:
    case = Case()
    case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.created("resp_ours")
    assert case.talk.active_response_id == "resp_ours"
    assert [(event.response_id, event.reason) for event in case.heard(TurnDoneEvent)] == [("resp_vad", "displaced")]
    case.done("resp_ours")
    assert slot(case) is Slot.IDLE


def test_a_new_response_of_the_server_displaces_one_whose_done_was_lost() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.created("resp_2", ours=False)
    assert case.talk.active_response_id == "resp_2"
    case.done("resp_1")  # late
    assert case.talk.counts.stale == 1
    assert slot(case) is Slot.ACTIVE


def test_fm50_what_was_never_announced_does_not_end_the_one_that_runs() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.clear()
    case.speak(0.1, response_id="resp_stray")
    case.done("resp_stray")
    case.done("resp_stray", conversation_id="conv_1", metadata=None)
    assert case.events == []
    assert case.talk.counts.stale == 3
    assert case.talk.active_response_id == "resp_1"
    case.speak(0.1)
    assert case.names() == ["audio"]


def test_fm50_null_says_nothing_of_it_where_the_server_never_names_a_conversation() -> None:
    case = Case()
    case.created("resp_1", ours=False, conversation_id=UNSET)
    case.done("resp_stray", conversation_id=None)
    assert case.talk.active_response_id == "resp_1"


def test_what_was_never_announced_is_taken_as_just_created_while_nothing_runs() -> None:
    case = Case()
    case.speak(0.1, response_id="resp_1")
    assert case.names() == ["turn_started", "audio"]
    case.done("resp_1")
    case.done("resp_2")
    assert case.names() == ["turn_started", "audio", "audio_done", "turn_done", "turn_started", "turn_done"]


def test_an_end_that_names_our_request_counts_although_its_beginning_was_lost() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    (create,) = case.sent(ResponseCreate)
    assert create.response
    case.done("resp_ours", metadata=create.response.metadata)
    assert case.settled == {event_id: "acknowledged"}
    assert [(event.response_id, event.reason) for event in case.heard(TurnDoneEvent)] == [
        ("resp_vad", "displaced"),
        ("resp_ours", None),
    ]
    assert slot(case) is Slot.IDLE


def test_an_end_outside_the_conversation_counts_although_its_beginning_was_lost() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.clear()
    case.done("resp_o", conversation_id=None)
    assert [(event.response_id, event.out_of_band) for event in case.heard(TurnDoneEvent)] == [("resp_o", True)]
    assert case.talk.active_response_id == "resp_1"


def test_a_request_outside_is_answered_by_its_first_delta_although_its_beginning_was_lost() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    event_id = case.do("request_response", OUTSIDE)
    case.speak(0.1, response_id="resp_o")
    assert case.settled == {event_id: "acknowledged"}
    assert case.talk.active_response_id == "resp_1"


def test_a_silent_response_that_goes_on_takes_the_slot_from_the_next() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.wait(60.0)
    case.created("resp_2", ours=False)
    case.speak(0.1, response_id="resp_1")
    assert case.talk.active_response_id == "resp_1"


def test_while_contended_another_of_theirs_changes_nothing_for_ours() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_vad_1", ours=False)
    case.created("resp_vad_2", ours=False)
    assert slot(case) is Slot.CONTENDED
    case.refuse(BUSY, event_id)
    case.done("resp_vad_2")
    assert len(case.frames) == 2


@pytest.mark.parametrize("metadata", [None, {}, {"rt_request": "somebody_else"}])
def test_a_server_that_echoes_metadata_is_believed(metadata: dict[str, str] | None) -> None:
    case = Case()
    case.do("request_response", None)
    case.server(ResponseCreated(response=Response(id="resp_1", metadata=metadata)))
    assert case.settled == {}


@pytest.mark.parametrize("capabilities", [Capabilities(echoes_metadata=False), Capabilities()])
def test_without_metadata_the_order_tells(capabilities: Capabilities) -> None:
    case = Case(capabilities=capabilities)
    event_id = case.do("request_response", None)
    metadata = UNSET if capabilities.echoes_metadata else None
    case.server(ResponseCreated(response=Response(id="resp_1", metadata=metadata)))
    assert case.settled == {event_id: "acknowledged"}
    case.done("resp_1")
    case.server(ResponseCreated(response=Response(id="resp_2", metadata=metadata)))
    assert [event.requested for event in case.heard(TurnStartedEvent)] == [True, False]


def test_created_twice_is_one_response() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.created("resp_1", ours=False)
    assert len(case.heard(TurnStartedEvent)) == 1
    assert case.talk.counts.stale == 1


def test_done_twice_is_one_end() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.done("resp_1")
    case.done("resp_1")
    assert len(case.heard(TurnDoneEvent)) == 1
    assert case.talk.counts.stale == 1


def test_done_without_created_is_both() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    (create,) = case.sent(ResponseCreate)
    assert create.response
    case.done("resp_1", metadata=create.response.metadata)
    assert case.settled == {event_id: "acknowledged"}
    assert isinstance(case.settlements[0].result, ResponseDone)
    assert case.names() == ["turn_started", "turn_done"]
    assert slot(case) is Slot.IDLE


def test_a_server_without_response_ids_is_served_too() -> None:
    case = Case()
    for _ in range(2):
        case.do("request_response", None)
        case.server(ResponseCreated(response=Response()))
        case.server(ResponseDone(response=Response(status="completed")))
    assert len(case.heard(TurnDoneEvent)) == 2
    assert slot(case) is Slot.IDLE


def test_done_without_an_id_is_of_the_running_response() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.server(ResponseDone(response=Response(status="completed")))
    assert case.heard(TurnDoneEvent)[0].response_id == "resp_1"


def test_a_delta_without_an_id_is_of_the_running_response_or_of_none() -> None:
    case = Case()
    case.speak(0.1, response_id="")
    assert case.heard(AudioEvent) == []
    case.created("resp_1", ours=False)
    case.speak(0.1, response_id="")
    assert case.heard(AudioEvent)[0].response_id == "resp_1"


def test_a_response_that_was_never_announced_takes_the_slot() -> None:
    case = Case()
    case.speak(0.1, response_id="resp_1")
    assert case.talk.active_response_id == "resp_1"
    case.do("request_response", None)
    assert case.frames == []


def test_ended_responses_are_remembered_within_a_bound() -> None:
    case = Case()
    for number in range(REMEMBERED + 10):
        case.created(f"resp_{number}", ours=False)
        case.done(f"resp_{number}")
    assert len(case.talk._core.responses._ended._members) == REMEMBERED


def test_an_id_whose_end_is_forgotten_is_of_a_new_response() -> None:
    case = Case()
    case.do("request_response", None)
    case.created("resp_1")
    case.wait(60.0)
    case.speak(0.1)  # silent for long, and it goes on
    case.done("resp_1")
    for number in range(REMEMBERED):
        case.created(f"resp_later_{number}", ours=False)
        case.done(f"resp_later_{number}")
    case.clear()
    case.server(ResponseCreated(response=Response(id="resp_1")))
    assert case.heard(TurnStartedEvent) == [TurnStartedEvent(response_id="resp_1", out_of_band=False, requested=False)]


# --- busy --------------------------------------------------------------------------------------------------------


def test_busy_with_a_response_that_ended_meanwhile_asks_again_at_once() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.done("resp_vad")
    case.refuse(BUSY, event_id)
    assert [frame.event_id for frame in case.frames] == [event_id, event_id]
    assert slot(case) is Slot.REQUESTED
    assert case.heard(ErrorEvent) == []


def test_busy_before_theirs_is_announced_waits_for_its_end() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.refuse(BUSY, event_id)
    assert slot(case) is Slot.OCCUPIED
    case.created("resp_vad", ours=False)
    case.wait(5.0)
    assert len(case.frames) == 1
    case.done("resp_vad")
    assert len(case.frames) == 2


def test_busy_with_a_response_nobody_announces_asks_again_after_a_while() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.refuse(BUSY, event_id)
    case.wait(0.9)
    assert len(case.frames) == 1
    case.wait(0.1)
    assert len(case.frames) == 2
    case.created()
    assert case.settled == {event_id: "acknowledged"}


def test_busy_for_ever_fails_in_the_end() -> None:
    case = Case(limits=Limits(response_timeout=5.0))
    event_id = case.do("request_response", None)
    for _ in range(7):
        case.refuse(BUSY, event_id)
        case.wait(1.0)
    assert case.settled == {event_id: "failed"}
    (told,) = case.heard(ErrorEvent)
    assert isinstance(told.error, ServerError)
    assert case.settlements[0].error is told.error
    assert case.settlements[0].reported
    assert slot(case) is Slot.IDLE


def test_a_server_that_is_waited_for_without_end_is_asked_without_end() -> None:
    case = Case(limits=Limits(response_timeout=None))
    event_id = case.do("request_response", None)
    for _ in range(100):
        case.refuse(BUSY, event_id)
        case.wait(1.0)
    assert case.settled == {}


def test_a_request_put_back_stays_ahead_of_the_others() -> None:
    case = Case()
    first = case.do("request_response", None)
    second = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.refuse(BUSY, first)
    case.done("resp_vad")
    case.created("resp_1")
    case.done("resp_1")
    assert [frame.event_id for frame in case.frames] == [first, first, second]


def test_automatic_requests_put_back_are_one_with_those_that_waited_behind_them() -> None:
    case = Case()
    first, second = (case.do("request_response", None, automatic=True) for _ in range(2))
    manual = case.do("request_response", None)
    other = case.do("request_response", NO_TOOLS, automatic=True)
    case.refuse(BUSY, first)
    case.created("resp_vad", ours=False)
    case.done("resp_vad")
    assert [frame.event_id for frame in case.frames] == [first, first]
    case.created("resp_1")
    assert case.settled == {first: "acknowledged", second: "acknowledged"}
    case.done("resp_1")
    case.created("resp_2")
    case.done("resp_2")
    assert [frame.event_id for frame in case.frames] == [first, first, manual, other]


def test_busy_without_an_event_id_is_for_the_request_on_its_way() -> None:
    case = Case()
    case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.refuse(BUSY)
    case.done("resp_vad")
    assert len(case.frames) == 2


def test_busy_with_nothing_on_its_way_is_an_error_like_any_other() -> None:
    case = Case()
    case.refuse(BUSY)
    assert len(case.heard(ErrorEvent)) == 1


# --- refused -----------------------------------------------------------------------------------------------------


def test_fm52_another_refusal_fails_its_request_and_frees_the_slot() -> None:
    case = Case()
    first = case.do("request_response", None)
    second = case.do("request_response", None)
    case.refuse("conversation_too_long", first)
    assert case.settled == {first: "failed"}
    (told,) = case.heard(ErrorEvent)
    assert told.event_id == first
    assert case.settlements[0].error is told.error
    assert [frame.event_id for frame in case.frames] == [first, second]


def test_a_refusal_while_theirs_runs_leaves_theirs_alone() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.refuse("invalid_value", event_id)
    assert case.settled == {event_id: "failed"}
    assert case.talk.active_response_id == "resp_vad"
    assert slot(case) is Slot.ACTIVE


def test_a_refusal_of_a_request_that_waits_is_not_possible_and_changes_nothing() -> None:
    case = Case()
    case.do("request_response", None)
    waiting = case.do("request_response", None)
    case.refuse("invalid_value", waiting)
    case.created("resp_1")
    case.done("resp_1")
    assert len(case.frames) == 2


# --- beside ------------------------------------------------------------------------------------------------------


def test_fm46_responses_outside_the_conversation_run_beside() -> None:
    case = Case()
    case.do("request_response", None)
    case.created("resp_1")
    outside = case.do("request_response", OUTSIDE)
    assert len(case.frames) == 2
    case.created("resp_2", conversation_id=None)
    assert case.settled[outside] == "acknowledged"
    assert case.talk.active_response_id == "resp_1"
    assert [event.out_of_band for event in case.heard(TurnStartedEvent)] == [False, True]
    case.done("resp_2", conversation_id=None)
    assert case.talk.active_response_id == "resp_1"
    assert case.heard(TurnDoneEvent)[0].out_of_band


def test_a_server_that_ends_none_outside_is_listened_to_within_a_bound() -> None:
    case = Case(limits=Limits(response_timeout=None))
    case.created("resp_1", ours=False)
    for number in range(MAX_RUNNING + 1):
        case.created(f"resp_o_{number}", ours=False, conversation_id=None)
    assert len(case.heard(TurnStartedEvent)) == 1 + MAX_RUNNING == 257
    assert case.talk.counts.stale == 1
    case.done("resp_1")
    case.created("resp_2", ours=False)
    assert case.talk.active_response_id == "resp_2"
    case.created("resp_o", ours=False, conversation_id=None)
    assert case.heard(TurnStartedEvent)[-1].response_id == "resp_2"
    case.done("resp_o_0")
    case.created("resp_o", ours=False, conversation_id=None)
    assert case.heard(TurnStartedEvent)[-1].response_id == "resp_o"


def test_a_refusal_outside_fails_that_request_only() -> None:
    case = Case()
    first = case.do("request_response", None)
    outside = case.do("request_response", OUTSIDE)
    case.refuse("invalid_value", outside)
    assert case.settled == {outside: "failed"}
    (told,) = case.heard(ErrorEvent)
    assert case.settlements[0].error is told.error
    assert slot(case) is Slot.REQUESTED
    case.created(metadata={MARKER: first})
    assert case.settled[first] == "acknowledged"


def test_a_server_that_cannot_run_them_beside_runs_them_in_order() -> None:
    case = Case(capabilities=Capabilities(out_of_band_responses=False))
    case.do("request_response", None)
    case.do("request_response", OUTSIDE)
    assert len(case.frames) == 1
    case.created("resp_1")
    case.done("resp_1")
    assert len(case.frames) == 2


def test_by_order_null_for_the_conversation_means_outside() -> None:
    case = Case(capabilities=Capabilities(echoes_metadata=False))
    first = case.do("request_response", None)
    outside = case.do("request_response", OUTSIDE)
    case.server(ResponseCreated(response=Response(id="resp_1", conversation_id="conv_1")))
    assert case.settled == {first: "acknowledged"}
    case.server(ResponseCreated(response=Response(id="resp_2", conversation_id=None)))
    assert case.settled == {first: "acknowledged", outside: "acknowledged"}
    assert case.talk.active_response_id == "resp_1"


def test_by_order_one_outside_alone_is_taken_for_it() -> None:
    case = Case(capabilities=Capabilities(echoes_metadata=False))
    outside = case.do("request_response", OUTSIDE)
    case.server(ResponseCreated(response=Response(id="resp_1")))
    assert case.settled == {outside: "acknowledged"}
    assert case.talk.active_response_id is None


def test_another_clients_response_outside_is_known_by_its_null_where_names_are_given() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.created("resp_2", ours=False, conversation_id=None)
    assert case.talk.active_response_id == "resp_1"


def test_null_says_nothing_where_the_server_never_names_a_conversation() -> None:
    case = Case()
    case.created("resp_1", ours=False, conversation_id=None)
    assert case.talk.active_response_id == "resp_1"


# --- time --------------------------------------------------------------------------------------------------------


def test_fm22_a_create_lost_by_the_server_does_not_block_for_ever() -> None:
    case = Case()
    first = case.do("request_response", None)
    second = case.do("request_response", None)
    case.wait(10.0)
    assert case.settled == {first: "timeout"}
    (warning,) = case.heard(ErrorEvent)
    error = warning.error
    assert isinstance(error, RequestTimeout)
    assert str(error) == "the server did not begin the response within 10 s"
    assert (error.reason, error.event_id, warning.event_id) == ("timeout", first, first)
    assert case.settlements[0].error is error
    assert case.settlements[0].reported
    assert [frame.event_id for frame in case.frames] == [first, second]


def test_a_response_created_after_its_deadline_is_still_known_as_ours() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.wait(10.0)
    case.created()
    assert case.settled == {event_id: "timeout"}
    assert case.heard(TurnStartedEvent)[0].requested
    assert slot(case) is Slot.ACTIVE


def test_a_request_that_was_late_is_answered_once() -> None:
    case = Case()
    case.do("request_response", None)
    case.wait(10.0)
    case.created("resp_1")
    case.done("resp_1")
    case.created("resp_2")
    assert [event.requested for event in case.heard(TurnStartedEvent)] == [True, False]


def test_a_late_response_contends_with_the_next_request() -> None:
    case = Case()
    first = case.do("request_response", None)
    case.wait(10.0)
    case.do("request_response", None)
    case.created("resp_late", metadata={MARKER: first})
    assert slot(case) is Slot.CONTENDED


def test_a_create_that_is_late_while_theirs_runs_leaves_theirs_alone() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.wait(10.0)
    assert case.settled == {event_id: "timeout"}
    assert slot(case) is Slot.ACTIVE


def test_overdue_requests_are_remembered_within_a_bound() -> None:
    case = Case()
    for _ in range(REMEMBERED + 5):
        case.do("request_response", None)
        case.wait(10.0)
    assert len(case.talk._core.responses._overdue) == REMEMBERED


def test_an_overdue_request_outside_times_out_by_itself() -> None:
    case = Case()
    outside = case.do("request_response", OUTSIDE)
    case.wait(10.0)
    assert case.settled == {outside: "timeout"}
    assert slot(case) is Slot.IDLE


def test_a_response_that_falls_silent_frees_the_slot_with_a_warning() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    case.created("resp_1")
    case.wait(50.0)
    case.speak(0.1)
    waiting = case.do("request_response", None)
    case.wait(59.0)
    assert len(case.frames) == 1
    case.wait(1.0)
    (warning,) = case.heard(ErrorEvent)
    error = warning.error
    assert isinstance(error, RequestTimeout)
    assert str(error) == "response 'resp_1' has said nothing for 60 s and is no longer waited for"
    assert (error.reason, error.event_id) == ("response_timeout", event_id)
    assert [frame.event_id for frame in case.frames][-1] == waiting


def test_a_silent_response_that_goes_on_takes_the_slot_again() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.wait(60.0)
    assert case.talk.active_response_id is None
    case.speak(0.1)
    assert case.talk.active_response_id == "resp_1"
    assert len(case.heard(AudioEvent)) == 1
    assert case.names() == ["turn_started", "error", "turn_done", "turn_started", "audio"]
    case.done("resp_1")
    assert [event.reason for event in case.heard(TurnDoneEvent)] == ["response_timeout", None]
    assert slot(case) is Slot.IDLE


def test_a_silent_response_that_ends_late_ends_with_the_servers_word() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.wait(60.0)
    case.done("resp_1")
    assert [event.status for event in case.heard(TurnDoneEvent)] == ["incomplete", "completed"]
    assert slot(case) is Slot.IDLE


def test_a_silent_response_that_goes_on_contends_with_the_next_request() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.wait(60.0)
    event_id = case.do("request_response", None)
    case.speak(0.1)
    assert slot(case) is Slot.CONTENDED
    case.refuse(BUSY, event_id)
    case.done("resp_1")
    assert len(case.frames) == 2


def test_what_came_of_a_silent_response_is_heard_to_its_end() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.speak(70.0)
    case.wait(60.0)
    assert case.heard(AudioHeardEvent) == []
    case.wait(10.0)
    assert len(case.heard(AudioHeardEvent)) == 1


def test_a_silent_response_frees_its_place_while_ours_is_on_its_way() -> None:
    case = Case(limits=Limits(response_timeout=5.0))
    event_id = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.wait(5.0)
    assert slot(case) is Slot.REQUESTED
    case.created("resp_1")
    assert case.settled == {event_id: "acknowledged"}


def test_a_silent_response_outside_is_only_reported() -> None:
    case = Case()
    case.do("request_response", OUTSIDE)
    case.created("resp_2", conversation_id=None)
    case.wait(60.0)
    assert len(case.heard(ErrorEvent)) == 1
    assert case.talk.next_deadline() is None


def test_silence_is_waited_for_without_end_where_that_is_asked_for() -> None:
    case = Case(limits=Limits(response_timeout=None))
    case.created("resp_1", ours=False)
    assert case.talk.next_deadline() is None


# --- cancel ------------------------------------------------------------------------------------------------------


def test_fm57_cancel_with_nothing_active_is_benign_and_sends_nothing() -> None:
    case = Case()
    event_id = case.do("cancel_response")
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_cancel_names_the_running_response_and_settles_with_its_end() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    event_id = case.do("cancel_response")
    assert case.sent(ResponseCancel) == [ResponseCancel(event_id=event_id, response_id="resp_1")]
    assert case.settled == {}
    case.done("resp_1", "cancelled")
    assert case.settled == {event_id: "acknowledged"}
    assert isinstance(case.settlements[0].result, ResponseDone)


def test_at_most_one_cancel_per_response() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    cancels = [case.do("cancel_response") for _ in range(3)]
    assert len(case.frames) == 1
    case.done("resp_1", "cancelled")
    assert case.settled == dict.fromkeys(cancels, "acknowledged")


def test_fm57_a_cancel_that_the_server_finds_late_is_benign() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    cancels = [case.do("cancel_response") for _ in range(2)]
    case.refuse("response_cancel_not_active", cancels[0])
    assert case.settled == dict.fromkeys(cancels, "acknowledged")
    assert case.heard(ErrorEvent) == []


def test_fm58_a_cancel_that_crosses_done_is_settled_once() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    event_id = case.do("cancel_response")
    case.done("resp_1")
    case.refuse("response_cancel_not_active", event_id)
    assert case.settled == {event_id: "acknowledged"}


def test_a_cancel_that_fails_fails_those_that_joined_it() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    cancels = [case.do("cancel_response") for _ in range(2)]
    case.refuse("server_error", cancels[0])
    assert case.settled == dict.fromkeys(cancels, "failed")
    assert len(case.heard(ErrorEvent)) == 1


def test_at_most_one_cancel_per_response_that_is_named() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    for _ in range(2):
        case.do("cancel_response", response_id="resp_1")
    assert len(case.frames) == 1


def test_a_cancel_of_a_request_on_its_way_is_not_settled_by_the_end_of_theirs() -> None:
    case = Case()
    case.do("request_response", None)
    cancel = case.do("cancel_response")
    case.created("resp_vad", ours=False)
    case.done("resp_vad")
    assert case.settled == {}
    case.created("resp_1")
    case.done("resp_1", "cancelled")
    assert case.settled[cancel] == "acknowledged"


def test_a_cancel_of_one_of_theirs_is_not_settled_by_the_end_of_another() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.created("resp_2", ours=False, conversation_id=None)
    cancel = case.do("cancel_response", response_id="resp_2")
    case.done("resp_1")
    assert case.settled == {}
    case.done("resp_2", "cancelled", conversation_id=None)
    assert case.settled == {cancel: "acknowledged"}


def test_a_request_on_its_way_is_cancelled_without_an_id() -> None:
    case = Case()
    request = case.do("request_response", None)
    cancel = case.do("cancel_response")
    assert case.sent(ResponseCancel) == [ResponseCancel(event_id=cancel, response_id=UNSET)]
    case.created("resp_1")
    assert case.do("cancel_response") not in case.settled
    assert len(case.sent(ResponseCancel)) == 1
    case.done("resp_1", "cancelled")
    assert case.settled[request] == "acknowledged"
    assert case.settled[cancel] == "acknowledged"


def test_a_cancelled_request_that_met_another_response_is_dropped() -> None:
    case = Case()
    request = case.do("request_response", None)
    cancel = case.do("cancel_response")
    case.created("resp_vad", ours=False)
    case.refuse(BUSY, request)
    assert case.settled == {request: "dropped", cancel: "acknowledged"}
    dropped = case.settlements[0].error
    assert isinstance(dropped, RequestDropped)
    assert (str(dropped), dropped.reason, dropped.event_id) == ("cancelled before it began", "cancelled", request)
    assert not case.settlements[0].reported
    assert case.heard(ErrorEvent) == []
    case.done("resp_vad")
    assert len(case.sent(ResponseCreate)) == 1


def test_a_response_outside_is_cancelled_by_its_id() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.do("request_response", OUTSIDE)
    case.created("resp_2", conversation_id=None)
    event_id = case.do("cancel_response", response_id="resp_2")
    case.done("resp_1")
    assert event_id not in case.settled
    case.done("resp_2", "cancelled", conversation_id=None)
    assert case.settled[event_id] == "acknowledged"


def test_a_response_that_is_over_needs_no_cancel() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.done("resp_1")
    event_id = case.do("cancel_response", response_id="resp_1")
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_a_response_that_we_never_heard_of_is_cancelled_on_the_callers_word() -> None:
    case = Case()
    event_id = case.do("cancel_response", response_id="resp_9")
    assert case.sent(ResponseCancel) == [ResponseCancel(event_id=event_id, response_id="resp_9")]
    case.wait(10.0)
    assert case.settled == {event_id: "timeout"}


def test_a_response_that_the_server_only_spoke_of_is_cancelled_without_an_id() -> None:
    case = Case()
    case.refuse(BUSY, case.do("request_response", None))
    event_id = case.do("cancel_response")
    assert case.sent(ResponseCancel) == [ResponseCancel(event_id=event_id, response_id=UNSET)]
    case.created("resp_vad", ours=False)
    case.done("resp_vad", "cancelled")
    assert case.settled[event_id] == "acknowledged"


def test_a_response_that_the_server_only_spoke_of_is_over_when_ours_is() -> None:
    case = Case()
    case.refuse(BUSY, case.do("request_response", None))
    event_id = case.do("cancel_response")
    case.wait(1.0)
    case.created("resp_1")
    case.done("resp_1")
    assert case.settled[event_id] == "acknowledged"


@pytest.mark.parametrize("ours", [True, False])
def test_a_response_that_the_server_only_spoke_of_is_not_over_when_one_outside_is(*, ours: bool) -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.done("resp_1")
    case.refuse(BUSY, case.do("request_response", None))
    event_id = case.do("cancel_response")
    if ours:
        case.do("request_response", OUTSIDE)
    case.created("resp_2", ours=ours, conversation_id=None)
    case.done("resp_2", conversation_id=None)
    assert event_id not in case.settled


# --- the end -----------------------------------------------------------------------------------------------------


def test_fm20_a_lost_connection_settles_all_and_ends_what_ran() -> None:
    case = Case()
    first = case.do("request_response", None)
    case.created("resp_1")
    waiting = [case.do("request_response", None), case.do("request_response", None, automatic=True)]
    outside = case.do("request_response", OUTSIDE)
    cancel = case.do("cancel_response")
    case.talk.connection_lost(case.now)
    case.drain()
    assert case.settled == {
        first: "acknowledged",
        **dict.fromkeys(waiting, "dropped"),
        outside: "failed",
        cancel: "failed",
    }
    (done,) = case.heard(TurnDoneEvent)
    assert (done.response_id, done.status, done.reason) == ("resp_1", "incomplete", "connection_lost")
    assert case.talk.active_response_id is None
    assert case.talk.next_deadline() is None


def test_the_queue_alone_needs_no_conversation() -> None:
    outbox = Outbox()
    queue = ResponseQueue(
        Requests(),
        outbox,
        lambda turn, reason: None,
        echoes_metadata=True,
        out_of_band=True,
        request_timeout=10.0,
        response_timeout=None,
    )
    queue.ask(ResponseCreate(event_id="a"), 0.0, automatic=False)
    assert [frame.event_id for frame in outbox.frames] == ["a"]
    assert queue.next_deadline() == 10.0


def test_a_request_that_could_not_be_sent_makes_room_for_the_next() -> None:
    case = Case()
    first, second = case.do("request_response", None), case.do("request_response", None)
    outside = case.do("request_response", OUTSIDE)
    error = InvalidArgument("not JSON")
    for frame in (*case.sent(ResponseCreate), InputAudioBufferClear(event_id="nobody's")):
        case.talk.undeliverable(frame, error, case.now)
    case.drain()
    assert case.settled == {first: "dropped", outside: "dropped"}
    assert all(settlement.error is error and settlement.reported for settlement in case.settlements)
    assert [frame.event_id for frame in case.frames] == [first, outside, second]
    case.created(metadata={MARKER: second})
    assert case.settled[second] == "acknowledged"
    case.wait(10.0)
    assert case.heard(ErrorEvent) == []
