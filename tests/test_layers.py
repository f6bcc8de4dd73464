"""The layers of the house: who may import whom, and what the pure rooms must never touch.

Read from the source with ``ast``, so that an import inside a function counts as well as one at the top.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "realtime_transport"
SOURCES = sorted(PACKAGE.rglob("*.py"))

LAYERS: dict[str, int] = {
    "exceptions": 0,
    "capabilities": 0,
    "secret": 0,
    "lazy": 0,
    "events": 1,
    "audio": 1,
    "wire": 2,
    "dialects": 2,
    "conversation": 3,
    "backlog": 4,
    "early": 4,
    "emitter": 4,
    "listeners": 4,
    "relay": 4,
    "serving": 4,
    "streams": 4,
    "tasks": 4,
    "unheard": 4,
    "waits": 4,
    "http": 5,
    "transports": 5,
    "telephony": 6,
    "session": 7,
    "emulator": 7,
    "testing": 8,
    "gateway": 8,
    "conformance": 8,
    "cli": 8,
    "console": 8,
}
"""Top-level name -> layer. A module imports from layers above its own (smaller numbers), and from its own."""

FORBIDDEN: dict[str, frozenset[str]] = {
    "exceptions": frozenset({"realtime_transport"}),
    "capabilities": frozenset({"realtime_transport"}),
    "events": frozenset({"cattrs", "asyncio", "time", "realtime_transport.audio"}),
    "audio": frozenset({"asyncio", "socket", "realtime_transport.events"}),
    "wire": frozenset({"asyncio", "realtime_transport.conversation"}),
    "dialects": frozenset({"asyncio", "realtime_transport.conversation"}),
    "conversation": frozenset({"asyncio", "time", "random", "pyee", "socket", "secrets", "realtime_transport.wire"}),
    "backlog": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "early": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "emitter": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "listeners": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "relay": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "serving": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "streams": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "tasks": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "unheard": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "waits": frozenset({"websockets", "realtime_transport.conversation", "realtime_transport.wire"}),
    "transports": frozenset(
        {f"realtime_transport.{name}" for name in ("session", "telephony", "emulator", "cli", "http")}
    ),
    "telephony": frozenset({"realtime_transport.session", "realtime_transport.emulator", "realtime_transport.cli"}),
    "session": frozenset(
        {"realtime_transport.telephony", "realtime_transport.wire", "realtime_transport.emulator", "websockets"}
        | {f"realtime_transport.transports.{name}" for name in ("websocket", "loopback", "scripted", "sip")}
    ),
    "http": frozenset({"realtime_transport.transports", "realtime_transport.session"}),
    "gateway": frozenset(
        {f"realtime_transport.{name}" for name in ("emulator", "testing", "cli", "console")}
        | {f"realtime_transport.transports.{name}" for name in ("websocket", "loopback", "scripted", "sip")}
    ),
    "emulator": frozenset({"realtime_transport.transports", "realtime_transport.session", "realtime_transport.http"}),
}
"""What a room must not import, beyond the order of the layers."""

CLOCKS = frozenset(
    {"time.time", "time.monotonic", "time.perf_counter", "time.sleep", "datetime.now", "datetime.utcnow"}
)
"""The running loop is the clock: tests run it on virtual time."""

CALENDAR = {"emulator/sessions.py", "emulator/client_secrets.py"}
"""Where the calendar itself is the matter (``expires_at``), not durations."""


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, with its line. ``from a import b`` counts as ``a`` and as ``a.b``."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}:{node.lineno}: a relative import"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def named(path: Path, line: int, what: str) -> str:
    return f"{path.relative_to(PACKAGE.parent)}:{line}: {what}"


def test_every_room_has_its_layer() -> None:
    rooms = {room(path) for path in SOURCES} - {"__init__"}
    assert rooms - set(LAYERS) == set()


def test_imports_go_up_only() -> None:
    wrong: list[str] = []
    for path in SOURCES:
        own = LAYERS.get(room(path))
        for module, line in imports(path):
            parts = module.split(".")
            if own is None or parts[0] != "realtime_transport" or len(parts) < 2 or parts[1] not in LAYERS:
                continue
            if LAYERS[parts[1]] > own:
                wrong.append(named(path, line, f"{room(path)} ({own}) imports {module} ({LAYERS[parts[1]]})"))
    assert wrong == []


def test_nothing_that_is_forbidden_is_imported() -> None:
    wrong = [
        named(path, line, f"{room(path)} must not import {module}")
        for path in SOURCES
        for module, line in imports(path)
        for banned in FORBIDDEN.get(room(path), ())
        if is_within(module, banned)
    ]
    assert wrong == []


def test_transports_and_events_do_not_know_people() -> None:
    """What people run imports the library; nothing imports what people run."""
    shops = tuple(f"realtime_transport.{name}" for name in ("cli", "console", "gateway"))
    wrong = [
        named(path, line, module)
        for path in SOURCES
        if LAYERS.get(room(path), 9) < 8
        for module, line in imports(path)
        if any(is_within(module, shop) for shop in shops)
    ]
    assert wrong == []


def test_time_comes_from_the_loop_and_chance_from_secrets() -> None:
    wrong: list[str] = []
    for path in SOURCES:
        if str(path.relative_to(PACKAGE)) in CALENDAR:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = dotted(node.func)
                if any(called == clock or called.endswith("." + clock) for clock in CLOCKS):
                    wrong.append(named(path, node.lineno, called))
                seeded = called == "random.Random" and node.args
                if called.startswith("random.") and not seeded:
                    wrong.append(named(path, node.lineno, called))
    assert wrong == []


@pytest.mark.parametrize(
    "folder", ["transports", "emitter", "listeners", "streams", "backlog", "early", "telephony", "gateway"]
)
def test_fm95_queues_in_drivers_have_a_bound(folder: str) -> None:
    wrong: list[str] = []
    for path in SOURCES:
        if room(path) != folder:
            continue
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            called = dotted(node.func).rpartition(".")[2]
            bounds = {keyword.arg for keyword in node.keywords}
            if (called == "deque" and "maxlen" not in bounds) or (
                called in {"Queue", "LifoQueue", "PriorityQueue"} and "maxsize" not in bounds and not node.args
            ):
                wrong.append(named(path, node.lineno, f"{called} without a bound"))
    assert wrong == []


def test_no_private_attribute_of_a_dependency() -> None:
    """``module._name`` of anything imported that is not ours; our own objects reach theirs through ``self``."""
    wrong: list[str] = []
    for path in SOURCES:
        foreign = {
            (alias.asname or alias.name).partition(".")[0]
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Import | ast.ImportFrom)
            and not is_within(getattr(node, "module", None) or node.names[0].name, "realtime_transport")
            for alias in node.names
        }
        for node in ast.walk(tree(path)):
            private = isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__")
            if private and dotted(node.value).partition(".")[0] in foreign:
                wrong.append(named(path, node.lineno, f"{dotted(node.value)}.{node.attr}"))
            if isinstance(node, ast.ImportFrom) and not is_within(node.module or "", "realtime_transport"):
                wrong += [named(path, node.lineno, a.name) for a in node.names if a.name.startswith("_")]
                if any(part.startswith("_") and part != "__future__" for part in (node.module or "").split(".")):
                    wrong.append(named(path, node.lineno, str(node.module)))
    assert wrong == []


def test_files_are_small_rooms() -> None:
    """No file above 400 lines, but for what is generated and for catalogues: one small class after the other."""
    generated, catalogues = "generated by scripts/", {"events/transport.py"}
    large = [
        f"{path.relative_to(PACKAGE)}: {len(lines)} lines"
        for path in SOURCES
        if len(lines := path.read_text().splitlines()) > 400
        and str(path.relative_to(PACKAGE)) not in catalogues
        and not any(generated in line for line in lines)
    ]
    assert large == []


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: what the docstring says does not make a function long."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_functions_fit_a_screen() -> None:
    large = [
        named(path, node.lineno, f"{node.name} has {length(node)} lines")
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > 60
    ]
    assert large == []


def test_no_room_is_called_after_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert [str(path) for path in SOURCES if empty & set(path.with_suffix("").parts)] == []
