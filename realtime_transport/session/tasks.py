"""The tasks of one session: each has an owner, none outlives it, and what one raises is reported once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from realtime_transport.tasks import begin

CLOSE_TIMEOUT = 5.0
"""Seconds until a task that ignores its cancellation is left behind."""


class SessionTasks:
    """A nursery that takes tasks at any time and ends them all at ``close``."""

    def __init__(self, *, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None] | None:
        """Start ``work``. After ``close`` nothing starts any more and None is returned."""
        if self._closed:
            work.close()
            return None
        task = begin(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Cancel everything and wait for it, except for the task that calls this."""
        self._closed = True
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=CLOSE_TIMEOUT)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(error)
