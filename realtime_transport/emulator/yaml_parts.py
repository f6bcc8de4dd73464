"""YAML whose every value knows its line, so that what is wrong with a file can be said in its own terms."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs

from realtime_transport.exceptions import InvalidArgument, MissingExtra

Content: TypeAlias = "dict[str, Part] | list[Part] | str | int | float | bool | None"


@attrs.frozen
class Part:
    """One value of a file, and where it stands."""

    content: Content
    file: str
    line: int

    def refused(self, message: str) -> InvalidArgument:
        """Make the error that says what is wrong here."""
        return InvalidArgument(message, path=f"{self.file}:{self.line}")

    def mapping(self, what: str, names: Iterable[str], example: str) -> Mapping[str, Part]:
        """Read a mapping with nothing but these names in it. Raises ``InvalidArgument``."""
        if not isinstance(self.content, dict):
            raise self.refused(f"{what} must be a mapping, for example: {example}")
        known = list(names)
        for name, part in self.content.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
                raise part.refused(f"{what} has no {name!r}; {hint}")
        return self.content

    def sequence(self, what: str, example: str) -> Sequence[Part]:
        """Read a list. Raises ``InvalidArgument``."""
        if not isinstance(self.content, list):
            raise self.refused(f"{what} must be a list, for example: {example}")
        return self.content

    def text(self, what: str) -> str:
        """Read a text. Raises ``InvalidArgument``: YAML takes a bare ``yes`` or ``12`` for something else."""
        if not isinstance(self.content, str):
            raise self.refused(f"{what} must be a text; put it in quotes: {what}: {str(self.plain())!r}")
        return self.content

    def number(self, what: str, *, least: float = 0, whole: bool = False) -> float:
        """Read a number that is not smaller than ``least``. Raises ``InvalidArgument``."""
        wanted = int if whole else (int, float)
        if isinstance(self.content, bool) or not isinstance(self.content, wanted) or self.content < least:
            kind = "a whole number" if whole else "a number"
            raise self.refused(f"{what} must be {kind}, {least:g} or more, not {self.plain()!r}")
        return self.content

    def plain(self) -> Any:
        """Give the value without its lines."""
        if isinstance(self.content, dict):
            return {name: part.plain() for name, part in self.content.items()}
        if isinstance(self.content, list):
            return [part.plain() for part in self.content]
        return self.content


def read_yaml(path: Path) -> Part:
    """Read a file. Raises ``InvalidArgument`` with its line when it is no YAML, ``OSError`` when there is none.

    Raises ``MissingExtra`` without the extra ``server``.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("pyyaml", "server") from error
    text = path.read_text("utf-8")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return Part({}, str(path), 1) if node is None else _part(loader, node, str(path))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise InvalidArgument(f"this is no YAML: {error.problem}", path=f"{path}:{line}") from None
    finally:
        loader.dispose()


def _part(loader: Any, node: Any, file: str) -> Part:
    """Read one node of PyYAML's tree."""
    import yaml

    line: int = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        found: dict[str, Part] = {}
        for key, value in node.value:
            name = str(loader.construct_object(key))
            inner = _part(loader, value, file)
            where = Part(inner.content, file, key.start_mark.line + 1)
            if name in found:
                raise where.refused(f"{name!r} is here twice")
            found[name] = where
        return Part(found, file, line)
    if isinstance(node, yaml.SequenceNode):
        return Part([_part(loader, value, file) for value in node.value], file, line)
    return Part(cast("Content", loader.construct_object(node)), file, line)
