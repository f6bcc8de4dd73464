"""Bytes to events and back, for one side of one connection in one dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, overload

import attrs
from cattrs import ClassValidationError

from realtime_transport.dialects import OPENAI, Dialect
from realtime_transport.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    TRANSLATION_CLIENT_EVENTS,
    TRANSLATION_SERVER_EVENTS,
    UNSET,
    ClientEvent,
    InputAudioBufferAppend,
    ResponseOutputAudioDelta,
    ServerEvent,
    UnknownClientEvent,
    UnknownServerEvent,
)
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.wire import fast
from realtime_transport.wire.converter import CONVERTER
from realtime_transport.wire.json_text import Frame, NotJson, check, dump, parse
from realtime_transport.wire.objects import from_dict, to_dict
from realtime_transport.wire.problems import Decoded, Problem, beginning, problem
from realtime_transport.wire.repair import read_soundly, spell
from realtime_transport.wire.values import Hook, expected

In = TypeVar("In", bound=ServerEvent | ClientEvent)
Out = TypeVar("Out", bound=ServerEvent | ClientEvent)
Role: TypeAlias = Literal["client", "server"]
Family: TypeAlias = Literal["realtime", "translation"]

_EVENTS: Final[Mapping[tuple[Family, Role], Mapping[str, type[Any]]]] = {
    ("realtime", "client"): CLIENT_EVENTS,
    ("realtime", "server"): SERVER_EVENTS,
    ("translation", "client"): TRANSLATION_CLIENT_EVENTS,
    ("translation", "server"): TRANSLATION_SERVER_EVENTS,
}
"""What each side of each family says."""

_SHAPED: Final = ("session", "response", "item")
"""Fields whose objects dialects shape differently; a frame without them differs in its type at most."""

_UNKNOWN: Final[Mapping[Role, Any]] = {"client": UnknownClientEvent, "server": UnknownServerEvent}
_OTHER: Final[Mapping[Role, Role]] = {"client": "server", "server": "client"}
_HOT_IN: Final[Mapping[type, Callable[[dict[str, Any]], Any]]] = {
    ResponseOutputAudioDelta: fast.read_audio_delta,
    InputAudioBufferAppend: fast.read_append,
}
_HOT_OUT: Final[Mapping[type, Callable[[str], Callable[[Any], bytes | None]]]] = {
    ResponseOutputAudioDelta: fast.audio_delta_writer,
    InputAudioBufferAppend: fast.append_writer,
}


@attrs.frozen
class _Reader:
    """How one event type is read."""

    cls: Any
    structure: Hook
    fast: Callable[[dict[str, Any]], Any] | None
    shaped: bool
    """It holds an object that dialects shape differently."""


class Codec(Generic[In, Out]):
    """Reads what the other side says and writes what this side says.

    ``role`` is whose codec it is: a ``client`` reads server events and writes client events. ``family`` is
    ``translation`` on ``/v1/realtime/translations``, where three names carry other sessions. Holds no state of the
    connection: one codec may serve many.
    """

    @overload
    def __init__(
        self: Codec[ServerEvent, ClientEvent],
        dialect: Dialect = ...,
        *,
        role: Literal["client"] = ...,
        family: Family = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: Codec[ClientEvent, ServerEvent],
        dialect: Dialect = ...,
        *,
        role: Literal["server"],
        family: Family = ...,
    ) -> None: ...

    def __init__(self, dialect: Dialect = OPENAI, *, role: Role = "client", family: Family = "realtime") -> None:
        self._dialect = dialect
        self._ours = _EVENTS[family, role]
        self._our_unknown: Any = _UNKNOWN[role]
        self._their_unknown: Any = _UNKNOWN[_OTHER[role]]
        self._readers = _readers(_EVENTS[family, _OTHER[role]], dialect.rename_in)
        self._writers: dict[type, Callable[[Any], bytes | None]] = {
            cls: _HOT_OUT[cls](dialect.rename_out.get(name, name))
            for name, cls in self._ours.items()
            if cls in _HOT_OUT
        }
        self.read_speech: Callable[[object], fast.Speech | None] = fast.speech_reader(
            name for name, reader in self._readers.items() if reader.cls is ResponseOutputAudioDelta
        )
        """Reads an audio delta without making an event of it; None for every other frame, and for unusual ones."""
        self.write_audio: Callable[[str, bytes], bytes | None] = fast.audio_writer(
            dialect.rename_out.get(InputAudioBufferAppend.type, InputAudioBufferAppend.type)
        )
        """Writes an append from its event id and audio without an event; None for an id that cannot be spelt."""

    # --- in ------------------------------------------------------------------------------------------------------

    def decode(self, data: Frame) -> Decoded[In]:
        """Read one frame. Never raises for anything a peer can send.

        Of an event type that is known, what is sound is read; a broken field that may be absent is absent, and each
        flaw is a ``Problem``. An event that lacks something it needs, has no ``type`` or one that is not known comes
        as unknown, with everything in ``raw``. Only a frame that is not a JSON object has no event.
        """
        try:
            raw = parse(data)
        except NotJson as error:
            return Decoded(event=None, problems=(problem("", str(error), f"<a frame of {len(data)}>"),))
        reader = self._reader(raw)
        if reader is None:
            return self._unknown(raw)
        if reader.fast is not None and (event := reader.fast(raw)) is not None:
            return Decoded(event=event)
        source = dict(self._dialect.frame_in(raw)) if reader.shaped else raw
        try:
            event = reader.structure(source, reader.cls)
        except ClassValidationError:
            return self._salvaged(raw, source, reader)
        return Decoded(event=event if source is raw else attrs.evolve(event, raw=raw))

    def _reader(self, raw: dict[str, Any]) -> _Reader | None:
        name = raw.get("type")
        return self._readers.get(name) if type(name) is str else None

    def _unknown(self, raw: dict[str, Any], problems: tuple[Problem, ...] = ()) -> Decoded[In]:
        name, event_id = raw.get("type"), raw.get("event_id", UNSET)
        if type(name) is not str:
            reason = str(expected("a text", name)) if "type" in raw else "is required"
            problems = (problem("type", reason, beginning(raw)),)
            name = ""
        if type(event_id) is not str and event_id is not None:
            event_id = UNSET
        return Decoded(event=self._their_unknown(type=name, event_id=event_id, raw=raw), problems=problems)

    def _salvaged(self, raw: dict[str, Any], source: dict[str, Any], reader: _Reader) -> Decoded[In]:
        """Read what is sound of a flawed frame."""
        event, flaws = read_soundly(source, lambda tree: reader.structure(tree, reader.cls))
        shown = beginning(raw)
        problems = tuple(problem(spell(flaw.path), flaw.message, shown, audio=flaw.audio) for flaw in flaws)
        if event is None:
            return self._unknown(raw, problems)
        return Decoded(event=attrs.evolve(event, raw=raw), problems=problems)

    # --- out -----------------------------------------------------------------------------------------------------

    def encode(self, event: Out) -> bytes:
        """Write one event as UTF-8 JSON in the dialect's spelling.

        Raises ``InvalidArgument`` with the path of what the protocol has no place for: a value of the wrong type, NaN,
        half a surrogate pair, or an event that this side does not say.
        """
        write = self._writers.get(type(event))
        if write is not None and (frame := write(event)) is not None:
            return frame
        return dump(self._respelt(event))

    def event(self, frame: Mapping[str, Any]) -> Out:
        """Make an event of this side from a caller's dict in GA names.

        A type that is not known makes an unknown event, to be sent as it is. Raises ``InvalidArgument`` with a path
        when a known one is flawed: what is right to forgive a peer is an error of the program here.
        """
        check(dict(frame))
        name = frame.get("type")
        if type(name) is not str:
            raise InvalidArgument(str(expected("a text", name)), path="type")
        cls = self._ours.get(name)
        made: Any = from_dict(frame, cls or self._our_unknown)
        event: Out = attrs.evolve(made, raw=None) if cls else made
        return event

    def _respelt(self, event: Out) -> dict[str, Any]:
        if self._ours.get(event.type) is not type(event) and type(event) is not self._our_unknown:
            raise InvalidArgument(f"a {type(event).__name__} is not something this side says")
        frame = to_dict(event)
        return frame if type(event) is self._our_unknown else dict(self._dialect.frame_out(frame))


def _readers(events: Mapping[str, type[Any]], renames: Mapping[str, str]) -> dict[str, _Reader]:
    """Make the table from the name on the wire, in any spelling, to how it is read."""
    readers = {name: _reader_of(cls) for name, cls in events.items()}
    return readers | {name: readers[ga] for name, ga in renames.items() if ga in readers}


def _reader_of(cls: Any) -> _Reader:
    shaped = any(hasattr(cls, name) for name in _SHAPED)
    return _Reader(cls, CONVERTER.get_structure_hook(cls), _HOT_IN.get(cls), shaped)
