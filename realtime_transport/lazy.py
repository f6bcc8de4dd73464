"""Exports that are imported when somebody asks for them: a program pays for what it uses.

For type checkers and editors the package imports everything, under ``TYPE_CHECKING``; a test holds the two lists equal.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def exports(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's ``__getattr__`` and ``__dir__`` (PEP 562) from its modules and the names that live there."""
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home), name)
        setattr(sys.modules[package], name, value)  # the next one to ask finds it at once
        return value

    def names() -> list[str]:
        return sorted(home_of)

    return find, names
