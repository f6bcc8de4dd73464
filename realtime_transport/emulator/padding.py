"""``obfuscation`` as the live service adds it to deltas of text, so that nobody guesses words from frame sizes."""

from __future__ import annotations

import secrets
from typing import Final

BLOCK: Final = 16
"""A delta and its padding fill whole blocks: sizes say little, and a fault at a byte hits the same frame every time."""


def obfuscation(text: str) -> str:
    """Make random characters that fill up the last block of ``text``."""
    return secrets.token_hex(BLOCK // 2)[len(text) % BLOCK :]
