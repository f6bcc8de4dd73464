"""The whole client role: epochs, drains, timers, what comes twice, late or unknown."""

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import ClientConversation, Connection, Settlement
from realtime_transport.conversation.playout import PlayoutLimits
from realtime_transport.events import (
    UNSET,
    AudioDoneEvent,
    AudioEvent,
    AudioHeardEvent,
    ConversationItemAdded,
    ConversationItemCreated,
    InputAudioBufferSpeechStarted,
    InputTextPart,
    RawEvent,
    Response,
    ResponseCreate,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputItemDone,
    SessionCreated,
    TranslationSessionClosed,
    TurnDoneEvent,
    TurnStartedEvent,
    UnknownServerEvent,
    UserMessageItem,
)
from realtime_transport.exceptions import ConnectionLost, InvalidArgument, RequestDropped, StateError
from tests.conversation.client_case import SESSION, Case, message, numbered

HELLO = UserMessageItem(content=(InputTextPart(text="Hello"),))


def test_a_spoken_turn_from_request_to_last_sound() -> None:
    case = Case()
    request = case.do("request_response", None)
    (create,) = case.sent(ResponseCreate)
    assert create.event_id == request
    case.turn(2.0)
    assert case.settled == {request: "acknowledged"}
    assert case.heard(TurnStartedEvent) == [TurnStartedEvent(response_id="resp_1", out_of_band=False, requested=True)]
    assert sum(len(event.data) for event in case.heard(AudioEvent)) == 96_000
    assert len(case.heard(AudioDoneEvent)) == 1
    assert case.heard(TurnDoneEvent)[0].status == "completed"
    assert case.heard(AudioHeardEvent) == []
    case.wait(2.0)
    assert [event.heard_ms for event in case.heard(AudioHeardEvent)] == [2000]
    assert [item.id for item in case.talk.history] == ["item_a"]
    assert case.talk.next_deadline() is None


def test_the_sparsest_server_holds_a_turn_too() -> None:
    """No event ids, no items, no parts, no ends: deltas and two ends of a response."""
    case = Case()
    case.do("request_response", None)
    case.created("resp_1", ours=False, metadata=UNSET)
    case.server(ResponseOutputAudioDelta(item_id="item_a", delta=bytes(4800)))
    case.server(ResponseDone(response=Response()))
    assert case.names() == ["turn_started", "audio", "audio_done", "turn_done"]
    case.wait(1.0)
    assert len(case.heard(AudioHeardEvent)) == 1


def test_a_beta_server_holds_a_turn_too() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.server(ConversationItemCreated(item=message("item_a")))
    case.speak(0.5)
    final = message("item_a", status="completed", transcript="Hello")
    case.server(ResponseOutputItemDone(response_id="resp_1", item=final))
    case.done("resp_1")
    assert case.talk.history == (final,)


# --- events ------------------------------------------------------------------------------------------------------


def test_every_event_is_told_raw_before_what_is_made_of_it() -> None:
    case = Case()
    event = InputAudioBufferSpeechStarted(item_id="item_u")
    case.talk.receive(event, case.now)
    first, second = case.talk.events_received()
    assert first == RawEvent(event=event)
    assert second.name == "speech_started"
    assert case.talk.events_received() == []


def test_fm34_an_unknown_event_is_told_raw_and_counted() -> None:
    case = Case()
    event = UnknownServerEvent(type="vendor.thing", raw={"type": "vendor.thing"})
    case.talk.receive(event, case.now)
    assert case.talk.events_received() == [RawEvent(event=event)]
    assert case.talk.counts.unknown == 1


def test_an_event_of_another_kind_of_session_is_unknown_here() -> None:
    case = Case()
    case.server(TranslationSessionClosed())
    assert case.talk.counts.unknown == 1


def test_fm51_an_event_that_comes_again_is_told_once() -> None:
    case = Case()
    event = InputAudioBufferSpeechStarted(event_id="event_s", item_id="item_u")
    case.server(event, event, event)
    assert case.names() == ["speech_started"]
    assert case.talk.counts.duplicate == 2


def test_fm51_events_without_an_id_are_all_different() -> None:
    case = Case()
    case.server(InputAudioBufferSpeechStarted(), InputAudioBufferSpeechStarted())
    assert len(case.events) == 2


def test_fm33_ids_are_remembered_for_one_epoch() -> None:
    case = Case()
    event = InputAudioBufferSpeechStarted(event_id="event_s")
    case.server(event)
    case.talk.connection_lost(case.now)
    case.talk.opened(case.now)
    case.server(event)
    assert case.names() == ["speech_started", "speech_started"]


# --- epochs ------------------------------------------------------------------------------------------------------


def test_before_it_is_opened_nothing_can_be_said_and_nothing_is_heard() -> None:
    case = Case(connect=False)
    assert case.talk.connection is Connection.CLOSED
    with pytest.raises(StateError):
        case.do("clear_audio")
    case.server(SessionCreated(session=SESSION))
    assert case.events == []
    assert case.talk.counts.stale == 1


