"""Tells a session's listeners what happened, with the context and the agent it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from realtime_transport.emitter import Emitter
from realtime_transport.exceptions import RealtimeError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import RunContext, T
from realtime_transport.session.events import SessionErrorEvent, SessionEvent

I = TypeVar("I")  # noqa: E741  an instrument


class Announcer(Generic[T]):
    """The one place that makes session events. An event that nobody hears is not even made."""

    def __init__(
        self,
        emitter: Emitter,
        *,
        context: T,
        agent: Callable[[], RealtimeAgent[T]],
        context_of: Callable[[RealtimeAgent[T]], RunContext[T]],
    ) -> None:
        self._emitter = emitter
        self._context = context
        self._agent = agent
        self._instrument: Any = None
        self._shown: Mapping[str, Callable[[Any, Any], None]] = {}
        self.context_of = context_of
        """Makes what the application's own code is called with."""

    def listens(self, kind: type[SessionEvent[Any]]) -> bool:
        """Say whether anybody hears this kind."""
        return self._emitter.listens(kind.name)

    def observe(self, instrument: I, shown: Mapping[str, Callable[[I, Any], None]]) -> None:
        """Show every event of these names to the session's own instrument. Unlike a listener, it is nobody who waits.

        The table has plain functions of the instrument's class, so that all sessions share it.
        """
        self._instrument, self._shown = instrument, shown

    def tell(self, kind: type[SessionEvent[Any]], agent: RealtimeAgent[T] | None = None, /, **facts: Any) -> None:
        """Emit a ``kind`` about ``agent``, the current one unless given."""
        show = self._shown.get(kind.name)
        heard = self._emitter.listens(kind.name)
        if not heard and show is None:
            return
        event = kind(context=self._context, agent=agent or self._agent(), **facts)
        if show is not None:
            show(self._instrument, event)
        if heard:
            self._emitter.emit(kind.name, event)

    def error(self, error: RealtimeError, *, event_id: str | None = None, path: str = "") -> None:
        """Emit ``error``, which is logged when nobody hears it."""
        event = SessionErrorEvent(context=self._context, agent=self._agent(), error=error, event_id=event_id, path=path)
        self._emitter.emit("error", event)
