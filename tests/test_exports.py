"""The public names are exactly what is exported, and the package imports without its extras."""

from __future__ import annotations

import subprocess
import sys

import realtime_transport

HEAVY = ("numpy", "soundfile", "starlette", "uvicorn", "httpx2", "matplotlib", "rich", "openai", "pydantic", "mcp")


def test_all_is_sorted_and_whole() -> None:
    public = [name for name in dir(realtime_transport) if not name.startswith("_")]
    modules = {name for name in public if type(getattr(realtime_transport, name)).__name__ == "module"}
    assert sorted(realtime_transport.__all__) == sorted(set(public) - modules - {"annotations"})


def test_every_export_says_where_it_lives_and_what_it_is() -> None:
    silent = [
        name
        for name in realtime_transport.__all__
        if callable(getattr(realtime_transport, name)) and not getattr(realtime_transport, name).__doc__
    ]
    assert silent == []


def test_import_is_light() -> None:
    """What only some users need is imported where it is used."""
    code = f"import sys, realtime_transport; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
