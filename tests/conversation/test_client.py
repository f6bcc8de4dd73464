from realtime_transport.events import (
    AudioDoneEvent,
    AudioEvent,
    AudioHeardEvent,
    ResponseCreate,
    TurnDoneEvent,
    TurnStartedEvent,
)
from tests.conversation.client_case import Case


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
