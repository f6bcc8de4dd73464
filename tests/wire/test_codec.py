from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_transport.dialects import DIALECTS, OPENAI
from realtime_transport.events import (
    UNSET,
    AssistantMessageItem,
    AudioConfig,
    AudioInputConfig,
    ConversationItemAdded,
    ConversationItemCreate,
    ErrorFrame,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    OutputTextPart,
    RealtimeSessionConfig,
    ResponseCreate,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
    TranslationSessionCreated,
    TranslationSessionUpdate,
    UnknownClientEvent,
    UnknownServerEvent,
)
from realtime_transport.exceptions import AudioDecodeError, DecodeError, InvalidArgument
from realtime_transport.wire import Codec
from tests.corpus import lines

BETA = DIALECTS["beta"]


def decode(frame: Any, **options: Any) -> Any:
    return Codec(**options).decode(frame if isinstance(frame, str | bytes) else json.dumps(frame))


# --- in ----------------------------------------------------------------------------------------------------------


def test_a_frame_that_is_no_object_has_no_event() -> None:
    decoded = decode(b"[1, 2]")
    assert decoded.event is None
    (problem,) = decoded.problems
    assert (problem.path, problem.message) == ("", "expected an object, got an array")
    assert type(problem.error) is DecodeError
    assert problem.error.frame == "<a frame of 6>"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({}, "is required"),
        ({"type": 5}, "expected a text, got a number"),
        ({"type": None}, "expected a text, got null"),
    ],
)
def test_a_frame_without_a_type_is_unknown_and_says_so(frame: dict[str, Any], message: str) -> None:
    decoded = decode({**frame, "event_id": "e"})
    assert decoded.event == UnknownServerEvent(type="", event_id="e", raw={**frame, "event_id": "e"})
    assert [(problem.path, problem.message) for problem in decoded.problems] == [("type", message)]


@pytest.mark.parametrize(("event_id", "kept"), [("e", "e"), (None, None), (5, UNSET)])
def test_an_unknown_type_is_no_problem(event_id: Any, kept: Any) -> None:
    frame = {"type": "ping", "event_id": event_id, "payload": [1]}
    decoded = decode(frame)
    assert decoded.event == UnknownServerEvent(type="ping", event_id=kept, raw=frame)
    assert decoded.problems == ()


def test_a_client_event_is_unknown_to_a_client() -> None:
    assert decode({"type": "response.create"}).event == UnknownServerEvent(
        type="response.create", raw={"type": "response.create"}
    )
    assert decode({"type": "response.create"}, role="server").event == ResponseCreate()


def test_a_broken_field_costs_itself_alone() -> None:
    frame = {"type": "session.created", "session": {"type": "realtime", "model": 5, "instructions": "x"}, "new": 1}
    decoded = decode(frame)
    assert decoded.event == SessionCreated(session=RealtimeSessionConfig(instructions="x"), extra={"new": 1})
    assert decoded.event.raw == frame
    assert [problem.path for problem in decoded.problems] == ["session.model"]


def test_a_broken_field_that_is_needed_makes_the_event_unknown() -> None:
    frame = {"type": "response.output_text.delta", "event_id": "e", "item_id": None, "delta": "x"}
    decoded = decode(frame)
    assert decoded.event == UnknownServerEvent(type="response.output_text.delta", event_id="e", raw=frame)
    assert [problem.path for problem in decoded.problems] == ["item_id"]


def test_bad_audio_is_told_from_other_flaws() -> None:
    decoded = decode({"type": "response.output_audio.delta", "item_id": "i", "delta": "AA!!AA==@"})
    assert type(decoded.event) is UnknownServerEvent
    assert decoded.event.raw["delta"] == "AA!!AA==@"
    (problem,) = decoded.problems
    assert type(problem.error) is AudioDecodeError
    assert "AA!!" not in problem.error.frame


def test_an_error_with_its_code_in_type_is_understood() -> None:
    decoded = decode({"type": "error", "error": {"type": "invalid_json", "message": "m"}})
    assert isinstance(decoded.event, ErrorFrame)
    assert decoded.event.error.cause == "invalid_json"


def test_the_general_way_takes_over_where_the_fast_one_gives_up() -> None:
    decoded = decode({"type": "response.output_audio.delta", "item_id": "i", "delta": "AAEC"})
    assert decoded.event == ResponseOutputAudioDelta(item_id="i", delta=b"\x00\x01\x02")


# --- out ---------------------------------------------------------------------------------------------------------


def test_events_are_written_as_compact_utf8() -> None:
    frame = Codec().encode(SessionUpdate(session=RealtimeSessionConfig(instructions="é", prompt=None)))
    assert frame == '{"type":"session.update","session":{"type":"realtime","instructions":"é","prompt":null}}'.encode()


@pytest.mark.parametrize(
    ("codec", "event"),
    [
        (Codec(), ResponseOutputTextDelta(item_id="i", delta="x")),
        (Codec(), UnknownServerEvent(type="x")),
        (Codec(), TranslationSessionUpdate(session=TranslationSessionConfig())),
        (Codec(role="server"), InputAudioBufferCommit()),
        (Codec(family="translation"), SessionUpdate(session=RealtimeSessionConfig())),
        (Codec(family="translation"), InputAudioBufferAppend(audio=b"")),
    ],
)
def test_each_side_says_its_own_events_only(codec: Any, event: Any) -> None:
    with pytest.raises(InvalidArgument, match="not something this side says"):
        codec.encode(event)


