"""Interfere with a coroutine at its nth await, for every n: what survives that, survives any timing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine that tells each time it comes to an await."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], tell: Callable[[], None]) -> None:
        self._coroutine = coroutine
        self._tell = tell

    def send(self, value: Any) -> Any:
        waiting = self._coroutine.send(value)
        self._tell()
        return waiting

    def throw(self, *error: Any) -> Any:
        waiting = self._coroutine.throw(*error)
        self._tell()
        return waiting

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()


async def at_await(
    at: int, start: Callable[[], Coroutine[Any, Any, T]], interfere: Callable[[asyncio.Task[T]], object]
) -> tuple[bool, asyncio.Task[T]]:
    """Run ``start()`` as a task, and call ``interfere(task)`` at its nth await, counted from 1.

    The awaits of every task that begins meanwhile count too. Returns whether it came so far, and the task, which has
    ended. Sweep ``at`` from 1 until it does not come so far any more.
    """
    loop, awaits, reached = asyncio.get_running_loop(), 0, False
    usual = loop.get_task_factory()

    def came_to_an_await() -> None:
        nonlocal awaits, reached
        awaits += 1
        if awaits == at and not task.done():  # tasks that outlive it are none of our business
            reached = True
            interfere(task)

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        return asyncio.Task(_Counted(coroutine, came_to_an_await), loop=loop, **more)

    loop.set_task_factory(factory)
    try:
        task = loop.create_task(start())
        await asyncio.wait({task})
    finally:
        loop.set_task_factory(usual)
    return reached, task
