"""Calls that are made of several client events, and settle when all of those have."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import Final

import attrs

from realtime_transport.conversation.chain import Chain
from realtime_transport.conversation.core import Core
from realtime_transport.conversation.intents import check_response, create_item, request_response
from realtime_transport.conversation.interruption import ALREADY_GONE
from realtime_transport.conversation.rewrite import FRONT, plan_rewrite
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.client import ConversationItemCreate, ConversationItemDelete, ResponseCreate
from realtime_transport.events.items import FunctionCallOutputItem, Item
from realtime_transport.exceptions import UnsupportedOperation

_PLACES: Final[Mapping[Maybe[str], Maybe[str]]] = {FRONT: None, None: UNSET}
"""What ``previous_item_id`` of a create means, in the words of ``item.added``: there null is the front, not the end."""


def function_call_output(core: Core, event_id: str, call_id: str, output: str, now: float, *, respond: bool) -> None:
    """Create the output of a call, then ask for the response that goes on from it."""
    if respond:
        check_response(core)
    item = FunctionCallOutputItem(call_id=call_id, output=output)
    create_item(core, ConversationItemCreate(event_id=event_id, item=item), now)
    if not respond:
        return
    follow_up = core.ids("event")
    request_response(core, ResponseCreate(event_id=follow_up), now, automatic=True)
    core.requests.open_group(event_id, (event_id, follow_up))


def reset_history(core: Core, event_id: str, items: Sequence[Item], now: float) -> None:
    """Edit the conversation into ``items``: the plan is whole before the first event of it is sent."""
    edits = plan_rewrite(_expected(core, {item.id for item in items}, now), items, core.ids)
    if not core.capabilities.can_delete_items and any(isinstance(edit, ConversationItemDelete) for edit in edits):
        raise UnsupportedOperation("this server cannot delete items: it can only add to its history")
    parts: list[str] = []
    for edit in edits:
        parts.append(core.ids("event") if parts else event_id)
        event = attrs.evolve(edit, event_id=parts[-1])
        if isinstance(event, ConversationItemDelete):
            core.ask(event, "delete_item", now, key=event.item_id, benign=ALREADY_GONE, planned=True)
        else:
            answered = core.capabilities.acknowledges_items
            core.ask(event, "create_item", now, key=str(event.item.id), answered=answered, planned=True)
    core.requests.open_group(event_id, parts)


def _expected(core: Core, wanted: Container[object], now: float) -> list[Item]:
    """Return the history as it will be when the server has done what it was asked to do.

    What others than a reset asked for counts only where it agrees with what is wanted: that was made of a history which
    did not show it. A tool's output on its way must not be deleted for that, nor an unheard message created anew.
    """
    items = {str(item.id): item for item in core.history.snapshot()}
    order = Chain()
    for item_id in items:
        order.append(item_id)
    for request in core.requests.unanswered():
        event = request.event
        if isinstance(event, ConversationItemDelete) and (request.planned or event.item_id not in wanted):
            order.remove(event.item_id)
        elif isinstance(event, ConversationItemCreate) and (request.planned or event.item.id in wanted):
            item_id = str(event.item.id)
            items[item_id] = event.item
            order.place(item_id, _PLACES.get(event.previous_item_id, event.previous_item_id), now)
    order.wake(math.inf)
    return [items[item_id] for item_id in order]
