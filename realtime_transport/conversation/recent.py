"""A set that forgets its oldest members beyond a bound."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

MemberT = TypeVar("MemberT", bound=Hashable)


class Recent(Generic[MemberT]):
    """Remember the last ``limit`` things: ids that must not be acted on twice, or no more at all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: dict[MemberT, None] = {}

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def add(self, member: MemberT) -> bool:
        """Remember ``member``; False when it was known already."""
        if member in self._members:
            return False
        self._members[member] = None
        if len(self._members) > self._limit:
            del self._members[next(iter(self._members))]
        return True

    def discard(self, member: MemberT) -> None:
        """Forget ``member``: what is gone came back."""
        self._members.pop(member, None)
