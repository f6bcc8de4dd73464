"""Results as a table for the terminal, as a page for the docs, and as a plot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.plan import IMPORTS, NAMES, SCENARIOS, TARGETS, Target
from bench.runner import Runs, middle

DOCS = Path(__file__).parent.parent / "docs"
BEGIN = "<!-- figures: written by `make bench-full` -->\n"
END = "<!-- end of figures -->\n"
FIGURES = {scenario.name: scenario.figure for scenario in SCENARIOS} | {"import": "ms"}

Results = dict[str, Any]


def value(results: Results, scenario: str, variant: str) -> float | None:
    """Return the median of one cell; None when it was not measured."""
    runs: Runs = results["scenarios"].get(scenario, {})
    return middle(runs[variant], FIGURES[scenario]) if runs.get(variant) else None


def reached(results: Results) -> Iterator[tuple[Target, float]]:
    """Yield each target whose two cells were measured, with the ratio."""
    for target in TARGETS:
        above, below = value(results, *target.above), value(results, *target.below)
        if above is not None and below:
            yield target, above / below


def text(results: Results) -> str:
    """Write everything as plain lines."""
    lines = []
    for name, runs in results["scenarios"].items():
        title = next((scenario.title for scenario in SCENARIOS if scenario.name == name), "import, ms of processor")
        lines.append(f"\n{title}")
        floor = value(results, name, "floor")
        for variant, some in runs.items():
            if variant == "void":
                lines.append(f"  VOID: {some[0]['why']}")
                continue
            figure = middle(some, FIGURES[name])
            ratio = f"{figure / floor:8.2f} x floor" if floor else ""
            faults = f"{middle(some, 'faults'):8.2f} faults" if "faults" in some[0] else ""
            lines.append(f"  {variant:<16}{figure:10.2f}{ratio}{faults}")
    lines.append("\ntargets")
    lines += [
        f"  {'yes' if ratio <= target.most else 'NO ':<5}{ratio:6.2f} <= {target.most:<5} {target.title}"
        for target, ratio in reached(results)
    ]
    return "\n".join(lines)


def _tables(results: Results) -> Iterator[str]:
    yield "| ratio | reached | wanted |\n|---|---|---|"
    for target, ratio in reached(results):
        mark = "**" if ratio <= target.most else ""
        yield f"| {target.title} | {mark}{ratio:.2f}{mark} | <= {target.most:g} |"
    yield "\nMedians; microseconds of processor time per event where no other unit is named.\n"
    columns = [name for name in NAMES if any(name in runs for runs in results["scenarios"].values())]
    yield "| | " + " | ".join(NAMES[name] for name in columns) + " |\n|---|" + "---|" * len(columns)
    for scenario in SCENARIOS:
        if scenario.name in results["scenarios"]:
            cells = [value(results, scenario.name, name) for name in columns]
            shown = ["-" if cell is None else f"{cell:.2f}" if cell < 10 else f"{cell:.0f}" for cell in cells]
            yield f"| {scenario.title} | " + " | ".join(shown) + " |"
    if "import" in results["scenarios"]:
        yield "\n| import | ms of processor |\n|---|---|"
        for name, line in IMPORTS.items():
            if (cell := value(results, "import", name)) is not None:
                yield f"| `{line}` | {cell:.0f} |"
    for name, runs in results["scenarios"].items():
        if "void" in runs:
            yield f"\nVoid: {name}, because {runs['void'][0]['why']}."
    for variant, remedy in results["missing"].items():
        yield f"\n{NAMES[variant]} was left out: {remedy}."
    yield "\nMeasured with " + ", ".join(f"{name} {fact}" for name, fact in results["machine"].items()) + ","
    yield f"by `{results['command']}` in {results['seconds']} s."


def publish(results: Results) -> None:
    """Renew the figures between the markers of docs/performance.md, and its plot."""
    page = DOCS / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + "\n".join(_tables(results)) + "\n\n" + END + after)
    plot(results, DOCS / "images" / "performance.png")


def plot(results: Results, path: Path) -> None:
    """Draw what receiving 200 ms of audio costs, by library."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    rows = [name for name in ("a1k", "a8k", "a20k", "send-960") if name in results["scenarios"]]
    if not rows:
        return
    titles = {"a1k": "20 ms in", "a8k": "200 ms in", "a20k": "400 ms in", "send-960": "20 ms out"}
    figure, axes = pyplot.subplots(1, len(rows), figsize=(3.1 * len(rows), 3.2), sharey=True, layout="constrained")
    order = [name for name in reversed(NAMES) if name != "own-floor"]
    for axis, row in zip([axes] if len(rows) == 1 else axes, rows, strict=True):
        present = [name for name in order if value(results, row, name) is not None]
        costs = [value(results, row, name) or 0.0 for name in present]
        colours = ["#1f6f8b" if name in ("transport", "session") else "#c9c9c9" for name in present]
        bars = axis.barh([NAMES[name].replace("*", "").replace("`", "") for name in present], costs, color=colours)
        axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        axis.set_title(f"{titles[row]}, microseconds", fontsize=9)
        axis.margins(x=0.2)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
