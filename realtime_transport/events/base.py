"""What every event and object is, and the difference between "absent" and "null".

The protocol gives meaning to three states of a field: absent (keep what is in force), ``null`` (switch it off) and a
value. ``UNSET`` is the first; it is false in a boolean context, so ``event.name or ""`` reads naturally.
"""

from __future__ import annotations

import enum
import reprlib
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    import attrs


class Unset(enum.Enum):
    """The type of ``UNSET``: an enum of one member, so that type checkers narrow ``is UNSET``."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""The field is absent: it is omitted on the wire and keeps whatever is in force."""

T = TypeVar("T")
Maybe: TypeAlias = T | Unset | None
"""A field that may be absent (``UNSET``), ``null`` (None) or a value."""


class Value:
    """Base of whatever is its fields and nothing else: equal, hashed and shown by them, as attrs does it.

    attrs writes and compiles these three methods for every class anew. For two hundred classes that was a third of the
    time it takes to import this library, so here they are once; a subclass says ``eq=False, repr=False`` to attrs. One
    that does not (an application's own) gets methods of its own, which do the same.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # attrs sets it
        __attrs_attrs__: ClassVar[tuple[attrs.Attribute[Any], ...]]

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, a.name) == getattr(other, a.name) for a in self.__attrs_attrs__ if a.eq)

    def __hash__(self) -> int:
        hashed = [getattr(self, a.name) for a in self.__attrs_attrs__ if (a.eq if a.hash is None else a.hash)]
        return hash((self.__class__, *hashed))

    @reprlib.recursive_repr("...")
    def __repr__(self) -> str:
        shown = [
            f"{a.name}={repr(value) if a.repr is True else a.repr(value)}"
            for a in self.__attrs_attrs__
            if a.repr is not False
            for value in [getattr(self, a.name)]
        ]
        return f"{self.__class__.__qualname__.rpartition('>.')[2]}({', '.join(shown)})"
