"""The table of ``make interop``: two of its peers for real, and what it says of those that fail."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from interop import cells as module
from interop import equipment, servers
from interop.__main__ import table, worst
from interop.cells import PEERS, SCENES, Cell, Peer, cells
from interop.equipment import NotEquipped


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with servers.emulator() as found:
        yield found


def peer(name: str) -> Peer:
    return next(each for each in PEERS if each.name == name)


@pytest.mark.parametrize("name", ["openai (Python) -> ours", "ours -> ours"])
def test_what_needs_no_installing_passes(name: str, address: str) -> None:
    done = list(cells([peer(name)], address))
    assert [(cell.scene, cell.verdict) for cell in done] == [(scene, "passed") for scene in SCENES]
    assert all(cell.seen for cell in done)
    assert worst(done) == 0


def test_a_peer_that_cannot_talk_fails_and_says_why(address: str) -> None:
    wrong = attrs.evolve(peer("ours -> ours"), lacks=("audio", "interruption"), name="lost")
    done = list(cells([wrong], address.replace("/v1/realtime", "/nowhere")))
    assert [cell.verdict for cell in done] == ["failed", "not offered", "failed", "not offered"]
    assert "404" in done[0].seen or "403" in done[0].seen
    assert worst(done) == 1


def test_a_client_that_never_ends_is_ended(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELL_SECONDS", 0.05)
    (first, *_) = cells([peer("ours -> ours")], address)
    assert (first.verdict, first.seen) == ("failed", "no end within 0.05 s")


def test_a_peer_that_cannot_be_installed_proves_nothing(address: str) -> None:
    def missing() -> Path:
        raise NotEquipped("node is not installed")

    done = list(cells([attrs.evolve(peer("ours -> ours"), runner=missing)], address))
    assert {(cell.verdict, cell.seen) for cell in done} == {("not installed", "node is not installed")}
    assert worst(done) == 1


def test_an_installation_that_fails_says_its_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equipment, "HERE", tmp_path)
    monkeypatch.setattr(equipment, "KEPT", tmp_path / "kept")
    (tmp_path / "bad.txt").write_text("package-1.0.whl\n")
    with pytest.raises(NotEquipped, match=r"package-1\.0\.whl is not a valid wheel"):
        equipment.python_with("bad.txt")


def test_the_table_has_a_row_for_each_peer() -> None:
    done = [
        Cell(peer="a", scene="text", verdict="passed", seen=""),
        Cell(peer="a", scene="audio", verdict="failed", seen="x"),
        Cell(peer="b", scene="text", verdict="not offered", seen=""),
    ]
    text = io.StringIO()
    Console(file=text, width=100).print(table(done))
    rows = [line for line in text.getvalue().splitlines() if line.startswith("│")]
    assert [" ".join(row.replace("│", " ").split()) for row in rows] == ["a passed failed", "b not offered"]
