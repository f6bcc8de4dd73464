"""The one converter between JSON values and events.

The same rules hold both ways:

- ``UNSET`` is omitted, ``None`` is ``null``. ``values`` says what passes for a text, a number, audio.
- Unknown fields go to ``extra`` and come back from there; unknown words of an enum are texts like any other.
- A union is told apart by the JSON kind of the value and, among objects, by ``type`` (and ``role``). An object of an
  unknown type, or one that ``repair`` gave up on (``Opaque``), becomes the union's ``Unknown*`` class.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs
import pybase64
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from realtime_transport.events import (
    UNSET,
    ErrorDetail,
    OutputAudioPart,
    OutputTextPart,
    RealtimeSessionConfig,
    ResponseError,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
    UnknownClientEvent,
    UnknownItem,
    UnknownObject,
    UnknownPart,
    UnknownServerEvent,
    Unset,
    VoiceId,
)
from realtime_transport.wire import values
from realtime_transport.wire.values import Hook, expected

_EXTRA: Final = "\0extra"
_RAW: Final = "\0raw"
"""Keys under which the generated code finds ``extra`` and ``raw``. They are set last, so a peer that sends such keys
changes nothing."""

_TEXT_TOO: Final[Mapping[type, str]] = {ErrorDetail: "message", ResponseError: "message"}
"""Objects that some servers send as a bare text, and the field that the text belongs in."""

_WORDS: Final[Mapping[type, tuple[str, ...]]] = {
    OutputTextPart: ("output_text", "text"),
    OutputAudioPart: ("output_audio", "audio"),
    RealtimeSessionConfig: ("realtime",),
    TranscriptionSessionConfig: ("transcription",),
    TranslationSessionConfig: ("translation",),
    VoiceId: ("",),
}
"""Words that select a class whose ``type`` is a field, or that has none; the others have one word, their class
variable."""

_UNKNOWN: Final[tuple[Any, ...]] = (UnknownItem, UnknownPart, UnknownObject)
_UNKNOWN_EVENTS: Final[tuple[Any, ...]] = (UnknownClientEvent, UnknownServerEvent)


class Opaque(dict[str, Any]):
    """An object to be taken as unknown whatever its ``type`` says: it lacks something that its class needs."""


# --- unions ------------------------------------------------------------------------------------------------------


def _is_union(declared: Any) -> bool:
    return get_origin(declared) in (Union, types.UnionType)


def _union(declared: Any, converter: Converter) -> Hook:
    """Make the hook of a union: one table from the JSON kind of the value to the hook that takes it."""
    by_kind: dict[type, Hook] = {}
    classes: list[type] = []
    members: tuple[Any, ...] = get_args(declared)
    for member in members:
        origin = get_origin(member)
        if member is types.NoneType:
            by_kind[types.NoneType] = values.as_it_is
        elif member is str or origin is Literal:
            by_kind[str] = values.text
        elif origin is tuple:
            by_kind[list] = by_kind[tuple] = converter.get_structure_hook(member)
        elif member is bytes:
            by_kind[str] = values.audio
        elif origin is Mapping:
            by_kind[dict] = converter.get_structure_hook(member)
        elif attrs.has(member):
            classes.append(member)
        elif member in _NUMBERS:
            by_kind.update(dict.fromkeys(_NUMBERS[member], converter.get_structure_hook(member)))
    if classes:
        _add_classes(by_kind, classes, converter)
    wanted = " or ".join(dict.fromkeys(_WANTED[kind] for kind in by_kind if kind in _WANTED))
    plain = frozenset(kind for kind, hook in by_kind.items() if hook in (values.text, values.flag, values.as_it_is))

    def structure(value: Any, declared: Any) -> Any:
        kind = value.__class__
        if kind in plain:
            return value  # most fields of most frames: the hook would only look at the kind again
        hook = by_kind.get(kind)
        if hook is None:
            raise expected(wanted, value)
        return hook(value, declared)

    return structure


_NUMBERS: Final[Mapping[type, tuple[type, ...]]] = {bool: (bool,), int: (int, float), float: (int, float)}
"""Kinds of JSON number that the hook of a type wants to see."""

_WANTED: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "a number",
    str: "a text",
    list: "an array",
    dict: "an object",
}


def _add_classes(by_kind: dict[type, Hook], classes: list[type], converter: Converter) -> None:
    hooks = {cls: converter.get_structure_hook(cls) for cls in classes}
    for cls in classes:
        if cls in _TEXT_TOO:
            by_kind[str] = hooks[cls]
    unknown = next((cls for cls in classes if cls in _UNKNOWN), None)
    if unknown is not None:
        by_kind[Opaque] = hooks[unknown]
    if len(classes) == 1:
        by_kind[dict] = hooks[classes[0]]
        return
    by_word = {key: cls for cls in classes if cls is not unknown for key in _keys(cls)}
    otherwise = unknown or classes[0]

    def structure(value: Any, _: Any) -> Any:
        word = value.get("type")
        if type(word) is not str:
            word = ""
        cls = by_word.get((word, None)) or by_word.get((word, _role(value))) or otherwise
        return hooks[cls](value, cls)

    by_kind[dict] = structure


def _keys(cls: Any) -> list[tuple[str, str | None]]:
    """What selects a class: its type, and for messages the role too."""
    return [(word, getattr(cls, "role", None)) for word in _WORDS.get(cls) or (cls.type,)]


def _role(value: Mapping[str, Any]) -> str | None:
    role = value.get("role")
    return role if type(role) is str else None


# --- objects and events ------------------------------------------------------------------------------------------


def _constants(cls: Any) -> dict[str, str]:
    """Give what the class itself says on the wire: its type, and the role of a message."""
    fields = {field.name for field in attrs.fields(cls)}
    return {name: getattr(cls, name) for name in ("type", "role") if hasattr(cls, name) and name not in fields}


def _structure_class(cls: Any, converter: Converter) -> Hook:
    build = make_dict_structure_fn(
        cls,
        converter,
        extra=override(rename=_EXTRA, struct_hook=values.as_it_is),
        raw=override(rename=_RAW, struct_hook=values.as_it_is),
    )
    fields = {field.name for field in attrs.fields(cls)}
    is_event = "raw" in fields
    known = frozenset(fields - {"extra", "raw"} | _constants(cls).keys())
    keeps_raw = cls in _UNKNOWN_EVENTS
    from_text = _TEXT_TOO.get(cls)
    taken = (dict, Opaque) if cls in _UNKNOWN else (dict,)

    def structure(value: Any, _: Any) -> Any:
        if from_text and type(value) is str:
            return cls(**{from_text: value})
        if type(value) not in taken:
            raise expected("an object", value)
        source: dict[str, Any] = value
        extra = None
        if not (source.keys() <= known or keeps_raw):
            extra = {key: inner for key, inner in source.items() if key not in known}
        if is_event:
            source = {**source, _RAW: source}
        if extra is not None:
            source = {**source, _EXTRA: extra}
        return build(source, cls)

    return structure


def _unstructure_unknown_event(event: UnknownClientEvent | UnknownServerEvent) -> dict[str, Any]:
    fields = dict(event.raw)
    if event.type:
        fields["type"] = event.type
    if event.event_id is not UNSET:
        fields["event_id"] = event.event_id
    return fields


def _unstructure_class(cls: Any, converter: Converter) -> Callable[[Any], dict[str, Any]]:
    overrides: dict[str, Any] = {
        field.name: override(
            omit=field.name in ("extra", "raw"),
            omit_if_default=field.default is UNSET or (cls in _UNKNOWN and field.name == "type"),
            unstruct_hook=converter.unstructure,
        )
        for field in attrs.fields(cls)
    }
    spell = make_dict_unstructure_fn(cls, converter, **overrides)
    constants = _constants(cls)

    shape: type[dict[str, Any]] = Opaque if cls in _UNKNOWN else dict

    def unstructure(instance: Any) -> dict[str, Any]:
        fields = shape(constants, **spell(instance))
        for key, value in instance.extra.items():
            fields.setdefault(key, value)
        return fields

    return unstructure


# --- the converter -----------------------------------------------------------------------------------------------


def _is_array(declared: Any) -> bool:
    return get_origin(declared) is tuple


def _is_map(declared: Any) -> bool:
    return get_origin(declared) is Mapping


def _array(declared: Any, converter: Converter) -> Hook:
    element = get_args(declared)[0]
    return values.array_of(element, converter.get_structure_hook(element))


def _map(declared: Any, converter: Converter) -> Hook:
    element = get_args(declared)[1]
    return values.as_map if element is Any else values.map_of(element, converter.get_structure_hook(element))


def build_converter() -> Converter:
    """Make a converter with the rules above; one serves the whole process, it keeps nothing of what it converts."""
    converter = Converter(detailed_validation=True)
    for plain, hook in (
        (str, values.text),
        (bool, values.flag),
        (int, values.integer),
        (float, values.number),
        (bytes, values.audio),
    ):
        converter.register_structure_hook(plain, hook)
    converter.register_structure_hook_factory(_is_array, _array)
    converter.register_structure_hook_factory(_is_map, _map)
    converter.register_structure_hook_factory(_is_union, _union)
    converter.register_structure_hook_factory(attrs.has, _structure_class)

    converter.register_unstructure_hook(bytes, lambda data: pybase64.b64encode_as_string(data))
    converter.register_unstructure_hook(Unset, lambda unset: unset)
    for plain, exactly in ((str, str.__str__), (int, int.__int__), (float, float.__float__)):
        converter.register_unstructure_hook(plain, exactly)  # a member of a text enum is its value, not its name
    converter.register_unstructure_hook(bool, lambda value: value)
    converter.register_unstructure_hook(dict, lambda value: value)
    for series in (tuple, list):
        converter.register_unstructure_hook(series, lambda value: [converter.unstructure(each) for each in value])
    converter.register_unstructure_hook_factory(attrs.has, _unstructure_class)
    for cls in _UNKNOWN_EVENTS:
        converter.register_unstructure_hook(cls, _unstructure_unknown_event)
    return converter


CONVERTER: Final = build_converter()
