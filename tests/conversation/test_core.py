import attrs
import pytest

from realtime_transport.audio import PCM16_16K, PCMU
from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import Limits, Settlement
from realtime_transport.conversation.core import MAX_ONCE
from realtime_transport.conversation.turns import Turn
from realtime_transport.events import (
    AudioConfig,
    AudioHeardEvent,
    AudioOutputConfig,
    ConversationItemAdded,
    ConversationItemDeleted,
    ConversationItemTruncate,
    ErrorEvent,
    PcmFormat,
    PcmuFormat,
    RealtimeSessionConfig,
    Response,
    ResponseCreate,
    ResponseOptions,
    SessionUpdated,
    TurnDoneEvent,
)
from realtime_transport.exceptions import InvalidArgument, RequestTimeout
from tests.conversation.client_case import SESSION, Case, message

ULAW = AudioConfig(output=AudioOutputConfig(format=PcmuFormat()))


def test_limits_are_the_callers() -> None:
    case = Case(limits=Limits(request_timeout=2.0))
    event_id = case.do("clear_audio")
    case.wait(2.0)
    assert case.settled == {event_id: "timeout"}


def test_limits_of_responses_are_the_callers_too() -> None:
    case = Case(limits=Limits(request_timeout=2.0, response_timeout=3.0))
    event_id = case.do("request_response", None)
    case.wait(2.0)
    assert case.settled == {event_id: "timeout"}
    case.created("resp_1", ours=False)
    case.wait(3.0)
    assert [event.reason for event in case.heard(TurnDoneEvent)] == ["response_timeout"]


@pytest.mark.parametrize(
    ("limits", "kept"),
    [(Limits(), ["item_0", "item_1"]), (Limits(history_items=1), ["item_1"]), (Limits(history_bytes=2000), ["item_1"])],
)
def test_the_history_keeps_as_much_as_the_caller_wants(limits: Limits, kept: list[str]) -> None:
    case = Case(limits=limits)
    for number in range(2):
        case.server(ConversationItemAdded(item=message(f"item_{number}", transcript="words " * 200)))
    assert [item.id for item in case.talk.history] == kept


def test_a_response_speaks_as_the_server_says_else_as_we_asked_else_as_the_session_does() -> None:
    session = RealtimeSessionConfig(audio=AudioConfig(output=AudioOutputConfig(format=PcmFormat(rate=16000))))
    core = Case(session=session).talk._core
    asked = ResponseCreate(event_id="a", response=ResponseOptions(audio=ULAW))
    assert core.describe(Turn(event=asked), Response(audio=AudioConfig(output=AudioOutputConfig()))) == PCMU
    assert core.describe(Turn(), Response(audio=ULAW)) == PCMU
    assert core.describe(Turn(), Response()) == PCM16_16K
    assert core.format_of(Turn()) == PCM16_16K
    assert core.format_of(Turn(format=PCMU)) == PCMU


def test_a_response_writes_if_it_is_said_to() -> None:
    core = Case(session=RealtimeSessionConfig(output_modalities=("text",))).talk._core
    turns = {
        "by the session": (Turn(), Response()),
        "by the request": (
            Turn(event=ResponseCreate(event_id="a", response=ResponseOptions(output_modalities=("audio",)))),
            Response(),
        ),
        "by the server": (Turn(), Response(output_modalities=("text", "audio"))),
    }
    for turn, response in turns.values():
        core.describe(turn, response)
    assert {why: turn.writes for why, (turn, _) in turns.items()} == {
        "by the session": True,
        "by the request": False,
        "by the server": False,
    }


def test_a_session_that_does_not_say_speaks() -> None:
    core = Case(session=RealtimeSessionConfig()).talk._core
    turn = Turn()
    core.describe(turn, Response())
    assert not turn.writes


