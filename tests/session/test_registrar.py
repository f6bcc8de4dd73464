import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from realtime_transport.session.registrar import Registrar

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_session_overloads.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_session_overloads", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["registrar.py", "waiting.py"])
def test_the_overloads_are_those_of_the_tables(name: str) -> None:
    generator = script()
    (path,) = [path for path in generator.TARGETS if path.name == name]
    assert generator.generated(path, generator.TARGETS[path]) == path.read_text(encoding="utf-8")


def test_it_registers_as_a_call_and_as_a_decorator() -> None:
    registered: list[object] = []
    on: Registrar[None] = Registrar(lambda name, listener: registered.append((name, listener)))
    on("audio", print)

    @on("agent_end")
    def ended(event: object) -> None: ...

    assert registered == [("audio", print), ("agent_end", ended)]
