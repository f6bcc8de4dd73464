"""What the peers need: a virtual environment for each Python peer, and the packages of node. Made once, then kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
KEPT: Final = HERE / ".kept"
"""Everything installed is in here, so that nothing of it reaches the project's own environment."""

INSTALL_SECONDS: Final = 900


class NotEquipped(Exception):
    """A peer cannot be installed here; the message says why."""


def python_with(requirements: str) -> Path:
    """Return an interpreter that has the packages of a requirements file."""
    listed = HERE / requirements
    home = KEPT / listed.stem
    if not _is_fresh(home, listed):
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "-r", str(listed)])
        _keep(home, listed)
    return home / "bin" / "python"


def node() -> Path:
    """Return node itself, with the packages that ``package-lock.json`` pins beside the programs that need them."""
    found = shutil.which("node")
    if found is None:
        raise NotEquipped("node is not installed: https://nodejs.org, version 20 or newer")
    lock = HERE / "package-lock.json"
    if not _is_fresh(HERE / "node_modules", lock):
        _run(["npm", "ci", "--no-audit", "--no-fund", "--silent"])
        _keep(HERE / "node_modules", lock)
    return Path(found)


def ours() -> Path:
    """Return the interpreter that runs this."""
    return Path(sys.executable)


def _is_fresh(home: Path, listed: Path) -> bool:
    stamp = home / ".stamp"
    return stamp.exists() and stamp.read_text() == _digest(listed)


def _keep(home: Path, listed: Path) -> None:
    (home / ".stamp").write_text(_digest(listed))


def _digest(listed: Path) -> str:
    return hashlib.sha256(listed.read_bytes()).hexdigest()


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotEquipped(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise NotEquipped(f"{' '.join(command[:3])}: {last}")
