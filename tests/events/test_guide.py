"""The reference lists the events as they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import attrs
import pytest

from realtime_transport.events import TRANSPORT_EVENTS
from realtime_transport.session.events import SESSION_EVENTS, SessionEvent

LIST_EVENTS = Path(__file__).parents[2] / "scripts" / "list_events.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("list_events", LIST_EVENTS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_drawn_from_the_classes(script: ModuleType) -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run `make docs`"


def test_no_field_of_a_payload_is_left_out(script: ModuleType) -> None:
    for cls in {*TRANSPORT_EVENTS.values(), *SESSION_EVENTS.values()}:
        shared = {field.name for field in attrs.fields(SessionEvent)} if issubclass(cls, SessionEvent) else set()
        assert {name for name, _, _ in script.fields(cls)} == {f.name for f in attrs.fields(cls)} - shared, cls
