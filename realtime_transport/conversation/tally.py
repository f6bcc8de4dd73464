"""Add up what was spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs

from realtime_transport.events.objects import ProtocolObject
from realtime_transport.events.usage import CachedTokenDetails, InputTokenDetails, OutputTokenDetails, Usage

CountsT = TypeVar("CountsT", bound=ProtocolObject)

_FIELDS: Final[Mapping[type[ProtocolObject], tuple[str, ...]]] = {
    cls: tuple(field.name for field in attrs.fields(cls) if field.name != "extra")
    for cls in (Usage, InputTokenDetails, OutputTokenDetails, CachedTokenDetails)
}
_COUNTS: Final = frozenset({int, float})


def add(total: CountsT, spent: CountsT) -> CountsT:
    """Add two records of counts field by field, nested ones too; what one of them leaves out counts as nothing."""
    sums: dict[str, Any] = {"extra": total.extra}
    for name in _FIELDS[type(total)]:
        have, more = getattr(total, name), getattr(spent, name)
        if not more:
            sums[name] = have
        elif type(have) in _COUNTS and type(more) in _COUNTS:
            sums[name] = have + more
        elif isinstance(have, ProtocolObject) and isinstance(more, ProtocolObject):
            sums[name] = add(have, more)
        else:
            sums[name] = more
    return type(total)(**sums)
