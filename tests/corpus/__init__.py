"""Frames as peers send them, one conversation a file: ``{"from": "client" | "server", "frame": {...}}`` a line.

Shapes and orders follow captures of the live server (S1 to S10, hosted MCP, transcription, errors) and, where there is
no capture, the published schema (translation). ``odd`` holds what servers in the field send beside the protocol.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import attrs

FOLDER = Path(__file__).parent


@attrs.frozen
class Line:
    """One captured frame."""

    file: str
    number: int
    sender: Literal["client", "server"]
    frame: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.file}:{self.number}:{self.frame['type']}"


def lines(pattern: str = "*", *, besides: tuple[str, ...] = ()) -> list[Line]:
    """Read the files whose name matches, but for those named ``besides``."""
    return [
        Line(path.stem, number, entry["from"], entry["frame"])
        for path in sorted(FOLDER.glob(f"{pattern}.jsonl"))
        if path.stem not in besides
        for number, entry in enumerate(map(json.loads, path.read_text().splitlines()), start=1)
    ]
