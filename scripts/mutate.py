"""Change the conversation core in thousands of small ways, and see whether its tests notice.

python scripts/mutate.py                    # every module of conversation/: thousands of mutants, see docs/mutants.md
python scripts/mutate.py playout history    # these modules
python scripts/mutate.py --sample 500 --seed 2    # so many, chosen by chance: a sample, and called one

Every change that mutmut knows of is judged by the tests in tests/conversation that run the changed lines, the module's
own test module first. One that no test notices must stand in docs/mutants.md with the reason why; and nine of ten must
be noticed, in every module. Otherwise the exit status is 1. Figures go to out/mutants/, a file for each module, while
the run goes on; the table in docs/mutants.md is drawn from them.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import attrs
import hypothesis
import msgspec
import pytest
from mutant_judge import NEIGHBOUR, NOTICED, Judge, Mutant, Mutation

ROOT = Path(__file__).parent.parent
CORE = ROOT / "realtime_transport" / "conversation"
TESTS = ROOT / "tests" / "conversation"
PAGE = ROOT / "docs" / "mutants.md"
WORK = ROOT / "out" / "mutants"
ENOUGH = 0.9
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", re.DOTALL)
HEADING = "| module | mutants | noticed by its own tests | by others of the core | not noticed | noticed |"


@attrs.frozen(kw_only=True)
class Figures:
    """What became of the mutants of one module."""

    module: str
    mutants: int
    own: int
    others: int
    survivors: tuple[Mutant, ...]

    @property
    def noticed(self) -> float:
        return 1 - len(self.survivors) / self.mutants

    def row(self) -> str:
        cells = (self.module, self.mutants, self.own, self.others, len(self.survivors), f"{self.noticed:.1%}")
        return "| " + " | ".join(str(cell) for cell in cells) + " |"


def figures(module: str, found: Sequence[Mutant]) -> Figures:
    """Count; a mutant that became endless is noticed by whichever test hangs, most often one of its own."""
    verdicts = Counter(each.verdict for each in found)
    return Figures(
        module=module,
        mutants=len(found),
        own=sum(verdicts[verdict] for verdict in NOTICED - {NEIGHBOUR}),
        others=verdicts[NEIGHBOUR],
        survivors=tuple(each for each in found if each.verdict not in NOTICED),
    )


def total(all_figures: Sequence[Figures]) -> Figures:
    return Figures(
        module="**all**",
        mutants=sum(each.mutants for each in all_figures),
        own=sum(each.own for each in all_figures),
        others=sum(each.others for each in all_figures),
        survivors=tuple(mutant for each in all_figures for mutant in each.survivors),
    )


def draw_table() -> None:
    """Put the figures of every module judged so far into the page."""
    known = [msgspec.json.decode(path.read_bytes(), type=Figures) for path in sorted(WORK.glob("*.json"))]
    known = [each for each in known if (CORE / f"{each.module}.py").exists()]
    rows = [HEADING, "|---|---|---|---|---|---|", *(each.row() for each in known), total(known).row()]
    PAGE.write_text(TABLE.sub("\n".join(rows) + "\n", PAGE.read_text()))


def judge(paths: list[Path], sample: int | None, seed: int) -> list[Figures]:
    """Judge the mutants of these modules, or a sample, and return the figures of each module that has any."""
    chance = random.Random(seed)
    judged: list[Figures] = []

    def choose(mutations: list[Mutation]) -> list[Mutation]:
        if sample is None or sample >= len(mutations):
            return mutations
        print(f"a sample: {sample} of {len(mutations)} mutants, seed {seed}", flush=True)
        return chance.sample(mutations, sample)

    def tell(module: str, found: list[Mutant]) -> None:
        if found:
            judged.append(figures(module, found))
            report(judged[-1], keep=sample is None)

    options = ["-qq", "--no-summary", "-W", "ignore::pytest.PytestAssertRewriteWarning", str(TESTS)]
    hypothesis.settings.load_profile("mutants")
    if pytest.main(options, plugins=[Judge(paths, choose, tell)]):
        sys.exit("the tests do not pass on the code as it is")
    return judged


def report(one: Figures, *, keep: bool) -> None:
    """Print one module's figures, and below them the survivors that the page does not explain."""
    explained = PAGE.read_text()
    print(f"{one.module:24}{one.mutants:5} mutants  {one.noticed:6.1%} noticed", flush=True)
    for each in one.survivors:
        if each.change not in explained:
            print(f"    {each.verdict}, not explained: {each.function}: {each.change}", flush=True)
    if keep:
        WORK.mkdir(parents=True, exist_ok=True)
        (WORK / f"{one.module}.json").write_bytes(msgspec.json.encode(one))
        draw_table()


def main() -> int:
    """Judge the modules asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="module", help="names in conversation/, without .py")
    parser.add_argument("--sample", type=int, metavar="N", help="judge N mutants chosen by chance, not all")
    parser.add_argument("--seed", type=int, default=1, help="of that chance")
    asked = parser.parse_args()
    names = asked.modules or [path.stem for path in sorted(CORE.glob("*.py"))]
    judged = judge([CORE / f"{name}.py" for name in names], asked.sample, asked.seed)
    whole = total(judged)
    print(f"{'all':24}{whole.mutants:5} mutants  {whole.noticed:6.1%} noticed")
    if asked.sample is not None:
        return 0 if whole.noticed >= ENOUGH else 1
    explained = PAGE.read_text()
    weak = [each.module for each in judged if each.noticed < ENOUGH]
    unexplained = [each for each in whole.survivors if each.change not in explained]
    if weak:
        print(f"below {ENOUGH:.0%}: {', '.join(weak)}")
    return 1 if weak or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
