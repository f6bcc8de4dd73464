"""What a check of the contract needs: the transport that is checked, and words to say what must hold of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from realtime_transport.events.transport import TransportEvent
from realtime_transport.transports.base import RealtimeTransportLayer

CHECK_TIMEOUT: Final = 30.0
"""Seconds for one check, of the loop's time."""


@attrs.frozen
class Subject:
    """What is checked: how to make one, and how it connects."""

    make: Callable[[], RealtimeTransportLayer]
    connect: Mapping[str, Any]

    async def connected(self, **more: Any) -> RealtimeTransportLayer:
        """Make a transport and connect it."""
        transport = self.make()
        await transport.connect(**{**self.connect, **more})
        return transport


def hold(condition: object, otherwise: str) -> None:
    """Fail with a sentence."""
    if not condition:
        raise AssertionError(otherwise)


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def raised_by(awaitable: Awaitable[object]) -> BaseException | None:
    """Await, and return what was raised instead of raising it."""
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001
        return error
    return None


def heard(transport: RealtimeTransportLayer, *names: str) -> list[TransportEvent]:
    """Collect what is emitted under these names."""
    found: list[TransportEvent] = []
    register: Any = transport.on
    for name in names:
        register(name, found.append)
    return found


def watch_threads(transport: RealtimeTransportLayer, others: set[str]) -> None:
    """Note the names of the threads that feed a transport besides the one of this call."""
    own, feed = threading.get_ident(), transport.feed

    def watched(data: str | bytes) -> None:
        if threading.get_ident() != own:
            others.add(threading.current_thread().name)
        feed(data)

    vars(transport)["feed"] = watched


def descriptors() -> set[tuple[int, int, int]]:
    """List the sockets, pipes and files that the process holds; none where the system does not tell (Windows)."""
    found: set[tuple[int, int, int]] = set()
    with contextlib.suppress(OSError):
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers, not paths
            with contextlib.suppress(OSError):  # the one through which the list was read
                status = os.fstat(int(name))
                found.add((int(name), status.st_dev, status.st_ino))
    return found


async def soon(condition: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT / 3):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"this never came: {what}") from None
