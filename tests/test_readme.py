"""The README, the guides and the examples do what they say: each is run as its reader would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README_ADDRESS = "127.0.0.1:8080"
DEADLINE = 60.0

UNEQUIPPED = {
    "microphone.py": "no sound card here",
    "telephony_gateway.py": "no phone number here; tests/test_telephony_example.py calls it as Twilio would",
}
"""Examples that need what this machine has not: they must say so in one line instead of a traceback."""


def blocks() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for match in re.finditer(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
            line = page.read_text()[: match.start()].count("\n") + 2
            found.append((f"{page.relative_to(ROOT)}:{line}", match.group(1)))
    return found


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """The emulator in a process of its own, started the way the README says, on a free port."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "realtime_transport.cli", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            found = next(filter(None, (re.search(r"ws://\S+", line) for line in process.stdout)))
            yield found.group()
        finally:
            process.terminate()
            process.communicate(timeout=15)


def prose(page: Path) -> str:
    """What is not code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def run(code: str, server_url: str, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "block.py"
    script.write_text(code.replace(README_ADDRESS, urlsplit(server_url).netloc))
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.parametrize(("where", "code"), blocks(), ids=[where for where, _ in blocks()])
def test_block_runs(where: str, code: str, server_url: str, tmp_path: Path) -> None:
    ended = run(code, server_url, tmp_path)
    assert ended.returncode == 0, f"{where}\n{ended.stdout}{ended.stderr}"


def examples() -> list[Path]:
    return sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", examples(), ids=lambda path: path.name)
def test_example_runs(example: Path, server_url: str, tmp_path: Path) -> None:
    ended = run(example.read_text(), server_url, tmp_path)
    if example.name in UNEQUIPPED:
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
        assert ended.stderr.count("\n") == 1, ended.stderr
    else:
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ended.stdout.strip(), "an example shows something"


def test_the_readme_knows_the_extras_and_what_they_bring() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert sorted(rows) == sorted(set(extras) - {"dev", "bench"})
    for name, brings in rows.items():
        packages = [re.split(r"[>\[]", wanted)[0] for wanted in extras[name]]
        assert [p for p in packages if p != "realtime-transport" and p not in brings] == [], name


def test_every_example_is_named_in_the_guide() -> None:
    guide = (ROOT / "docs" / "README.md").read_text()
    assert [path.name for path in examples() if path.name not in guide] == []


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose(page))
        if not (page.parent / target).exists()
    ]
    assert broken == []
