"""Hypothesis strategies that make any event or object from its declared fields."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from hypothesis import strategies as st

from realtime_transport import events
from realtime_transport.events import UNSET, Unset

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
INTEGER = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGER | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
VENDOR = TEXT.map("x-".__add__)
"""Words and names that the protocol does not have."""

EXTRA = st.dictionaries(VENDOR, JSON, max_size=2)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: INTEGER,
    float: NUMBER,
    bool: st.booleans(),
    bytes: st.binary(max_size=12),
    Any: JSON,
    type(None): st.none(),
    Unset: st.just(UNSET),
}
TYPES: dict[type, st.SearchStrategy[Any]] = {
    events.OutputTextPart: st.just("output_text"),
    events.OutputAudioPart: st.just("output_audio"),
    events.RealtimeSessionConfig: st.just("realtime"),
    events.TranscriptionSessionConfig: st.just("transcription"),
    events.TranslationSessionConfig: st.just("translation"),
    events.UnknownItem: VENDOR,
    events.UnknownPart: VENDOR,
    events.UnknownObject: VENDOR,
}
"""``type`` of the classes that have it as a field: it selects the class, so it is not any text."""


@functools.cache
def instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Make instances of an attrs class: every field absent, null or a value, wherever its type allows."""
    if cls in (events.UnknownClientEvent, events.UnknownServerEvent):
        return st.builds(lambda kind, raw: cls(type=kind, raw={**raw, "type": kind}), VENDOR, EXTRA)
    hints = get_type_hints(cls)
    fields = {
        field.name: values(hints[field.name]) for field in attrs.fields(cls) if field.name not in ("extra", "raw")
    }
    if cls in TYPES:
        fields["type"] = TYPES[cls]
    return st.builds(cls, extra=EXTRA, **fields)


def values(declared: Any) -> st.SearchStrategy[Any]:
    """Make values of a declared field type."""
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, types.UnionType):
        return st.one_of([values(each) for each in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(st.deferred(lambda: values(arguments[0])), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(TEXT, values(arguments[1]), max_size=2)
    return PLAIN[declared] if declared in PLAIN else st.deferred(lambda: instances(declared))
