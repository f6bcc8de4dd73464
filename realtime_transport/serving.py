"""The tasks that serve coroutine listeners, and who waits for their end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from contextvars import ContextVar
from typing import Final

LISTENER: Final[ContextVar[asyncio.Task[None] | None]] = ContextVar("LISTENER", default=None)
"""The task that serves the listener in which this code runs, also in tasks that the listener began: it may wait for
those (``asyncio.gather``, a task group, ``asyncio.wait_for`` in Python 3.11)."""


class Serving:
    """Owns the tasks of one emitter's coroutine listeners."""

    __slots__ = ("_drained", "_tasks")

    def __init__(self) -> None:
        # Each task, and how often what it began waits for the end: ``drain`` waits for those with zero.
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._drained: asyncio.Future[None] | None = None

    def adopt(self, task: asyncio.Task[None]) -> None:
        """Own a task until it ends."""
        self._tasks[task] = 0
        task.add_done_callback(self._tasks.pop)

    async def drain(self, timeout: float) -> None:
        """Let the tasks finish, for at most ``timeout`` seconds, then cancel them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while awaited := self._awaited():
                    self._drained = asyncio.get_running_loop().create_future()
                    await asyncio.wait({*awaited, self._drained}, return_when=asyncio.FIRST_COMPLETED)
        late = self._awaited()
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=timeout)

    def _awaited(self) -> set[asyncio.Task[None]]:
        return {task for task, waits in self._tasks.items() if not waits}

    @contextlib.contextmanager
    def without_caller(self) -> Generator[None, None, None]:
        """Take the calling listener out of ``drain``: inside the block it waits for the end itself."""
        task = LISTENER.get()
        if task is None or task not in self._tasks:
            yield
            return
        self._tasks[task] += 1
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        try:
            yield
        finally:
            if task in self._tasks:
                self._tasks[task] -= 1
