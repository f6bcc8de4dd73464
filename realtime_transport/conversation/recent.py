"""A set that forgets its oldest members beyond a bound."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, Generic, TypeVar

MemberT = TypeVar("MemberT", bound=Hashable)

_NO_MEMBERS: Final[dict[Any, None]] = {}
_EMPTY_RING: Final[list[Any]] = []
"""What all sets that remember nothing share, never written to: a connection has eight, and most stay empty."""


class Recent(Generic[MemberT]):
    """Remember the last ``limit`` things: ids that must not be acted on twice, or no more at all."""

    __slots__ = ("_limit", "_members", "_oldest", "_ring")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: dict[MemberT, None] = _NO_MEMBERS
        # The same in the order they came, the oldest overwritten when it is full. To find the oldest in a dictionary
        # takes longer with everything that was deleted before it.
        self._ring: list[MemberT] = _EMPTY_RING
        self._oldest = 0

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def add(self, member: MemberT) -> bool:
        """Remember ``member``; False when it was known already."""
        if member in self._members:
            return False
        if self._members is _NO_MEMBERS:
            self._members, self._ring = {}, []
        if len(self._ring) < self._limit:
            self._ring.append(member)
        else:
            del self._members[self._ring[self._oldest]]
            self._ring[self._oldest] = member
            self._oldest = (self._oldest + 1) % self._limit
        self._members[member] = None
        return True

    def discard(self, member: MemberT) -> None:
        """Forget ``member``: what is gone came back. Takes longer the more is remembered; it is rare."""
        if member in self._members:
            del self._members[member]
            in_order = self._ring[self._oldest :] + self._ring[: self._oldest]
            in_order.remove(member)
            self._ring, self._oldest = in_order, 0
