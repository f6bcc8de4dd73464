from realtime_transport.conversation.outbox import Outbox
from realtime_transport.events import ErrorEvent
from realtime_transport.exceptions import RequestTimeout


def test_an_error_is_told_in_its_place() -> None:
    outbox = Outbox()
    error = RequestTimeout("late")
    outbox.report(error, "event_1")
    outbox.report(error)
    assert outbox.events == [ErrorEvent(error=error, event_id="event_1"), ErrorEvent(error=error)]
    assert outbox.frames == []
