"""Draw the state machines of the client role into docs/state-machine.md, from the tables that the code obeys.

python scripts/draw_states.py           # write the page
python scripts/draw_states.py --check   # exit 1 when the page is not what the tables say
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from realtime_transport.conversation.states import TRANSITIONS

PAGE = Path(__file__).parent.parent / "docs" / "state-machine.md"

INTRODUCTION = """\
# The state machines of the client role

Drawn by `make docs` from `realtime_transport/conversation/states.py`; do not edit this page. A test fails when it is
not what the tables say. What is not drawn cannot happen: our own mistake is raised at the call, the server's is
counted and forgotten.

`make model DEPTH=n` searches the three machines together: every sequence of n things that can happen, with the real
conversation inside. In each state it holds the invariants of `scripts/model_check.py` (one default response at a time,
a slot that says what is so, no request that waits for a free slot, nothing told of what was cut, nothing open after the
end), and each state has to come to rest: every call settled, every turn ended, the slot free.

Depth 5 is 3,510 states and 3 seconds of one processor, depth 6 is 14,287 states and 14 seconds, depth 7, which is the
default, 55,769 states and a minute, depth 8 is 209,923 states and four and a half.
"""

TITLES = {
    "connection": "The connection\n\nOne epoch is one way from `opening` to `lost` or `closed`.",
    "response": (
        "The slot for a response of the conversation\n\n"
        "One response at a time: `our response.create leaves` starts in `idle` and nowhere else."
    ),
    "interruption": (
        "One response, as the listener gets it\n\n"
        "At most one cancel per response; a second interruption does nothing; what comes after a cut is dropped."
    ),
}


def mermaid(table: Mapping[Enum, Mapping[Enum, Enum]]) -> str:
    """Render one machine as a mermaid state diagram; inputs that lead the same way share an arrow."""
    names = {state: str(state.value).replace(", ", "_") for state in table}
    lines = ["stateDiagram-v2", f"    [*] --> {names[next(iter(table))]}"]
    for state, row in table.items():
        arrows: dict[Enum, list[str]] = {}
        for happened, following in row.items():
            arrows.setdefault(following, []).append(str(happened.value))
        lines += [f"    {names[state]} --> {names[following]} : {' / '.join(why)}" for following, why in arrows.items()]
    return "\n".join(lines)


def page() -> str:
    """Render the whole page."""
    sections = [f"## {TITLES[name]}\n\n```mermaid\n{mermaid(table)}\n```\n" for name, table in TRANSITIONS.items()]
    return "\n".join([INTRODUCTION, *sections])


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    drawn = page()
    if not parser.parse_args().check:
        PAGE.write_text(drawn, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == drawn:
        return 0
    print(f"{PAGE} is stale: run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
