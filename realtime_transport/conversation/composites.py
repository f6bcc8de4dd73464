"""Calls that are made of several client events, and settle when all of those have."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from realtime_transport.conversation.core import Core
from realtime_transport.conversation.intents import create_item, request_response
from realtime_transport.conversation.rewrite import plan_rewrite
from realtime_transport.events.client import ConversationItemCreate, ConversationItemDelete, ResponseCreate
from realtime_transport.events.items import FunctionCallOutputItem, Item
from realtime_transport.exceptions import UnsupportedOperation


def function_call_output(core: Core, event_id: str, call_id: str, output: str, now: float, *, respond: bool) -> None:
    """Create the output of a call, then ask for the response that goes on from it."""
    item = FunctionCallOutputItem(call_id=call_id, output=output)
    create_item(core, ConversationItemCreate(event_id=event_id, item=item), now)
    if not respond:
        return
    follow_up = core.ids("event")
    request_response(core, ResponseCreate(event_id=follow_up), now, automatic=True)
    core.requests.open_group(event_id, (event_id, follow_up))


def reset_history(core: Core, event_id: str, items: Sequence[Item], now: float) -> None:
    """Edit the conversation into ``items``: the plan is whole before the first event of it is sent."""
    edits = plan_rewrite(core.history.snapshot(), items, core.ids)
    if not core.capabilities.can_delete_items and any(isinstance(edit, ConversationItemDelete) for edit in edits):
        raise UnsupportedOperation("this server cannot delete items: it can only add to its history")
    parts: list[str] = []
    for edit in edits:
        parts.append(core.ids("event") if parts else event_id)
        event = attrs.evolve(edit, event_id=parts[-1])
        if isinstance(event, ConversationItemDelete):
            core.ask(event, "delete_item", now, key=event.item_id)
        else:
            answered = core.capabilities.acknowledges_items
            core.ask(event, "create_item", now, key=str(event.item.id), answered=answered)
    core.requests.open_group(event_id, parts)
