"""A small share of `make fuzz-server`: nothing is otherwise, and what would be otherwise is said."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "fuzz_server.py"


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_server", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_server"] = module  # attrs looks its annotations up there
    spec.loader.exec_module(module)
    return module


async def test_nothing_is_otherwise(fuzz: ModuleType) -> None:
    tally = await fuzz.run(3_000, 3)
    assert tally.failures == []
    assert tally.frames["over a socket"] >= 60
    assert tally.turns == tally.frames.total() / fuzz.FRAMES_OF_A_SESSION
    assert all(status < 500 for status in tally.statuses)
    assert {"invalid_type", "unknown_parameter", "missing_required_parameter", "invalid_json"} <= set(tally.codes)
    assert "0 failures" in tally.report()


async def test_the_same_seed_is_the_same_run(fuzz: ModuleType) -> None:
    one, two = [[fuzz.Gunner(fuzz.random.Random(5)).wild().data for _ in range(3)] for _ in range(2)]
    assert one == two


def server(fuzz: ModuleType, flaw: str) -> Any:
    """A server with one habit that it should not have."""

    class Bad(fuzz.InMemory):  # type: ignore[name-defined, misc]
        async def ask(self, data: str | bytes) -> Any:
            if flaw == "crashes" and b"shot" in (data if isinstance(data, bytes) else data.encode()):
                raise RuntimeError("it crashed")
            frames = await super().ask(data)
            for frame in frames:
                if flaw == "other codes" and frame["type"] == "error":
                    frame["error"]["code"] = "internal_error"
            if flaw == "silent":
                return [frame for frame in frames if frame["type"] != "error"]
            return frames * 2 if flaw == "says everything twice" else frames

        async def turn(self) -> Any:
            return [] if flaw == "talks no more" else await super().turn()

    return Bad


@pytest.mark.parametrize(
    ("flaw", "complaint"),
    [
        ("crashes", "it crashed"),
        ("silent", "answered with [], not with"),
        ("other codes", "internal_error"),
        ("says everything twice", "answered with [("),
        ("talks no more", "no turn was possible"),
    ],
)
async def test_a_server_that_does_otherwise_is_caught(fuzz: ModuleType, flaw: str, complaint: str) -> None:
    tally = await fuzz.run(60, 1, target=server(fuzz, flaw))
    assert complaint in "".join(tally.failures)
    assert json.dumps(tally.report())
