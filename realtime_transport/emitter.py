"""The typed emitter: a pyee emitter inside, and around it what pyee alone is not safe for.

pyee keeps who listens to what. Around it, each listener is wrapped once at registration: an error in one is reported
once and touches no other; a coroutine function gets its events in order from a bounded backlog; ``off`` of an absent
listener does nothing; an ``error`` listener that raises is logged and not told about itself. Names that nobody hears
cost a look-up, and the hot ones are served from a tuple kept beside pyee.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import logging
import weakref
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any, Final, overload

from pyee.base import EventEmitter

from realtime_transport.backlog import STREAM_LIMIT, AudioMs, Overflow, policy_for
from realtime_transport.early import EARLY_SECONDS, EarlyEvents
from realtime_transport.events.transport import AudioGapEvent, ErrorEvent
from realtime_transport.exceptions import (
    InvalidArgument,
    ListenerError,
    RealtimeError,
    RequestTimeout,
    SlowConsumer,
    StateError,
)
from realtime_transport.listeners import AnyListener, Listener
from realtime_transport.relay import Relay, Routes
from realtime_transport.serving import Serving
from realtime_transport.streams import EventStream
from realtime_transport.unheard import NEVER_SILENT, log_unheard
from realtime_transport.waits import Predicate, Wait

logger: logging.Logger = logging.getLogger("realtime_transport")

HOT: Final = frozenset(
    {"*", "sent", "audio", "transcript_delta", "turn_started", "turn_done", "item_update", "usage_update"}
)
"""Names that come many times a second, and those of every response. A tuple of their listeners spares pyee's lock and
copy at every event."""


class Emitter:
    """Delivers events to listeners, streams and waits. One loop, one thread; ``emit`` never waits.

    ``names`` are the names there are, so that a typing error is caught at ``on``; None accepts any. ``error_event``
    makes the payload of ``error``. ``audio_ms`` tells how much audio an event carries, for the report of what a slow
    listener missed. ``trunk`` is the emitter among whose listeners these count: it tells of their errors, waits for
    their end, and is congested when they are.
    """

    __slots__ = (
        "_audio_ms",
        "_branches",
        "_delivering_early",
        "_early",
        "_error_event",
        "_heard",
        "_may_block",
        "_names",
        "_pyee",
        "_relays",
        "_room",
        "_serving",
        "_streams",
        "_telling_missed",
        "_trunk",
        "_waits",
    )

    def __init__(
        self,
        names: Collection[str] | None,
        *,
        error_event: Callable[[RealtimeError], Any] = lambda error: ErrorEvent(error=error),
        audio_ms: AudioMs = lambda event: 0.0,
        trunk: Emitter | None = None,
    ) -> None:
        self._audio_ms = audio_ms
        self._names = names
        self._error_event = error_event
        self._trunk = trunk
        self._branches: tuple[Emitter, ...] = ()
        if trunk is not None:
            trunk._branches += (self,)
        self._pyee: Any = EventEmitter()  # Any: pyee's own annotations are incomplete
        # The names that somebody listens to: who hears a hot one or a relayed one, nothing for those that pyee serves.
        self._heard: dict[str, tuple[AnyListener, ...]] = {}
        self._relays: tuple[Relay, ...] = ()
        self._streams: list[weakref.ref[EventStream[Any]]] = []
        self._waits: tuple[Wait, ...] = ()
        self._early: EarlyEvents | None = None
        self._delivering_early = False
        self._serving: Serving = Serving() if trunk is None else trunk._serving
        self._may_block = False
        self._telling_missed = False
        self._room: asyncio.Future[None] | None = None

    # --- listening -------------------------------------------------------------------------------------------------

    @overload
    def on(self, name: str, listener: None = None, *, overflow: Overflow | None = None) -> Callable[[Any], Any]: ...

    @overload
    def on(self, name: str, listener: AnyListener, *, overflow: Overflow | None = None) -> AnyListener: ...

    def on(self, name: str, listener: AnyListener | None = None, *, overflow: Overflow | None = None) -> Any:
        """Call ``listener`` with every event of this name; without one, return a decorator that does.

        A plain function is called at once, a coroutine function in order from a backlog of its own, for which
        ``overflow`` says what happens when it is full. Registering the same function again replaces the earlier
        registration. Raises ``InvalidArgument`` for a name or policy that does not exist.
        """
        return self._listening(name, listener, overflow, once=False)

    def once(self, name: str, listener: AnyListener | None = None, *, overflow: Overflow | None = None) -> Any:
        """Call ``listener`` with the next event of this name and no other; without one, return a decorator."""
        return self._listening(name, listener, overflow, once=True)

    def relay(self, routes: Routes, owner: object) -> None:
        """Call functions of ``owner`` by a table, with events of many names and ahead of all listeners; for good."""
        self._relays += (Relay(routes, owner, self),)
        for name in routes:
            self._check(name)
            self._refresh(name)
            self._expect(name)

    def off(self, name: str, listener: AnyListener) -> None:
        """Stop calling ``listener``; does nothing when it does not listen.

        What waits for a coroutine function is forgotten. An event that is being emitted right now still reaches a
        plain function.
        """
        for registered in self._listeners(name):
            if registered.function == listener:
                self.take_off(registered)
                registered.retire()

    async def wait_for(self, what: str | Predicate, timeout: float | None = None) -> Any:
        """Wait for the next event of a name, or the next of any name for which a predicate is true, and return it.

        What was emitted before the call does not count. Raises ``RequestTimeout`` after ``timeout`` seconds, and
        ``ConnectionLost`` or ``StateError`` when the transport ends first.
        """
        if isinstance(what, str):
            self._check(what)
        wait = Wait(what)
        self._waits += (wait,)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await wait.found
        except TimeoutError:
            if not limit.expired():
                raise
            raise RequestTimeout(f"no {wait.name or 'such event'} within {timeout:g} s", reason="timeout") from None
        finally:
            self._waits = tuple(other for other in self._waits if other is not wait)
            wait.forget()

    def events(self, *names: str, limit: int = STREAM_LIMIT, overflow: Overflow = "disconnect") -> EventStream[Any]:
        """Return a stream of the events of these names, or of all; it hears from now on."""
        for name in names:
            self._check(name)
        stream: EventStream[Any] = EventStream(
            names,
            limit=limit,
            overflow=overflow,
            audio_ms=self._audio_ms,
            report_missed=self.report_missed,
            room_was_made=self.room_was_made,
        )
        self._expect_congestion(overflow)
        early = self._early_events()
        for name, event in early.all() if early is not None else ():
            if stream.hears(name):
                stream.offer(event)
        self._streams.append(weakref.ref(stream, self._nobody_reads))
        return stream

    def _nobody_reads(self, gone: weakref.ref[EventStream[Any]]) -> None:
        # A new list: the collector may come while the old one is being looked through.
        self._streams = [stream for stream in self._streams if stream is not gone]
        self.room_was_made()

    def listens(self, name: str) -> bool:
        """Tell whether an event of this name would reach anybody, so that the maker can spare itself the making."""
        return self.hears(name) or self._early_events() is not None

    def hears(self, name: str) -> bool:
        """Tell whether an event of this name would reach anybody now, leaving out those who may come early enough."""
        return name in self._heard or bool(self._streams or self._waits)

    # --- emitting --------------------------------------------------------------------------------------------------

    def emit(self, name: str, event: Any) -> None:
        """Deliver one event. Only what is no ``Exception`` (``KeyboardInterrupt``, ...) comes out of it."""
        if self._streams or self._waits:
            self._offer(name, event)
        if self._early is None or not self._is_early(name, event):
            self._deliver(name, event)

    def report(self, error: RealtimeError) -> None:
        """Emit an error that no call can raise; with nobody to hear it, log it once."""
        told = self._trunk or self
        if told is self and isinstance(error, ListenerError) and error.event == "error":
            logger.error("%s", error, exc_info=error)
        else:
            told.emit("error", told._error_event(error))

    def _deliver(self, name: str, event: Any) -> None:
        listeners = self._heard.get(name)
        if listeners:
            for listener in listeners:
                listener(event)
        elif listeners is not None:
            self._pyee.emit(name, event)
        elif name in NEVER_SILENT and self._trunk is None:
            log_unheard(name, event)

    def _offer(self, name: str, event: Any) -> None:
        for stream in self._held_streams():
            if stream.hears(name):
                stream.offer(event)
        for wait in self._waits:
            wait.offer(name, event)

    def _held_streams(self) -> list[EventStream[Any]]:
        return [stream for reference in self._streams if (stream := reference()) is not None]

    # --- early events ----------------------------------------------------------------------------------------------

    def expect_listeners(self, seconds: float = EARLY_SECONDS) -> None:
        """Keep what nobody hears, for so long, until the first listener of its name comes."""
        self._early, self._delivering_early = EarlyEvents(seconds), False

    def fold_early(self, fold: Callable[[Any], Any]) -> None:
        """Let what waits for its first listener weigh less; see ``EarlyEvents.fold``."""
        if self._early is not None:
            self._early.fold(fold)

    def _early_events(self) -> EarlyEvents | None:
        if self._early is not None and self._early.over and not self._delivering_early:
            self._early = None
        return self._early

    def _is_early(self, name: str, event: Any) -> bool:
        """Keep the event if it came too early, or while earlier ones are on their way to their listeners."""
        heard = name in self._heard
        if heard and not self._delivering_early:
            return False
        early = self._early_events()
        if early is None:
            return False
        if name in NEVER_SILENT and not heard:
            return False  # whoever comes late for it finds it in the log
        early.keep(name, event)
        return True

    def _deliver_early(self) -> None:
        try:
            while self._early is not None and (kept := self._early.take(self._heard.__contains__)) is not None:
                self._deliver(*kept)
        finally:
            self._delivering_early = False

    # --- ending ----------------------------------------------------------------------------------------------------

    def finish(self, error: RealtimeError | None = None) -> None:
        """End every stream and every wait, because the transport ended. Listeners stay, for the next connection."""
        for stream in self._held_streams():
            stream.close()
        self._streams.clear()
        for wait in self._waits:
            wait.fail(error or StateError(f"closed while waiting for {wait.name or 'an event'}"))

    async def drain(self, timeout: float) -> None:
        """Let coroutine listeners finish what was emitted, for at most ``timeout`` seconds, then cancel them."""
        await self._serving.drain(timeout)

    def caller_not_awaited(self) -> AbstractContextManager[None]:
        """Take the calling task out of ``drain``: a listener inside the block waits for the end itself."""
        return self._serving.without_caller()

    # --- back-pressure ---------------------------------------------------------------------------------------------

    @property
    def congested(self) -> bool:
        """Whether a reader with the policy ``block`` is full, so that the driver should stop reading."""
        if not self._may_block:
            return False
        return (
            any(stream.congested for stream in self._held_streams())
            or any(branch.congested for branch in self._branches)
            or any(listener.congested for name in self._heard for listener in self._listeners(name))
        )

    def _expect_congestion(self, policy: Overflow) -> None:
        if policy == "block":
            self._may_block = (self._trunk or self)._may_block = True

    async def room(self) -> None:
        """Wait until no reader with the policy ``block`` is full."""
        while self.congested:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    # --- what listeners need ---------------------------------------------------------------------------------------

    def take_off(self, listener: Listener) -> None:
        """Remove a listener that may be gone already."""
        with contextlib.suppress(KeyError):
            self._pyee.remove_listener(listener.name, listener)
        self._refresh(listener.name)
        self.room_was_made()

    def report_missed(self, error: SlowConsumer, ms: float) -> None:
        """Tell what a slow reader will never see: audio as ``audio_gap``, all else as ``error``."""
        if self._telling_missed:  # told to readers that have no room for that either: it would never end
            logger.warning("%s", error)
            return
        self._telling_missed = True
        try:
            if ms > 0:
                self.emit("audio_gap", AudioGapEvent(direction="in", ms=ms, reason=str(error)))
            else:
                self.report(error)
        finally:
            self._telling_missed = False

    def ms_of(self, event: Any) -> float:
        """Tell how many milliseconds of audio an event carries."""
        return self._audio_ms(event)

    def adopt(self, task: asyncio.Task[None]) -> None:
        """Own a task that serves a coroutine listener."""
        self._serving.adopt(task)

    def room_was_made(self) -> None:
        """Wake the driver that waits in ``room``."""
        if self._trunk is not None:
            self._trunk.room_was_made()
        elif self._room is not None:
            self._room.set_result(None)
            self._room = None

    # --- registering -----------------------------------------------------------------------------------------------

    def _listening(self, name: str, function: AnyListener | None, overflow: Overflow | None, *, once: bool) -> Any:
        self._check(name)
        policy = policy_for(name, overflow)
        self._expect_congestion(policy)
        if function is not None:
            self._register(Listener(name, function, self, once=once, overflow=policy))
            return function

        def decorate(decorated: AnyListener) -> AnyListener:
            self._register(Listener(name, decorated, self, once=once, overflow=policy))
            return decorated

        return decorate

    def _register(self, listener: Listener) -> None:
        self.off(listener.name, listener.function)
        self._pyee.add_listener(listener.name, listener)
        self._refresh(listener.name)
        self._expect(listener.name)

    def _expect(self, name: str) -> None:
        early = self._early_events()
        if early is not None and not self._delivering_early and early.holds(name):
            # In a moment, not now: listeners registered in the next lines hear them too, and in order.
            self._delivering_early = True
            early.loop.call_soon(self._deliver_early)

    def _refresh(self, name: str) -> None:
        relays = tuple(relay for relay in self._relays if name in relay.routes)
        relays = self._relays if relays == self._relays else relays  # one tuple for all names
        listeners = self._listeners(name)
        if relays or listeners:
            self._heard[name] = relays + listeners if relays or name in HOT else ()
        else:
            self._heard.pop(name, None)

    def _listeners(self, name: str) -> tuple[Listener, ...]:
        return tuple(listener for listener in self._pyee.listeners(name) if isinstance(listener, Listener))

    def _check(self, name: str) -> None:
        if self._names is not None and name not in self._names:
            close = difflib.get_close_matches(name, self._names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InvalidArgument(f"there is no event {name!r}{hint}", path="name")
