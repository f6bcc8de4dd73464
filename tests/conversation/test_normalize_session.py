import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import Connection
from realtime_transport.events import (
    AudioInterruptedEvent,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RateLimit,
    RateLimitsEvent,
    RateLimitsUpdated,
    SessionCreated,
    SessionCreatedEvent,
    SessionUpdate,
    SessionUpdated,
    SessionUpdatedEvent,
)
from tests.conversation.client_case import SESSION, Case


def test_the_first_word_of_a_server_opens_the_session() -> None:
    case = Case(connect=False)
    case.talk.opened(case.now)
    case.server(SessionCreated(session=SESSION))
    assert case.events == [SessionCreatedEvent(session=SESSION)]
    assert case.talk.session is SESSION
    assert case.talk.connection is Connection.OPEN


def test_a_sideband_socket_starts_with_updated() -> None:
    case = Case(connect=False)
    case.talk.opened(case.now)
    case.server(SessionUpdated(session=SESSION))
    assert case.events == [SessionUpdatedEvent(session=SESSION)]
    assert case.talk.connection is Connection.OPEN


def test_fm55_rate_limits_are_passed_on() -> None:
    case = Case()
    limits = (RateLimit(name="tokens", limit=100, remaining=1, reset_seconds=2.0),)
    case.server(RateLimitsUpdated(rate_limits=limits))
    assert case.events == [RateLimitsEvent(rate_limits=limits)]


def test_a_clear_of_what_the_server_plays_settles_with_cleared() -> None:
    case = Case(capabilities=Capabilities(server_plays_audio=True))
    event_id = case.do("clear_output")
    case.server(OutputAudioBufferCleared())
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result == OutputAudioBufferCleared()
    assert case.heard(AudioInterruptedEvent) == []


def test_a_clear_that_the_server_made_is_the_callers() -> None:
    case = Case(capabilities=Capabilities(server_plays_audio=True))
    case.server(OutputAudioBufferStarted(), OutputAudioBufferCleared(), OutputAudioBufferCleared())
    assert case.events == [AudioInterruptedEvent(cuts=(), by="caller")]


def test_sound_that_ended_by_itself_was_not_interrupted() -> None:
    case = Case(capabilities=Capabilities(server_plays_audio=True))
    case.server(OutputAudioBufferStarted(), OutputAudioBufferStopped(), OutputAudioBufferCleared())
    assert case.events == []


def test_the_word_of_the_server_answers_the_oldest_update() -> None:
    case = Case()
    event_id = case.do("update_session", {"instructions": "mine"})
    mine = attrs.evolve(SESSION, instructions="mine")
    case.server(SessionUpdated(session=mine))
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result == SessionUpdated(session=mine)
    refused = case.do("update_session", {"instructions": "later"})
    case.refuse("invalid_value", refused)
    again = case.do("update_session", {"instructions": "later"})
    assert [frame.event_id for frame in case.sent(SessionUpdate)] == [event_id, refused, again]
