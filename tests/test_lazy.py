"""Packages that import what is asked for: the same names for programs and for type checkers."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import realtime_transport
from realtime_transport import transports, wire
from realtime_transport.transports import sockets

PACKAGES = [realtime_transport, transports, sockets, wire]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_type_checkers_see_what_programs_get(package: object) -> None:
    """The imports under ``TYPE_CHECKING``, the table and ``__all__`` are one list."""
    path = Path(str(getattr(package, "__file__")))  # noqa: B009  # the type of a module in a list is object
    block = next(node for node in ast.parse(path.read_text()).body if isinstance(node, ast.If))
    imported = {
        node.module: tuple(alias.name for alias in node.names)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }
    assert imported == vars(package)["_HOMES"]
    names = {name for names in imported.values() for name in names}
    assert names == set(vars(package)["__all__"])
    for home, some in imported.items():
        assert home is not None
        for name in some:
            assert getattr(package, name) is getattr(importlib.import_module(home), name)
    assert names <= set(dir(package))


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"realtime_transport\.transports.*pigeon"):
        _ = transports.pigeon  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        exec("from realtime_transport import pigeon")


UNUSED = {
    "realtime_transport": ("asyncio", "attrs", "websockets", "msgspec", "realtime_transport.events"),
    "realtime_transport.WebSocketTransport": (
        "websockets",
        "importlib.metadata",
        "msgspec",
        "numpy",
        "soundfile",
        "cattrs",
        "hashlib",
        "statistics",
        "uuid",
        "realtime_transport.session",
        "realtime_transport.emulator",
        "realtime_transport.wire.codec",
        "realtime_transport.conversation.server",
        "realtime_transport.transports.loopback",
    ),
    "realtime_transport.RealtimeSession": (
        "numpy",
        "mcp",
        "websockets",
        "cattrs",
        "hashlib",
        "statistics",
        "realtime_transport.conversation.server",
        "realtime_transport.transports.websocket",
        "realtime_transport.wire.codec",
    ),
}


@pytest.mark.parametrize("what", UNUSED)
def test_what_is_not_used_is_not_imported(what: str) -> None:
    code = f"import sys, realtime_transport; {what}; print(*(m for m in {UNUSED[what]!r} if m in sys.modules))"
    # Coverage of a process of its own would import things of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == []
