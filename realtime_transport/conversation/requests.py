"""What we asked the server for and have no answer to: each request is settled exactly once.

A request is open from the call until the server's own answer, an ``error`` that names it, its deadline, or the end of
the connection, whichever is first. What comes later finds nothing open and settles nothing.

A group is one call made of several requests (``interrupt``, ``reset_history``): it settles when all of them have, with
the worst of their outcomes.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from typing import Final, Literal, TypeAlias

import attrs

from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.exceptions import InvalidArgument, RealtimeError, RequestTimeout

Outcome: TypeAlias = Literal["acknowledged", "failed", "dropped", "timeout"]

RequestKind: TypeAlias = Literal[
    "session",
    "commit",
    "clear",
    "clear_output",
    "create_item",
    "delete_item",
    "retrieve_item",
    "truncate_item",
    "response",
    "cancel",
    "finish",
    "close",
]

_WORST_LAST: Final[tuple[Outcome, ...]] = ("acknowledged", "dropped", "timeout", "failed")


@attrs.frozen(kw_only=True)
class Settlement:
    """How one call ended. Drained with ``ClientConversation.settlements()``."""

    event_id: str
    """What the call returned."""
    outcome: Outcome
    """``acknowledged``: the server did it, or it was true already. ``failed``: the server refused, or the connection
    went away after it was sent. ``dropped``: never sent. ``timeout``: sent, and no answer within the deadline."""
    result: ServerEvent | None = None
    """The server's own answer, where there was one."""
    error: RealtimeError | None = None
    """Set unless acknowledged."""
    reported: bool = False
    """True when ``error`` went out as an ``error`` event too: nobody needs to report it again."""


@attrs.define(kw_only=True)
class Request:
    """One event of ours that the server answers."""

    event_id: str
    kind: RequestKind
    key: str
    """Tells apart requests of one kind where the answer does: an item id. Empty where answers come in order."""
    silent: bool = False
    """Made by the conversation itself (barge-in): nobody waits for its settlement."""
    benign: frozenset[str] = frozenset()
    """Error codes that say no more than "it is so already"."""
    assumed: bool = False
    """The server never answers this kind: at the deadline it counts as done."""
    event: ClientEvent | None = None
    """What was sent, where it may matter before the answer is here."""
    planned: bool = False
    """A step of a reset: the next reset may undo it."""
    group: str | None = None
    patience: float | None = None
    """Seconds that the caller gave it, where it was not the usual time."""


@attrs.define
class _Group:
    open: set[str]
    outcome: Outcome = "acknowledged"
    result: ServerEvent | None = None
    error: RealtimeError | None = None
    reported: bool = False


