from realtime_transport.conversation.normalize import NORMALIZE
from realtime_transport.events import UnknownServerEvent
from realtime_transport.events.registry import SERVER_EVENTS
from tests.conversation.client_case import Case


def test_every_server_event_has_a_row() -> None:
    assert set(NORMALIZE) == {*SERVER_EVENTS.values(), UnknownServerEvent}


def test_an_unknown_event_is_counted() -> None:
    case = Case()
    case.server(UnknownServerEvent(type="vendor.thing", raw={}))
    assert case.talk.counts.unknown == 1
    assert case.events == []
