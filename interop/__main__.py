"""Run the table: ``python -m interop [--json FILE] [--only NAME]``. Exit 1 when a cell fails that should not."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
from rich.console import Console
from rich.table import Table

from interop import servers
from interop.cells import PEERS, SCENES, Cell, cells

MARKS = {
    "passed": "[green]passed[/]",
    "failed": "[bold red]failed[/]",
    "not offered": "[dim]not offered[/]",
    "not installed": "[yellow]not installed[/]",
}


def table(done: Sequence[Cell]) -> Table:
    """Draw peers down and scenes across."""
    drawn = Table("peer", *SCENES, title="who talks with whom")
    for name in dict.fromkeys(cell.peer for cell in done):
        verdicts = {cell.scene: MARKS[cell.verdict] for cell in done if cell.peer == name}
        drawn.add_row(name, *(verdicts.get(scene, "") for scene in SCENES))
    return drawn


def worst(done: Iterable[Cell]) -> int:
    """Give the exit code: a peer that could not be installed proves nothing either."""
    return int(any(cell.verdict in {"failed", "not installed"} for cell in done))


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="interop", description="Other people's clients and servers against ours.")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the cells here as well")
    parser.add_argument("--only", metavar="WORD", default="", help="only peers with this word in their name")
    given = parser.parse_args()
    peers = [peer for peer in PEERS if given.only.casefold() in peer.name.casefold()]
    if not peers:
        parser.error(f"no peer has {given.only!r} in its name; there are: {', '.join(peer.name for peer in PEERS)}")
    console = Console(stderr=True, highlight=False)
    done: list[Cell] = []
    began = time.monotonic()
    with servers.emulator() as address, console.status("starting") as status:
        for cell in cells(peers, address):
            done.append(cell)
            console.print(f"{MARKS[cell.verdict]}  {cell.peer}, {cell.scene}: [dim]{cell.seen}[/]", soft_wrap=True)
            status.update(f"{len(done)} of {len(peers) * len(SCENES)} cells, {time.monotonic() - began:.0f} s")
    Console().print(table(done))
    if given.json is not None:
        given.json.write_text(json.dumps([attrs.asdict(cell) for cell in done], indent=2) + "\n", encoding="utf-8")
    return worst(done)


if __name__ == "__main__":
    sys.exit(main())
