"""A small share of `make load`: callers are answered, and what is wrong is said. Nothing is asserted on lateness."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

LOAD = Path(__file__).parent.parent / "scripts" / "load.py"


@pytest.fixture(scope="module")
def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("load", LOAD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["load"] = module  # msgspec looks its annotations up there
    spec.loader.exec_module(module)
    return module


def reports(load: ModuleType, *, late: float = 1.0, end: int = 100) -> list[Any]:
    return [load.Report(late_ms=[late] * 100, resident=size << 20, cpu_s=0.0) for size in (90, 100, 100, end)]


def test_a_server_that_keeps_up_passes(load: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert load.judge(load.Tally(asked=100, answered=99, waits_ms=[30.0]), reports(load)) == 0
    assert "it kept up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tally", "change", "complaint"),
    [
        ({"asked": 5, "answered": 5}, {"late": 80.0}, "late by 80.0 ms at the 99th percentile"),
        ({"asked": 5, "answered": 5}, {"end": 120}, "memory grew from 100 to 120 MiB"),
        ({}, {}, "nobody was answered"),
        ({"asked": 100, "answered": 90}, {}, "10 unanswered"),
        ({"asked": 5, "answered": 5, "errors": ["ConnectionLost: gone"]}, {}, "ConnectionLost: gone"),
    ],
)
def test_what_is_wrong_is_said(
    load: ModuleType,
    capsys: pytest.CaptureFixture[str],
    tally: dict[str, Any],
    change: dict[str, Any],
    complaint: str,
) -> None:
    assert load.judge(load.Tally(**tally), reports(load, **change)) == 1
    assert complaint in capsys.readouterr().out


async def test_a_few_callers_are_answered_over_real_sockets() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(LOAD), "--sessions", "3", "--seconds", "7", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    found = re.search(r"(\d+) questions, (\d+) answered, (\d+) errors", said.decode())
    assert found is not None, said.decode()
    asked, answered, errors = map(int, found.groups())
    assert 0 < answered <= asked <= answered + 3
    assert errors == 0
