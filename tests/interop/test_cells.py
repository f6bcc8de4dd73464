"""The table of ``make interop``: two of its peers for real, and what it says of those that fail."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from interop import cells as module
from interop import equipment, servers
from interop.__main__ import table, tell, worst
from interop.cells import PEERS, SCENES, Cell, Peer, cells
from interop.equipment import NotEquipped


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with servers.emulator() as found:
        yield found


def peer(word: str) -> Peer:
    return next(each for each in PEERS if word in each.name)


def test_what_needs_no_installing_passes(address: str) -> None:
    done = list(cells([peer("openai {} (Python) -> ours")], address))
    assert [(cell.scene, cell.verdict, cell.log) for cell in done] == [(scene, "passed", ()) for scene in SCENES]
    assert all(cell.seen for cell in done)
    assert worst(done) == 0


def test_a_peer_that_cannot_talk_fails_and_says_why(address: str) -> None:
    (first, *_) = itertools.islice(cells([peer("ours {} -> ours")], address.replace("/v1/realtime", "/nowhere")), 1)
    assert (first.verdict, first.is_expected) == ("failed", False)
    assert "404" in first.seen or "403" in first.seen
    assert first.log[-1] == first.seen
    assert len(first.log) > 1, "where it happened is told as well"
    assert worst([first]) == 1


@pytest.mark.parametrize(
    ("code", "verdict", "is_expected"),
    [(0, "passed", True), (3, "deviates", False), (4, "not offered", True), (1, "failed", False), (9, "failed", False)],
)
def test_the_exit_code_of_a_client_is_the_verdict(
    code: int, verdict: str, is_expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "any.py").write_text(f"import sys; print('[seen]'); sys.exit({code})")
    monkeypatch.setattr(module, "HERE", tmp_path)
    made = attrs.evolve(peer("ours {} -> ours"), client="any.py", known=dict.fromkeys(SCENES, "not offered"))
    (first, *_) = cells([made], "ws://nowhere")
    assert (first.verdict, first.is_expected) == (verdict, is_expected)
    assert first.seen == ("[seen]" if verdict != "failed" else f"exit {code}")


def test_a_client_that_never_ends_is_ended(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELL_SECONDS", 0.05)
    (first, *_) = itertools.islice(cells([peer("ours {} -> ours")], address), 1)
    assert (first.verdict, first.seen, first.is_expected) == ("failed", "no end within 0.05 s", False)


def test_a_peer_that_cannot_be_installed_proves_nothing() -> None:
    def missing() -> Path:
        raise NotEquipped("node is not installed")

    done = list(cells([attrs.evolve(peer("ours {} -> ours"), runner=missing)], "ws://nowhere"))
    assert {(cell.verdict, cell.seen) for cell in done} == {("not installed", "node is not installed")}
    assert worst(done) == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ([sys.executable, "-c", "print('no such package'); raise SystemExit(1)"], "-c print.*: no such package$"),
        (["/no/such/program"], "No such file"),
    ],
)
def test_an_installation_that_fails_says_its_last_word(command: list[str], why: str) -> None:
    with pytest.raises(NotEquipped, match=why):
        equipment._run(command)


def test_what_was_installed_is_kept_until_something_else_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[list[str]] = []
    monkeypatch.setattr(equipment, "HERE", tmp_path)
    monkeypatch.setattr(equipment, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(equipment, "_run", made.append)
    monkeypatch.setattr(equipment.venv, "create", lambda home, with_pip: home.mkdir(parents=True))
    asked, lock = tmp_path / "peer.txt", tmp_path / "peer.lock"
    asked.write_text("peer==1.0\n")
    for pinned in ("peer==1.0\nother==2.0\n", "peer==1.0\nother==2.1\n"):
        lock.write_text(pinned)
        assert equipment.python_with("peer.txt") == equipment.python_with("peer.txt")
    assert [command[-4:] for command in made] == [["-r", str(asked), "-c", str(lock)]] * 2
    assert equipment.version_pinned("peer.txt") == "1.0"


def test_each_lock_has_what_is_asked_for() -> None:
    for asked in equipment.HERE.glob("requirements-*.txt"):
        package, _, version = asked.read_text().strip().partition("==")
        assert f"{package.partition('[')[0]}=={version}" in asked.with_suffix(".lock").read_text().splitlines()


def test_a_server_that_ends_at_once_says_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "SERVE", ("-c", "print('no port left')"))
    with pytest.raises(NotEquipped, match="ended at once: no port left"), servers.emulator():
        pytest.fail("nothing runs")


def test_the_table_has_a_row_for_each_peer() -> None:
    done = [
        Cell(peer="a", scene="text", verdict="passed", seen="", is_expected=True),
        Cell(peer="a", scene="audio", verdict="failed", seen="x", is_expected=False),
        Cell(peer="b", scene="text", verdict="not offered", seen="", is_expected=True),
        Cell(peer="[b]", scene="tool", verdict="deviates", seen="", is_expected=True),
    ]
    rows = [line for line in printed(table(done)) if line.startswith("│")]
    assert [" ".join(row.replace("│", " ").split()) for row in rows] == [
        "a passed failed !",
        "b not offered",
        "[b] deviates",
    ]


def test_what_a_client_said_before_it_failed_is_told() -> None:
    cell = Cell(peer="a", scene="text", verdict="failed", seen="[c]", is_expected=False, log=("[a]", "b", "[c]"))
    text = io.StringIO()
    tell(Console(file=text), cell)
    assert text.getvalue().splitlines() == ["failed  a, text: [c]", "    [a]", "    b"]


def printed(what: object) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=100).print(what)
    return text.getvalue().splitlines()
