"""The providers of the family and how each of them spells the protocol."""

from __future__ import annotations

from realtime_transport.dialects.dialect import BETA_PARTS, BETA_RENAMES, Dialect
from realtime_transport.dialects.keys import KeyPlacement, PlacedKey
from realtime_transport.dialects.openai import OPENAI
from realtime_transport.dialects.registry import DIALECTS, dialect_for_url, get_dialect

__all__ = [
    "BETA_PARTS",
    "BETA_RENAMES",
    "DIALECTS",
    "OPENAI",
    "Dialect",
    "KeyPlacement",
    "PlacedKey",
    "dialect_for_url",
    "get_dialect",
]
