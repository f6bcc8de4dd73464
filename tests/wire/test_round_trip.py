from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime_transport import events
from realtime_transport.dialects import DIALECTS, OPENAI
from realtime_transport.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    TRANSLATION_CLIENT_EVENTS,
    TRANSLATION_SERVER_EVENTS,
    ContentPart,
    OutputAudioPart,
    OutputTextPart,
    ResponseContentPartAdded,
    UnknownClientEvent,
    UnknownServerEvent,
)
from realtime_transport.wire import Codec, from_dict, item_from_dict, to_dict
from tests.corpus import Line, lines
from tests.wire.instances import instances, values

FAMILIES: list[tuple[Any, Any, type[Any]]] = [
    *[("realtime", "client", cls) for cls in (*CLIENT_EVENTS.values(), UnknownClientEvent)],
    *[("realtime", "server", cls) for cls in (*SERVER_EVENTS.values(), UnknownServerEvent)],
    *[("translation", "client", cls) for cls in TRANSLATION_CLIENT_EVENTS.values()],
    *[("translation", "server", cls) for cls in TRANSLATION_SERVER_EVENTS.values()],
]
READ_AS = {"conversation.item.created": "conversation.item.added"}
"""Beta's word for an item is read as GA's, so this one class comes back as another."""

OBJECTS = [cls for cls in vars(events).values() if isinstance(cls, type) and issubclass(cls, events.ProtocolObject)]
OTHER = {"client": "server", "server": "client"}
quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize(("family", "role", "cls"), FAMILIES, ids=lambda value: getattr(value, "__name__", value))
@quick
@given(data=st.data())
def test_every_event_survives_the_wire(family: Any, role: Any, cls: type[Any], data: st.DataObject) -> None:
    event = data.draw(instances(cls))
    frame = Codec(OPENAI, role=role, family=family).encode(event)
    decoded = Codec(OPENAI, role=OTHER[role], family=family).decode(frame)
    assert decoded.problems == ()
    if event.type in READ_AS:
        assert decoded.event.type == READ_AS[event.type]
        decoded_event = from_dict(json.loads(frame), cls)
    else:
        decoded_event = decoded.event
    assert decoded_event == event
    assert decoded.event.raw == json.loads(frame)


@pytest.mark.parametrize("cls", OBJECTS, ids=lambda cls: cls.__name__)
@quick
@given(data=st.data())
def test_every_object_survives_storage(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    assert from_dict(json.loads(json.dumps(to_dict(value))), cls) == value


@quick
@given(values(events.Item))
def test_items_are_told_apart(item: Any) -> None:
    assert item_from_dict(to_dict(item)) == item


@pytest.mark.parametrize("part", [OutputTextPart(type="text", text="a"), OutputAudioPart(type="audio", transcript="a")])
def test_parts_of_a_response_keep_their_short_names(part: ContentPart) -> None:
    event = ResponseContentPartAdded(item_id="i", part=part)
    assert Codec().decode(Codec(role="server").encode(event)).event == event


# --- the corpus --------------------------------------------------------------------------------------------------


def round_trip(line: Line, **options: Any) -> None:
    reader: Any = Codec(**options, role=OTHER[line.sender])  # type: ignore[call-overload]
    writer: Any = Codec(**options, role=line.sender)
    decoded = reader.decode(json.dumps(line.frame))
    assert decoded.problems == ()
    assert not isinstance(decoded.event, UnknownClientEvent | UnknownServerEvent)
    assert decoded.event.raw == line.frame
    assert json.loads(writer.encode(decoded.event)) == line.frame


@pytest.mark.parametrize("line", lines(besides=("beta", "odd", "translation")), ids=str)
def test_captured_frames_come_back_the_same(line: Line) -> None:
    round_trip(line)


@pytest.mark.parametrize("line", lines("translation"), ids=str)
def test_translation_frames_come_back_the_same(line: Line) -> None:
    round_trip(line, family="translation")


@pytest.mark.parametrize("line", lines("beta"), ids=str)
def test_beta_frames_mean_the_same_when_they_come_back(line: Line) -> None:
    reader: Any = Codec(DIALECTS["beta"], role=OTHER[line.sender])  # type: ignore[call-overload]
    writer: Any = Codec(DIALECTS["beta"], role=line.sender)
    decoded = reader.decode(json.dumps(line.frame))
    assert decoded.problems == ()
    assert not isinstance(decoded.event, UnknownClientEvent | UnknownServerEvent)
    assert decoded.event.raw == line.frame
    again = writer.encode(decoded.event)
    assert json.loads(again)["type"] == line.frame["type"]
    assert reader.decode(again).event == decoded.event


@pytest.mark.parametrize("line", [line for line in lines("beta") if line.sender == "server"], ids=str)
def test_beta_frames_are_understood_whatever_is_configured(line: Line) -> None:
    decoded = Codec(OPENAI).decode(json.dumps(line.frame))
    assert decoded.problems == ()
    assert not isinstance(decoded.event, UnknownServerEvent)


def test_the_corpus_holds_every_event() -> None:
    seen = {(line.file == "translation", line.sender, line.frame["type"]) for line in lines(besides=("beta", "odd"))}
    wanted = {(False, "client", name) for name in CLIENT_EVENTS} | {(False, "server", name) for name in SERVER_EVENTS}
    wanted |= {(True, "client", name) for name in TRANSLATION_CLIENT_EVENTS}
    wanted |= {(True, "server", name) for name in TRANSLATION_SERVER_EVENTS}
    assert wanted - seen == {(False, "server", "conversation.item.created")}  # beta's, and in that file