class Requests:
    """The open requests of one connection, by id, by what answers them, and by deadline."""

    __slots__ = ("_by_answer", "_deadlines", "_groups", "_open", "_sequence", "_settlements")

    def __init__(self) -> None:
        # Bounded by the application: one entry per call that is not settled, each with a deadline.
        self._open: dict[str, Request] = {}
        # (kind, key) -> the open ones in the order they were sent: servers answer in order. Lists, for few wait at a
        # time, and an idle connection would hold 760 bytes for every empty deque.
        self._by_answer: dict[tuple[RequestKind, str], list[Request]] = {}
        # (deadline, sequence, request); the sequence only keeps the heap from comparing requests.
        self._deadlines: list[tuple[float, int, Request]] = []
        self._sequence = 0
        self._groups: dict[str, _Group] = {}
        self._settlements: list[Settlement] = []

    def __contains__(self, event_id: object) -> bool:
        return event_id in self._open or event_id in self._groups

    def __len__(self) -> int:
        return len(self._open)

    def open(self, request: Request, deadline: float | None) -> None:
        """Begin to wait for an answer to ``request``; ``deadline`` None waits until somebody settles it.

        Raises InvalidArgument when its id is open already.
        """
        if request.event_id in self._open:
            raise InvalidArgument(f"{request.event_id!r} is the id of a request that is not settled", path="event_id")
        self._open[request.event_id] = request
        self._by_answer.setdefault((request.kind, request.key), []).append(request)
        if deadline is not None:
            self._sequence += 1
            heapq.heappush(self._deadlines, (deadline, self._sequence, request))

    def get(self, event_id: str) -> Request | None:
        """Look up an open request."""
        return self._open.get(event_id)

    def oldest(self, kind: RequestKind, key: str = "") -> Request | None:
        """Find the request of this kind that has waited longest, which is the one an unnamed answer is for."""
        waiting = self._by_answer.get((kind, key))
        return waiting[0] if waiting else None

    def oldest_of(self, kind: RequestKind) -> Request | None:
        """Find the request of this kind that has waited longest, whatever its key."""
        return next((request for request in self._open.values() if request.kind == kind), None)

    def first_of(self, kinds: Collection[RequestKind], key: str) -> Request | None:
        """Find the request of any of these kinds that has waited longest; slower than ``oldest``."""
        return next((each for each in self._open.values() if each.key == key and each.kind in kinds), None)

    def unanswered(self) -> Iterable[Request]:
        """Go through what the server has yet to answer, in the order it was sent."""
        return self._open.values()

    def acknowledge(self, kind: RequestKind, key: str = "", result: ServerEvent | None = None) -> Request | None:
        """Settle the oldest request that ``result`` answers; None when nobody asked."""
        request = self.oldest(kind, key)
        if request is not None:
            self.settle(request.event_id, "acknowledged", result=result)
        return request

    def settle(
        self,
        event_id: str,
        outcome: Outcome,
        *,
        result: ServerEvent | None = None,
        error: RealtimeError | None = None,
        reported: bool = False,
    ) -> bool:
        """Settle an open request; False when it is not open (settled before, or never ours)."""
        request = self._open.pop(event_id, None)
        if request is None:
            return False
        self._let_go(request)
        settlement = Settlement(event_id=event_id, outcome=outcome, result=result, error=error, reported=reported)
        if request.group is not None:
            self._part_settled(request.group, settlement)
        elif not request.silent:
            self._settlements.append(settlement)
        return True

    def _let_go(self, request: Request) -> None:
        """Forget who waits for which answer; an emptied dict would keep its table, three times its weight."""
        waiting = self._by_answer[request.kind, request.key]
        waiting.remove(request)
        if not waiting:
            del self._by_answer[request.kind, request.key]
        if not self._open:
            self._open, self._by_answer = {}, {}

    # --- groups ------------------------------------------------------------------------------------------------------

    def open_group(self, group_id: str, parts: Iterable[str]) -> None:
        """Make one call of several open requests; without any it is acknowledged at once."""
        group = _Group(set(parts))
        for part in group.open:
            self._open[part].group = group_id
        if group.open:
            self._groups[group_id] = group
        else:
            self.settled(group_id)

    def settled(self, event_id: str) -> None:
        """Acknowledge a call for which nothing had to be sent."""
        self._settlements.append(Settlement(event_id=event_id, outcome="acknowledged"))

    def _part_settled(self, group_id: str, part: Settlement) -> None:
        group = self._groups[group_id]
        group.open.discard(part.event_id)
        group.result = part.result or group.result
        if _WORST_LAST.index(part.outcome) > _WORST_LAST.index(group.outcome):
            group.outcome, group.error, group.reported = part.outcome, part.error, part.reported
        if not group.open:
            del self._groups[group_id]
            self._settlements.append(
                Settlement(
                    event_id=group_id,
                    outcome=group.outcome,
                    result=group.result,
                    error=group.error,
                    reported=group.reported,
                )
            )

    # --- time and end ------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When ``expire`` has something to do, None for never."""
        while self._deadlines and not self._is_open(self._deadlines[0][2]):
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def expired(self, now: float) -> list[Request]:
        """Take the requests whose deadline has passed; they stay open until ``settle``."""
        expired: list[Request] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            request = heapq.heappop(self._deadlines)[2]
            if self._is_open(request):
                expired.append(request)
        return expired

    def _is_open(self, request: Request) -> bool:
        return self._open.get(request.event_id) is request

    def expire(self, request: Request, timeout: float) -> None:
        """Settle a request whose deadline passed: timed out, or done where the server never answers."""
        if request.assumed:
            self.settle(request.event_id, "acknowledged")
            return
        error = RequestTimeout(
            f"the server did not answer {request.kind!r} within {request.patience or timeout:g} s",
            reason="timeout",
            event_id=request.event_id,
        )
        self.settle(request.event_id, "timeout", error=error)

    def end(self, lost: RealtimeError, never_sent: RealtimeError, waiting: Iterable[str]) -> None:
        """Settle all: those in ``waiting`` were never sent and are dropped, the others fail with ``lost``."""
        unsent = set(waiting)
        for event_id in list(self._open):
            if event_id in unsent:
                self.settle(event_id, "dropped", error=never_sent)
            else:
                self.settle(event_id, "failed", error=lost)
        self._deadlines.clear()

    def drain(self) -> list[Settlement]:
        """Hand over the settlements since the last call."""
        settlements, self._settlements = self._settlements, []
        return settlements
