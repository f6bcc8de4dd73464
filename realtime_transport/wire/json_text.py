"""JSON in and out, as strict as RFC 8259 and no stricter than real peers allow.

msgspec reads and writes. What it refuses by itself: NaN and Infinity, numbers out of range, nesting beyond the
interpreter's recursion limit, invalid UTF-8, trailing text. Of duplicate keys the last one counts. A lone surrogate
is the one thing forgiven: JavaScript peers cut texts between the halves of an emoji, and the sentence around it is
worth more than the emoji.
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias, cast

import msgspec

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.wire.values import expected

Frame: TypeAlias = str | bytes | bytearray | memoryview
"""What a socket hands over."""

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
"""One escape sequence of a JSON text: a surrogate pair, one code unit, or anything else behind a backslash."""

_LONE = re.compile(r"\\u[dD][89a-fA-F]..\Z")

_MOST_BITS = 14_000
"""Python itself writes no integer of more than 4300 digits."""


def _mend(escape: re.Match[str]) -> str:
    text = escape.group()
    return "\\ufffd" if _LONE.match(text) else text


class NotJson(ValueError):
    """The frame is no JSON object; the message says why."""


def parse(data: Frame) -> dict[str, Any]:
    """Read a frame. Lone surrogates become U+FFFD; whatever else is no JSON object raises ``NotJson``."""
    value = _decode(data)
    if type(value) is dict:
        return cast("dict[str, Any]", value)
    raise NotJson(str(expected("an object", value)))


def _decode(data: Frame) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError, BufferError) as error:
        text = _without_lone_surrogates(data)
        if text is None:
            raise NotJson(_reason(error)) from None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotJson(_reason(error)) from None


def _without_lone_surrogates(data: Frame) -> str | None:
    """Give the text with lone surrogates replaced, None when there were none (so they are not what is wrong)."""
    if isinstance(data, str):
        text = data
    else:
        try:
            text = bytes(data).decode()
        except UnicodeDecodeError:
            return None
    mended = _ESCAPE.sub(_mend, text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return None if mended == text else mended


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return f"not UTF-8: {error.reason}" if isinstance(error, UnicodeDecodeError) else "not UTF-8"
    return str(error)


def dump(value: dict[str, Any]) -> bytes:
    """Write a checked object as UTF-8 JSON, compact."""
    return msgspec.json.encode(value)


def check(value: object) -> None:
    """Raise ``InvalidArgument`` with a path unless ``value`` is plain JSON: msgspec alone would send NaN as null,
    a date as text and the key 1 as ``"1"``.
    """
    try:
        _check(value, "")
    except RecursionError:
        raise InvalidArgument("nested too deeply") from None


def _check(value: object, path: str) -> None:
    match value:
        case None | bool():
            return
        case int():
            if value.bit_length() > _MOST_BITS:
                raise InvalidArgument("an integer of more digits than JSON readers take", path=path)
        case str():
            _check_text(value, path)
        case float():
            if not math.isfinite(value):
                raise InvalidArgument(f"JSON has no {value}", path=path)
        case dict():
            for key, inner in cast("dict[object, object]", value).items():
                if not isinstance(key, str):
                    raise InvalidArgument(f"a key is a {type(key).__name__}, not a text", path=path)
                inside = f"{path}.{key}" if path else key
                _check_text(key, inside)
                _check(inner, inside)
        case list() | tuple():
            for index, inner in enumerate(cast("list[object]", value)):
                _check(inner, f"{path}[{index}]")
        case _:
            raise InvalidArgument(f"a {type(value).__name__} is not JSON", path=path)


def _check_text(value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument("holds half a surrogate pair", path=path.encode(errors="replace").decode()) from None
