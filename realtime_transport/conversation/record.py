"""Keep the history up to date, and tell what changed in it."""

from __future__ import annotations

from realtime_transport.conversation.core import Core
from realtime_transport.conversation.history_events import apply
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.transport import Cut


def record(core: Core, event: ServerEvent, now: float) -> None:
    """Note what an event says about the items. Not for events of responses outside the conversation."""
    apply(core.history, event, now)
    announce(core)


def cut_short(core: Core, cut: Cut) -> None:
    """Note how much was heard of a part that was interrupted: the server forgets the rest, the record keeps both."""
    core.history.heard(cut.item_id, cut.content_index, cut.heard_ms, cut.received_ms)
    announce(core)


def heard_whole(core: Core, item_id: str, content_index: int, ms: float) -> None:
    """Note that a part was heard to its end."""
    core.history.heard(item_id, content_index, ms, ms)
    announce(core)


def wake_history(core: Core, now: float) -> None:
    """Place items that have waited too long for the one before them."""
    core.history.wake(now)
    announce(core)


def announce(core: Core) -> None:
    """Tell what changed since the last time."""
    core.outbox.events.extend(core.history.changes())
