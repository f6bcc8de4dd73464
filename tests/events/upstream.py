"""The published protocol and ours, both flattened to paths, so that they can be compared.

A path is ``session.audio.input.turn_detection<server_vad>.threshold``: names, ``[]`` for elements of an array, and the
word that selects a member of a union where the published types have several.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import pydantic

Words = dict[str, frozenset[str]]
"""Path -> the words that an enum lists there, empty where it is no enum."""


def members(declared: Any) -> Iterator[Any]:
    """Walk what a declared type allows: unions, optional values and annotations are looked through."""
    if get_origin(declared) is Annotated:
        yield from members(get_args(declared)[0])
    elif get_origin(declared) in (Union, types.UnionType):
        for member in get_args(declared):
            yield from members(member)
    else:
        yield declared


def is_model(cls: Any) -> bool:
    """Whether a class has fields to compare; our ``Unknown*`` classes stand for what nobody has published."""
    if not inspect.isclass(cls) or cls.__name__.startswith("Unknown"):
        return False
    return issubclass(cls, pydantic.BaseModel) or attrs.has(cls)


def fields(cls: Any) -> dict[str, Any]:
    """Give the wire name and the declared type of each field of a class, whichever library made it."""
    if issubclass(cls, pydantic.BaseModel):
        return {field.alias or name: field.annotation for name, field in cls.model_fields.items()}
    hints = get_type_hints(cls)
    declared = {field.name: hints[field.name] for field in attrs.fields(cls) if field.name not in ("extra", "raw")}
    for name in ("type", "role"):
        if name not in declared and hasattr(cls, name):
            declared[name] = Literal[getattr(cls, name)]
    return declared


def words(declared: Any) -> frozenset[str]:
    return frozenset(word for member in members(declared) if get_origin(member) is Literal for word in get_args(member))


def tag(cls: Any) -> str | None:
    """Give the word that selects a class: its type, and for messages the role."""
    declared = fields(cls)
    kinds = [words(declared[name]) for name in ("type", "role") if name in declared]
    return "/".join(next(iter(kind)) for kind in kinds) if kinds and all(len(kind) == 1 for kind in kinds) else None


class Flattening:
    """Flattens a tree of classes. Members of a union are told apart only where ``tagged`` says so, or, when that is
    None, wherever they have words of their own; ``seen_tags`` is where it did.
    """

    def __init__(self, tagged: set[str] | None = None) -> None:
        self._tagged = tagged
        self.seen_tags: set[str] = set()
        self.seen_classes: set[str] = set()

    def flatten(self, cls: Any, path: str = "") -> Words:
        """Give every path inside a class."""
        self.seen_classes.add(cls.__name__)
        found: Words = {}
        for name, declared in fields(cls).items():
            inside = f"{path}.{name}" if path else name
            for key, value in self._field(declared, inside).items():
                found[key] = found.get(key, frozenset()) | value
        return found

    def _field(self, declared: Any, path: str) -> Words:
        found: Words = {path: words(declared)}
        models = [member for member in members(declared) if is_model(member)]
        for member in members(declared):
            if get_origin(member) in (list, tuple):
                found |= self._field(get_args(member)[0], f"{path}[]")
            elif get_origin(member) in (dict, Mapping):
                found |= self._field(get_args(member)[1], f"{path}{{}}") if is_model(get_args(member)[1]) else {}
        for model in models:
            for key, value in self.flatten(model, self._member(path, model, models)).items():
                found[key] = found.get(key, frozenset()) | value
        return found

    def _member(self, path: str, model: Any, models: list[Any]) -> str:
        tags = [tag(each) for each in models]
        told_apart = path in self._tagged if self._tagged is not None else len(models) > 1 and None not in tags
        if not told_apart or tag(model) is None:
            return path
        self.seen_tags.add(path)
        return f"{path}<{tag(model)}>"
