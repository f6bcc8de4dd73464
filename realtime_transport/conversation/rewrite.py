"""The smallest list of events that turns one history into another.

The protocol knows no "edit" and no "move": an item is deleted, or created with its content, and a changed item is both.
What is the same in both histories and in the same order is left alone; that is a longest common subsequence, and as
items have unique ids, a longest increasing one: n log n. Some items can be kept and never made (the agent's speech, the
steps of hosted MCP), so they bind the choice, and when they cannot be kept the whole rewrite is refused before anything
is sent.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

import attrs

from realtime_transport.events.client import ConversationItemCreate, ConversationItemDelete
from realtime_transport.events.items import (
    AssistantMessageItem,
    ContentPart,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    Item,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpListToolsItem,
    OutputAudioPart,
    SystemMessageItem,
    UnknownItem,
    UnknownPart,
    UserMessageItem,
)
from realtime_transport.exceptions import InvalidArgument

Edit: TypeAlias = ConversationItemDelete | ConversationItemCreate

FRONT: Final = "root"
"""What ``previous_item_id`` says for the front; null would mean the end."""

MAX_ID_CHARS: Final = 32

_UNIMPORTANT: Final = frozenset({"object", "status", "extra", "type", "audio", "content"})
"""Fields that do not make two known items differ: the server sets them, spells them in two ways, or they are compared
apart."""

_BY_THE_SERVER: Final = "only the server makes it: leave it where it is, leave it out, or tell it in an InputTextPart"
_NEVER_CREATED: Final[dict[type[Any], str]] = {
    McpListToolsItem: _BY_THE_SERVER,
    McpCallItem: _BY_THE_SERVER,
    McpApprovalRequestItem: _BY_THE_SERVER,
    McpApprovalResponseItem: "it would approve anew: leave it where it is or leave it out; send_mcp_response answers",
}


def plan_rewrite(old: Sequence[Item], new: Sequence[Item], ids: Callable[[str], str]) -> tuple[Edit, ...]:
    """Return the fewest deletes and creates that turn ``old`` into ``new``: deletes first, then creates, in order.

    Every item of ``old`` has an id. One of ``new`` is left alone when ``old`` has its id with the same content (what
    the server adds, such as a status, does not count; nor does audio that one of the two does not hold). It is created
    otherwise: under its id, if it has one, which ``old`` may have used too, else under ``ids("item")``. Each create
    names the item before it, or ``"root"``.

    Raises ``InvalidArgument`` with the path of the item (``items[3]``), and the alternative in the message, when the
    protocol cannot do it: an id twice or too long, the agent's speech or a step of hosted MCP that is new, changed or
    moved, the caller's speech without its audio, an output whose call does not come before it.
    """
    refusals = _refusals(new)
    kept = _kept(old, new, refusals)
    for index, reason in refusals.items():
        if index not in kept:
            raise InvalidArgument(reason, path=f"items[{index}]")
    left_alone = {new[index].id for index in kept}
    edits: list[Edit] = [ConversationItemDelete(item_id=str(item.id)) for item in old if item.id not in left_alone]
    previous = FRONT
    for index, item in enumerate(new):
        item_id = item.id or ids("item")
        if index not in kept:
            edits.append(ConversationItemCreate(item=attrs.evolve(item, id=item_id), previous_item_id=previous))
        previous = item_id
    return tuple(edits)


# --- what stays --------------------------------------------------------------------------------------------------


def _kept(old: Sequence[Item], new: Sequence[Item], refusals: dict[int, str]) -> set[int]:
    """Return the places in ``new`` of the items that are left alone: as many as possible, all the bound ones."""
    places = {item.id: place for place, item in enumerate(old)}
    matches = [
        (index, places[item.id])
        for index, item in enumerate(new)
        if item.id and item.id in places and _same(old[places[item.id]], item)
    ]
    bound = [match for match in matches if match[0] in refusals]
    for (_, before), (index, place) in pairwise(bound):
        if place < before:
            raise InvalidArgument(f"cannot be moved: {refusals[index]}", path=f"items[{index}]")
    return _longest_rising(_compatible(matches, {index for index, _ in bound}))


def _compatible(matches: list[tuple[int, int]], bound: set[int]) -> list[tuple[int, int]]:
    """Return the matches that cross no bound one. Every longest choice among them has all bound ones."""
    ceiling = float("inf")
    below: list[tuple[int, int]] = []
    for index, place in reversed(matches):
        if index in bound:
            ceiling = place
        if place <= ceiling:
            below.append((index, place))
    floor = -1
    compatible: list[tuple[int, int]] = []
    for index, place in reversed(below):
        if index in bound:
            floor = place
        if place >= floor:
            compatible.append((index, place))
    return compatible


def _longest_rising(matches: list[tuple[int, int]]) -> set[int]:
    """Return the indices of a longest choice of matches whose places rise (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    links: list[int] = []
    for position, (_, place) in enumerate(matches):
        length = bisect_left(tails, place)
        tails[length : length + 1] = [place]
        ends[length : length + 1] = [position]
        links.append(ends[length - 1] if length else -1)
    chosen: set[int] = set()
    position = ends[-1] if ends else -1
    while position >= 0:
        chosen.add(matches[position][0])
        position = links[position]
    return chosen


def _same(old: Item, new: Item) -> bool:
    """Whether two items say the same."""
    return old == new or (_essence(old) == _essence(new) and _same_audio(old, new))


def _essence(thing: Item | ContentPart) -> tuple[Any, ...]:
    ignored: frozenset[str] = frozenset() if isinstance(thing, (UnknownItem, UnknownPart)) else _UNIMPORTANT
    names = [field.name for field in attrs.fields(type(thing)) if field.name not in ignored]
    values = [(name, getattr(thing, name)) for name in names]
    said = [(name, value) for name, value in values if value]  # absent, null and empty are the same
    return (type(thing), said, [_essence(part) for part in _content(thing)])


def _same_audio(old: Item, new: Item) -> bool:
    pairs = zip(_content(old), _content(new), strict=True)
    audio = ((getattr(before, "audio", None), getattr(after, "audio", None)) for before, after in pairs)
    return all(before == after for before, after in audio if before and after)


def _content(thing: Item | ContentPart) -> tuple[ContentPart, ...]:
    return thing.content if isinstance(thing, (SystemMessageItem, UserMessageItem, AssistantMessageItem)) else ()


# --- what cannot be made -----------------------------------------------------------------------------------------


def _refusals(new: Sequence[Item]) -> dict[int, str]:
    """Return why items could not be created, by their place. Raises for ids that no history can have."""
    refusals: dict[int, str] = {}
    ids: set[str] = set()
    calls: set[object] = set()
    for index, item in enumerate(new):
        if item.id:
            _check_id(item.id, index, ids)
            ids.add(item.id)
        reason = _refusal(item, calls)
        if reason:
            refusals[index] = reason
        if isinstance(item, FunctionCallItem):
            calls.add(item.call_id)
    return refusals


def _check_id(item_id: str, index: int, taken: set[str]) -> None:
    path = f"items[{index}].id"
    if item_id in taken:
        raise InvalidArgument(f"{item_id!r} is the id of an earlier item", path=path)
    if len(item_id) > MAX_ID_CHARS:
        raise InvalidArgument(f"has {len(item_id)} characters, at most {MAX_ID_CHARS} are allowed", path=path)


def _refusal(item: Item, calls: set[object]) -> str | None:
    """Return why the protocol cannot create an item here, None when it can."""
    if isinstance(item, AssistantMessageItem) and any(isinstance(part, OutputAudioPart) for part in item.content):
        return "the protocol cannot create assistant audio: send its transcript as an OutputTextPart instead"
    if isinstance(item, UserMessageItem) and any(isinstance(p, InputAudioPart) and not p.audio for p in item.content):
        return "the audio of this item is not here: send its transcript as an InputTextPart instead"
    if isinstance(item, FunctionCallOutputItem) and item.call_id not in calls:
        return f"the call {item.call_id!r} does not come before its output: add its FunctionCallItem"
    return _NEVER_CREATED.get(type(item))
