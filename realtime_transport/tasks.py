"""Tasks that begin when their maker is done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


def begin(work: Coroutine[Any, Any, R], *, name: str, loop: asyncio.AbstractEventLoop | None = None) -> asyncio.Task[R]:
    """Run ``work`` in a task whose first step is the loop's next one, whatever the loop makes its tasks with.

    ``asyncio.eager_task_factory`` (Python 3.12) takes the first step inside the call: before the caller knows the task
    that it is waiting for, and with application code in the middle of the read loop. So no factory is asked.
    """
    return asyncio.Task(work, loop=loop or asyncio.get_running_loop(), name=name)
