"""Events as an ``async for``: bounded, in order, ended with the transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Generic, TypeVar, cast

from realtime_transport.backlog import STREAM_LIMIT, AudioMs, Backlog, Full, Missed, Overflow
from realtime_transport.exceptions import SlowConsumer, StateError

E = TypeVar("E")


class EventStream(Generic[E]):
    """An async iterator over events, from the moment it is made until ``close()`` or the end of the transport.

    What came before the end is still delivered after it. A reader that falls ``limit`` events behind is treated as
    ``overflow`` says: with ``disconnect``, the default, it gets what waits and then ``SlowConsumer``. A stream that
    nobody holds any more goes away by itself, so leaving the loop with ``break`` is enough.
    """

    def __init__(
        self,
        names: Collection[str] = (),
        *,
        limit: int = STREAM_LIMIT,
        overflow: Overflow = "disconnect",
        audio_ms: AudioMs = lambda event: 0.0,
        report_missed: Callable[[SlowConsumer, float], object] = lambda error, ms: None,
        room_was_made: Callable[[], object] = lambda: None,
    ) -> None:
        self.names: frozenset[str] = frozenset(names)
        """What it hears; empty for everything."""
        self._backlog: Backlog[E] = Backlog(limit, overflow)
        self._audio_ms = audio_ms
        self._tell_missed = report_missed
        self._room_was_made = room_was_made
        self._reader: asyncio.Future[None] | None = None
        self._over = False
        self._error: SlowConsumer | None = None

    def hears(self, name: str) -> bool:
        """Tell whether events of this name belong into the stream."""
        return not self._over and (not self.names or name in self.names)

    @property
    def congested(self) -> bool:
        """Whether the driver should stop reading for this reader's sake."""
        return not self._over and self._backlog.congested

    def offer(self, event: E) -> None:
        """Add an event. Never waits and never raises."""
        try:
            forgotten = self._backlog.offer(event)
        except Full:
            self._error = SlowConsumer(self._described(), "events()", limit=self._backlog.limit)
            self.close()
            return
        if forgotten is not None and self._backlog.note_missed(self._audio_ms(forgotten)):
            self._report(self._backlog.missed())
        self._wake()

    def close(self) -> None:
        """End the stream: what waits is still delivered, nothing new is. Does nothing the second time."""
        self._over = True
        self._wake()
        self._room_was_made()

    async def aclose(self) -> None:
        """End the stream like ``close()``: what ``contextlib.aclosing`` calls."""
        self.close()

    def __aiter__(self) -> EventStream[E]:
        return self

    async def __anext__(self) -> E:
        """Return the next event.

        Raises ``SlowConsumer`` when the stream was cut off, ``StateError`` when another task reads it already.
        """
        while not self._backlog:
            if self._over:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                raise StopAsyncIteration
            await self._wait()
        was_congested = self._backlog.congested
        event = self._backlog.take()
        if was_congested:
            self._room_was_made()
        self._report(self._backlog.missed())
        return event

    async def _wait(self) -> None:
        if self._reader is not None:
            raise StateError("another task reads this stream: give each its own events()")
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _report(self, missed: Missed | None) -> None:
        if missed is not None:
            error = SlowConsumer(self._described(), "events()", limit=self._backlog.limit, dropped=missed.events)
            self._tell_missed(error, missed.ms)

    def _described(self) -> str:
        return ", ".join(sorted(cast("frozenset[Any]", self.names))) or "everything"
