"""Single objects to and from dicts: for storing a history, for HTTP bodies, for a caller's own JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from cattrs import ClassValidationError

from realtime_transport.events import ClientEvent, Item, ProtocolObject, ServerEvent
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.wire.converter import CONVERTER
from realtime_transport.wire.json_text import check
from realtime_transport.wire.repair import explain, flaws, spell
from realtime_transport.wire.values import expected

T = TypeVar("T")


def to_dict(value: ProtocolObject | ClientEvent | ServerEvent) -> dict[str, Any]:
    """Spell an object or event in GA as plain JSON values; audio becomes base64, ``UNSET`` is left out.

    Raises ``InvalidArgument`` with a path when a field holds what the protocol has no place for: what we would not
    read we do not write.
    """
    fields: dict[str, Any] = CONVERTER.unstructure(value)
    from_dict(fields, type(value))
    check(fields)
    return fields


def from_dict(value: Mapping[str, Any], cls: type[T]) -> T:
    """Read an object or event of a known class from plain JSON values in GA spelling.

    Raises ``InvalidArgument`` with the path of the first flaw, or without one when ``value`` is no object at all.
    """
    result: T = _read(value, cls)
    return result


def item_from_dict(value: Mapping[str, Any]) -> Item:
    """Read an item of whatever kind; one of an unknown kind is kept whole. Raises like ``from_dict``."""
    item: Item = _read(value, Item)
    return item


def _read(value: object, declared: Any) -> Any:
    if not isinstance(value, Mapping):  # an HTTP body is whatever the peer sent
        raise InvalidArgument(str(expected("an object", value)))
    try:
        return CONVERTER.structure(dict(cast("Mapping[str, Any]", value)), declared)
    except ClassValidationError as error:
        path, reason = next(flaws(error))
        raise InvalidArgument(explain(reason), path=spell(path)) from None
