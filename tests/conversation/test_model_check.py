"""The exhaustive search itself, to a depth that takes a second; `make model` goes deeper."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from realtime_transport.conversation import turns
from realtime_transport.conversation.states import INTERRUPTION, Interruption, InterruptionInput

MODEL_CHECK = Path(__file__).parents[2] / "scripts" / "model_check.py"


@pytest.fixture(scope="module")
def model() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_check", MODEL_CHECK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_world_of_four_steps_keeps_the_law_and_comes_to_rest(model: ModuleType) -> None:
    states, steps, path, reason = model.search(4)
    assert (path, reason) == ((), "")
    assert states > 500
    assert steps > states


def test_the_search_finds_a_broken_law(model: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a cut response be heard: the search must say after which steps."""
    broken = {state: dict(row) for state, row in INTERRUPTION.items()}
    broken[Interruption.RUNNING][InterruptionInput.CUT] = Interruption.CANCELLING
    monkeypatch.setattr(turns, "INTERRUPTION", broken)
    _, _, path, reason = model.search(5)
    assert "audio of a response that was cut" in reason
    assert "interrupt" in path or "barge" in path


def test_worlds_that_differ_in_names_and_time_only_are_one_state(model: ModuleType) -> None:
    one = model.replay(("request", "up", "down", "finish", "down"))
    assert one.signature() == model.replay(("request", "up", "down", "finish", "down")).signature()
    later = model.replay(("moment", "moment", "cancel"))
    assert later.signature() == model.replay(("cancel",)).signature()
    assert later.signature() != model.replay(("cancel", "request")).signature()
