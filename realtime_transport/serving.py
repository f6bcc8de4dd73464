"""The tasks that serve coroutine listeners, and who waits for their end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator


class Serving:
    """Owns the tasks of one emitter's coroutine listeners."""

    __slots__ = ("_drained", "_tasks")

    def __init__(self) -> None:
        # Each task, and whether ``drain`` waits for it.
        self._tasks: dict[asyncio.Task[None], bool] = {}
        self._drained: asyncio.Future[None] | None = None

    def adopt(self, task: asyncio.Task[None]) -> None:
        """Own a task until it ends."""
        self._tasks[task] = True
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
        return {task for task, awaited in self._tasks.items() if awaited}

    @contextlib.contextmanager
    def without_caller(self) -> Generator[None, None, None]:
        """Take the calling task out of ``drain``: a listener inside the block waits for the end itself."""
        task = asyncio.current_task()
        if task is None or task not in self._tasks:
            yield
            return
        self._tasks[task] = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        try:
            yield
        finally:
            self._tasks[task] = True
