"""A table of listeners for one owner: in order, ahead of the listeners, in isolation, and early events too."""

from __future__ import annotations

import asyncio
import logging
from operator import attrgetter
from typing import Any

import pytest

from realtime_transport.emitter import Emitter
from realtime_transport.events.transport import TRANSPORT_EVENTS, ErrorEvent, SpeechStartedEvent, SpeechStoppedEvent
from realtime_transport.exceptions import ConnectionLost, InvalidArgument, ListenerError
from realtime_transport.relay import Routes

pytestmark = pytest.mark.virtual_time

STARTED = SpeechStartedEvent(item_id="i", audio_start_ms=0)
STOPPED = SpeechStoppedEvent(item_id="i", audio_end_ms=0)


class Room:
    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.name = name

    def hear(self, event: Any) -> None:
        self.house.heard.append((self.name, event.name))

    def trip(self, event: Any) -> None:
        self.hear(event)
        raise ValueError("tripped")


class House:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.attic = Room(self, "attic")
        self.cellar = Room(self, "cellar")


ATTIC, CELLAR = attrgetter("attic"), attrgetter("cellar")
HEARS: Routes = {
    "speech_started": ((CELLAR, Room.hear), (ATTIC, Room.hear)),
    "speech_stopped": ((ATTIC, Room.trip), (CELLAR, Room.hear)),
    "error": ((ATTIC, Room.hear),),
}
TRIPS: Routes = {"speech_stopped": ((ATTIC, Room.trip),), "error": ((ATTIC, Room.trip),)}


def relayed(routes: Routes) -> tuple[Emitter, House]:
    emitter, house = Emitter(TRANSPORT_EVENTS), House()
    emitter.relay(routes, house)
    return emitter, house


async def test_each_name_has_its_rooms_in_order_ahead_of_listeners() -> None:
    emitter, house = Emitter(TRANSPORT_EVENTS), House()
    emitter.on("speech_started", lambda event: house.heard.append(("listener", event.name)))
    emitter.relay(HEARS, house)
    emitter.emit("speech_started", STARTED)
    assert [room for room, _ in house.heard] == ["cellar", "attic", "listener"]
    assert emitter.hears("speech_started")
    assert not emitter.hears("audio")


async def test_listeners_come_and_go_and_the_rooms_stay() -> None:
    emitter, house = relayed(HEARS)
    heard: list[object] = []
    emitter.once("speech_started", heard.append)
    emitter.on("audio", heard.append)
    for _ in range(2):
        emitter.emit("speech_started", STARTED)
    emitter.emit("audio", "sound")
    assert heard == [STARTED, "sound"]
    assert len(house.heard) == 4


async def test_two_owners_hear_what_each_asked_for() -> None:
    emitter, one = relayed(HEARS)
    other = House()
    emitter.relay({"speech_started": ((ATTIC, Room.hear),), "audio_done": ((ATTIC, Room.hear),)}, other)
    emitter.emit("speech_started", STARTED)
    emitter.emit("error", ErrorEvent(error=ConnectionLost("gone")))
    assert one.heard == [("cellar", "speech_started"), ("attic", "speech_started"), ("attic", "error")]
    assert other.heard == [("attic", "speech_started")]


async def test_an_error_in_one_room_is_told_once_and_harms_no_other() -> None:
    emitter, house = relayed(HEARS)
    errors: list[ErrorEvent] = []
    emitter.on("error", errors.append)
    emitter.emit("speech_stopped", STOPPED)
    (event,) = errors
    assert isinstance(event.error, ListenerError)
    assert (event.error.event, event.error.listener) == ("speech_stopped", f"{__name__}.Room.trip")
    assert house.heard == [("attic", "speech_stopped"), ("attic", "error"), ("cellar", "speech_stopped")]


async def test_an_error_about_an_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    emitter, house = relayed(TRIPS)
    with caplog.at_level(logging.ERROR):
        emitter.emit("speech_stopped", STOPPED)
    assert house.heard == [("attic", "speech_stopped"), ("attic", "error")]
    assert len(caplog.records) == 1


async def test_what_came_early_is_heard_in_order() -> None:
    emitter, house = Emitter(TRANSPORT_EVENTS), House()
    emitter.expect_listeners()
    emitter.emit("speech_started", STARTED)
    emitter.emit("speech_stopped", STOPPED)
    emitter.relay(dict.fromkeys(("speech_stopped", "speech_started"), ((ATTIC, Room.hear),)), house)
    assert house.heard == []
    await asyncio.sleep(0)
    assert house.heard == [("attic", "speech_started"), ("attic", "speech_stopped")]


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(InvalidArgument, match="speech_started"):
        relayed({"speech_startet": ()})
