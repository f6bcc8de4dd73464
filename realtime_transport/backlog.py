"""What waits for one slow reader, and what happens when too much does.

Every async listener and every event stream has one of these, so that the read loop never waits for user code and one
slow reader costs the others nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args

import attrs

from realtime_transport.exceptions import InvalidArgument

T = TypeVar("T")

Overflow: TypeAlias = Literal["drop_oldest", "disconnect", "block"]
"""What a full backlog does.

``drop_oldest`` forgets what waited longest and says so: right for audio, where late is worthless. ``disconnect`` takes
the reader off and says so: right for everything a program acts on, where a hole is worse than an end. ``block`` makes
the transport stop reading: nothing is lost, but after ``ping_interval + ping_timeout`` the connection is.
"""

OVERFLOW: Final[dict[str, Overflow]] = {"audio": "drop_oldest"}
"""What a full backlog does, by the name of its events; ``disconnect`` for all others."""

LISTENER_LIMIT: Final = 256
"""Events that wait for one async listener: a long answer's worth of audio, a second's worth of anything else."""

STREAM_LIMIT: Final = 1024
"""Events that wait in one stream: it hears every name, and its reader does its work between two events."""

POLICIES: Final[tuple[Overflow, ...]] = get_args(Overflow)

AudioMs: TypeAlias = Callable[[Any], float]
"""How many milliseconds of audio an event carries, 0.0 for all that carry none."""


def policy_for(name: str, overflow: Overflow | None) -> Overflow:
    """Return the policy that was asked for, or the one that suits the name. Raises ``InvalidArgument``."""
    return OVERFLOW.get(name, "disconnect") if overflow is None else _checked(overflow)


def _checked(overflow: Overflow) -> Overflow:
    if overflow not in POLICIES:
        raise InvalidArgument(f"{overflow!r} is none of {', '.join(POLICIES)}", path="overflow")
    return overflow


class Full(Exception):
    """The backlog has no room left and its policy is not to forget."""


@attrs.frozen
class Missed:
    """What a reader will never see."""

    events: int
    ms: float
    """Audio in them."""


class Backlog(Generic[T]):
    """A bounded queue with one reader. ``offer`` never waits. Raises ``InvalidArgument`` for one without room."""

    def __init__(self, limit: int, overflow: Overflow) -> None:
        if limit < 1:
            raise InvalidArgument(f"at least one event has to fit, not {limit}", path="limit")
        self.limit = limit
        self.overflow: Overflow = _checked(overflow)
        # With ``block`` the driver stops reading at ``limit``, but one frame makes several events, so a hard limit
        # cannot be there. At twice the limit the driver is one that reads on regardless.
        self._most = limit * 2 if overflow == "block" else limit
        self._waiting: deque[T] = deque(maxlen=self._most)
        self._missed = Missed(0, 0.0)

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, item: T) -> T | None:
        """Add an item and return the one that was forgotten for it, if any. Raises ``Full``."""
        if len(self._waiting) < self._most:
            self._waiting.append(item)
            return None
        if self.overflow != "drop_oldest":
            raise Full
        oldest = self._waiting.popleft()
        self._waiting.append(item)
        return oldest

    def take(self) -> T:
        """Remove and return what waited longest. Raises ``IndexError`` when nothing waits."""
        return self._waiting.popleft()

    def clear(self) -> list[T]:
        """Forget everything and return it."""
        forgotten = list(self._waiting)
        self._waiting.clear()
        return forgotten

    @property
    def congested(self) -> bool:
        """Whether the driver should stop reading for this reader's sake."""
        return self.overflow == "block" and len(self._waiting) >= self.limit

    # --- counting what was forgotten -------------------------------------------------------------------------------

    def note_missed(self, ms: float) -> bool:
        """Count one forgotten event; True when so many are unreported that it should not wait for the reader."""
        self._missed = Missed(self._missed.events + 1, self._missed.ms + ms)
        return self._missed.events >= self.limit

    def missed(self) -> Missed | None:
        """Hand over the count since the last call, None when nothing was missed."""
        missed, self._missed = self._missed, Missed(0, 0.0)
        return missed if missed.events else None