def test_fm50_a_delta_is_stale_when_its_response_or_its_item_is_over() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    core = case.talk._core
    assert core.running("resp_1", "item_a", case.now) is not None
    case.server(ConversationItemDeleted(item_id="item_a"))
    assert core.running("resp_1", "item_a", case.now) is None
    case.do("interrupt")
    assert core.running("resp_1", "item_b", case.now) is None
    case.done("resp_1")
    assert core.running("resp_1", "item_b", case.now) is None
    assert case.talk.counts.stale == 3


def test_items_of_responses_outside_are_known_as_such() -> None:
    case = Case()
    case.do("request_response", ResponseOptions(conversation="none"))
    case.created("resp_1", conversation_id=None)
    core = case.talk._core
    core.running("resp_1", "item_o", case.now)
    assert "item_o" in core.outside


def test_what_is_given_up_is_settled_as_its_kind_deserves() -> None:
    case = Case(capabilities=Capabilities(acknowledges_session_update=False, acknowledges_items=False))
    update = case.do("update_session", {"instructions": "Be long."})
    case.wait(1.0)
    assert case.settled == {update: "acknowledged"}
    (warning,) = case.heard(ErrorEvent)
    assert isinstance(warning.error, RequestTimeout)
    assert (warning.event_id, warning.error.event_id, warning.error.reason) == (update, update, "unacknowledged")
    why = "this server does not acknowledge session updates; the update is taken for accepted"
    assert str(warning.error) == why
    case = Case()
    update, clear = case.do("update_session", {"instructions": "Be long."}), case.do("clear_audio")
    case.wait(10.0)
    assert case.settled == {update: "timeout", clear: "timeout"}
    assert case.talk.desired_session == case.talk.session
    assert case.heard(ErrorEvent) == []


def test_an_update_that_was_taken_for_accepted_is_void_when_somebody_else_changes_the_same() -> None:
    case = Case(capabilities=Capabilities(acknowledges_session_update=False))
    case.do("update_session", {"instructions": "Be long."})
    case.wait(1.0)
    theirs = attrs.evolve(SESSION, instructions="Somebody else's.")
    case.server(SessionUpdated(session=theirs))
    assert case.talk.desired_session == theirs


def test_what_truncations_left_is_remembered_within_a_bound() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    core = case.talk._core
    for number in range(MAX_ONCE + 5):
        event = ConversationItemTruncate(event_id=f"t{number}", item_id=f"item_{number}", audio_end_ms=1)
        core.truncate(event, case.now)
    assert len(core.kept_ms) == MAX_ONCE


def test_what_is_left_of_a_part_is_what_came_less_what_was_cut_off() -> None:
    case = Case()
    case.turn(1.0, ours=False)
    core = case.talk._core
    assert core.left_ms("item_a", 0) == 1000
    assert core.left_ms("item_x", 0) == 0
    core.truncate(ConversationItemTruncate(event_id="t", item_id="item_a", audio_end_ms=400), case.now)
    assert core.left_ms("item_a", 0) == 400


def test_a_response_that_never_ends_is_ended_for_the_listener_and_the_ledger() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.speak(1.0)
    case.talk.connection_lost(case.now)
    case.drain()
    assert [event.reason for event in case.heard(TurnDoneEvent)] == ["connection_lost"]
    case.wait(1.0)
    assert len(case.heard(AudioHeardEvent)) == 1


def test_what_never_left_is_taken_back() -> None:
    case = Case()
    update = case.do("update_session", {"instructions": "Be long."})
    error = InvalidArgument("not JSON")
    case.talk._core.take_back(update, error, case.now)
    case.drain()
    assert case.settled == {update: "dropped"}
    assert case.talk.desired_session == case.talk.session


def test_a_response_that_was_never_asked_for_is_taken_back_with_the_reason() -> None:
    case = Case()
    event_id = case.do("request_response", None)
    error = InvalidArgument("not JSON")
    case.talk.undeliverable(case.frames[0], error, case.now)
    case.drain()
    assert case.settlements == [Settlement(event_id=event_id, outcome="dropped", error=error, reported=True)]
