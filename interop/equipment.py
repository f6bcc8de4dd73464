"""What the peers need: a virtual environment for each Python peer, and the packages of node. Made once, then kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
KEPT: Final = HERE / ".kept"
"""Everything installed is in here, so that nothing of it reaches the project's own environment."""

INSTALL_SECONDS: Final = 900
"""The LiteLLM proxy is 117 packages."""


class NotEquipped(Exception):
    """A peer cannot be installed here; the message says why."""


# --- Python ------------------------------------------------------------------------------------------------------


def ours() -> Path:
    """Return the interpreter that runs this."""
    return Path(sys.executable)


def version_here(package: str) -> str:
    """Return the version that the project's own environment has."""
    return metadata.version(package)


def python_with(requirements: str) -> Path:
    """Return an interpreter that has the packages of a requirements file, in the versions of its lock file."""
    listed = HERE / requirements
    lock = listed.with_suffix(".lock")
    home = KEPT / listed.stem
    if not _is_fresh(home, listed, lock):
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # Compiled when imported: of the proxy's 117 packages most never are.
        _run([*pip, "--no-compile", "-r", str(listed), "-c", str(lock)])
        _keep(home, listed, lock)
    return home / "bin" / "python"


def version_pinned(requirements: str) -> str:
    """Return the version that a requirements file asks for."""
    return (HERE / requirements).read_text(encoding="utf-8").strip().rpartition("==")[2]


# --- node --------------------------------------------------------------------------------------------------------


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


def version_of_node(package: str) -> str:
    """Return the version that ``package.json`` asks for."""
    return str(json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"][package])


# --- what is kept ------------------------------------------------------------------------------------------------


def _is_fresh(home: Path, *lists: Path) -> bool:
    stamp = home / ".stamp"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _digest(*lists)


def _keep(home: Path, *lists: Path) -> None:
    (home / ".stamp").write_text(_digest(*lists), encoding="utf-8")


def _digest(*lists: Path) -> str:
    """Sum up what was asked for, and of which Python: an environment does not outlive its interpreter."""
    asked = hashlib.sha256(sys.version.encode())
    for listed in lists:
        asked.update(listed.read_bytes())
    return asked.hexdigest()


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotEquipped(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise NotEquipped(f"{' '.join(command[:3])}: {last}")
