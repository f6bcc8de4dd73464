"""The types that the ``openai`` package publishes, applied strictly: nothing converted, nothing unknown let through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import openai.types.realtime as published
from pydantic import BaseModel, TypeAdapter, ValidationError

from tests.events.upstream import members, words

FAMILIES: dict[str, Any] = {
    "realtime": published.RealtimeServerEvent,
    "translation": published.RealtimeTranslationServerEvent,
}

BEYOND = {
    r"^session\.(created|updated):session\.(id|object|expires_at)$": "a session as echoed, not as asked for",
    r"\.delta:obfuscation$": "the live server pads deltas of text",
    r"(:item|:response\.output\[\])\.phase$": "reasoning models tell commentary from the answer, when a brain does",
}
"""Pattern of a field that the published types do not have -> why our server sends it."""


def _by_type(union: Any) -> dict[str, TypeAdapter[Any]]:
    return {next(iter(words(cls.model_fields["type"].annotation))): TypeAdapter(cls) for cls in members(union)}


SHAPES = {family: _by_type(union) for family, union in FAMILIES.items()}
"""Family -> type of a server event -> what reads it."""


def deviations(frame: Mapping[str, Any], family: str = "realtime") -> list[str]:
    """Say where a frame is not what is published; empty when it is."""
    kind = str(frame.get("type"))
    if kind not in SHAPES[family]:
        return [f"{kind}: no such event"]
    try:
        paths = beyond(frame, family)
    except ValidationError as error:
        return [f"{kind}:{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return [path for path in paths if not any(re.search(pattern, path) for pattern in BEYOND)]


def beyond(frame: Mapping[str, Any], family: str = "realtime") -> list[str]:
    """Give the paths of a frame's fields that no published class declares; raise for flaws in the others."""
    kind = frame["type"]
    return list(_unknown(SHAPES[family][kind].validate_json(json.dumps(frame), strict=True), f"{kind}:"))


def _unknown(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{path}{name}" for name in value.model_extra or {})
        for name, field in type(value).model_fields.items():
            yield from _unknown(getattr(value, name), f"{path}{field.alias or name}.")
    elif isinstance(value, list):
        for each in value:
            yield from _unknown(each, f"{path.removesuffix('.')}[].")
