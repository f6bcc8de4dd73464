from realtime_transport.conversation.normalize import NORMALIZE
from realtime_transport.events import UnknownServerEvent
from realtime_transport.events.registry import SERVER_EVENTS
from tests.conversation.client_case import Case


def test_every_server_event_has_a_row() -> None:
    assert set(NORMALIZE) == {*SERVER_EVENTS.values(), UnknownServerEvent}


def test_unknown_events_are_counted() -> None:
    case = Case()
    case.server(UnknownServerEvent(type="vendor.thing", raw={}), UnknownServerEvent(type="vendor.other", raw={}))
    assert case.talk.counts.unknown == 2
    assert case.events == []
