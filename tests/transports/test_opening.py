"""What the opening of a connection leaves for those who listen late. How it goes is told in ``test_lifecycle``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.dialects import DIALECTS, OPENAI, Dialect
from realtime_transport.early import EarlyEvents, Folded
from realtime_transport.events import SERVER_EVENTS, ErrorEvent, InputAudioBufferCleared, RawEvent
from realtime_transport.exceptions import RealtimeError
from realtime_transport.transports.opening import fold
from realtime_transport.wire import Codec, to_dict
from tests.transports.bare import SESSION, Bare, idle
from tests.wire.instances import EXTRA, instances

pytestmark = pytest.mark.virtual_time

SAID = st.sampled_from(sorted(SERVER_EVENTS.values(), key=lambda cls: cls.type)).flatmap(instances).map(to_dict)


def read(frame: dict[str, Any], dialect: Dialect = OPENAI) -> RawEvent:
    event = Codec(dialect).decode(json.dumps(frame)).event
    assert event is not None
    return RawEvent(event=event)


def unfolded(event: Any) -> Any:
    return event.unfold(event.rest) if isinstance(event, Folded) else event


async def test_who_comes_late_hears_the_frames_as_they_were() -> None:
    transport = Bare()
    heard: list[RawEvent] = []
    await transport.connect()
    transport.on("*", heard.append)
    await idle()
    assert [event.event.raw for event in heard] == [{"type": "session.created", "session": SESSION}]
    await transport.close()


def test_what_the_frame_says_again_waits_without_it() -> None:
    event = read({"type": "session.created", "event_id": "e", "session": SESSION})
    waits = fold(event)
    assert isinstance(waits, Folded)
    assert waits.rest.raw is None
    assert unfolded(waits) == event
    assert unfolded(waits).event.raw == event.event.raw


@pytest.mark.parametrize(
    "event",
    [
        ErrorEvent(error=RealtimeError("no")),
        RawEvent(event=InputAudioBufferCleared()),
        read({"type": "vendor.news"}),
        read({"type": "session.created", "session": {**SESSION, "temperature": "hot", "voice": 7}}),
        read({"type": "response.audio.delta", "delta": "AAAA"}, DIALECTS["beta"]),
    ],
)
def test_what_cannot_be_spelt_again_waits_as_it_is(event: Any) -> None:
    assert fold(event) is event


@settings(deadline=None)  # the first example takes long to make
@given(frame=SAID, extra=EXTRA)
def test_whatever_is_folded_comes_back_whole(frame: dict[str, Any], extra: dict[str, Any]) -> None:
    event = read({**extra, **frame})
    again = unfolded(fold(event))
    assert again == event
    assert again.event.raw == event.event.raw


def test_a_frame_that_nests_too_deeply_to_be_spelt_waits_as_it_is() -> None:
    as_it_is = 0
    for levels in range(500, 1000):  # how many can be read depends on how deep the test itself is called
        frame = '{"type": "session.created", "session": {"vendor": %s}}' % ("[" * levels + "]" * levels)
        said = Codec().decode(frame).event
        if said is None:
            break
        event = RawEvent(event=said)
        as_it_is += fold(event) is event
    assert as_it_is


async def test_a_stream_hears_what_was_folded() -> None:
    early = EarlyEvents(5)
    early.keep("*", "event")
    early.fold(lambda event: Folded(len(event), str))
    assert early.all() == [("*", "5")]
    assert early.take(lambda name: True) == ("*", "5")
