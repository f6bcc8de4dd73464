"""The suite that people are shown passes, run the way they would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SUITE = Path(__file__).parents[2] / "examples" / "testing_an_agent"


def test_the_example_suite_passes(tmp_path: Path) -> None:
    options = ["-q", "-c", "/dev/null", "-o", "asyncio_mode=auto", "--rootdir", str(tmp_path)]
    plugin = [] if _is_installed() else ["-p", "realtime_transport.testing.pytest_plugin"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *plugin, "-p", "no:cacheprovider", str(SUITE)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=SUITE.parents[1],
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout


def _is_installed() -> bool:
    """Whether pytest finds the plugin by its entry point."""
    code = "import importlib.metadata as m; print('realtime_transport' in m.entry_points(group='pytest11').names)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SUITE).stdout
    return said.strip() == "True"
