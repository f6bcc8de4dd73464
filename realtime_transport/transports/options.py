"""What every transport can be told when it is made."""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import TypedDict

from realtime_transport.conversation import Limits
from realtime_transport.conversation.core import Playout
from realtime_transport.dialects import Dialect


class LayerOptions(TypedDict, total=False):
    """What every transport takes; see ``RealtimeTransportLayer``."""

    dialect: str | Dialect | None
    playout: Playout
    ids: Callable[[str], str]
    limits: Limits
    close_timeout: float
    audio_backlog_ms: float
    send_timeout: float


def random_id(prefix: str) -> str:
    """Make an id of at most 32 characters, as unguessable as the server's own."""
    return f"{prefix}_{urandom(10).hex()}"
