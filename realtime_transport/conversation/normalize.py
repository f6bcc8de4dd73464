"""Server event -> state of the conversation -> transport events: one table, one function per event.

``NORMALIZE`` is the only place where a server event becomes something that a listener hears. A function takes the
``Core``, the event and the time; it notes what the event means and emits what listeners need to know. None raises:
what is late, repeated or unknown is counted in ``Core.counts`` and forgotten, because servers of the field do all of
it. Adding a server event is one function and one row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from realtime_transport.conversation import (
    normalize_errors,
    normalize_input,
    normalize_items,
    normalize_output,
    normalize_responses,
    normalize_session,
)
from realtime_transport.conversation.core import Core
from realtime_transport.events.server import ServerEvent, UnknownServerEvent

Normalize: TypeAlias = Callable[[Core, Any, float], None]


def unknown(core: Core, event: UnknownServerEvent, now: float) -> None:
    """Count an event of a type this library does not know; listeners of ``*`` have it."""
    core.counts.unknown += 1


NORMALIZE: Final[Mapping[type[ServerEvent], Normalize]] = {
    **normalize_session.TABLE,
    **normalize_input.TABLE,
    **normalize_items.TABLE,
    **normalize_responses.TABLE,
    **normalize_output.TABLE,
    **normalize_errors.TABLE,
    UnknownServerEvent: unknown,
}
