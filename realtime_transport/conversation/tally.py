"""Add up what was spent."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from realtime_transport.events.objects import ProtocolObject

CountsT = TypeVar("CountsT", bound=ProtocolObject)


def add(total: CountsT, spent: CountsT) -> CountsT:
    """Add two records of counts field by field, nested ones too; what one of them leaves out counts as nothing."""
    sums: dict[str, Any] = {}
    for field in attrs.fields(type(total)):
        have, more = getattr(total, field.name), getattr(spent, field.name)
        if isinstance(have, ProtocolObject) and isinstance(more, ProtocolObject):
            sums[field.name] = add(have, more)
        elif _is_count(have) and _is_count(more):
            sums[field.name] = have + more
        elif field.name != "extra" and more:
            sums[field.name] = more
    return attrs.evolve(total, **sums)


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
