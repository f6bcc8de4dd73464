"""The order of a conversation: who follows whom.

The server tells an item's place by the id of the item before it. Items may be announced before that one is known here;
they wait for it, and are placed when it comes. A live server keeps its own order on the wire, so that waiting is rare;
replays, merged logs and a reconnect in the middle are where it happens.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from realtime_transport.events.base import UNSET, Maybe


@attrs.define(eq=False)
class _Node:
    """One item: where it is, and what is known about where it belongs."""

    item_id: str
    placed: bool = False
    """It is in the order."""
    place: int = 0
    """Its position plus a constant; it may be out of date, see ``_position``."""
    told: bool = False
    """Its place was told, or guessed for good: nothing moves it again."""
    waits_for: str = ""
    """The item that it follows, which is not here yet; empty when it waits for none."""
    uncertain: bool = False
    """Its place was guessed, because the item before it never came."""


class Chain:
    """Ids in the server's order; every operation of an ordinary conversation costs the same at any length.

    An order is a list in which each node remembers its place. Appending, and removing or inserting at the front, keep
    all places right (the front moves a common offset). A change in the middle makes those behind it wrong; they are
    put right when asked for, from the change onwards, once.
    """

    def __init__(self, *, patience: float = 5.0) -> None:
        self._patience = patience
        self._nodes: dict[str, _Node] = {}
        self._order: list[_Node] = []
        self._offset = 0
        # All places before this position are right.
        self._right = 0
        # All positions before this one hold what they held when ``unchanged`` was asked last.
        self._same = 0
        # Items that wait: when to give up, by item (oldest first), and who waits for whom, by the missing item.
        self._deadlines: dict[str, float] = {}
        self._waiting: dict[str, list[_Node]] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[str]:
        return (node.item_id for node in self._order)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._nodes

    def index(self, item_id: str) -> int | None:
        """Return the position of an item; None while it waits for one, or is unknown."""
        node = self._nodes.get(item_id)
        return self._position(node) if node is not None and node.placed else None

    def uncertain(self, item_id: str) -> bool:
        """Tell whether an item's place was guessed."""
        return item_id in self._nodes and self._nodes[item_id].uncertain

    def unchanged(self) -> int:
        """Return how many items at the front stand where they stood when this was asked last."""
        same, self._same = self._same, len(self._order)
        return same

    def behind(self, position: int) -> Iterator[str]:
        """Go through the items from a position on."""
        return (node.item_id for node in self._order[position:])

    def oldest(self) -> str:
        """Return the first item of the order, else the one that has waited longest. There must be one."""
        return self._order[0].item_id if self._order else next(iter(self._deadlines))

    # --- changes -------------------------------------------------------------------------------------------------

    def append(self, item_id: str) -> list[str]:
        """Put an item whose place was not told at the end, until it is told. Returns the ids that got a place."""
        if item_id in self._nodes:
            return []
        node = self._nodes[item_id] = _Node(item_id)
        return self._settle(node, len(self._order))

    def place(self, item_id: str, previous: Maybe[str], now: float) -> list[str]:
        """Put an item where it was told: after ``previous``, at the front (None), or at the end (absent).

        Returns the ids that got a place or another one: the item and all that waited for it, or none. An item whose
        place was told before stays there. One whose ``previous`` is unknown waits for it; an empty one names nobody.
        """
        if previous == "":
            previous = UNSET
        node = self._nodes.setdefault(item_id, _Node(item_id))
        if node.told:
            return []
        node.told = True
        if node.placed and previous is UNSET:
            return []
        if isinstance(previous, str) and (previous == item_id or self.index(previous) is None):
            node.waits_for = previous
            self._waiting.setdefault(previous, []).append(node)
            self._deadlines[item_id] = now + self._patience
            return []
        if node.placed:
            self._take_out(node)
        return self._settle(node, self._after(previous))

    def remove(self, item_id: str) -> None:
        """Take an item out; the one behind it closes up. Those that wait for it wait on."""
        node = self._nodes.pop(item_id, None)
        if node is None:
            return
        if node.waits_for:
            self._stop_waiting(node)
        if node.placed:
            self._take_out(node)

    # --- those that wait -----------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Return when the item that has waited longest is placed at the end."""
        return next(iter(self._deadlines.values()), None)

    def wake(self, now: float) -> list[str]:
        """Give up waiting where it took too long: the item goes to the end, or stays where it was put, as uncertain.

        Returns the ids that got a place.
        """
        placed: list[str] = []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            node = self._nodes[next(iter(self._deadlines))]
            self._stop_waiting(node)
            node.uncertain = True
            if not node.placed:
                placed += self._settle(node, len(self._order))
        return placed

    def _stop_waiting(self, node: _Node) -> None:
        others = self._waiting[node.waits_for]
        others.remove(node)
        if not others:
            del self._waiting[node.waits_for]
        node.waits_for = ""
        del self._deadlines[node.item_id]

    def _settle(self, node: _Node, position: int) -> list[str]:
        """Put an item somewhere, and behind it whatever waited for it, and so on; a loop, as chains may be long."""
        self._insert(node, position)
        settled = [node]
        for parent in settled:
            # In order of arrival: what was put behind the same item later comes before what was put there earlier.
            for child in self._waiting.pop(parent.item_id, ()):
                child.waits_for = ""
                del self._deadlines[child.item_id]
                if child.placed:
                    self._take_out(child)
                self._insert(child, self._position(parent) + 1)
                settled.append(child)
        return [each.item_id for each in settled]

    # --- positions -----------------------------------------------------------------------------------------------

    def _after(self, previous: Maybe[str]) -> int:
        if isinstance(previous, str):
            return self._position(self._nodes[previous]) + 1
        return 0 if previous is None else len(self._order)

    def _position(self, node: _Node) -> int:
        position = node.place - self._offset
        order = self._order
        if 0 <= position < len(order) and order[position] is node:
            return position
        position = self._right
        while order[position] is not node:
            order[position].place = position + self._offset
            position += 1
        node.place = position + self._offset
        self._right = position + 1
        return position

    def _insert(self, node: _Node, position: int) -> None:
        if position == 0:
            self._offset -= 1
            self._right += 1
        elif position <= self._right:
            self._right = position + 1
        node.placed = True
        node.place = position + self._offset
        self._order.insert(position, node)
        self._same = min(self._same, position)

    def _take_out(self, node: _Node) -> None:
        position = self._position(node)
        del self._order[position]
        self._same = min(self._same, position)
        if position == 0:
            self._offset += 1
            self._right = max(self._right - 1, 0)
        else:
            self._right = min(self._right, position)
