"""Run the table: ``python -m interop [--json FILE] [--only WORD]``. Exit 1 when a cell fails that should not."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interop import servers
from interop.cells import PEERS, SCENES, Cell, cells

MARKS = {
    "passed": "[green]passed[/]",
    "deviates": "[yellow]deviates[/]",
    "not offered": "[dim]not offered[/]",
    "failed": "[bold red]failed[/]",
    "not installed": "[bold red]not installed[/]",
}
WIDTH = 110
"""Of a table that goes to a file."""


def table(done: Sequence[Cell]) -> Table:
    """Draw peers down and scenes across; a cell that comes out as it should not has a mark of exclamation."""
    drawn = Table("peer", *SCENES, title="who talks with whom")
    for name in dict.fromkeys(cell.peer for cell in done):
        row = {
            cell.scene: MARKS[cell.verdict] + ("" if cell.is_expected else " !") for cell in done if cell.peer == name
        }
        drawn.add_row(escape(name), *(row.get(scene, "") for scene in SCENES))
    return drawn


def worst(done: Iterable[Cell]) -> int:
    """Give the exit code. A peer that could not be installed proves nothing either."""
    return int(not all(cell.is_expected for cell in done))


def tell(console: Console, cell: Cell) -> None:
    """Say what came of a cell; what it said before it failed goes with it."""
    console.print(f"{MARKS[cell.verdict]}  {escape(f'{cell.peer}, {cell.scene}: {cell.seen}')}", soft_wrap=True)
    for line in cell.log[:-1]:
        console.print(f"    [dim]{escape(line)}[/]", soft_wrap=True)


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="interop", description="Other people's clients and servers against ours.")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the cells here as well")
    parser.add_argument("--only", metavar="WORD", default="", help="only peers with this word in their name")
    given = parser.parse_args()
    peers = [peer for peer in PEERS if given.only.casefold() in peer.name.casefold()]
    if not peers:
        names = ", ".join(peer.name.format(peer.version()) for peer in PEERS)
        parser.error(f"no peer has {given.only!r} in its name; there are: {names}")
    console = Console(stderr=True, highlight=False)
    done: list[Cell] = []
    began = time.monotonic()
    with servers.emulator() as address, console.status("starting, and installing what is not there yet") as status:
        for cell in cells(peers, address):
            done.append(cell)
            tell(console, cell)
            status.update(f"{len(done)} of {len(peers) * len(SCENES)} cells, {time.monotonic() - began:.0f} s")
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table(done))
    if given.json is not None:
        given.json.write_text(json.dumps([attrs.asdict(cell) for cell in done], indent=2) + "\n", encoding="utf-8")
    return worst(done)


if __name__ == "__main__":
    sys.exit(main())
