"""What clients send, field by field, and every single way to get it wrong, with the error that answers it.

The table is written from the protocol and knows nothing of the server: it is what the server is held to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

Sort: TypeAlias = Literal["text", "integer", "number", "tag", "base64", "list", "object", "either"]


@attrs.frozen
class Field:
    """A sound value, and what is known of the place where it stands."""

    value: Any
    """Fields and lists of fields inside."""
    sort: Sort
    required: bool = False
    lowest: float | None = None
    highest: float | None = None
    words: bool = False
    """Only a few words may stand here."""
    longest: int | None = None


def text(value: str = "x", **known: Any) -> Field:
    return Field(value, "text", **known)


def word(value: str, **known: Any) -> Field:
    return Field(value, "text", words=True, **known)


def tag(value: str) -> Field:
    """What tells the kind of an object."""
    return Field(value, "tag", required=True, words=True)


def number(value: float, lowest: float, highest: float, **known: Any) -> Field:
    sort: Sort = "integer" if isinstance(value, int) else "number"
    return Field(value, sort, lowest=lowest, highest=highest, **known)


def obj(required: bool = False, /, **fields: Field) -> Field:
    return Field(fields, "object", required=required)


def union(**fields: Field) -> Field:
    """An object where a word may stand too."""
    return Field(fields, "either", words=True)


def listed(*fields: Field) -> Field:
    return Field(list(fields), "list")


def message(required: bool = False, /, **more: Field) -> Field:
    part = obj(type=tag("input_text"), text=text("Hi."))
    return obj(required, type=tag("message"), role=word("user", required=True), content=listed(part), **more)


_PCM: Final = obj(type=tag("audio/pcm"), rate=Field(24000, "integer"))
_VAD: Final = obj(
    type=tag("server_vad"),
    threshold=number(0.5, 0, 1),
    prefix_padding_ms=number(300, 0, 5_000),
    silence_duration_ms=number(500, 0, 10_000),
    idle_timeout_ms=number(5_000, 5_000, 30_000),
)
_FUNCTION: Final = obj(
    type=tag("function"),
    name=text("f", required=True, longest=64),
    description=text("d", longest=1024),
    parameters=Field({}, "object"),
)
_MCP: Final = obj(type=tag("mcp"), server_label=text("m", required=True), server_url=text("http://127.0.0.1:1/mcp"))
_MODALITIES: Final = Field(["text"], "list")
_TOKENS: Final = Field(100, "either", lowest=1, highest=32_000)
_CHOICE: Final = Field("auto", "either", words=True)
_INPUTS: Final = obj(
    format=_PCM,
    turn_detection=_VAD,
    transcription=obj(model=text("whisper-1"), language=text("en")),
    noise_reduction=obj(type=word("near_field")),
)
_OUTPUTS: Final = obj(voice=Field("echo", "either"), speed=number(1.0, 0.25, 1.5), format=_PCM)
_ID: Final = text("mine", required=True)
_CALL_ID: Final = text("c", required=True, longest=32)

SCHEMAS: Final[Mapping[str, Mapping[str, Field]]] = {
    "session.update": {
        "session": obj(
            True,
            type=tag("realtime"),
            instructions=text("Be brief."),
            output_modalities=_MODALITIES,
            tools=listed(_FUNCTION, _MCP),
            tool_choice=_CHOICE,
            max_output_tokens=_TOKENS,
            truncation=union(type=tag("retention_ratio"), retention_ratio=number(0.5, 0, 1, required=True)),
            audio=obj(input=_INPUTS, output=_OUTPUTS),
        )
    },
    "input_audio_buffer.append": {"audio": Field("AAAA", "base64", required=True)},
    "conversation.item.create": {"item": message(True, id=text("new", longest=32)), "previous_item_id": text("root")},
    "conversation.item.create call": {
        "item": obj(
            True,
            type=tag("function_call"),
            name=text("f", required=True),
            call_id=text("c2", longest=32),
            arguments=text("{}"),
        )
    },
    "conversation.item.create output": {
        "item": obj(True, type=tag("function_call_output"), call_id=_CALL_ID, output=text("1", required=True))
    },
    "conversation.item.retrieve": {"item_id": _ID},
    "conversation.item.truncate": {
        "item_id": _ID,
        "content_index": number(0, 0, 2**31),
        "audio_end_ms": number(10, 0, 2**53, required=True),
    },
    "conversation.item.delete": {"item_id": _ID},
    "response.create": {
        "response": obj(
            input=listed(message()),
            conversation=word("none"),
            metadata=Field({"a": text("b")}, "object"),
            instructions=text(),
            output_modalities=_MODALITIES,
            tools=listed(_FUNCTION),
            tool_choice=_CHOICE,
            max_output_tokens=_TOKENS,
        )
    },
    "response.cancel": {"response_id": text("resp_none")},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
}
"""Event type, and a word more where there are several of its kind -> its fields."""


@attrs.frozen
class Expected:
    """The one error that answers a frame."""

    code: str | None
    param: str | None
    names_event: bool = True


@attrs.frozen
class Flawed:
    """A frame with exactly one flaw."""

    kind: str
    """Of what sort the flaw is, and of which event."""
    frame: dict[str, Any]
    expected: Expected


def sound(value: Any) -> Any:
    """Give the frame, or the part of it, as it should be."""
    if isinstance(value, Field):
        return sound(value.value)
    if isinstance(value, Mapping):
        return {name: sound(each) for name, each in value.items()}
    return [sound(each) for each in value] if isinstance(value, list) else value


def frame_of(name: str) -> dict[str, Any]:
    """Give the sound frame of a row of ``SCHEMAS``."""
    return {"type": name.split(" ")[0], **sound(SCHEMAS[name])}


FRAMES: Final = tuple(frame_of(name) for name in SCHEMAS)

_OTHER_SORTS: Final[Mapping[Sort, tuple[Any, ...]]] = {
    "text": (True, 7, 1.5, [], {}),
    "tag": (None, True, 7, [], {}),
    "base64": (None, True, 7, [], {}),
    "integer": (True, 1.5, "7", [], {}, 10**30),
    "number": (True, "1", [], {}, 10**30),
    "list": (True, 7, "x", {}),
    "object": (True, 7, "x", []),
    "either": (True, 1.5, []),
}
"""What may not stand in the place of each. ``10**30`` is no number of any protocol: 64 bits are what it has."""

_GONE: Final = object()
_Way: TypeAlias = tuple[str | int, ...]


def flaws() -> Iterator[Flawed]:
    """Give every frame with one flaw in it, each once."""
    for name, fields in SCHEMAS.items():
        event = name.split(" ")[0]
        yield Flawed(f"unknown field, {event}", {**frame_of(name), "zz": 1}, Expected("unknown_parameter", "zz"))
        yield Flawed(f"long id, {event}", {**frame_of(name), "event_id": "e" * 513}, _TOO_LONG_ID)
        for field_name, field in fields.items():
            for kind, way, value, expected in _in_field(field, (field_name,)):
                yield Flawed(f"{kind}, {event}", _changed(frame_of(name), way, value), expected)


_TOO_LONG_ID: Final = Expected("string_above_max_length", "event_id")


def _in_field(field: Field, way: _Way) -> Iterator[tuple[str, _Way, Any, Expected]]:
    param = spelt(way)
    for value in _OTHER_SORTS[field.sort]:
        yield "wrong sort", way, value, Expected("invalid_type", param)
    for kind, value, code in _BY_RULE:
        for wrong in value(field):
            yield kind, way, wrong, Expected(code, param)
    inner = field.value.items() if isinstance(field.value, dict) else enumerate(_parts(field))
    for step, each in inner:
        yield from _in_field(each, (*way, step))
    if isinstance(field.value, dict) and field.value and not param.endswith("metadata"):
        yield "unknown field", (*way, "zz"), 1, Expected("unknown_parameter", f"{param}.zz")


def _parts(field: Field) -> list[Field]:
    return [part for part in field.value if isinstance(part, Field)] if field.sort == "list" else []


def _words(field: Field) -> Iterator[Any]:
    if field.words:
        yield "no such word"


def _missing(field: Field) -> Iterator[Any]:
    if field.required:
        yield _GONE


def _below(field: Field) -> Iterator[Any]:
    if field.lowest is not None:
        yield field.lowest - 1


def _above(field: Field) -> Iterator[Any]:
    if field.highest is not None:
        yield field.highest + 1


def _long(field: Field) -> Iterator[Any]:
    if field.longest is not None:
        yield "x" * (field.longest + 1)


def _no_base64(field: Field) -> Iterator[Any]:
    if field.sort == "base64":
        yield from ("!!!!", "AAA", "A", "AA=A")


_BY_RULE: Final[tuple[tuple[str, Callable[[Field], Iterator[Any]], str], ...]] = (
    ("unknown word", _words, "invalid_value"),
    ("missing", _missing, "missing_required_parameter"),
    ("too small", _below, "integer_below_min_value"),
    ("too large", _above, "integer_above_max_value"),
    ("too long", _long, "string_above_max_length"),
    ("no base64", _no_base64, "invalid_value"),
)


def spelt(way: _Way) -> str:
    """Spell a place the way errors do: ``session.tools[1].name``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way).removeprefix(".")


