"""Runs one tool: on the loop or in a thread, within its time, and never more than a bounded number at once.

A tool that does not stop when told to becomes an orphan: its call is answered, its late result is dropped and logged,
and it counts against a bound, because threads cannot be killed.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

from realtime_transport.exceptions import RequestFailed, RequestTimeout
from realtime_transport.session.context import ToolContext
from realtime_transport.session.tools import LocalTool

_log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Tools that run at the same time in one session: models rarely call more in one turn, and each may hold a thread."""

ORPHANS_LIMIT: Final = 8
"""Tools that were given up but still run. With that many stuck, something is broken and more calls are refused."""


class CallRefused(RequestFailed):
    """A call was not run, or not to its end. ``reason`` and the message are written for the model."""

    def __init__(self, message: str, *, reason: str, path: str = "") -> None:
        super().__init__(message, reason=reason)
        self.path = path


class ToolTimeout(CallRefused, RequestTimeout):
    """A tool gave no result within its time."""


class ToolBusy(CallRefused):
    """Too many earlier tools were given up and still run."""


class ToolRunner:
    """The hands of one session."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._closing = False
        self._threads: ThreadPoolExecutor | None = None
        self._orphans: set[asyncio.Task[object]] = set()
        self._threads_busy = 0
        self._threads_awaited = 0
        self._count_lock = threading.Lock()  # guards _threads_busy, which the threads themselves count

    @property
    def orphans(self) -> int:
        """Tools that were given up and still run."""
        return len(self._orphans) + max(0, self._threads_busy - self._threads_awaited)

    async def run(self, tool: LocalTool, context: ToolContext[Any], arguments: Mapping[str, Any]) -> object:
        """Run ``tool`` and return its result.

        Waits for a free slot first; the tool's timeout begins when it does. Cancelling gives the tool up.

        :raises ToolTimeout: when it takes too long; it is cancelled and, if it does not stop, becomes an orphan.
        :raises ToolBusy: when too many orphans still run.
        :raises Exception: whatever the tool raises.
        """
        async with self._slots:
            if self.orphans >= ORPHANS_LIMIT:
                raise ToolBusy(f"{self.orphans} earlier tools still run", reason="busy")
            task = asyncio.create_task(self._call(tool, context, arguments), name=f"tool:{tool.name}")
            try:
                done, _ = await asyncio.wait([task], timeout=tool.timeout)
            except asyncio.CancelledError:
                if not self._closing or "close" in tool.cancel_on:
                    self._give_up(task, tool)
                else:
                    self._let_run(task, tool)
                raise
            if not done:
                self._give_up(task, tool)
                raise ToolTimeout(f"no result within {tool.timeout:g} s", reason="timeout")
            return task.result()

    def close(self) -> None:
        """Take no more work. Threads that still run end by themselves; Python waits for them at exit.

        A tool that ``close`` does not cancel runs to its end although the session is gone; its result is dropped.
        """
        self._closing = True
        if self._threads is not None:
            # Idle threads end within microseconds; only a busy one is left to itself.
            self._threads.shutdown(wait=not self._threads_busy, cancel_futures=True)

    async def _call(self, tool: LocalTool, context: ToolContext[Any], arguments: Mapping[str, Any]) -> object:
        if tool.blocking:
            result = await self._in_thread(tool, context, arguments)
        else:
            result = tool.call(context, arguments)
        if inspect.isawaitable(result):
            return await result
        if not inspect.isasyncgen(result):
            return result
        last: object = None
        async for update in cast("AsyncIterator[object]", result):
            last = update
            context.progress(update)
        return last

    async def _in_thread(self, tool: LocalTool, context: ToolContext[Any], arguments: Mapping[str, Any]) -> Any:
        if self._threads is None:
            # Room for all slots even while every tolerated orphan holds a thread.
            self._threads = ThreadPoolExecutor(AT_ONCE + ORPHANS_LIMIT, thread_name_prefix="realtime-tool")
        here = contextvars.copy_context()

        def work() -> Any:
            with self._count_lock:
                self._threads_busy += 1
            try:
                return here.run(tool.call, context, arguments)
            finally:
                with self._count_lock:
                    self._threads_busy -= 1

        self._threads_awaited += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._threads_awaited -= 1

    def _give_up(self, task: asyncio.Task[object], tool: LocalTool) -> None:
        task.cancel()
        self._let_run(task, tool)

    def _let_run(self, task: asyncio.Task[object], tool: LocalTool) -> None:
        self._orphans.add(task)

        def finished(task: asyncio.Task[object]) -> None:
            self._orphans.discard(task)
            if not task.cancelled():
                _log.warning(
                    "tool %s ended after it was given up; its result is dropped: %r", tool.name, task.exception()
                )

        task.add_done_callback(finished)
