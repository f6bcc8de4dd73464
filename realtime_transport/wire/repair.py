"""Read as much of a flawed frame as is sound.

The converter is strict and says where every flaw is. Here the flawed values are taken out of a copy and the rest is
read again: a field that may be absent is then absent; an object in a union becomes unknown when it lacks something
it needs; an element of an array is left out; and when the event itself lacks something it needs, there is no event.
Sound frames never come here, so it costs them nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

import attrs
from cattrs import AttributeValidationNote, ClassValidationError, IterableValidationError

from realtime_transport.wire.converter import Opaque
from realtime_transport.wire.values import GONE, BadAudio

T = TypeVar("T")
Path: TypeAlias = tuple[str | int, ...]


@attrs.frozen
class Flaw:
    """One value that could not be read, or is missing."""

    path: Path
    message: str
    audio: bool = False
    """The value should have been base64."""


def spell(path: Path) -> str:
    """Write a path as people read it: ``session.tools[2].name``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def flaws(error: BaseException, path: Path = ()) -> Iterator[tuple[Path, BaseException]]:
    """Walk what the converter raised. A ``KeyError`` says that the last step of its path is missing."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        for inner in error.exceptions:
            yield from flaws(inner, (*path, _step(inner)))
    else:
        yield path, error


def _step(error: Exception) -> str | int:
    """Give the name or index under which the converter met this error, which it notes on each error once."""
    note: Any = error.__notes__[-1]
    return note.name if isinstance(note, AttributeValidationNote) else note.index


def explain(error: BaseException) -> str:
    """Say in a few words what was wrong with a value."""
    return "is required" if isinstance(error, KeyError) else str(error)


def read_soundly(source: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]) -> tuple[T | None, list[Flaw]]:
    """Read what is sound of ``source``; the result is None when nothing can be made of it.

    Every round takes at least one value out or breaks one object, so it ends; a frame needs about two rounds for
    each level of nesting that its flaws reach up.
    """
    draft = _Draft(source)
    found: dict[Path, Flaw] = {}
    while True:
        try:
            return read(draft.tree), list(found.values())
        except ClassValidationError as error:
            lost = False
            for path, reason in sorted(flaws(error), key=_is_missing):
                if isinstance(reason, KeyError):
                    found.setdefault(path, Flaw(path, explain(reason)))
                    if len(path) > 1:
                        draft.give_up(path[:-1])
                    else:
                        lost = True
                else:
                    if not isinstance(draft.at(path), Opaque):
                        found[path] = Flaw(path, explain(reason), isinstance(reason, BadAudio))
                    draft.take_out(path)
            if lost:
                return None, list(found.values())


def _is_missing(flaw: tuple[Path, BaseException]) -> bool:
    """Sort what is missing last: an object given up is whole again, and nothing may be taken out of it after that."""
    return isinstance(flaw[1], KeyError)


def _walk(node: Any, path: Path) -> Any:
    for step in path:
        node = node[step]
    return node


class _Draft:
    """A copy of the source in which values are taken out; only the containers on the way to them are copied."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self._source = source
        self.tree: dict[str, Any] = dict(source)
        self._ours = {id(self.tree)}

    def at(self, path: Path) -> Any:
        return _walk(self.tree, path)

    def take_out(self, path: Path) -> None:
        container = self._owned(path[:-1])
        if isinstance(container, dict):
            del container[path[-1]]
        else:
            container[path[-1]] = GONE

    def give_up(self, path: Path) -> None:
        """Make an object opaque: whole again, as the peer sent it."""
        self._owned(path[:-1])[path[-1]] = opaque = Opaque(_walk(self._source, path))
        self._ours.add(id(opaque))

    def _owned(self, path: Path) -> Any:
        """Give the container at ``path``, copied if it still belongs to the source."""
        node: Any = self.tree
        for step in path:
            inner = node[step]
            if id(inner) not in self._ours:
                node[step] = inner = inner.copy()
                self._ours.add(id(inner))
            node = inner
        return node
