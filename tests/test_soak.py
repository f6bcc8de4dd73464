"""A small, seeded share of `make soak`: it finds nothing wrong, and it would find it."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from realtime_transport.conversation.history import History
from realtime_transport.testing import virtual_time

SOAK = Path(__file__).parent.parent / "scripts" / "soak.py"


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_call_in_which_everything_happens_leaves_nothing_behind(soak: ModuleType) -> None:
    counts: Counter[str] = Counter()
    assert virtual_time.run(soak.call(3, 3.0, counts)) == []
    assert {"cut", "tool call", "handoff", "speak", "answer completed"} <= counts.keys()


def test_a_history_that_forgets_a_deletion_is_noticed(soak: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(History, "deleted", lambda *_: None)
    wrong = virtual_time.run(soak.call(3, 3.0, Counter()))
    assert any("the histories differ" in line for line in wrong)
