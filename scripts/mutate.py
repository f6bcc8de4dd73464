"""Change the conversation core in thousands of small ways, and see whether its tests notice.

python scripts/mutate.py                  # every module of conversation/ that has a test module of its own; long
python scripts/mutate.py playout history  # these modules

Each module is mutated by mutmut in a copy of the tree (``out/mutants``) and judged by its own test module alone, on two
processes. A change that no test notices must stand in docs/mutants.md, with the reason why none can; and at least nine
of ten must be noticed. Otherwise the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORE = Path("realtime_transport/conversation")
TESTS = Path("tests/conversation")
PAGE = ROOT / "docs" / "mutants.md"
WORK = ROOT / "out" / "mutants"
ENOUGH = 0.9

# "timeout" is noticed: the change made something endless. "no tests" is not: nothing runs the function.
NOTICED = frozenset({"killed", "timeout", "segfault", "caught by type check"})
RESULT = re.compile(r"^\s*(\S+): (.+)$", re.MULTILINE)


def prepare(module: str) -> None:
    """Copy what one module's tests need, and say what to mutate and what to run."""
    shutil.rmtree(WORK, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for folder in ("realtime_transport", "tests"):
        shutil.copytree(ROOT / folder, WORK / folder, ignore=ignored)
    settings = f"""
[tool.mutmut]
source_paths = ["realtime_transport"]
only_mutate = ["{CORE / module}.py"]
pytest_add_cli_args_test_selection = ["{TESTS / f"test_{module}"}.py"]
"""
    (WORK / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)


def mutmut(*arguments: str) -> str:
    """Run mutmut in the copy and return what it prints; its progress animation goes to a file."""
    command = [str(Path(sys.executable).parent / "mutmut"), *arguments]
    environment = os.environ | {"COLUMNS": "10000"}
    run = subprocess.run(command, cwd=WORK, env=environment, capture_output=True, text=True, check=False)
    (WORK / f"{arguments[0]}.log").write_text(run.stdout + run.stderr)
    if run.returncode:
        sys.exit(f"mutmut {arguments[0]} ended with {run.returncode}, see {WORK}/{arguments[0]}.log")
    return run.stdout


def change(name: str) -> str:
    """Return one mutant as ``before → after``: numbers of mutants shift with every edit, lines do not."""
    lines = mutmut("show", name).splitlines()
    sides = ([line[1:].strip() for line in lines if line.startswith(sign) and line[1:3] != sign * 2] for sign in "-+")
    before, after = (" ".join(side) for side in sides)
    return f"`{before}` → `{after}`"


def judge(module: str, explained: str) -> bool:
    """Mutate one module, report it in one line and its unexplained survivors below; True when all is well."""
    prepare(module)
    mutmut("run", "--max-children", "2")
    results = dict(RESULT.findall(mutmut("results", "--all", "true")))
    survivors = [name for name, result in results.items() if result not in NOTICED]
    changes = [change(name) for name in survivors]
    new = [each for each in changes if each not in explained]
    noticed = 1 - len(survivors) / max(len(results), 1)
    print(
        f"{module:18} {len(results):5} mutants  {noticed:6.1%} noticed  {len(changes) - len(new):3} explained",
        flush=True,
    )
    for each in new:
        print(f"    not noticed, not explained: {each}", flush=True)
    return noticed >= ENOUGH and not new


def mutable(path: Path) -> bool:
    """Whether a module has functions, which is what mutmut changes, and a test module of its own."""
    return "def " in path.read_text() and (ROOT / TESTS / f"test_{path.stem}.py").exists()


def main() -> int:
    """Judge the modules asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="module", help="names in conversation/, without .py")
    modules = parser.parse_args().modules or sorted(path.stem for path in (ROOT / CORE).glob("*.py") if mutable(path))
    explained = PAGE.read_text() if PAGE.exists() else ""
    failed = [module for module in modules if not judge(module, explained)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
