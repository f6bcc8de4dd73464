"""The hot path does what the general way does, only sooner."""

from __future__ import annotations

import base64
import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.events import UNSET, InputAudioBufferAppend, ResponseOutputAudioDelta
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.wire import Codec, fast, from_dict, to_dict
from tests.wire.instances import EXTRA, TEXT, instances

DELTA = {
    "type": "response.output_audio.delta",
    "event_id": "event_1",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "AAEC",
}
APPEND = {"type": "input_audio_buffer.append", "event_id": "event_1", "audio": "AAEC"}
ODD = st.sampled_from(["AAEC", "AAE", "AA!!", "", None, True, 0, 1, -1, 1.0, 2**31, 2**70, [], {}, "\ud800"])


def altered(frame: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make frames that differ from ``frame`` in some fields, lack some, or have some too many."""
    names = st.sampled_from(sorted(frame.keys() - {"type"}))  # which has led here
    changes = st.dictionaries(names, ODD, max_size=3)
    gone = st.sets(names, max_size=2)
    return st.builds(
        lambda change, lacks, extra: {k: v for k, v in {**frame, **change, **extra}.items() if k not in lacks},
        changes, gone, EXTRA,
    )  # fmt: skip


def generally(frame: dict[str, Any], cls: type[Any]) -> Any:
    try:
        return from_dict(frame, cls)
    except InvalidArgument:
        return None


@pytest.mark.parametrize(
    ("frame", "cls", "read"),
    [(DELTA, ResponseOutputAudioDelta, fast.read_audio_delta), (APPEND, InputAudioBufferAppend, fast.read_append)],
)
@given(data=st.data())
def test_what_is_read_fast_is_what_is_read_generally(frame: Any, cls: Any, read: Any, data: st.DataObject) -> None:
    tried = data.draw(altered(frame) | instances(cls).map(to_dict))
    event = read(tried)
    if event is not None:
        assert event == generally(tried, cls)
        assert event.raw is tried
        assert [type(each) for each in attrs.astuple(event)] == [type(e) for e in attrs.astuple(generally(tried, cls))]


@pytest.mark.parametrize(
    ("cls", "writer"),
    [
        (ResponseOutputAudioDelta, fast.audio_delta_writer),
        (InputAudioBufferAppend, fast.append_writer),
    ],
)
@given(data=st.data(), name=TEXT)
def test_what_is_written_fast_is_what_is_written_generally(
    cls: Any, writer: Any, data: st.DataObject, name: str
) -> None:
    event = data.draw(instances(cls))
    frame = writer(name)(event)
    if frame is not None:
        assert json.loads(frame) == {**to_dict(event), "type": name}


def test_the_usual_frames_are_read_fast() -> None:
    delta = fast.read_audio_delta(DELTA)
    assert delta == ResponseOutputAudioDelta(
        event_id="event_1", response_id="resp_1", item_id="item_1", delta=b"\x00\x01\x02"
    )
    for frame in (APPEND, {key: APPEND[key] for key in ("type", "audio")}):
        append = fast.read_append(frame)
        assert append == InputAudioBufferAppend(event_id=frame.get("event_id", UNSET), audio=b"\x00\x01\x02")


@pytest.mark.parametrize("event_id", [UNSET, "event_1", 'é"\n'])
def test_the_usual_append_is_written_fast(event_id: Any) -> None:
    audio = bytes(range(256))
    frame = fast.append_writer("append")(InputAudioBufferAppend(event_id=event_id, audio=audio))
    assert frame is not None
    wanted = {"type": "append", "audio": base64.b64encode(audio).decode()}
    assert json.loads(frame) == (wanted if event_id is UNSET else {**wanted, "event_id": event_id})


@pytest.mark.parametrize("event_id", ["event_1", 'é"\n'])
def test_audio_alone_is_written_like_its_event(event_id: str) -> None:
    event = InputAudioBufferAppend(event_id=event_id, audio=b"\x00\x01\x02")
    assert fast.audio_writer("append")(event_id, event.audio) == fast.append_writer("append")(event)


def test_audio_under_an_id_that_cannot_be_spelt_is_not_written() -> None:
    assert fast.audio_writer("append")("\ud800", b"") is None


def test_the_usual_delta_is_written_fast() -> None:
    event = ResponseOutputAudioDelta(event_id="e", response_id="r", item_id="i", delta=b"\x00\x01\x02")
    frame = fast.audio_delta_writer("response.audio.delta")(event)
    assert frame is not None
    assert json.loads(frame)["delta"] == "AAEC"


def wrong(value: object) -> Any:
    return value


@pytest.mark.parametrize(
    "event",
    [
        InputAudioBufferAppend(audio=wrong("AAEC")),
        InputAudioBufferAppend(audio=b"", extra={"x": 1}),
        InputAudioBufferAppend(audio=b"", event_id=None),
        InputAudioBufferAppend(audio=b"", event_id="\ud800"),
    ],
)
def test_an_unusual_append_is_left_to_the_general_way(event: InputAudioBufferAppend) -> None:
    assert fast.append_writer("x")(event) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"delta": "AAEC"},
        {"extra": {"x": 1}},
        {"event_id": None},
        {"item_id": "\ud800"},
        {"output_index": 2**40},
        {"content_index": -1},
    ],
)
def test_an_unusual_delta_is_left_to_the_general_way(changes: dict[str, Any]) -> None:
    event = ResponseOutputAudioDelta(event_id="e", response_id="r", item_id="i", delta=b"")
    assert fast.audio_delta_writer("x")(attrs.evolve(event, **changes)) is None


@pytest.mark.parametrize(
    "changes",
    [{"item_id": 5}, {"delta": "A"}, {"delta": 5}, {"content_index": 2**40}, {"extra": 1}, {"event_id": None}],
)
def test_an_unusual_frame_is_left_to_the_general_way(changes: dict[str, Any]) -> None:
    assert fast.read_audio_delta({**DELTA, **changes}) is None


def test_a_frame_with_a_stranger_in_place_of_a_field_is_left_to_the_general_way() -> None:
    strange = {**DELTA, "stranger": 1}
    del strange["item_id"]
    assert fast.read_audio_delta(strange) is None


@pytest.mark.parametrize(
    "frame", [{}, {**APPEND, "audio": "A"}, {**APPEND, "audio": 5}, {**APPEND, "x": 1}, {**APPEND, "event_id": None}]
)
def test_an_unusual_append_frame_is_left_to_the_general_way(frame: dict[str, Any]) -> None:
    assert fast.read_append(frame) is None


# --- speech straight from the bytes ------------------------------------------------------------------------------

SPELL = st.sampled_from([(",", ":"), (", ", ": "), (",", ": ")])


def compact(frame: object) -> bytes:
    return json.dumps(frame, separators=(",", ":")).encode()


@given(data=st.data())
def test_speech_read_from_bytes_is_the_event_that_is_read_generally(data: st.DataObject) -> None:
    """Frames of odd fields, in any order and spelling, and with bytes changed: read the same or not at all."""
    frame = data.draw(altered(DELTA) | instances(ResponseOutputAudioDelta).map(to_dict))
    fields = list(frame.items())
    if data.draw(st.integers(0, 3)) == 0:
        fields = data.draw(st.permutations(fields))
    if data.draw(st.booleans()):
        fields.append(data.draw(st.sampled_from(fields)))
    comma, colon = data.draw(SPELL) if data.draw(st.integers(0, 3)) == 0 else (",", ":")
    wire = "{" + comma.join(f"{json.dumps(key)}{colon}{json.dumps(each)}" for key, each in fields) + "}"
    changed = bytearray(wire.encode())
    for _ in range(data.draw(st.integers(0, 2))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.sampled_from(b'",:\\{}\x00\xff 0AE='))
    speech = READ_SPEECH(bytes(changed))
    if speech is not None:
        decoded = Codec().decode(bytes(changed))
        assert decoded.problems == ()
        event = decoded.event
        assert type(event) is ResponseOutputAudioDelta
        fields_of = ("type", "event_id", "response_id", "item_id", "output_index", "content_index", "delta")
        assert [getattr(speech, name) for name in fields_of] == [getattr(event, name) for name in fields_of]


READ_SPEECH = fast.speech_reader(["response.output_audio.delta", "response.audio.delta"])


@pytest.mark.parametrize("name", ["response.output_audio.delta", "response.audio.delta"])
def test_the_usual_speech_is_read_from_its_bytes(name: str) -> None:
    speech = READ_SPEECH(compact({**DELTA, "type": name}))
    assert speech is not None
    assert (speech.response_id, speech.item_id, speech.content_index) == ("resp_1", "item_1", 0)
    assert (speech.event_id, speech.delta) == ("event_1", b"\x00\x01\x02")


@pytest.mark.parametrize(
    "frame",
    [
        compact(DELTA).decode(),  # text, from a medium that has no bytes
        compact(dict(reversed(DELTA.items()))),
        compact({**DELTA, "type": "response.done"}),
        compact({**DELTA, "late": "AAEC"}),
        compact({**DELTA, "delta": "AAE"}),
        compact({**DELTA, "delta": 5}),
        compact({**DELTA, "item_id": None}),
        compact({**DELTA, "output_index": 2**31}),
        compact({**DELTA, "content_index": -1}),
        compact({key: DELTA[key] for key in DELTA if key != "event_id"}),
        compact({**DELTA, "response_id": "r" * 600, "delta": "AAEC"}),
        compact({**DELTA, "delta": ""})[:-3] + b'"x',
        compact(DELTA)[:-2] + b'","more":{"delta":"AAEC"}}',
    ],
)
def test_unusual_speech_is_left_to_the_general_way(frame: Any) -> None:
    assert READ_SPEECH(frame) is None
