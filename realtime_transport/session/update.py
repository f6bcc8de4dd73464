"""The receipt of ``session.update_agent``: begun at once, awaited by whoever cares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Generic

from realtime_transport.exceptions import StateError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import T


class AgentUpdate(Generic[T]):
    """A change of agent on its way; it may be ignored.

    ``await update`` and ``await update.acknowledged()`` wait until the new agent speaks, and return the one before it.
    They raise what kept it from that, with the old agent still in place. A failure that nobody waits for is reported
    once as ``error``.
    """

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report
        self._done: asyncio.Future[RealtimeAgent[T]] = asyncio.get_running_loop().create_future()
        self._awaited = False

    def __await__(self) -> Generator[Any, None, RealtimeAgent[T]]:
        return self.acknowledged().__await__()

    async def acknowledged(self) -> RealtimeAgent[T]:
        """Wait for the server's word, and return the agent that spoke until then."""
        self._awaited = True
        return await asyncio.shield(self._done)

    def succeed(self, previous: RealtimeAgent[T]) -> None:
        """Note that the new agent speaks."""
        self._done.set_result(previous)

    def fail(self, error: BaseException) -> None:
        """Note that it does not."""
        self._done.set_exception(error)
        self._done.exception()  # whoever waits gets it; Python need not complain when nobody does
        if not self._awaited:
            self._report(error)

    def abandon(self) -> None:
        """Note that nothing more will come of it; whoever waits is told."""
        if not self._done.done():
            self._awaited = True  # the end of the session is nobody's news
            self.fail(StateError("the session closed before the agent was in place"))