def test_it_can_be_spoken_to_before_the_session_is_announced() -> None:
    case = Case(connect=False)
    case.talk.opened(case.now)
    case.do("clear_audio")
    case.server(InputAudioBufferSpeechStarted())
    assert case.talk.connection is Connection.OPENING
    assert case.names() == ["speech_started"]


def test_opening_twice_is_a_mistake() -> None:
    case = Case()
    with pytest.raises(StateError, match="open"):
        case.talk.opened(case.now)


def test_fm50_what_comes_after_the_end_is_counted_and_dropped() -> None:
    case = Case()
    case.talk.close(case.now)
    case.clear()
    case.server(SessionCreated(session=SESSION), InputAudioBufferSpeechStarted())
    assert case.events == []
    assert case.talk.counts.stale == 2
    assert not case.talk.is_connected()


def test_a_lost_connection_settles_everything_once() -> None:
    case = Case()
    sent = case.do("create_item", HELLO)
    case.do("request_response", None)
    case.created()
    waiting = case.do("request_response", None)
    error = ConnectionLost("cable pulled", close_code=1006)
    case.clear()
    case.talk.connection_lost(case.now, error)
    case.talk.connection_lost(case.now, error)
    case.drain()
    assert case.settled == {sent: "failed", waiting: "dropped"}
    by_id = {settlement.event_id: settlement for settlement in case.settlements}
    assert by_id[sent].error is error
    assert isinstance(by_id[waiting].error, RequestDropped)
    assert case.heard(TurnDoneEvent)[0].reason == "connection_lost"
    assert case.talk.connection is Connection.LOST


def test_closing_settles_everything_once_and_twice_is_fine() -> None:
    case = Case()
    event_id = case.do("create_item", HELLO)
    case.talk.close(case.now)
    case.talk.close(case.now)
    case.talk.connection_lost(case.now)
    case.drain()
    assert case.settled == {event_id: "failed"}
    assert isinstance(case.settlements[0].error, ConnectionLost)
    assert case.talk.connection is Connection.CLOSED


@pytest.mark.parametrize(
    ("end", "reason", "words"),
    [
        ("connection_lost", "connection_lost", "the connection was lost"),
        ("close", "closed", "the connection was closed"),
    ],
)
def test_everything_that_ends_with_the_connection_says_why(end: str, reason: str, words: str) -> None:
    case = Case()
    case.created(ours=False)
    waiting, sent = case.do("request_response", None), case.do("create_item", HELLO)
    getattr(case.talk, end)(case.now)
    case.drain()
    by_id = {settlement.event_id: settlement.error for settlement in case.settlements}
    assert str(by_id[sent]) == words
    dropped = by_id[waiting]
    assert isinstance(dropped, RequestDropped)
    assert (str(dropped), dropped.reason) == (f"never sent: {words}", reason)
    assert [event.reason for event in case.heard(TurnDoneEvent)] == [reason]


def test_a_lost_connection_may_be_closed_and_settles_nothing_more() -> None:
    case = Case()
    case.do("create_item", HELLO)
    case.talk.connection_lost(case.now)
    case.clear()
    case.talk.close(case.now)
    case.drain()
    assert case.settlements == []


def test_history_and_playout_stay_readable_until_the_next_epoch() -> None:
    case = Case()
    case.turn(2.0, ours=False)
    case.talk.connection_lost(case.now)
    assert len(case.talk.history) == 1
    case.wait(2.0)
    assert len(case.heard(AudioHeardEvent)) == 1
    case.talk.opened(case.now)
    assert case.talk.history == ()


def test_settlements_of_the_old_epoch_survive_the_new_one() -> None:
    case = Case()
    event_id = case.talk.create_item(HELLO, case.now)
    case.talk.connection_lost(case.now)
    case.talk.opened(case.now)
    assert [settlement.event_id for settlement in case.talk.settlements()] == [event_id]


# --- views and timers --------------------------------------------------------------------------------------------


def test_views_of_a_conversation_that_has_just_begun() -> None:
    capabilities = Capabilities(reports_usage=False)
    talk = ClientConversation(capabilities=capabilities, ids=numbered())
    assert talk.capabilities is capabilities
    assert talk.session is None
    assert talk.desired_session is None
    assert talk.history == ()
    assert talk.history_entry("item_x") is None
    assert talk.usage.total_tokens is UNSET
    assert talk.active_response_id is None
    assert talk.input_format == PCM16_24K
    assert talk.output_format == PCM16_24K
    assert talk.next_deadline() is None


def test_waking_too_early_does_nothing() -> None:
    case = Case()
    case.do("create_item", HELLO)
    case.talk.wake(case.now)
    case.drain()
    assert case.settlements == []


