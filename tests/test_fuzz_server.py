"""A small, seeded share of `make fuzz-server`, in memory and over real sockets; and the proof that it would notice."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import attrs
import pytest

from realtime_transport.conversation import server_errors

FUZZ_SERVER = Path(__file__).parent.parent / "scripts" / "fuzz_server.py"


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_server", FUZZ_SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_bad_frame_has_its_error_and_the_session_lives(fuzz: ModuleType) -> None:
    tally = fuzz.run(3_000, seed=5)
    assert tally.faults == []
    assert tally.frames == 3_000
    assert set(tally.damages) == {
        *("wild", "unknown type", "no type", "missing field", "no base64", "unknown field", "no JSON", "wrong type")
    }
    assert len(tally.codes) > 10


def test_a_wrong_code_is_noticed(fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    row = server_errors.ERRORS["unknown_parameter"]
    monkeypatch.setitem(server_errors.ERRORS, "unknown_parameter", attrs.evolve(row, code="invalid_type"))
    faults = fuzz.run(300, seed=5).faults
    assert any("unknown field: invalid_type instead of unknown_parameter" in fault for fault in faults)


async def test_over_real_sockets_nothing_crashes_and_no_endpoint_answers_5xx(fuzz: ModuleType) -> None:
    tally = await fuzz.run_over_sockets(600, seed=5)
    assert tally.faults == []
    assert tally.sessions == 2
    assert any(code.startswith("HTTP 4") for code in tally.codes)
