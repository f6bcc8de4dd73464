"""Two shapes of one session: nested as OpenAI GA has it, and flat as the beta protocol and its heirs do.

A shape is a table of ``FlatField``: the flat key, where GA keeps the same thing, and how the value is respelt. Both
directions read the same table, so that they cannot drift apart. Keys outside the table pass untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeGuard

import attrs

JSONObject: TypeAlias = dict[str, Any]
Convert: TypeAlias = Callable[[Any], Any]


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether ``value`` is a JSON object. JSON has text keys only, which a type checker cannot know."""
    return type(value) is dict or isinstance(value, Mapping)  # the first is what JSON gives, and asks no ABC


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Tell whether ``value`` is a JSON array."""
    return isinstance(value, list)


def same(value: Any) -> Any:
    """Return ``value``: the spelling is shared."""
    return value


@attrs.frozen(kw_only=True)
class FlatField:
    """One setting that the two shapes keep in different places."""

    flat: str
    nested: tuple[str, ...]
    """Keys from the outside in: ``("audio", "input", "format")``."""
    to_nested: Convert = same
    to_flat: Convert = same


def to_nested(source: Mapping[str, Any], fields: Sequence[FlatField]) -> JSONObject:
    """Move the flat keys of ``source`` to where GA keeps them; where both are present the nested one is kept."""
    result = dict(source)
    flat = [field for field in fields if field.flat in source]
    for field in flat:
        del result[field.flat]
    for field in flat:
        _place(result, field.nested, field.to_nested(source[field.flat]))
    return result


def to_flat(source: Mapping[str, Any], fields: Sequence[FlatField]) -> JSONObject:
    """Move the nested settings of ``source`` to their flat keys; what has no flat key stays where it is."""
    result = dict(source)
    moved: JSONObject = {}
    for field in fields:
        found, value = _take(result, field.nested)
        if found:
            moved[field.flat] = field.to_flat(value)
    return result | moved


def _place(target: JSONObject, path: tuple[str, ...], value: Any) -> None:
    """Set ``value`` at ``path`` unless something is there. Every object on the way is replaced by a copy."""
    *way, last = path
    for key in way:
        inner = target.get(key)
        if inner is not None and not is_object(inner):
            return
        copy: JSONObject = dict(inner or {})
        target[key] = copy
        target = copy
    target.setdefault(last, value)


def _take(target: JSONObject, path: tuple[str, ...]) -> tuple[bool, Any]:
    """Remove the value at ``path``, and the objects that are empty without it. Objects on the way are copied."""
    key, *rest = path
    if key not in target:
        return False, None
    if not rest:
        return True, target.pop(key)
    inner = target[key]
    if not is_object(inner):
        return False, None
    copy: JSONObject = dict(inner)
    found, value = _take(copy, tuple(rest))
    if found:
        target[key] = copy
        if not copy:
            del target[key]
    return found, value


# --- values ------------------------------------------------------------------------------------------------------

FORMAT_WORDS: Final[Mapping[str, JSONObject]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
"""The beta protocol's words for audio formats, and what GA says instead."""


def format_from(words: Mapping[str, JSONObject]) -> Convert:
    """Return the conversion word -> GA format object. What the table lacks is kept as it came."""

    def convert(value: Any) -> Any:
        known = words.get(value) if isinstance(value, str) else None
        return dict(known) if known is not None else value

    return convert


def format_to(words: Mapping[str, JSONObject]) -> Convert:
    """Return the conversion GA format object -> word: the word of exactly that format, else of its type."""

    def convert(value: Any) -> Any:
        if not is_object(value):
            return value
        exact = [word for word, known in words.items() if known == value]
        alike = [word for word, known in words.items() if known["type"] == value.get("type") and "rate" not in value]
        return next(iter(exact or alike), value)

    return convert


def modalities_to_ga(value: Any) -> Any:
    """``["text", "audio"]`` -> ``["audio"]``: in GA audio always comes with its transcript, and one word is allowed."""
    if is_array(value) and "audio" in value:
        return [word for word in value if word != "text"]
    return value


def modalities_to_beta(value: Any) -> Any:
    """``["audio"]`` -> ``["text", "audio"]``: the beta protocol never had audio without text."""
    if is_array(value) and "audio" in value and "text" not in value:
        return ["text", *value]
    return value


# --- the beta shape ----------------------------------------------------------------------------------------------

MODALITIES: Final = FlatField(
    flat="modalities", nested=("output_modalities",), to_nested=modalities_to_ga, to_flat=modalities_to_beta
)
MAX_TOKENS: Final = FlatField(flat="max_response_output_tokens", nested=("max_output_tokens",))
VOICE: Final = FlatField(flat="voice", nested=("audio", "output", "voice"))
SPEED: Final = FlatField(flat="speed", nested=("audio", "output", "speed"))
TURN_DETECTION: Final = FlatField(flat="turn_detection", nested=("audio", "input", "turn_detection"))
TRANSCRIPTION: Final = FlatField(flat="input_audio_transcription", nested=("audio", "input", "transcription"))
NOISE_REDUCTION: Final = FlatField(flat="input_audio_noise_reduction", nested=("audio", "input", "noise_reduction"))
INPUT_FORMAT: Final = FlatField(
    flat="input_audio_format",
    nested=("audio", "input", "format"),
    to_nested=format_from(FORMAT_WORDS),
    to_flat=format_to(FORMAT_WORDS),
)
OUTPUT_FORMAT: Final = FlatField(
    flat="output_audio_format",
    nested=("audio", "output", "format"),
    to_nested=format_from(FORMAT_WORDS),
    to_flat=format_to(FORMAT_WORDS),
)

BETA_SESSION: Final = (
    MODALITIES,
    INPUT_FORMAT,
    OUTPUT_FORMAT,
    VOICE,
    SPEED,
    TURN_DETECTION,
    TRANSCRIPTION,
    NOISE_REDUCTION,
    MAX_TOKENS,
)
"""The session of the beta protocol against GA's."""

BETA_RESPONSE: Final = (MODALITIES, OUTPUT_FORMAT, VOICE)
"""The response object of the beta protocol against GA's. Its ``max_output_tokens`` was called so from the start."""

BETA_OPTIONS: Final = (*BETA_RESPONSE, MAX_TOKENS)
"""The payload of ``response.create`` in the beta protocol against GA's."""


Translate: TypeAlias = Callable[[Mapping[str, Any]], JSONObject]
"""A translation of one object from one shape to another. Never changes what it is given."""


def unchanged(source: Mapping[str, Any]) -> JSONObject:
    """Return a copy of ``source``: the shape is shared."""
    return dict(source)


def nesting(table: Sequence[FlatField], **defaults: Any) -> Translate:
    """Return the translation flat -> GA by ``table``. ``defaults`` stand where the result has nothing."""

    def translate(source: Mapping[str, Any]) -> JSONObject:
        return {**defaults, **to_nested(source, table)}

    return translate


def flattening(table: Sequence[FlatField], *, without: frozenset[str] = frozenset()) -> Translate:
    """Return the translation GA -> flat by ``table``. The keys ``without`` are GA's alone and are left out."""

    def translate(source: Mapping[str, Any]) -> JSONObject:
        return {key: value for key, value in to_flat(source, table).items() if key not in without}

    return translate
