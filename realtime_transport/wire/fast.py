"""The hot path: audio, fifty times a second each way, read and written without the converter.

Each function does exactly what the general way does for the usual form of its frame and gives None for any other
form, which then goes the general way and is told there what is wrong. A property test holds the two equal.

The agent's speech has two: ``read_audio_delta`` makes the event of a frame that is parsed already, and a
``speech_reader`` makes less than an event straight from the bytes, where nobody wants the event itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import pybase64

from realtime_transport.events import UNSET, InputAudioBufferAppend, ResponseOutputAudioDelta

_MOST_INDEX: Final = 2**31
"""Indices above this are left to the general way: only a broken peer has them."""

_Index: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=_MOST_INDEX)]

_HEAD_BYTES: Final = 512
"""Where the audio of a delta has begun: the fields before it are ids and indices."""


class Speech(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What ``response.output_audio.delta`` says, without its raw frame: enough to play it and to count it.

    A ``msgspec`` structure and not an event: it is made a thousand times for each that anybody looks at.
    """

    type: str
    event_id: str
    response_id: str
    item_id: str
    output_index: _Index
    content_index: _Index
    delta: bytes


def speech_reader(names: Iterable[str]) -> Callable[[object], Speech | None]:
    """Make the reader of audio deltas that are spelt as the service spells them, under any of these names.

    Compact, the type first and the audio last. The audio is cut out and decoded by itself, which spares JSON's search
    for escapes in it; strict base64 has none, so what is left is JSON just when the whole is.
    """
    heads = tuple(b'{"type":%b,' % msgspec.json.encode(name) for name in names)
    decode = msgspec.json.Decoder(Speech).decode

    def read(data: object) -> Speech | None:
        if type(data) is not bytes or not data.startswith(heads):
            return None
        at = data.find(b',"delta":"', 0, _HEAD_BYTES) + 10
        if at < 10 or data[-2:] != b'"}':
            return None
        try:
            speech = decode(data[:at] + b'"}')
            speech.delta = pybase64.b64decode(data[at:-2], validate=True)
        except ValueError:
            return None
        return speech

    return read


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
    return InputAudioBufferAppend(event_id=event_id, audio=data, raw=raw)


def audio_writer(name: str) -> Callable[[str, bytes], bytes | None]:
    """Make what writes ``input_audio_buffer.append`` from its fields, under the name that the dialect gives it."""
    head = b'{"type":%b,"event_id":' % msgspec.json.encode(name)

    def write(event_id: str, audio: bytes) -> bytes | None:
        try:
            return b'%b%b,"audio":"%b"}' % (head, msgspec.json.encode(event_id), pybase64.b64encode(audio))
        except UnicodeEncodeError:
            return None

    return write


def append_writer(name: str) -> Callable[[InputAudioBufferAppend], bytes | None]:
    """Make the writer of ``input_audio_buffer.append`` events."""
    head, with_id = b'{"type":%b' % msgspec.json.encode(name), audio_writer(name)

    def write(event: InputAudioBufferAppend) -> bytes | None:
        audio, event_id = event.audio, event.event_id
        if type(audio) is not bytes or event.extra:
            return None
        if event_id is UNSET:
            return b'%b,"audio":"%b"}' % (head, pybase64.b64encode(audio))
        return with_id(event_id, audio) if type(event_id) is str else None

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
