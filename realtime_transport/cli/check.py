"""``realtime-transport check URL``: how far a server keeps the protocol, as a table with the evidence."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Final

from realtime_transport.conformance import Finding, Report, Verdict, check, probes
from realtime_transport.dialects import get_dialect
from realtime_transport.exceptions import MissingExtra

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES: Final[dict[Verdict, str]] = {"passed": "green", "deviates": "bold red", "missing": "yellow"}
_EVIDENCE_SHOWN: Final = 6
"""Frames under a finding that did not pass; ``--json`` has more."""
_FRAME_CHARACTERS: Final = 160


async def run(options: argparse.Namespace) -> int:
    """Ask the server everything; print what was found. Exit code 0 only when everything passed."""
    try:
        from rich.console import Console
    except ImportError as error:
        raise MissingExtra("rich", "cli") from error
    shown = Console(file=sys.stderr if options.json else sys.stdout, highlight=False)
    total, seen = len(probes(options.only)), 0
    with shown.status(f"0 of {total}") as status:

        def found(finding: Finding) -> None:
            nonlocal seen
            seen += 1
            status.update(f"{seen} of {total}: {finding.probe.area}, {finding.probe.name}")

        report = await check(
            options.url,
            api_key=options.api_key or os.environ.get("OPENAI_API_KEY"),
            model=options.model,
            dialect=get_dialect(options.dialect) if options.dialect else None,
            only=options.only,
            patience=options.timeout,
            found=found,
        )
    print_report(report, shown, evidence=options.evidence)
    if options.json:
        json.dump(report.to_json(), sys.stdout, indent=2)
        sys.stdout.write("\n")
    return 0 if report.conforms else 1


def print_report(report: Report, console: Console, *, evidence: bool) -> None:
    """Print the table, what each finding means for a client, and the count."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", "", box=box.SIMPLE, show_header=False, pad_edge=False)
    area = ""
    for finding in report.findings:
        if finding.probe.area != area:
            area = finding.probe.area
            table.add_row(Text(area, "bold"), "", "")
        verdict = Text(finding.verdict, _STYLES[finding.verdict])
        table.add_row(f"  {finding.probe.name}", verdict, _explained(finding))
    console.print(table)
    if evidence:
        _print_evidence(report, console)
    counts = ", ".join(f"{report.count(verdict)} {verdict}" for verdict in _STYLES)
    console.print(f"{report.url} ({report.dialect}): {counts}", soft_wrap=True)


def _explained(finding: Finding) -> Text:
    """Say what was expected, or what was seen instead and what goes wrong then."""
    from rich.text import Text

    if finding.verdict == "passed":
        return Text(finding.probe.expects, "dim")
    return Text(finding.why).append(f"\nbreaks: {finding.probe.breaks}", "dim")


def _print_evidence(report: Report, console: Console) -> None:
    from rich.text import Text

    for finding in report.findings:
        if finding.verdict == "passed":
            continue
        console.print(Text(f"{finding.probe.area}, {finding.probe.name}: the last frames", "bold"))
        for note in finding.evidence[-_EVIDENCE_SHOWN:]:
            arrow = ">" if note.direction == "sent" else "<"
            console.print(Text(f"  {arrow} {json.dumps(note.frame)[:_FRAME_CHARACTERS]}"), soft_wrap=True)
