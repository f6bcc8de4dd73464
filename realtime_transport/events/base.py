"""The root of every event, and the difference between "absent" and "null".

The protocol gives meaning to three states of a field: absent (keep what is in force), ``null`` (switch it off) and a
value. ``UNSET`` is the first; it is false in a boolean context, so ``event.name or ""`` reads naturally.
"""

from __future__ import annotations

import enum
from typing import Final, Literal, TypeAlias, TypeVar


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
