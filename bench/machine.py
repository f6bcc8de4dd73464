"""Where it was measured: figures without this are rumours."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = ("websockets", "msgspec", "pybase64", "attrs", "cattrs", "pyee", "uvloop", "openai", "openai-agents")
HERE = Path(__file__).parent


def describe() -> dict[str, str]:
    """Name the machine and every version that matters."""
    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    facts = {"machine": f"{os.cpu_count()} cores, {cpu}, {platform.system()} {platform.release()}"}
    facts["python"] = f"{platform.python_implementation()} {platform.python_version()}"
    for name in PACKAGES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = "not installed"
    facts["node"] = _node()
    pinned = HERE / "node_modules/@openai/agents-realtime/package.json"
    facts["@openai/agents-realtime"] = json.loads(pinned.read_text())["version"] if pinned.exists() else "not installed"
    return facts


def _node() -> str:
    try:
        return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not installed"


def missing() -> dict[str, str]:
    """Name the variants that cannot run here, and what to do about it."""
    facts, lacking = describe(), {}
    pip = "pip install -e '.[bench]'"
    if facts["openai"] == "not installed":
        lacking["openai"] = pip
    if facts["openai-agents"] == "not installed":
        lacking |= {"agents-model": pip, "agents-session": pip}
    if "not installed" in (facts["node"], facts["@openai/agents-realtime"]):
        lacking["node"] = "install node and run `npm ci` in bench/"
    return lacking
