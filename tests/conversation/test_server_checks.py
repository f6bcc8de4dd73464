"""What is refused although its types are right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from realtime_transport.conversation.server_checks import check_event, check_rates
from realtime_transport.events import (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    PcmFormat,
    PcmuFormat,
    TranslationSessionConfig,
    TranslationSessionUpdate,
)
from realtime_transport.events.base import UNSET
from realtime_transport.exceptions import ServerError
from realtime_transport.wire import Codec
from tests.conversation.serving import Served, plain

READER = Codec(role="server")


def refused(frame: dict[str, Any]) -> tuple[Any, Any]:
    """Code and param of the answer to a frame as a client would write it; (None, None) when it is not an error."""
    served = Served()
    decoded = READER.decode(json.dumps(frame))
    if decoded.problems:
        served.conversation.receive_unreadable(decoded.problems[0].error, decoded.event)
        said = served.conversation.frames_to_send()
    else:
        assert decoded.event is not None
        said = served.send(decoded.event)
    errors = [plain(event)["error"] for event in said if event.type == "error"]
    if not errors:
        return None, None
    (error,) = errors
    assert error["type"] == "invalid_request_error"
    assert error["event_id"] == frame.get("event_id")
    return error["code"], error["param"]


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": "mine", "session": {"type": "realtime", **fields}}


def vad(**fields: Any) -> dict[str, Any]:
    return session(audio={"input": {"turn_detection": {"type": "server_vad", **fields}}})


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "event_id": "mine", "item": fields}


def message(role: str, part: dict[str, Any]) -> dict[str, Any]:
    return item(type="message", role=role, content=[part])


def response(**fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "event_id": "mine", "response": fields}


TOOL = {"type": "function", "name": "f", "parameters": {}}

CASES: list[tuple[dict[str, Any], str | None, str | None]] = [
    # frames
    ({"event_id": "mine"}, "invalid_event", None),
    ({"type": "foo.bar", "event_id": "mine"}, "invalid_value", "type"),
    ({"type": "", "event_id": "mine"}, "invalid_event", None),
    ({"type": "response.cancel", "event_id": "mine", "reason": "bored"}, "unknown_parameter", "reason"),
    ({"type": "input_audio_buffer.append", "event_id": "mine"}, "missing_required_parameter", "audio"),
    ({"type": "input_audio_buffer.append", "event_id": "mine", "audio": "@@"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.append", "event_id": "mine", "audio": 7}, "invalid_type", "audio"),
    ({"type": "conversation.item.delete", "event_id": "mine"}, "missing_required_parameter", "item_id"),
    ({"type": "output_audio_buffer.clear", "event_id": "mine"}, "invalid_value", "type"),
    # sessions
    ({"type": "session.update", "event_id": "mine", "session": {}}, "missing_required_parameter", "session.type"),
    (session(temperature=0.8), "unknown_parameter", "session.temperature"),
    (session(id="sess_mine"), "unknown_parameter", "session.id"),
    (session(instructions=7), "invalid_type", "session.instructions"),
    (session(tool_choice={"type": "function", "name": "f"}), None, None),
    (session(truncation={"type": "retention_ratio", "retention_ratio": 0.5}), None, None),
    (session(tools=[TOOL | {"meta": {}}]), "unknown_parameter", "session.tools[0].meta"),
    (
        session(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
        "integer_below_min_value",
        "session.audio.input.format.rate",
    ),
    (session(audio={"output": {"voice": "a voice of next year"}}), None, None),
    (vad(eagerness="low"), "unknown_parameter", "session.audio.input.turn_detection.eagerness"),
    # items
    (item(type="function_call_output", output="x"), "missing_required_parameter", "item.call_id"),
    # responses
    (response(voice="x"), "unknown_parameter", "response.voice"),
    (response(metadata={"k": 7}), "invalid_type", "response.metadata.k"),
]


@pytest.mark.parametrize(("frame", "code", "param"), CASES)
def test_a_client_is_told_what_is_wrong_with_its_frame(
    frame: dict[str, Any], code: str | None, param: str | None
) -> None:
    assert refused(frame) == (code, param)


# --- one object at a time ------------------------------------------------------------------------------------------

Answer = tuple[str | None, str | None, str]
"""Code, param and message."""

Frame = dict[str, Any]


def verdict(frame: Frame) -> Answer | None:
    """What is said of a frame whose types are right; None when it may be tried."""
    event = READER.decode(json.dumps(frame)).event
    assert event is not None
    try:
        check_event(event)
    except ServerError as error:
        return error.code, error.param, error.message
    return None


def audio(side: str, **fields: Any) -> Frame:
    return session(audio={side: fields})


def truncation(**fields: Any) -> Frame:
    return {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 0, **fields}


def update(kind: str, **fields: Any) -> Frame:
    return {"type": "session.update", "session": {"type": kind, **fields}}


VAD = "session.audio.input.turn_detection"

NUMBERS: list[tuple[Callable[[Any], Frame], str, float, float]] = [
    (lambda n: vad(threshold=n), f"{VAD}.threshold", 0, 1),
    (lambda n: vad(prefix_padding_ms=n), f"{VAD}.prefix_padding_ms", 0, 5000),
    (lambda n: vad(silence_duration_ms=n), f"{VAD}.silence_duration_ms", 0, 10000),
    (lambda n: vad(idle_timeout_ms=n), f"{VAD}.idle_timeout_ms", 5000, 30000),
    (lambda n: audio("output", speed=n), "session.audio.output.speed", 0.25, 1.5),
    (
        lambda n: session(truncation={"type": "retention_ratio", "retention_ratio": n}),
        "session.truncation.retention_ratio",
        0,
        1,
    ),
    (lambda n: session(max_output_tokens=n), "session.max_output_tokens", 1, 32000),
    (lambda n: response(max_output_tokens=n), "response.max_output_tokens", 1, 32000),
]


@pytest.mark.parametrize(("build", "param", "low", "high"), NUMBERS, ids=[row[1] for row in NUMBERS])
def test_a_number_is_taken_up_to_its_limits(build: Callable[[Any], Frame], param: str, low: float, high: float) -> None:
    assert verdict(build(low)) is None
    assert verdict(build(high)) is None
    assert verdict(build(low - 1)) == (
        "integer_below_min_value",
        param,
        f"Invalid '{param}': integer below minimum value. Expected a value >= {low}, but got {low - 1} instead.",
    )
    assert verdict(build(high + 1)) == (
        "integer_above_max_value",
        param,
        f"Invalid '{param}': integer above maximum value. Expected a value <= {high}, but got {high + 1} instead.",
    )


@pytest.mark.parametrize("field", ["audio_end_ms", "content_index"])
def test_a_truncation_ends_nowhere_before_the_beginning(field: str) -> None:
    assert verdict(truncation(**{field: 0})) is None
    refusal = verdict(truncation(**{field: -1}))
    assert refusal is not None
    assert refusal[:2] == ("integer_below_min_value", field)


TEXTS: list[tuple[Callable[[str], Frame], str, int]] = [
    (lambda text: {"type": "response.cancel", "event_id": text}, "event_id", 512),
    (lambda text: session(tools=[{"type": "function", "name": text}]), "session.tools[0].name", 64),
    (
        lambda text: session(tools=[{"type": "function", "name": "f", "description": text}]),
        "session.tools[0].description",
        1024,
    ),
    (lambda text: item(type="function_call", name="f", arguments="", call_id=text), "item.call_id", 32),
    (lambda text: item(type="function_call_output", output="", call_id=text), "item.call_id", 32),
    (lambda text: item(type="function_call", name="f", arguments="", id=text), "item.id", 32),
    (lambda text: item(type="function_call_output", output="", call_id="c", id=text), "item.id", 32),
    (lambda text: item(type="message", role="system", content=[], id=text), "item.id", 32),
    (lambda text: item(type="message", role="user", content=[], id=text), "item.id", 32),
    (lambda text: item(type="message", role="assistant", content=[], id=text), "item.id", 32),
    (lambda text: response(metadata={text: ""}), "response.metadata", 64),
    (lambda text: response(metadata={"k": text}), "response.metadata.k", 512),
]


@pytest.mark.parametrize(("build", "param", "longest"), TEXTS, ids=[row[1] for row in TEXTS])
def test_a_text_is_taken_up_to_its_length(build: Callable[[str], Frame], param: str, longest: int) -> None:
    assert verdict(build("x" * longest)) is None
    assert verdict(build("x" * (longest + 1))) == (
        "string_above_max_length",
        param,
        f"Invalid '{param}': string too long. Expected a string with maximum length {longest}, "
        f"but got a string with length {longest + 1} instead.",
    )


WORDS: list[tuple[Callable[[str], Frame], str, list[str]]] = [
    (
        lambda word: audio("input", noise_reduction={"type": word}),
        "session.audio.input.noise_reduction.type",
        ["far_field", "near_field"],
    ),
    (
        lambda word: audio("input", turn_detection={"type": "semantic_vad", "eagerness": word}),
        f"{VAD}.eagerness",
        ["auto", "high", "low", "medium"],
    ),
    (
        lambda word: session(reasoning={"effort": word}),
        "session.reasoning.effort",
        ["high", "low", "medium", "minimal", "xhigh"],
    ),
    (
        lambda word: message("user", {"type": "input_image", "image_url": "data:", "detail": word}),
        "item.content[0].detail",
        ["auto", "high", "low"],
    ),
    (lambda word: session(tool_choice=word), "session.tool_choice", ["auto", "none", "required"]),
    (lambda word: session(truncation=word), "session.truncation", ["auto", "disabled"]),
    (lambda word: session(max_output_tokens=word), "session.max_output_tokens", ["inf"]),
    (lambda word: session(tracing=word), "session.tracing", ["auto"]),
    (lambda word: response(conversation=word), "response.conversation", ["auto", "none"]),
    (lambda word: response(tool_choice=word), "response.tool_choice", ["auto", "none", "required"]),
    (lambda word: response(max_output_tokens=word), "response.max_output_tokens", ["inf"]),
    (
        lambda word: message("user", {"type": word}),
        "item.content[0].type",
        ["input_audio", "input_image", "input_text"],
    ),
    (
        lambda word: message("assistant", {"type": word}),
        "item.content[0].type",
        ["output_audio", "output_text"],
    ),
    (lambda word: message("system", {"type": word}), "item.content[0].type", ["input_text"]),
]


@pytest.mark.parametrize(("build", "param", "known"), WORDS, ids=[row[1] for row in WORDS])
def test_a_word_that_is_not_known_is_answered_with_those_that_are(
    build: Callable[[str], Frame], param: str, known: list[str]
) -> None:
    assert [verdict(build(word)) for word in known] == [None] * len(known)
    listed = ", ".join(f"'{word}'" for word in known)
    assert verdict(build("maybe")) == (
        "invalid_value",
        param,
        f"Invalid value: 'maybe'. Supported values are: {listed}.",
    )


@pytest.mark.parametrize("ask", [session, response])
@pytest.mark.parametrize(("asked", "shown"), [([], ""), (["smell"], "'smell'"), (["audio", "text"], "'audio', 'text'")])
def test_a_response_is_spoken_or_written(ask: Callable[..., Frame], asked: list[str], shown: str) -> None:
    assert verdict(ask(output_modalities=["audio"])) is verdict(ask(output_modalities=["text"])) is None
    assert verdict(ask(output_modalities=asked)) == (
        "invalid_value",
        f"{ask.__name__}.output_modalities",
        f"Invalid value: '[{shown}]'. Supported values are: ['text'] and ['audio'].",
    )


def test_metadata_are_sixteen_pairs_at_most() -> None:
    assert verdict(response(metadata={str(number): "" for number in range(16)})) is None
    assert verdict(response(metadata={str(number): "" for number in range(17)})) == (
        "integer_above_max_value",
        "response.metadata",
        "Invalid 'response.metadata': integer above maximum value. Expected a value <= 16, but got 17 instead.",
    )


def missing(param: str) -> Answer:
    return "missing_required_parameter", param, f"Missing required parameter: '{param}'."


def unsupported(param: str, value: str) -> Answer:
    return "invalid_value", param, f"Invalid value: '{value}'. It is not supported here."


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (item(), missing("item.type")),
        (item(type="message", content=[]), missing("item.role")),
        (message("user", {"text": "Hi."}), missing("item.content[0].type")),
        (session(tools=[TOOL, {}]), missing("session.tools[1].type")),
        (session(tools=[{"type": "telepathy"}]), unsupported("session.tools[0].type", "telepathy")),
        (
            audio("input", format={"type": "audio/opus"}),
            unsupported("session.audio.input.format.type", "audio/opus"),
        ),
        (
            item(type="telepathy"),
            (
                "invalid_value",
                "item.type",
                "Invalid value: 'telepathy'. Supported values are: 'function_call', 'function_call_output', "
                "'mcp_approval_request', 'mcp_approval_response', 'mcp_call', 'mcp_list_tools', 'message'.",
            ),
        ),
        (
            item(type="message", role="wizard", content=[]),
            (
                "invalid_value",
                "item.role",
                "Invalid value: 'wizard'. Supported values are: 'assistant', 'system', 'user'.",
            ),
        ),
        (
            item(type="message", role=7, content=[]),
            ("invalid_type", "item.role", "Invalid type for 'item.role': expected a text, got no text instead."),
        ),
    ],
)
def test_a_kind_that_nobody_knows_is_named(frame: Frame, answer: Answer) -> None:
    assert verdict(frame) == answer


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
@pytest.mark.parametrize("field", ["id", "object", "expires_at", "client_secret"])
def test_a_client_sets_nothing_that_is_the_servers(kind: str, field: str) -> None:
    known = {"id": "sess_mine", "object": "mine", "expires_at": 1, "client_secret": {}}
    refused = ("unknown_parameter", f"session.{field}", f"Unknown parameter: 'session.{field}'.")
    assert verdict(update(kind)) is None
    assert verdict(update(kind, **{field: known[field]})) == refused
    assert verdict(update(kind, **{field: None})) == refused


def beta_verdict(frame: Frame) -> tuple[str | None, str | None, str] | None:
    """Code, param and message by the rules of the beta; None when it passes."""
    event = READER.decode(json.dumps(frame)).event
    assert event is not None
    try:
        check_event(event, beta=True)
    except ServerError as error:
        return error.code, error.param, error.message
    return None


@pytest.mark.parametrize("ask", [session, response])
def test_the_beta_has_a_temperature(ask: Callable[..., Frame]) -> None:
    param = f"{ask.__name__}.temperature"
    for number in (0.6, 1, 1.2):
        assert beta_verdict(ask(temperature=number)) is None
        assert verdict(ask(temperature=number)) == (
            "unknown_parameter",
            param,
            f"Unknown parameter: '{param}'.",
        )
    assert beta_verdict(ask(temperature=0.5)) == (
        "integer_below_min_value",
        param,
        f"Invalid '{param}': integer below minimum value. Expected a value >= 0.6, but got 0.5 instead.",
    )
    assert beta_verdict(ask(temperature=1.3)) == (
        "integer_above_max_value",
        param,
        f"Invalid '{param}': integer above maximum value. Expected a value <= 1.2, but got 1.3 instead.",
    )
    for wrong in ("warm", None, True):
        assert beta_verdict(ask(temperature=wrong)) == (
            "invalid_type",
            param,
            f"Invalid type for '{param}': expected a number, got no number instead.",
        )


@pytest.mark.parametrize(
    ("frame", "param"),
    [
        (session(temperature=0.8, top_p=1), "session.top_p"),
        (session(audio={"temperature": 0.8}), "session.audio.temperature"),
        (session(tools=[TOOL | {"temperature": 0.8}]), "session.tools[0].temperature"),
        ({**response(), "temperature": 0.8}, "temperature"),
    ],
)
def test_the_beta_has_it_there_and_nothing_else(frame: Frame, param: str) -> None:
    assert beta_verdict(frame) == ("unknown_parameter", param, f"Unknown parameter: '{param}'.")


@pytest.mark.parametrize("field", ["id", "expires_at", "client_secret"])
def test_no_client_sets_these_of_a_translation_either(field: str) -> None:
    known: dict[str, Any] = {"id": "sess_mine", "expires_at": 1, "client_secret": {}}
    check_event(TranslationSessionUpdate(session=TranslationSessionConfig(model="any")))
    with pytest.raises(ServerError) as caught:
        check_event(TranslationSessionUpdate(session=TranslationSessionConfig(**{field: known[field]})))
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", f"session.{field}")


# --- rates ---------------------------------------------------------------------------------------------------------

LOW = "integer below minimum value. Expected a value >= 16000, but got {} instead."
HIGH = "integer above maximum value. Expected a value <= 48000, but got {} instead."


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize(
    ("rate", "code", "said"),
    [
        (15_999, "integer_below_min_value", "Invalid '{where}': " + LOW),
        (48_001, "integer_above_max_value", "Invalid '{where}': " + HIGH),
        (22_050, "invalid_value", "Invalid value: '{}'. Supported values are: 16000, 24000, 48000."),
    ],
)
def test_a_rate_that_nobody_speaks_is_refused_on_either_side(side: str, rate: int, code: str, said: str) -> None:
    odd = {"input": AudioInputConfig, "output": AudioOutputConfig}[side](format=PcmFormat(rate=rate))
    with pytest.raises(ServerError) as caught:
        check_rates(AudioConfig(**{side: odd}), "session.audio", (24_000, 16_000, 48_000))
    where = f"session.audio.{side}.format.rate"
    assert (caught.value.code, caught.value.param) == (code, where)
    assert caught.value.message == said.format(rate, where=where)


@pytest.mark.parametrize("spoken", [PcmFormat(rate=16_000), PcmFormat(rate=48_000), PcmFormat(), PcmuFormat(), None])
def test_a_rate_that_is_spoken_or_not_named_is_taken(spoken: Any) -> None:
    config = AudioConfig(input=AudioInputConfig(format=spoken))
    check_rates(config, "session.audio", (24_000, 16_000, 48_000))


@pytest.mark.parametrize("nothing", [None, UNSET])
def test_a_session_without_sound_has_no_rates(nothing: Any) -> None:
    check_rates(nothing, "session.audio", (24_000,))


def test_a_side_without_a_rate_does_not_hide_the_other() -> None:
    loud = AudioConfig(input=AudioInputConfig(), output=AudioOutputConfig(format=PcmFormat(rate=96_000)))
    with pytest.raises(ServerError):
        check_rates(loud, "session.audio", (24_000,))