def test_a_flaw_is_raised_with_its_path() -> None:
    wrong: Any = 5
    event = SessionUpdate(session=RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(format=wrong))))
    with pytest.raises(InvalidArgument) as caught:
        Codec().encode(event)
    assert caught.value.path == "session.audio.input.format"


def test_the_fast_way_leaves_flaws_to_the_general_one() -> None:
    with pytest.raises(InvalidArgument) as caught:
        Codec().encode(InputAudioBufferAppend(audio=b"", event_id="\ud800"))
    assert caught.value.path == "event_id"


def test_an_unknown_event_is_sent_as_it_is() -> None:
    event = UnknownClientEvent(type="vendor.wave", event_id="e", raw={"hand": "left"})
    assert json.loads(Codec(BETA).encode(event)) == {"type": "vendor.wave", "event_id": "e", "hand": "left"}


# --- a caller's own dicts ----------------------------------------------------------------------------------------


def test_a_dict_becomes_the_event_it_spells() -> None:
    event = Codec().event({"type": "input_audio_buffer.append", "audio": "AAEC"})
    assert event == InputAudioBufferAppend(audio=b"\x00\x01\x02")
    assert event.raw is None


@pytest.mark.parametrize("event_id", [UNSET, "e"])
def test_a_dict_of_an_unknown_type_becomes_an_unknown_event(event_id: Any) -> None:
    frame = {"type": "vendor.wave", "hand": "left"} | ({} if event_id is UNSET else {"event_id": event_id})
    event = Codec().event(frame)
    assert event == UnknownClientEvent(type="vendor.wave", event_id=event_id, raw=frame)
    assert json.loads(Codec().encode(event)) == frame


@pytest.mark.parametrize(
    ("frame", "path"),
    [
        ({}, "type"),
        ({"type": 5}, "type"),
        ({"type": "response.cancel", "response_id": 5}, "response_id"),
        ({"type": "conversation.item.delete"}, "item_id"),
        ({"type": "vendor.wave", "event_id": 5}, "event_id"),
        ({"type": "vendor.wave", "x": [float("nan")]}, "x[0]"),
    ],
)
def test_a_flawed_dict_is_an_error_of_the_caller(frame: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Codec().event(frame)
    assert caught.value.path == path


# --- families ----------------------------------------------------------------------------------------------------


def test_the_family_decides_what_a_session_is() -> None:
    frame = {"type": "session.created", "session": {"id": "s", "type": "translation"}}
    event = decode(frame, family="translation").event
    assert event == TranslationSessionCreated(session=TranslationSessionConfig(id="s", type="translation"))
    assert type(decode(frame).event) is SessionCreated


# --- dialects ----------------------------------------------------------------------------------------------------


def test_hot_events_are_renamed_too() -> None:
    delta = ResponseOutputAudioDelta(event_id="e", response_id="r", item_id="i", delta=b"\x00")
    frame = Codec(BETA, role="server").encode(delta)
    assert json.loads(frame)["type"] == "response.audio.delta"
    assert decode(frame, dialect=BETA).event == delta
    assert decode(frame, dialect=OPENAI).event == delta


def test_raw_is_what_came_and_not_what_was_made_of_it() -> None:
    frame = {"type": "session.created", "session": {"voice": "alloy", "modalities": ["text", "audio"]}}
    decoded = decode(frame, dialect=BETA)
    assert decoded.event.session.audio.output.voice == "alloy"
    assert decoded.event.raw == frame


def test_sessions_and_parts_are_respelt_on_the_way_out() -> None:
    codec = Codec(BETA)
    update = SessionUpdate(session=RealtimeSessionConfig(output_modalities=("text",)))
    assert json.loads(codec.encode(update)) == {"type": "session.update", "session": {"modalities": ["text"]}}
    create = ConversationItemCreate(item=AssistantMessageItem(content=(OutputTextPart(text="x"),)))
    assert json.loads(codec.encode(create))["item"]["content"] == [{"type": "text", "text": "x"}]


def test_a_transcription_session_has_names_of_its_own_in_beta() -> None:
    event = SessionUpdated(session=TranscriptionSessionConfig(id="s"))
    frame = Codec(BETA, role="server").encode(event)
    assert json.loads(frame)["type"] == "transcription_session.updated"
    assert decode(frame, dialect=BETA).event == event


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_no_dialect_stumbles_over_the_corpus(dialect: Any) -> None:
    for line in lines(besides=("translation", "odd")):
        role: Any = "server" if line.sender == "client" else "client"
        decoded: Any = Codec(dialect, role=role).decode(json.dumps(line.frame))
        assert decoded.event is not None
        assert decoded.event.raw == line.frame
        if line.sender == "server" and line.file != "beta":
            assert decoded.problems == ()


def test_one_codec_may_serve_many_connections() -> None:
    codec = Codec()
    frame = json.dumps({"type": "response.done", "response": {"id": "r"}})
    assert codec.decode(frame) == codec.decode(frame)
    assert isinstance(codec.decode(frame).event, ResponseDone | ConversationItemAdded)
