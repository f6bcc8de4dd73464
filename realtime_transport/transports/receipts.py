"""What every ``send_*`` returns: act now, and wait for whatever you care about, or for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Final, Literal, TypeAlias
from weakref import WeakValueDictionary

from realtime_transport.conversation.requests import Outcome, Settlement
from realtime_transport.events.server import ServerEvent
from realtime_transport.exceptions import RealtimeError, UnsupportedOperation

Room: TypeAlias = Callable[[], Awaitable[object] | None]
"""Says what to await until there is room; None when there is."""

_NOBODY: Final[tuple[asyncio.Future[Settlement], ...]] = ()


class SendReceipt:
    """A call that has been made; it may be ignored.

    ``await receipt`` waits until there is room for more on the way to the server: the way to send faster than real
    time without losing audio. ``await receipt.acknowledged()`` waits for the server's own answer.
    """

    __slots__ = ("__weakref__", "_answered", "_room", "_settlement", "_waiting", "event_id")

    def __init__(self, event_id: str, room: Room, *, answered: bool = True) -> None:
        self.event_id: str = event_id
        """Goes with the frame; the server's ``error`` names it. Empty when nothing was sent (muted)."""
        self._room = room
        self._answered = answered
        self._settlement: Settlement | None = None
        # One per task inside ``acknowledged``.
        self._waiting = _NOBODY

    def __await__(self) -> Generator[object, None, SendReceipt]:
        """Wait for room. Raises ``ConnectionLost`` when the connection ends first; cancelling takes nothing back."""
        room = self._room()
        if room is not None:
            yield from room.__await__()
        return self

    async def acknowledged(self) -> ServerEvent | None:
        """Wait for the server's answer and return it; None where success has no event of its own.

        Raises what went wrong: ``ServerError`` when the server refused, ``RequestTimeout`` when it did not answer in
        time, ``RequestDropped`` when it was never sent, ``ConnectionLost`` when the connection ended first. Raises
        ``UnsupportedOperation`` for what no server answers, which is audio and events unknown to the library.
        """
        if not self._answered:
            raise UnsupportedOperation("no server answers this: await the receipt itself for back-pressure")
        settlement = self._settlement or await self._settled()
        if settlement.error is not None:
            raise settlement.error
        return settlement.result

    async def _settled(self) -> Settlement:
        done: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        self._waiting += (done,)
        try:
            return await done
        finally:
            self._waiting = tuple(other for other in self._waiting if other is not done)

    def settle(self, settlement: Settlement) -> bool:
        """Take the outcome; True when somebody is waiting for it."""
        self._settlement = settlement
        for done in self._waiting:
            if not done.done():
                done.set_result(settlement)
        return bool(self._waiting)

    @property
    def outcome(self) -> Outcome | Literal["open"]:
        """What became of it: ``open`` until the server has answered, then ``acknowledged``, ``failed``, ``dropped`` or
        ``timeout``. Stays ``open`` for what no server answers."""
        return self._settlement.outcome if self._settlement is not None else "open"

    def __repr__(self) -> str:
        return f"<SendReceipt {self.event_id} {self.outcome}>"


class Receipts:
    """The receipts that somebody still holds, by event id, and the fate of those that nobody does."""

    def __init__(self, room: Room, report: Callable[[RealtimeError, str], None]) -> None:
        self._room = room
        self._report = report
        # Weak: a receipt that was thrown away needs no entry, and one per settled call would be a leak.
        # None while there is none: an idle connection has no use for 700 bytes of it.
        self._held: WeakValueDictionary[str, SendReceipt] | None = None

    def issue(self, event_id: str) -> SendReceipt:
        """Make the receipt of a call that will be settled."""
        if self._held is None:
            self._held = WeakValueDictionary()
        receipt = self._held[event_id] = SendReceipt(event_id, self._room)
        return receipt

    def unanswered(self, event_id: str) -> SendReceipt:
        """Make the receipt of a call that no server answers."""
        return SendReceipt(event_id, self._room, answered=False)

    def settle(self, settlement: Settlement, *, quietly: bool = False) -> None:
        """Settle a receipt. A failure that nobody awaits and nobody was told of is reported, unless ``quietly``."""
        receipt = None if self._held is None else self._held.pop(settlement.event_id, None)
        if not self._held:
            self._held = None
        awaited = receipt is not None and receipt.settle(settlement)
        if settlement.error is not None and not (awaited or settlement.reported or quietly):
            self._report(settlement.error, settlement.event_id)