def _changed(frame: dict[str, Any], way: _Way, value: Any) -> dict[str, Any]:
    place: Any = frame
    for step in way[:-1]:
        place = place[step]
    if value is _GONE:
        del place[way[-1]]
    else:
        place[way[-1]] = value
    return frame


# --- what only the state of the session makes wrong ---------------------------------------------------------------

_CALL: Final = frame_of("conversation.item.create call")
SCENE: Final = (
    {**frame_of("conversation.item.create"), "item": {**frame_of("conversation.item.create")["item"], "id": "mine"}},
    {**_CALL, "item": {**_CALL["item"], "call_id": "c"}},
)
"""What is in the conversation before the flaws: a message ``mine`` and a call ``c``."""


def _wrong(kind: str, frame: dict[str, Any], code: str | None, param: str | None, names_event: bool = True) -> Flawed:
    return Flawed(f"{kind}, {frame['type']}", frame, Expected(code, param, names_event))


def _naming(event: str, item_id: str) -> dict[str, Any]:
    return {**frame_of(event), "item_id": item_id}


def _with_item(event: str, **changes: Any) -> dict[str, Any]:
    frame = frame_of(event)
    return {**frame, "item": {**frame["item"], **changes}}


def _reference(item_id: str) -> dict[str, Any]:
    return {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": item_id}]}}


_NO_ID: Final = "no_such_item"
OUT_OF_PLACE: Final = (
    *(
        _wrong("unknown id", _naming(f"conversation.item.{verb}", _NO_ID), f"item_{verb}_invalid_item_id", "item_id")
        for verb in ("retrieve", "truncate", "delete")
    ),
    _wrong(
        "unknown id",
        {**frame_of("conversation.item.create"), "previous_item_id": _NO_ID},
        "item_create_invalid_previous_item_id",
        "previous_item_id",
    ),
    _wrong("unknown id", _reference(_NO_ID), "item_reference_invalid_item_id", "response.input[0].id"),
    _wrong("duplicate", _with_item("conversation.item.create", id="mine"), "item_create_duplicate_item_id", "item.id"),
    _wrong(
        "unknown call", _with_item("conversation.item.create output", call_id="?"), "invalid_tool_call_id", None, False
    ),
    _wrong("not speech", _naming("conversation.item.truncate", "mine"), None, "item_id"),
    _wrong("nothing there", {"type": "response.cancel"}, "response_cancel_not_active", None),
    _wrong("nothing there", {"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
)
"""Right by themselves, and wrong in an idle session after ``SCENE``."""


TYPELESS: Final = "typeless"
"""The id of those of them that have one."""


def typeless() -> Iterator[tuple[str, str, Expected]]:
    """Give what is no event at all: kind, text, error."""
    for nothing in ("", "{", "[]", "null", '"x"', "{}}", "\0", "{'type': 'x'}", '{"a": NaN}', "[" * 5000):
        yield "no JSON", nothing, Expected("invalid_json", None, False)
    for no_name in ("null", "1", "[]", "{}", '""'):
        yield "no type", f'{{"event_id": "{TYPELESS}", "type": {no_name}}}', Expected("invalid_event", None)
    unknown = f'{{"event_id": "{TYPELESS}", "type": "no.such.event"}}'
    yield "unknown event", unknown, Expected("invalid_value", "type")