def test_the_next_deadline_is_the_nearest_of_all() -> None:
    case = Case()
    case.do("create_item", HELLO)
    assert case.talk.next_deadline() == case.now + 10.0
    case.turn(2.0, ours=False)
    assert case.talk.next_deadline() == case.now + 2.0
    case.server(ConversationItemAdded(item=UserMessageItem(id="item_u"), previous_item_id="item_missing"))
    assert case.talk.next_deadline() == case.now + 2.0


def test_drains_hand_everything_over_once() -> None:
    case = Case()
    event_id = case.talk.clear_audio(case.now)
    assert [frame.event_id for frame in case.talk.frames_to_send()] == [event_id]
    assert case.talk.frames_to_send() == []
    case.talk.close(case.now)
    (settlement,) = case.talk.settlements()
    assert isinstance(settlement, Settlement)
    assert case.talk.settlements() == []


def test_reports_of_what_was_heard_are_believed_where_they_are_asked_for() -> None:
    case = Case(playout="reported")
    case.turn(1.0, ours=False)
    case.talk.heard("item_a", 0, 500, case.now)
    case.talk.heard("item_x", 0, 500, case.now)
    case.drain()
    assert case.heard(AudioHeardEvent) == []
    case.talk.heard("item_a", 0, 1000, case.now)
    case.drain()
    assert len(case.heard(AudioHeardEvent)) == 1


def test_what_is_not_answered_is_settled_in_time() -> None:
    case = Case()
    event_id = case.do("create_item", HELLO)
    case.wait(10.0)
    assert case.settled == {event_id: "timeout"}


def test_a_frame_that_cannot_be_spelt_is_taken_back() -> None:
    case = Case()
    error = InvalidArgument("not JSON", path="session.tools")
    update = case.do("update_session", {"instructions": "Be long."})
    item = case.do("create_item", HELLO)
    for frame in case.frames:
        case.talk.undeliverable(frame, error, case.now)
    case.drain()
    assert case.settled == {update: "dropped", item: "dropped"}
    assert all(settlement.reported and settlement.error is error for settlement in case.settlements)
    assert case.talk.desired_session == SESSION
    assert case.talk.next_deadline() is None


# --- the short way of speech -----------------------------------------------------------------------------------------


def piece(case: Case, event_id: str, data: bytes, item_id: str = "item_a", response_id: str = "resp_1") -> bool:
    taken = case.talk.speech(event_id, response_id, item_id, 0, data, case.now)
    case.drain()
    return taken


def test_speech_under_way_may_go_the_short_way_and_is_told_the_same() -> None:
    short, long = Case(), Case()
    for case in (short, long):
        case.created(ours=False)
        case.item(message("item_a"))
        case.speak(0.1)
    assert piece(short, "event_next", bytes(4800))
    long.speak(0.1)
    assert short.heard(AudioEvent) == long.heard(AudioEvent)
    for case in (short, long):
        case.spoken()
        case.done()
        case.wait(0.2)
    assert short.heard(AudioHeardEvent) == long.heard(AudioHeardEvent)
    assert short.heard(AudioHeardEvent)[0].heard_ms == 200


def test_speech_that_is_anything_else_takes_the_long_way() -> None:
    case = Case()
    assert not piece(case, "e1", bytes(4800))  # nobody answers
    case.created(ours=False)
    case.item(message("item_a"))
    assert not piece(case, "e2", bytes(4800))  # the first piece of its part
    case.speak(0.1)
    told = len(case.heard(AudioEvent))
    assert not piece(case, "e3", bytes(4800), response_id="resp_2")
    assert not piece(case, "e4", bytes(4800), item_id="item_b")
    assert not piece(case, "e5", b"")
    assert not piece(case, "e6", bytes(3))  # half a sample
    assert not piece(case, "", bytes(4800))
    assert piece(case, "e7", bytes(4800))
    assert not piece(case, "e7", bytes(4800))  # it came before
    assert len(case.heard(AudioEvent)) == told + 1
    case.do("interrupt")
    assert not piece(case, "e8", bytes(4800))
    assert len(case.heard(AudioEvent)) == told + 1
    case = Case()
    case.created(ours=False)
    case.speak(0.1)
    case.spoken()
    assert not piece(case, "e9", bytes(4800))  # its end was told


def test_speech_of_a_part_that_had_to_be_forgotten_goes_on() -> None:
    case = Case()
    case.created(ours=False)
    for number in range(PlayoutLimits().max_parts + 1):
        case.speak(0.1, item_id=f"item_{number}")
    told = len(case.heard(AudioEvent))
    assert piece(case, "event_next", bytes(4800), item_id="item_0")
    assert len(case.heard(AudioEvent)) == told + 1


def test_speech_of_a_part_that_was_cut_while_its_response_was_silent_is_not_told() -> None:
    case = Case()
    case.created(ours=False)
    case.speak(70.0)
    case.wait(60.0)
    case.do("interrupt")
    case.speak(0.1)  # by which the response goes on
    case.clear()
    assert piece(case, "event_next", bytes(4800))
    assert case.events == []
