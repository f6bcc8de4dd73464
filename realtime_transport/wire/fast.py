"""The hot path: audio, fifty times a second each way, read and written without the converter.

Each function does exactly what the general way does for the usual form of its frame and gives None for any other
form, which then goes the general way and is told there what is wrong. A property test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import pybase64

from realtime_transport.events import UNSET, InputAudioBufferAppend, ResponseOutputAudioDelta

_MOST_INDEX: Final = 2**31
"""Indices above this are left to the general way: only a broken peer has them."""


def read_audio_delta(raw: dict[str, Any]) -> ResponseOutputAudioDelta | None:
    """Read ``response.output_audio.delta`` with all seven of its fields."""
    if len(raw) != 7:
        return None
    try:
        usual, delta = _usual(raw), raw["delta"]
    except KeyError:
        return None
    if not usual or type(delta) is not str:
        return None
    try:
        data = pybase64.b64decode(delta, validate=True)
    except ValueError:
        return None
    return ResponseOutputAudioDelta(
        event_id=raw["event_id"],
        response_id=raw["response_id"],
        item_id=raw["item_id"],
        output_index=raw["output_index"],
        content_index=raw["content_index"],
        delta=data,
        extra={},
        raw=raw,
    )


def read_append(raw: dict[str, Any]) -> InputAudioBufferAppend | None:
    """Read ``input_audio_buffer.append`` with or without an ``event_id``."""
    audio, event_id = raw.get("audio"), raw.get("event_id", UNSET)
    if type(audio) is not str or not (
        (event_id is UNSET and len(raw) == 2) or (type(event_id) is str and len(raw) == 3)
    ):
        return None
    try:
        data = pybase64.b64decode(audio, validate=True)
    except ValueError:
        return None
    return InputAudioBufferAppend(event_id=event_id, audio=data, extra={}, raw=raw)


def append_writer(name: str) -> Callable[[InputAudioBufferAppend], bytes | None]:
    """Make the writer of ``input_audio_buffer.append`` under the name that the dialect gives it."""
    head = b'{"type":%b' % msgspec.json.encode(name)

    def write(event: InputAudioBufferAppend) -> bytes | None:
        audio, event_id = event.audio, event.event_id
        if type(audio) is not bytes or event.extra:
            return None
        if event_id is UNSET:
            return b'%b,"audio":"%b"}' % (head, pybase64.b64encode(audio))
        if type(event_id) is not str:
            return None
        try:
            return b'%b,"event_id":%b,"audio":"%b"}' % (head, msgspec.json.encode(event_id), pybase64.b64encode(audio))
        except UnicodeEncodeError:
            return None

    return write


def audio_delta_writer(name: str) -> Callable[[ResponseOutputAudioDelta], bytes | None]:
    """Make the writer of ``response.output_audio.delta`` under the name that the dialect gives it."""

    def write(event: ResponseOutputAudioDelta) -> bytes | None:
        if type(event.delta) is not bytes or event.extra:
            return None
        fields = {
            "type": name,
            "event_id": event.event_id,
            "response_id": event.response_id,
            "item_id": event.item_id,
            "output_index": event.output_index,
            "content_index": event.content_index,
        }
        if not _usual(fields):
            return None
        try:
            head = msgspec.json.encode(fields)
        except UnicodeEncodeError:
            return None
        return b'%b,"delta":"%b"}' % (head[:-1], pybase64.b64encode(event.delta))

    return write


def _usual(fields: dict[str, Any]) -> bool:
    """Whether the ids are texts and the indices small integers, which nearly every audio delta has."""
    output_index, content_index = fields["output_index"], fields["content_index"]
    return (
        type(fields["event_id"]) is type(fields["response_id"]) is type(fields["item_id"]) is str
        and type(output_index) is type(content_index) is int
        and 0 <= output_index < _MOST_INDEX
        and 0 <= content_index < _MOST_INDEX
    )
