"""List every event and its payload in docs/events.md, from the classes and their docstrings.

python scripts/list_events.py           # write the page
python scripts/list_events.py --check   # exit 1 when the page is not what the classes say
"""

from __future__ import annotations

import argparse
import ast
import functools
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from realtime_transport.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    TRANSLATION_CLIENT_EVENTS,
    TRANSLATION_SERVER_EVENTS,
    TRANSPORT_EVENTS,
    TransportEvent,
)
from realtime_transport.session.events import SESSION_EVENTS, SessionEvent

PAGE: Final = Path(__file__).parent.parent / "docs" / "events.md"

HEAD: Final = """\
# Every event and its payload

Drawn by `make docs` from the classes; do not edit this page. A test fails when it is not what they say. A listener
gets one frozen object. Times are milliseconds unless a field says otherwise; audio is bytes in the output format of the
session.

- [What a transport tells](#what-a-transport-tells): `transport.on("audio", f)`; `realtime_transport.events.transport`
- [What a session tells](#what-a-session-tells): `session.on("agent_end", f)`; `realtime_transport.session.events`. A
  session passes on what its transport tells under the other names.
- [The protocol](#the-protocol): frames as objects, for `on("*", f)`, `on_server_event(type, f)` and
  `send_event(event)`; `realtime_transport.events`
"""

SESSION_NOTE: Final = """\
Each payload carries `context`, which you gave the session, and `agent`, the one that owned the moment, besides:
"""

PROTOCOL_NOTE: Final = """\
Named after their wire types. A type that is not listed arrives as `UnknownServerEvent`, whole; a field that is not
known is in `extra`, the frame as it came in `raw`. A field that may be missing is `UNSET` then, which is falsy; None is
a null.
"""

FAMILIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "From the server": SERVER_EVENTS,
    "To the server": CLIENT_EVENTS,
    "Translation, from the server": TRANSLATION_SERVER_EVENTS,
    "Translation, to the server": TRANSLATION_CLIENT_EVENTS,
}


@functools.cache
def _classes(path: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def fields(cls: type) -> Iterator[tuple[str, str, str]]:
    """Give name, type and explanation of every field of a payload but those that all have."""
    for base in reversed(cls.__mro__):
        if base not in {TransportEvent, SessionEvent} and base.__module__.startswith("realtime_transport."):
            yield from _declared(base)


def _declared(cls: type) -> Iterator[tuple[str, str, str]]:
    body = _classes(inspect.getfile(cls))[cls.__name__].body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        told = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            told = str(following.value.value)
        spelt = ast.unparse(node.annotation)
        if not spelt.startswith("ClassVar"):
            yield node.target.id, spelt, told


def plain(text: str) -> str:
    """Make a docstring a line of Markdown."""
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def heading(cls: type) -> str:
    """Give the first sentence of a class, on one line."""
    return plain((cls.__doc__ or "").split("\n\n")[0])


def section(name: str, cls: type) -> str:
    """Render one payload."""
    rows = [
        f"| `{field}` | `{spelt.replace('|', chr(92) + '|')}` | {plain(told)} |" for field, spelt, told in fields(cls)
    ]
    table = ["", "| field | type | |", "|---|---|---|", *rows] if rows else []
    return "\n".join([f"### `{name}`\n", heading(cls), *table, ""])


def protocol(title: str, registry: Mapping[str, Any]) -> str:
    """Render one family of frames."""
    rows = [f"| `{name}` | `{cls.__name__}` | {heading(cls)} |" for name, cls in registry.items()]
    return "\n".join([f"### {title}\n", "| type | class | says |", "|---|---|---|", *rows, ""])


def page() -> str:
    """Render the whole page."""
    parts = [HEAD, "## What a transport tells\n"]
    parts += [section(name, cls) for name, cls in TRANSPORT_EVENTS.items()]
    parts += ["## What a session tells\n", SESSION_NOTE]
    parts += [section(name, cls) for name, cls in SESSION_EVENTS.items()]
    parts += ["## The protocol\n", PROTOCOL_NOTE]
    parts += [protocol(title, registry) for title, registry in FAMILIES.items()]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description="List every event and its payload in docs/events.md.")
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
