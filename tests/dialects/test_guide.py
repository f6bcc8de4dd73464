"""The guide lists the dialects as they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from realtime_transport.dialects import DIALECTS

LIST_DIALECTS = Path(__file__).parents[2] / "scripts" / "list_dialects.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("list_dialects", LIST_DIALECTS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_list_in_the_guide_is_drawn_from_the_values(script: ModuleType) -> None:
    current = script.PAGE.read_text(encoding="utf-8")
    assert script.page(current) == current, "run `make docs`"


def test_every_dialect_has_something_a_person_should_know(script: ModuleType) -> None:
    listed = script.listed()
    assert all(f"### `{name}`\n\n{dialect.notes}" in listed for name, dialect in DIALECTS.items())
    assert all(dialect.notes for dialect in DIALECTS.values())
