"""Measure each module by its own tests alone: lines and branches of wire/codec.py that tests/wire/test_codec.py runs.

python scripts/own_coverage.py                 # conversation/, wire/, the emitter and the streams
python scripts/own_coverage.py wire emitter    # these folders and modules

A module that is run by the tests of its neighbours only is not held by them: they look at something else. Prints what
is missing of each module; exit status 1 when any module is under 100 %, or has no tests of its own.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import coverage

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "realtime_transport"
DEFAULT = ("conversation", "wire", "emitter", "streams", "listeners", "backlog", "early", "serving", "tasks", "waits")
SHARED = dict.fromkeys(("listeners", "backlog", "early", "serving", "tasks", "waits"), "test_emitter")
"""Parts of the emitter: they have no behaviour of their own that could be tested apart from it."""


def modules(names: tuple[str, ...]) -> list[Path]:
    """Return the modules that were asked for; empty ``__init__`` files have nothing to run."""
    found: list[Path] = []
    for name in names:
        folder = PACKAGE / name
        found += sorted(folder.glob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    return [path for path in found if path.name != "__init__.py"]


def tests_of(module: Path) -> Path:
    """Return where a module's own tests are."""
    folder = ROOT / "tests" / module.relative_to(PACKAGE).parent
    return folder / f"{SHARED.get(module.stem, f'test_{module.stem}')}.py"


def measure(module: Path) -> tuple[float, str]:
    """Run a module's own tests in a process of their own; return the percentage and the lines that were missed."""
    tests = tests_of(module)
    if not tests.exists():
        return 0.0, f"no {tests.relative_to(ROOT)}"
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "coverage", "run", "--rcfile=/dev/null", "--branch", f"--data-file={data}"]
        command += [f"--include={module}", "-m", "pytest", "-q", str(tests)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if run.returncode:
            return 0.0, run.stdout.strip().splitlines()[-1]
        watch = coverage.Coverage(data_file=str(data), config_file=str(ROOT / "pyproject.toml"))
        watch.set_option("run:parallel", value=False)
        watch.load()
        text = io.StringIO()
        percent = watch.report([str(module)], file=text, show_missing=True, skip_covered=True)
        lines = [line for line in text.getvalue().splitlines() if module.name in line]
        return percent, lines[0].split("%", 1)[1].strip() if lines else ""


def main() -> int:
    """Measure, and print one line for each module."""
    low = 0
    for module in modules(tuple(sys.argv[1:]) or DEFAULT):
        percent, missing = measure(module)
        low += percent < 100
        print(f"{module.relative_to(PACKAGE)!s:45}{percent:6.1f} %  {missing}", flush=True)
    print(f"{low} modules under 100 %")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
