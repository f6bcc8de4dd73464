"""Whoever waits for keys that the caller presses."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

MAX_KEYS: Final = 256
"""Keys that wait for one collector: nobody presses more between two turns of the loop."""

_END: Final = ""
"""In the queue: no more keys will come."""


class Keypads:
    """Hands every key to everybody who collects."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Queue[str]] = []

    def press(self, digit: str) -> None:
        """Give a key to all collectors; one that is swamped loses it."""
        for queue in self._waiting:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(digit)

    def close(self) -> None:
        """End all collecting: the call is over."""
        self.press(_END)

    async def collect(self, count: int, timeout: float, finish: str) -> str:
        """Return the keys until there are ``count``, ``finish`` came, or ``timeout`` seconds or the call are over."""
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=MAX_KEYS)
        self._waiting.append(queue)
        digits = ""
        try:
            async with asyncio.timeout(timeout):
                while len(digits) < count and (digit := await queue.get()) not in (_END, finish):
                    digits += digit
        except TimeoutError:
            pass
        finally:
            self._waiting.remove(queue)
        return digits
