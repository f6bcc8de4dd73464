"""Structure hooks of plain values: each gives back what it was given or raises, and none converts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import pybase64
from cattrs import ClassValidationError, IterableValidationError, IterableValidationNote

from realtime_transport.events import Unset

Hook = Callable[[Any, Any], Any]

FLAWS: Final[tuple[type[Exception], ...]] = (TypeError, ValueError, ClassValidationError, IterableValidationError)
"""What a hook raises for a value it does not take; anything else is a fault of ours."""

MAX_FLAWS: Final = 16
"""Flaws told apart in one array or map before it is given up as a whole: a frame of 16 MiB may hold millions, and
each costs an exception. A screenful is as much as anybody reads."""


class BadAudio(ValueError):
    """A payload that is not strict base64."""


class Gone:
    """Stands where an element of an array was taken out, so that the others keep their index."""


GONE: Final = Gone()

_KINDS: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "an array",
    dict: "an object",
    Unset: "nothing (UNSET)",
}


def expected(wanted: str, value: object) -> TypeError:
    """Say what was wanted and what came, never the value itself: it may be a secret, or 16 MiB."""
    return TypeError(f"expected {wanted}, got {_KINDS.get(type(value), type(value).__name__)}")


def text(value: Any, _: Any) -> str:
    """Take a text."""
    if type(value) is str:
        return value
    raise expected("a text", value)


def flag(value: Any, _: Any) -> bool:
    """Take a boolean; 0 and 1 are numbers."""
    if type(value) is bool:
        return value
    raise expected("a boolean", value)


def integer(value: Any, _: Any) -> int:
    """Take an integer of 64 bits. ``672.0`` is one: JSON has a single kind of number, and servers write it so."""
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    whole = int(value) if type(value) is float and value.is_integer() else value
    if type(whole) is not int:
        raise expected("an integer", value)
    if not -(2**63) <= whole < 2**63:
        raise ValueError("an integer that does not fit 64 bits")
    return whole


def number(value: Any, _: Any) -> float:
    """Take a number; a boolean is none."""
    if type(value) is float:
        return value
    if type(value) is int:
        return integer(value, None)
    raise expected("a number", value)


def audio(value: Any, _: Any) -> bytes:
    """Take base64: the standard alphabet, padded, nothing else in it (RFC 4648, section 4).

    The validating decoder is also the fast one; Python's default one drops what it does not know in silence.
    """
    if type(value) is not str:
        raise expected("base64 text", value)
    try:
        return pybase64.b64decode(value, validate=True)
    except ValueError:
        raise BadAudio("not strict base64") from None


def as_it_is(value: Any, _: Any) -> Any:
    """Take anything."""
    return value


def as_map(value: Any, _: Any) -> dict[str, Any]:
    """Take an object whose values may be anything."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    raise expected("an object", value)


def array_of(element: Any, hook: Hook) -> Hook:
    """Make the hook of an array; the result is a tuple."""

    def structure(value: Any, _: Any) -> tuple[Any, ...]:
        if type(value) not in (list, tuple):
            raise expected("an array", value)
        try:
            return tuple([hook(each, element) for each in value if each is not GONE])
        except FLAWS:
            raise _flaws(enumerate(value), element, hook) from None

    return structure


def map_of(element: Any, hook: Hook) -> Hook:
    """Make the hook of an object whose keys are free; the result is a new dict."""

    def structure(value: Any, _: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise expected("an object", value)
        try:
            return {key: hook(each, element) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
        except FLAWS:
            raise _flaws(value.items(), element, hook) from None  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]

    return structure


def _flaws(entries: Any, element: Any, hook: Hook) -> Exception:
    """Go through again and collect what is wrong where."""
    errors: list[Exception] = []
    for key, each in entries:
        if each is GONE:
            continue
        try:
            hook(each, element)
        except FLAWS as error:
            error.add_note(IterableValidationNote("", key, element))
            errors.append(error)
        if len(errors) > MAX_FLAWS:
            return ValueError(f"more than {MAX_FLAWS} values that cannot be read")
    return IterableValidationError("", errors, element)  # pyright: ignore[reportCallIssue]  # typed by its parent
