"""What tests need, for this library and for programs built on it: virtual time, the contract of a transport, fake
carriers, and conversations compared line by line.

    from realtime_transport.testing import assert_dialogue, check_transport, virtual_time

What is in here is loaded when it is asked for: pytest imports this package in every run, for its plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime_transport.testing.contract import check_transport
    from realtime_transport.testing.dialogues import assert_dialogue, dialogue

__all__ = ["assert_dialogue", "check_transport", "dialogue"]

_ROOMS = {"assert_dialogue": "dialogues", "check_transport": "contract", "dialogue": "dialogues"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
