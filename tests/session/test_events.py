import attrs

from realtime_transport.exceptions import ConnectionLost, InvalidArgument
from realtime_transport.session import events
from realtime_transport.session.events import SESSION_EVENTS, SessionErrorEvent, SessionEvent


def test_every_event_is_in_the_table_under_its_name() -> None:
    classes = {
        value
        for value in vars(events).values()
        if isinstance(value, type) and issubclass(value, SessionEvent) and value is not SessionEvent
    }
    assert set(SESSION_EVENTS.values()) == classes
    assert all(name == cls.name for name, cls in SESSION_EVENTS.items())


def test_every_payload_is_frozen_and_says_what_it_is() -> None:
    for cls in SESSION_EVENTS.values():
        assert cls.__doc__
        names = [field.name for field in attrs.fields(cls)]
        assert names[:2] == ["context", "agent"]
        assert cls.__setattr__ is not object.__setattr__


def test_an_error_says_whether_to_try_again() -> None:
    facts = {"context": None, "agent": None}
    assert SessionErrorEvent(error=ConnectionLost("gone"), **facts).retryable  # type: ignore[arg-type]
    assert not SessionErrorEvent(error=InvalidArgument("no"), **facts).retryable  # type: ignore[arg-type]
