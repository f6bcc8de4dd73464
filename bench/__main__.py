"""Measure, and write ``results.json``, a table and a plot.

python -m bench                        # quick: a few minutes
python -m bench --full                 # medians of 7, every scenario
python -m bench --only a8k send-960    # some scenarios
python -m bench --full --publish       # and renew docs/performance.md
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.plan import SCENARIOS
from bench.runner import imports, make_certificate, measure


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="more repetitions, and every scenario")
    parser.add_argument("--only", nargs="+", metavar="SCENARIO", choices=[*(s.name for s in SCENARIOS), "import"])
    parser.add_argument("--repetitions", type=int, help="instead of those of the plan")
    parser.add_argument("--output", type=Path, default=Path("out/bench"), help="folder of results.json and the plot")
    parser.add_argument("--publish", action="store_true", help="renew docs/performance.md from this run")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    missing = machine.missing()
    for variant, remedy in missing.items():
        print(f"{variant} is left out: {remedy}", file=sys.stderr)
    results: dict[str, Any] = {
        "machine": machine.describe(),
        "command": "make bench-full" if options.full else "make bench",
        "missing": missing,
        "scenarios": {},
    }
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        for scenario in SCENARIOS:
            if scenario.name in options.only if options.only else options.full or scenario.in_quick:
                print(f"{time.monotonic() - began:5.0f} s  {scenario.title}", file=sys.stderr, flush=True)
                repetitions = options.repetitions or scenario.repetitions[1 if options.full else 0]
                results["scenarios"][scenario.name] = measure(scenario, repetitions, missing, certificate)
                (options.output / "results.json").write_text(json.dumps(results, indent=1))  # a run may be cut short
    if not options.only or "import" in options.only:
        results["scenarios"]["import"] = imports(7 if options.full else 3, missing)
    results["seconds"] = round(time.monotonic() - began)
    (options.output / "results.json").write_text(json.dumps(results, indent=1))
    print(report.text(results))
    report.plot(results, options.output / "performance.png")
    if options.publish:
        report.publish(results)


if __name__ == "__main__":
    main()
