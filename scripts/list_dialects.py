"""List the dialects in docs/dialects.md, between the markers, from the values that the code obeys.

python scripts/list_dialects.py           # write the table
python scripts/list_dialects.py --check   # exit 1 when the table is not what the values say
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects import DIALECTS, Dialect

PAGE: Final = Path(__file__).parent.parent / "docs" / "dialects.md"
BEGIN: Final = "<!-- dialects: drawn by `make docs` -->\n"
END: Final = "<!-- end of dialects -->\n"


def differences(dialect: Dialect) -> str:
    """Say where a provider's capabilities are not those of OpenAI GA."""
    usual, here = attrs.asdict(Capabilities()), attrs.asdict(dialect.capabilities)
    changed = [f"`{name}={value}`" for name, value in here.items() if value != usual[name]]
    return ", ".join(changed) or "none"


def section(dialect: Dialect) -> str:
    """Render one provider."""
    rows = [
        f"### `{dialect.name}`\n",
        dialect.notes,
        "",
        f"- address: `{dialect.endpoint_rules.url}`",
        f"- key: {', '.join(f'`{way.scheme}`' for way in dialect.keys) or 'none'}"
        + (f", from {' or '.join(f'`{name}`' for name in dialect.key_env)}" if dialect.key_env else ""),
        f"- differs in: {differences(dialect)}",
    ]
    if dialect.endpoint_rules.intents:
        rows.append(f"- besides conversations: {', '.join(sorted(dialect.endpoint_rules.intents))}")
    if dialect.lacks:
        rows.append(f"- cannot be told: {', '.join(f'`{key}`' for key in sorted(dialect.lacks))}")
    if dialect.omits:
        rows.append(f"- never sends: {', '.join(f'`{name}`' for name in sorted(dialect.omits))}")
    return "\n".join(rows) + "\n"


def listed() -> str:
    """Render what stands between the markers."""
    return "\n" + "\n".join(section(dialect) for dialect in DIALECTS.values()) + "\n"


def page(current: str) -> str:
    """Return the page with its list renewed."""
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + listed() + END + after


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description="List the dialects in docs/dialects.md.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    current = PAGE.read_text(encoding="utf-8")
    drawn = page(current)
    if not parser.parse_args().check:
        PAGE.write_text(drawn, encoding="utf-8")
        return 0
    if current == drawn:
        return 0
    print(f"{PAGE} is stale: run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
