"""Tolerant reading of one JSON message: whatever a field holds, the answer has the type that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pybase64

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.exceptions import InvalidArgument


def decode(message: str) -> dict[str, Any] | None:
    """Return the JSON object in ``message``, None when there is none."""
    try:
        return msgspec.json.decode(message, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def encode(value: Any) -> str:
    """Write a message, or any JSON value."""
    return msgspec.json.encode(value).decode()


def part(message: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object under ``key``, an empty one when there is none."""
    value = message.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def parts(message: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects in the array under ``key``; what is no object is left out."""
    value = message.get(key)
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def words(message: Mapping[str, Any], key: str) -> list[str]:
    """Return the texts in the array under ``key``; what is no text is left out."""
    value = message.get(key)
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str)]


def text(message: Mapping[str, Any], key: str) -> str:
    """Return the text under ``key``, a number as text, empty when there is neither."""
    value = message.get(key)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def number(message: Mapping[str, Any], key: str) -> float | None:
    """Return the number under ``key``, written as one or as text, None when there is none of sensible size."""
    try:
        value = float(text(message, key))
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None


def whole(message: Mapping[str, Any], key: str) -> int | None:
    """Return the whole number under ``key``, None when there is none."""
    value = number(message, key)
    return int(value) if value is not None else None


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return an object with texts for values; whatever is no text is written as JSON."""
    return {name: value if isinstance(value, str) else encode(value) for name, value in values.items()}


def audio(message: Mapping[str, Any], key: str) -> bytes | None:
    """Return the bytes under ``key``, None when it is no strict base64: half-read audio would be noise."""
    value = message.get(key)
    if not isinstance(value, str):
        return None
    try:
        return pybase64.b64decode(value, validate=True)
    except ValueError:
        return None


def base64(data: bytes) -> str:
    """Write bytes the way JSON carries them."""
    return pybase64.b64encode(data).decode()


def audio_format(spelt: object) -> AudioFormat | None:
    """Read a format in the carrier's spelling, None for a codec that we do not decode."""
    try:
        return AudioFormat.parse(spelt)
    except InvalidArgument:
        return None
