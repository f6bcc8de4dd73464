"""What the server says about the items of the conversation, and about the listing of hosted tools."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime_transport.conversation.core import Core
from realtime_transport.conversation.item_news import tell_item
from realtime_transport.conversation.record import record
from realtime_transport.events.items import McpListToolsItem
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.server_conversation import (
    ConversationCreated,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
)
from realtime_transport.events.transport import McpToolsFailedEvent, McpToolsListedEvent


def conversation_created(core: Core, event: ConversationCreated, now: float) -> None:
    """Leave it to listeners of ``*``: few servers send it, and nothing depends on it."""


def item_added(core: Core, event: ConversationItemAdded | ConversationItemCreated, now: float) -> None:
    """Place an item, and settle the call that created it."""
    core.gone.discard(event.item.id or "")  # an id may be used anew
    record(core, event, now)
    _created(core, event)


def _created(core: Core, event: ConversationItemAdded | ConversationItemCreated | ConversationItemDone) -> None:
    """Settle the call that created an item. Under an id used anew the news may still be of the one that has to go."""
    item_id = event.item.id or ""
    delete = core.requests.oldest("delete_item", item_id)
    if delete is None or core.requests.first_of(("create_item", "delete_item"), item_id) is not delete:
        core.requests.acknowledge("create_item", item_id, event)


def item_done(core: Core, event: ConversationItemDone, now: float) -> None:
    """Complete an item; for servers that send no ``added`` it is the answer to its creation."""
    if event.item.id in core.gone:
        core.counts.stale += 1
        return
    record(core, event, now)
    _created(core, event)
    tell_item(core, event.item, None)


def item_retrieved(core: Core, event: ConversationItemRetrieved, now: float) -> None:
    """Settle the question; the answer is the item as the server has it."""
    record(core, event, now)
    core.requests.acknowledge("retrieve_item", event.item.id or "", event)


def item_truncated(core: Core, event: ConversationItemTruncated, now: float) -> None:
    """Note what is left of an item: by our truncation, or the server's own where it plays the audio.

    Of how much that is left is known here only where the audio came this way.
    """
    received_ms = math.floor(core.playout.received_ms(event.item_id, event.content_index))
    if received_ms and isinstance(event.audio_end_ms, int):
        core.history.heard(event.item_id, event.content_index, event.audio_end_ms, received_ms)
    record(core, event, now)
    core.requests.acknowledge("truncate_item", event.item_id, event)


def item_deleted(core: Core, event: ConversationItemDeleted, now: float) -> None:
    """Forget an item."""
    core.gone.add(event.item_id)
    record(core, event, now)
    core.requests.acknowledge("delete_item", event.item_id, event)


# --- hosted tools ------------------------------------------------------------------------------------------------


def tools_listing(core: Core, event: McpListToolsInProgress, now: float) -> None:
    """Leave it to listeners of ``*``: nothing is known yet."""


def tools_listed(core: Core, event: McpListToolsCompleted, now: float) -> None:
    """Tell that a server's tools are known, if its item is here; ``done`` of the item comes before or after."""
    item = core.history.get(event.item_id)
    if isinstance(item, McpListToolsItem) and item.tools and core.told.add((McpToolsListedEvent, event.item_id)):
        core.emit(McpToolsListedEvent(item=item))


def tools_failed(core: Core, event: McpListToolsFailed, now: float) -> None:
    """Tell that a server's tools are not to be had."""
    core.emit(McpToolsFailedEvent(item_id=event.item_id))


TABLE: Final[Mapping[type[ServerEvent], Callable[[Core, Any, float], None]]] = {
    ConversationCreated: conversation_created,
    ConversationItemCreated: item_added,
    ConversationItemAdded: item_added,
    ConversationItemDone: item_done,
    ConversationItemRetrieved: item_retrieved,
    ConversationItemTruncated: item_truncated,
    ConversationItemDeleted: item_deleted,
    McpListToolsInProgress: tools_listing,
    McpListToolsCompleted: tools_listed,
    McpListToolsFailed: tools_failed,
}
