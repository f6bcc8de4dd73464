"""The emulator on a thread of its own: for clients that block, and for tests on any event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from realtime_transport.emulator.server import Emulator

START_SECONDS: Final = 10.0
"""Binding a port takes milliseconds; importing the server for the first time may take a second on a slow disk."""


class BackgroundEmulator:
    """Runs an ``Emulator`` on a thread with its own event loop.

        with BackgroundEmulator("echo") as server:
            ...  # connect to server.url, from blocking code or from any loop

    Takes what ``Emulator`` takes and raises what it raises. Leaving the context closes every session with 1001 and
    joins the thread.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._emulator = Emulator(*args, **options)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._end: Callable[[], object]
        """Set by the thread once there is something to end."""
        # A daemon, so that a test that never leaves the context cannot keep the process alive.
        self._thread = threading.Thread(target=self._run, name="realtime emulator", daemon=True)

    @property
    def url(self) -> str:
        """What a client connects to: ``ws://127.0.0.1:54321/v1/realtime``."""
        return self._emulator.url

    @property
    def http_url(self) -> str:
        """Base of the HTTP endpoints: ``http://127.0.0.1:54321/v1``."""
        return self._emulator.http_url

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(START_SECONDS)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # raised where the context is entered
            self._failure = error
            self._started.set()

    async def _serve(self) -> None:
        over = asyncio.Event()
        self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)
        async with self._emulator:
            self._started.set()
            await over.wait()
