"""One listener: called in isolation, in order, and never in the way of the others.

A function that returns an awaitable (an ``async def``, or a lambda that calls one) is served by a task of its own that
takes events from a bounded backlog, one after the other. The task lives while something waits, so an idle listener
costs nothing and a closed transport leaves none behind.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias, cast

import attrs

from realtime_transport.backlog import LISTENER_LIMIT, Backlog, Full, Overflow
from realtime_transport.exceptions import InvalidArgument, ListenerError, SlowConsumer
from realtime_transport.serving import LISTENER
from realtime_transport.tasks import begin

logger: logging.Logger = logging.getLogger("realtime_transport")

AnyListener: TypeAlias = Callable[[Any], object]

SLOW_CALL: Final = 0.05
"""Seconds that a listener may hold the loop: more is heard as a gap in the audio of every call on this loop."""


class ListenerOwner(Protocol):
    """What a listener needs from its emitter."""

    def take_off(self, listener: Listener) -> None:
        """Remove it, without a word when it is gone already."""

    def report(self, error: ListenerError) -> None:
        """Tell the application once."""

    def report_missed(self, error: SlowConsumer, ms: float) -> None:
        """Tell the application what a listener will never see, and how much audio was in it."""

    def ms_of(self, event: Any, /) -> float:
        """Tell how many milliseconds of audio an event carries."""
        ...

    def adopt(self, task: asyncio.Task[None]) -> None:
        """Keep a serving task until it ends."""

    def room_was_made(self) -> None:
        """Let the driver read on, if it waits for this listener."""


@attrs.frozen
class _Waiting:
    event: Any
    started: Awaitable[object] | None
    """What the function returned, where it had to be called to learn that it is async."""


class Listener:
    """A function registered for one name."""

    __slots__ = ("_async", "_backlog", "_once", "_over", "_overflow", "_owner", "_task", "_warned", "function", "name")

    def __init__(
        self,
        name: str,
        function: AnyListener,
        owner: ListenerOwner,
        *,
        once: bool = False,
        overflow: Overflow = "disconnect",
    ) -> None:
        if not callable(function):
            raise InvalidArgument(f"a listener can be called; {type(function).__name__} cannot", path="listener")
        self.name: str = name
        self.function: AnyListener = function
        self._owner = owner
        self._once = once
        self._over = False
        self._warned = False
        self._async = is_async(function)
        self._overflow: Overflow = overflow
        self._backlog: Backlog[_Waiting] | None = None
        """Made when something has to wait, which for a plain function is never: a session has dozens of these."""
        self._task: asyncio.Task[None] | None = None

    def __call__(self, event: Any) -> None:
        """Serve one event: call a function now, queue for a coroutine function."""
        if self._over:
            return
        if self._once:
            self._over = True
            self._owner.take_off(self)
        if self._async:
            self._enqueue(_Waiting(event, None))
        else:
            self._call(event)

    def retire(self) -> None:
        """Serve nothing more: what waits is forgotten, what runs now runs to its end.

        A plain function still gets the event that is being emitted: who listened when it was emitted hears it.
        """
        self._over = self._async
        self._forget()

    @property
    def congested(self) -> bool:
        """Whether the driver should stop reading for this listener's sake."""
        return self._backlog is not None and self._backlog.congested

    @property
    def label(self) -> str:
        """The function's name, or its class's, as a person would look for it."""
        named: object = self.function
        while isinstance(named, functools.partial):
            named = cast("functools.partial[object]", named).func
        name = getattr(named, "__qualname__", None) or type(named).__qualname__
        module = getattr(named, "__module__", None)  # which methods of built-in types do not have
        return f"{module}.{name}" if module else name

    # --- sync ------------------------------------------------------------------------------------------------------

    def _call(self, event: Any) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            result = self.function(event)
        except Exception as error:  # noqa: BLE001 - whatever user code raises; KeyboardInterrupt and its kin pass
            self._owner.report(ListenerError(self.name, self.label, error))
        else:
            if result is not None and inspect.isawaitable(result):
                # A task goes on by itself: waiting for it must not end it.
                started = asyncio.shield(result) if asyncio.isfuture(result) else result
                self._enqueue(_Waiting(event, started))
        took = clock() - began
        if took > SLOW_CALL and not self._warned:
            self._warned = True
            logger.warning(
                "listener %s of %r held the event loop for %.0f ms; make it async or hand its work to a thread",
                self.label,
                self.name,
                took * 1000,
            )

    # --- async -----------------------------------------------------------------------------------------------------

    def _enqueue(self, waiting: _Waiting) -> None:
        backlog = self._backlog
        if backlog is None:
            backlog = self._backlog = Backlog(LISTENER_LIMIT, self._overflow)
        try:
            forgotten = backlog.offer(waiting)
        except Full:
            _discard(waiting)
            self._owner.take_off(self)
            self._owner.report(SlowConsumer(self.name, self.label, limit=backlog.limit))
            return
        if forgotten is not None:
            _discard(forgotten)
            if backlog.note_missed(self._owner.ms_of(forgotten.event)):
                self._report_missed(backlog)
        if self._task is None or self._task.done():  # done, and its end not told yet
            self._start_serving(backlog)

    def _start_serving(self, backlog: Backlog[_Waiting]) -> None:
        self._task = begin(self._serve(backlog), name=f"listener {self.label}")
        self._task.add_done_callback(self._served)
        self._owner.adopt(self._task)

    async def _serve(self, backlog: Backlog[_Waiting]) -> None:
        LISTENER.set(self._task)
        while backlog:
            was_congested = backlog.congested
            waiting = backlog.take()
            if was_congested:
                self._owner.room_was_made()
            self._report_missed(backlog)
            try:
                await (waiting.started or cast("Awaitable[object]", self.function(waiting.event)))
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                # Not this task was cancelled but something that the listener waited for: an error like any other.
                self._owner.report(ListenerError(self.name, self.label, error))
            except Exception as error:  # noqa: BLE001 - whatever user code raises
                self._owner.report(ListenerError(self.name, self.label, error))

    def _served(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            error = None  # the loop has raised it already
        if error is not None:
            self._owner.report(ListenerError(self.name, self.label, error))
        if self._task is not task:
            return
        self._task = None
        if task.cancelled():
            self._forget()
            self._owner.room_was_made()
        elif error is not None and self._backlog:
            self._start_serving(self._backlog)

    def _forget(self) -> None:
        for waiting in self._backlog.clear() if self._backlog is not None else ():
            _discard(waiting)

    def _report_missed(self, backlog: Backlog[_Waiting]) -> None:
        missed = backlog.missed()
        if missed is not None:
            error = SlowConsumer(self.name, self.label, limit=backlog.limit, dropped=missed.events)
            self._owner.report_missed(error, missed.ms)


def is_async(function: AnyListener) -> bool:
    """Tell whether a call only makes a coroutine: an ``async def``, a partial of one, an object whose call is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _discard(waiting: _Waiting) -> None:
    """Close what was begun and will not be awaited, so that Python does not complain."""
    if inspect.iscoroutine(waiting.started):
        waiting.started.close()
