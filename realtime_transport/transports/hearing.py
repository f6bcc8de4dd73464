"""How an application hears a transport, but for the typed names, which ``listening`` adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from realtime_transport.backlog import STREAM_LIMIT, Overflow
from realtime_transport.emitter import Emitter
from realtime_transport.events.server_response import ResponseOutputAudioDelta
from realtime_transport.events.transport import TRANSPORT_EVENTS, AudioEvent, RawEvent, TransportEvent
from realtime_transport.relay import Routes
from realtime_transport.streams import EventStream

E = TypeVar("E")
Listener: TypeAlias = Callable[[E], object]
"""A plain function, or one that returns an awaitable; called with the payload."""
Decorator: TypeAlias = Callable[[Listener[E]], Listener[E]]
Policy: TypeAlias = Overflow | None
"""What a full backlog does; None for what suits the name: ``drop_oldest`` for audio, else ``disconnect``."""


class Hearing:
    """Listeners, streams and waits of one transport.

    A listener that raises harms nobody: it is reported once as ``error`` (a ``ListenerError`` that names it). A
    coroutine function gets its events one after the other, in order, from a backlog of 256; ``overflow`` says what
    happens when that is full (see ``backlog.Overflow``). The read loop never waits for either kind.
    """

    def __init__(self) -> None:
        super().__init__()
        self._emitter = Emitter(TRANSPORT_EVENTS, audio_ms=self._audio_ms)
        # For the server's own types. Made when the first of its kind listens, which few programs do.
        self._server_emitter: Emitter | None = None

    def off(self, name: str, listener: Listener[Any]) -> None:
        """Stop calling ``listener``; does nothing when it does not listen.

        What waits for a coroutine function is forgotten. An event that is being emitted right now still reaches a
        plain function.
        """
        self._emitter.off(name, listener)

    def events(
        self, *names: str, limit: int = STREAM_LIMIT, overflow: Overflow = "disconnect"
    ) -> EventStream[TransportEvent]:
        """Return an async iterator over the events of these names, or over all; it ends with the connection.

        It hears from the moment of this call. A reader ``limit`` events behind gets ``SlowConsumer`` by default.
        """
        return self._emitter.events(*names, limit=limit, overflow=overflow)

    def on_server_event(self, wire_type: str, listener: Listener[Any], *, overflow: Policy = None) -> None:
        """Call ``listener`` with every ``ServerEvent`` of a wire type, also one that this library does not know.

        For what a provider adds to the protocol (``on_server_event("vendor.thing", f)``). The type is GA's where the
        dialect renames. ``off_server_event`` undoes it. Nothing is kept for whoever comes late: what the server says
        first is heard by those who listen before ``connect``.
        """
        if self._server_emitter is None:
            # Names are the server's, which nobody can list.
            self._server_emitter = Emitter(None, trunk=self._emitter)
        self._server_emitter.on(wire_type, listener, overflow=overflow)

    def off_server_event(self, wire_type: str, listener: Listener[Any]) -> None:
        """Stop calling ``listener``; does nothing when it does not listen."""
        if self._server_emitter is not None:
            self._server_emitter.off(wire_type, listener)

    def relay(self, routes: Routes, owner: object) -> None:
        """Call functions of ``owner`` by a table, with events of many names and ahead of all listeners.

        For a layer above, such as a session, which hears dozens of names of every connection. There is no way back.
        """
        self._emitter.relay(routes, owner)

    def emit(self, event: TransportEvent) -> None:
        """Emit an event of your own making: for subclass authors."""
        self._emitter.emit(event.name, event)

    # --- for the driver --------------------------------------------------------------------------------------------

    def _tell(self, event: TransportEvent) -> None:
        """Deliver one event of the conversation: raw frames also under the server's own name."""
        if type(event) is RawEvent and self._server_emitter is not None:
            self._server_emitter.emit(event.event.type, event.event)
        self._emitter.emit(event.name, event)

    def _hears_raw(self) -> bool:
        """Tell whether anybody hears audio deltas as the server said them.

        Those of the first seconds are not kept for whoever comes late for ``*``: they would push out all else.
        """
        server = self._server_emitter
        return self._emitter.hears("*") or (server is not None and server.hears(ResponseOutputAudioDelta.type))

    def _hears_sent(self) -> bool:
        """Tell whether anybody hears what is sent, or may still come early enough."""
        return self._emitter.listens("sent")

    def _audio_ms(self, event: object) -> float:
        return self._output_ms(len(event.data)) if isinstance(event, AudioEvent) else 0.0

    def _output_ms(self, nbytes: int) -> float:
        raise NotImplementedError

    def _check_here(self) -> None:
        raise NotImplementedError
