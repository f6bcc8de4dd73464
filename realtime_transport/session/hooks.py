"""Calls agents' hooks: each of them, in order, and never in the way of the call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

HOOKS_WAITING_LIMIT = 1024
"""Unfinished async hooks that wait their turn. So many behind, one of them hangs; the oldest waiting are dropped."""


class HookCalls:
    """The hooks of one session. Sync ones run at once; async ones run one after the other in a task of the session."""

    def __init__(
        self,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._spawn = spawn
        self._on_error = on_error
        self._waiting: list[Awaitable[None]] = []
        self._running = False

    def call(self, hook: Callable[..., Awaitable[None] | None], *arguments: object) -> None:
        """Call a hook. What it raises is reported and stops nothing."""
        try:
            answer = hook(*arguments)
        except Exception as error:  # noqa: BLE001  application code
            self._on_error(error)
            return
        if not inspect.isawaitable(answer):
            return
        if len(self._waiting) >= HOOKS_WAITING_LIMIT:
            _discard(self._waiting.pop(0))
        self._waiting.append(answer)
        if not self._running:
            self._running = True
            self._spawn(self._serve(), "hooks")

    def close(self) -> None:
        """Forget what waits."""
        while self._waiting:
            _discard(self._waiting.pop(0))

    async def _serve(self) -> None:
        try:
            while self._waiting:
                try:
                    await self._waiting.pop(0)
                except Exception as error:  # noqa: BLE001  application code
                    self._on_error(error)
        finally:
            self._running = False


def _discard(awaitable: Awaitable[None]) -> None:
    """Close what will never be awaited, so that Python does not complain of it."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()
