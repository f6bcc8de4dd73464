"""An event loop whose clock jumps: an hour-long call is tested in milliseconds, and the order of events never varies.

``loop.time()`` stands still while anything is ready to run and jumps to the next timer when nothing is. Since the
library takes its time from the running loop only, whatever it does runs under virtual time unchanged.

    def test_gives_up_after_ten_seconds() -> None:
        async def main() -> None:
            with pytest.raises(ConnectTimeout):
                await transport.connect(timeout=10.0)
            assert asyncio.get_running_loop().time() == 10.0

        virtual_time.run(main())

With pytest-asyncio, return ``{"virtual": VirtualTimeLoop}`` from the hook ``pytest_asyncio_loop_factories``.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

PATIENCE: Final = 5.0
"""Real seconds to wait for a thread or a socket before it is taken for hung. Far above what either needs here, far
below what a test run would mind once."""

_DIGITS: Final = 9
"""The clock counts whole nanoseconds, so that 0.1 s after 0.2 s is 0.3 s and not 0.30000000000000004 s."""


class Deadlock(RuntimeError):
    """Everything waits and nothing will ever happen: no task is ready, no timer is set, no thread or socket is busy."""

    def __init__(self, waiting: tuple[str, ...]) -> None:
        lines = "".join(f"\n  {line}" for line in waiting) or "\n  (no task at all)"
        super().__init__(f"nothing is ready and no timer is set, yet these wait:{lines}")
        self.waiting = waiting
        """One line per task: its name, and where it waits."""


class _Instant(float):
    """A deadline that remembers when it was set: asyncio's heap does not keep the order of equal deadlines."""

    order = 0

    def __lt__(self, other: float) -> bool:
        if isinstance(other, _Instant) and float(self) == float(other):
            return self.order < other.order
        return float(self) < float(other)


class _JumpingSelector(selectors.BaseSelector):
    """Polls instead of waiting, and moves the clock by what it would have waited."""

    def __init__(self, patience: float) -> None:
        self._real = selectors.DefaultSelector()
        self._patience = patience
        self._jobs = 0  # in threads, whose result somebody waits for
        self._hung = 0  # of these, what patience was lost with
        self.now = 0.0
        self.explain: Callable[[], tuple[str, ...]] = tuple

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        # One file is always there: the pipe by which threads wake the loop.
        sockets = len(self.get_map()) > 1
        if self._jobs > self._hung or (sockets and timeout is None):
            ready = self._real.select(self._patience)
            self._hung = 0 if ready else self._jobs
        if not ready and timeout is None:
            raise Deadlock(self.explain())
        if not ready and timeout is not None:
            moved = round(self.now + timeout, _DIGITS)
            # A wait too short to show in the digits still passes: a deadline of 0.30000000000000004 would otherwise
            # be found not to be due at 0.3, again and again.
            self.now = moved if moved > self.now else round(self.now + 10**-_DIGITS, _DIGITS)
        return ready

    def job_began(self) -> None:
        self._jobs += 1

    def job_ended(self) -> None:
        self._jobs -= 1
        self._hung = min(self._hung, self._jobs)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with virtual time that starts at 0.

    - Nothing ready and no timer set raises ``Deadlock`` out of ``run_until_complete``, naming the tasks that wait.
    - Timers of one deadline fire in the order in which they were set.
    - While a job given to ``run_in_executor`` runs, the clock stands still: for at most ``patience`` real seconds.
    - Sockets work; they are polled before each jump, so a peer in another process may lose against a timer.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._jumping = _JumpingSelector(patience)
        self._orders = itertools.count()
        super().__init__(self._jumping)
        self._jumping.explain = self._describe_waiting

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now

    def advance(self, seconds: float) -> None:
        """Pretend that the running code took so long: timers that are due by then fire late, as they would have."""
        self._jumping.now = round(self._jumping.now + seconds, _DIGITS)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule like every loop, keeping the order of equal deadlines."""
        deadline = _Instant(when)
        deadline.order = next(self._orders)
        return super().call_at(deadline, callback, *args, context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run in a thread like every loop; the clock stands still until it is done or no longer waited for."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.job_began()
        future.add_done_callback(lambda _: self._jumping.job_ended())
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Join the threads like every loop; Python 3.12 added a time limit."""
        self._jumping.job_began()
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._jumping.job_ended()

    def _describe_waiting(self) -> tuple[str, ...]:
        lines: list[str] = []
        for task in asyncio.all_tasks(self):
            frames = task.get_stack(limit=1)
            where = f"{frames[-1].f_code.co_filename}:{frames[-1].f_lineno}" if frames else "before its first line"
            lines.append(f"{task.get_name()} at {where}")
        return tuple(sorted(lines))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end under virtual time and return its result, as ``asyncio.run`` does under the real one.

    Raises ``Deadlock`` when it can never end. Tasks that are still running afterwards are cancelled.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
