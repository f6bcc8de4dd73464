"""Things that go wrong on purpose, drawn from a seed: the same seed gives the same misfortune, frame by frame.

``Faults`` says what may happen to one connection; ``FaultPlan`` says what does, and is pure: frames and time come in,
steps with their moments go out. The socket session takes the steps.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

import attrs

from realtime_transport.exceptions import InvalidArgument

QUERY_PREFIX: Final = "fault."
"""Query parameters that begin with it set a fault for one connection: ``?fault.close_at=response.created``."""


def _share(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidArgument(f"must be from 0 to 1, not {value!r}", path=attribute.name)


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 <= value < math.inf:
        raise InvalidArgument(f"must not be negative, nor without end, not {value!r}", path=attribute.name)


def _status(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None and not 300 <= value <= 599:
        raise InvalidArgument(f"must be an HTTP status from 300 to 599, not {value!r}", path=attribute.name)


NEVER_SENT: Final = frozenset({1004, 1005, 1006, 1015})
"""Close codes that no close frame may carry (RFC 6455, 7.4.1): to see 1006, give no code."""


def check_close_code(code: int | None, path: str) -> None:
    """Raise ``InvalidArgument`` for a code that no close frame may carry; None is none."""
    if code is not None and (not 1000 <= code <= 4999 or code in NEVER_SENT):
        raise InvalidArgument(f"must be a close code from 1000 to 4999 that may be sent, not {code!r}", path=path)


def _close_code(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    check_close_code(value, attribute.name)


_REASON_BYTES: Final = 123
"""A close frame has 125 bytes, two of them for the code."""


def _reason(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if len(value.encode()) > _REASON_BYTES:
        raise InvalidArgument(f"a close frame has room for {_REASON_BYTES} bytes", path=attribute.name)


@attrs.frozen(kw_only=True)
class Faults:
    """What may happen to one connection. By default nothing does. Raises ``InvalidArgument`` out of range."""

    seed: int = 0
    """Whatever is left to chance is drawn from it and from the number of the connection."""

    # --- at the handshake ---
    status: int | None = attrs.field(default=None, validator=_status)
    """Answer the upgrade with this HTTP status instead of 101."""
    retry_after: float | None = attrs.field(default=None, validator=_not_negative)
    """Seconds, in the ``Retry-After`` header of that answer."""
    attempts: int | None = attrs.field(default=None, validator=_not_negative)
    """So many connections are refused, those after them are not; None refuses all."""

    # --- on the way to the client ---
    latency_ms: float = attrs.field(default=0.0, validator=_not_negative)
    """Every frame is late by this."""
    jitter_ms: float = attrs.field(default=0.0, validator=_not_negative)
    """And by up to this more; frames stay in order."""
    stall_after: int | None = attrs.field(default=None, validator=_not_negative)
    """After so many frames nothing is sent for ``stall_ms``."""
    stall_ms: float = attrs.field(default=1000.0, validator=_not_negative)
    withhold: str = ""
    """Event types that are never sent, by pattern, with commas: ``session.updated,conversation.item.*``."""
    lose: float = attrs.field(default=0.0, validator=_share)
    """Share of frames that are never sent."""
    duplicate: float = attrs.field(default=0.0, validator=_share)
    """Share of frames that are sent twice."""
    reorder: float = attrs.field(default=0.0, validator=_share)
    """Share of frames that are sent after the one that follows them."""
    garble: float = attrs.field(default=0.0, validator=_share)
    """Share of frames that end in the middle: text that is no JSON."""
    surprise: float = attrs.field(default=0.0, validator=_share)
    """Share of frames that come after an event nobody knows."""

    # --- on the way from the client ---
    read_delay_ms: float = attrs.field(default=0.0, validator=_not_negative)
    """Wait before each frame is read, so that the client feels the line fill up."""

    # --- the end ---
    close_after: int | None = attrs.field(default=None, validator=_not_negative)
    """The connection ends after so many frames."""
    close_at: str = ""
    """The connection ends after the first event of a type that fits this pattern."""
    close_code: int | None = attrs.field(default=None, validator=_close_code)
    """How it ends: with this close frame, or without any (what clients see as 1006)."""
    close_reason: str = attrs.field(default="", validator=_reason)
    cut_after_bytes: int | None = attrs.field(default=None, validator=_not_negative)
    """The connection is reset once so many bytes were sent after the handshake: in the middle of a frame, as a rule."""
    freeze_after: int | None = attrs.field(default=None, validator=_not_negative)
    """After so many frames the connection is half-open: nothing is read, sent or answered any more, and it stays."""


FaultSource: TypeAlias = Faults | Callable[[int], Faults]
"""The faults of all connections, or a function that gives those of the nth (from 1)."""


def faults_from(values: Mapping[str, Any], under: Faults | None = None) -> Faults:
    """Lay faults given by name over ``under``. Raises ``InvalidArgument`` for what does not exist or does not fit."""
    fields = attrs.fields_dict(Faults)
    for name, value in values.items():
        if name not in fields:
            raise InvalidArgument(f"no fault {name!r}; there are {', '.join(fields)}", path=name)
        kind = _kind(str(fields[name].type))
        fits = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
        if not fits or isinstance(value, bool):
            raise InvalidArgument(f"must be {_SPELT[kind]}, not {value!r}", path=name)
    return attrs.evolve(under or Faults(), **values)


def with_query(faults: Faults, query: Mapping[str, str]) -> Faults:
    """Lay what a client asks for in its URL over ``faults``. Raises ``InvalidArgument`` for what cannot be read."""
    asked = {name.removeprefix(QUERY_PREFIX): text for name, text in query.items() if name.startswith(QUERY_PREFIX)}
    return faults_read(asked, faults, prefix=QUERY_PREFIX)


def faults_read(texts: Mapping[str, str], under: Faults | None = None, *, prefix: str = "") -> Faults:
    """Lay faults given as texts over ``under``. Raises ``InvalidArgument``, with ``prefix`` before the name."""
    fields = attrs.fields_dict(Faults)
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in fields:
            raise InvalidArgument(f"no fault {name!r}; there are {', '.join(fields)}", path=f"{prefix}{name}")
        values[name] = _read(str(fields[name].type), text, f"{prefix}{name}")
    return attrs.evolve(under or Faults(), **values)


def _read(declared: str, text: str, path: str) -> object:
    """Read the text of one query parameter as the type that its field has."""
    kind = _kind(declared)
    try:
        return kind(text)
    except ValueError:
        raise InvalidArgument(f"must be {_SPELT[kind]}, not {text!r}", path=path) from None


_SPELT: Final[Mapping[type, str]] = {int: "a whole number", float: "a number", str: "a text"}


def _kind(declared: str) -> type[int] | type[float] | type[str]:
    """Say what a field holds, None aside, from its annotation."""
    name = declared.partition(" ")[0]
    return int if name == "int" else float if name == "float" else str


# --- what does happen --------------------------------------------------------------------------------------------


@attrs.frozen
class Send:
    """A frame goes out."""

    at: float
    text: str


@attrs.frozen
class Shut:
    """The connection ends: with a close frame, or without one where ``code`` is None."""

    at: float
    code: int | None = None
    reason: str = ""


@attrs.frozen
class Freeze:
    """The connection becomes half-open."""

    at: float


Step: TypeAlias = Send | Shut | Freeze

SURPRISE: Final = '{"type":"vendor.surprise","event_id":"event_surprise","detail":{"level":11}}'


class FaultPlan:
    """What happens to the frames of one connection."""

    def __init__(self, faults: Faults, connection: int) -> None:
        self.faults = faults
        self._connection = connection
        # Not for secrets: the same seed has to give the same run.
        self._rng = random.Random(f"{faults.seed}/{connection}")  # noqa: S311
        self._withheld = [pattern.strip() for pattern in faults.withhold.split(",") if pattern.strip()]
        self._count = 0
        self._quiet_until = 0.0
        """Nothing is sent before: the moment of the last frame, or the end of a stall."""
        self._kept_back: str | None = None
        self._over = False

    @property
    def status(self) -> int | None:
        """The HTTP status that this connection is refused with; None when it is let in."""
        attempts = self.faults.attempts
        return self.faults.status if attempts is None or self._connection <= attempts else None

    def outgoing(self, event_type: str, text: str, now: float) -> list[Step]:
        """Say what becomes of one frame. After an end nothing is sent any more."""
        if self._over:
            return []
        faults = self.faults
        # Six draws for every frame, needed or not: one fault more or less then leaves the others where they were.
        late, lose, double, swap, garble, surprise = (self._rng.random() for _ in range(6))
        self._count += 1
        at = self._moment(now, late)
        steps: list[Step] = []
        if lose >= faults.lose and not any(fnmatchcase(event_type, pattern) for pattern in self._withheld):
            texts = [text[: len(text) // 2] if garble < faults.garble else text]
            texts = [SURPRISE, *texts] if surprise < faults.surprise else texts
            texts = texts * 2 if double < faults.duplicate else texts
            steps += [Send(at, part) for part in self._swapped(texts, swap < faults.reorder)]
        return [*steps, *self._end(event_type, at)]

    def _moment(self, now: float, late: float) -> float:
        faults = self.faults
        at = max(now + (faults.latency_ms + late * faults.jitter_ms) / 1000, self._quiet_until)
        self._quiet_until = at
        if faults.stall_after == self._count:
            self._quiet_until = at + faults.stall_ms / 1000
        return at

    def _swapped(self, texts: list[str], swap: bool) -> list[str]:
        """Keep a frame back until the next one was sent."""
        waiting, self._kept_back = self._kept_back, None
        if waiting is not None:
            return [*texts, waiting]
        if swap:
            self._kept_back = texts.pop()
        return texts

    def _end(self, event_type: str, at: float) -> list[Step]:
        faults = self.faults
        ends = faults.close_after == self._count or (faults.close_at and fnmatchcase(event_type, faults.close_at))
        if ends:
            self._over = True
            return [Shut(at, faults.close_code, faults.close_reason)]
        if faults.freeze_after == self._count:
            self._over = True
            return [Freeze(at)]
        return []
