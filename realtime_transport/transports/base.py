"""``RealtimeTransportLayer``: everything a transport is, but for its medium.

To carry the conversation over a medium of your own, subclass it with three methods, and feed what arrives:

    async def _open(self, request):      # open the medium; clean up by yourself when it fails or is cancelled
    async def _write(self, frame):       # hand over one frame (UTF-8 JSON); wait while the medium is full
    async def _close(self, code, reason) # close and release it; called once for each _open that returned

    self.feed(frame)                     # for each frame that arrived
    self.feed_closed(code, reason)       # when the other side has gone

``realtime_transport.testing.check_transport`` holds a subclass to the contract.
"""

from __future__ import annotations

import warnings

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.history_entry import HistoryEntry
from realtime_transport.events.items import Item
from realtime_transport.events.session import AnySession
from realtime_transport.events.transport import ConnectionState
from realtime_transport.events.usage import Usage
from realtime_transport.exceptions import ConnectionLost, RealtimeError
from realtime_transport.transports.lifecycle import Lifecycle
from realtime_transport.transports.options import LayerOptions

__all__ = ["ConnectionInfo", "LayerOptions", "RealtimeTransportLayer"]


@attrs.frozen(kw_only=True)
class ConnectionInfo:
    """Where a transport stands."""

    status: ConnectionState
    epoch: int
    """How many connections it has had; the current one's number."""
    session_id: str | None
    dialect: str


class RealtimeTransportLayer(Lifecycle):
    """A conversation over some medium: connect, send, listen, close; and again.

    ``dialect`` is the server's (a name, a ``Dialect``, or None to tell by the URL). ``playout`` says who knows what the
    listener has heard: ``estimate`` computes it from the clock, ``reported`` waits for ``heard()``. ``ids`` makes ids
    from a prefix. ``limits`` are the conversation's. ``close_timeout`` bounds ``close()``. ``audio_backlog_ms`` is how
    much audio may wait for the network before the oldest is given up, ``send_timeout`` how long the peer may take
    nothing at all.

    One event loop, one thread: what sends, waits or closes raises ``StateError`` elsewhere (use
    ``loop.call_soon_threadsafe``, also for what does not look: ``on``, ``feed``).
    """

    # --- for whoever writes a medium ---------------------------------------------------------------------------------

    def feed(self, data: str | bytes) -> None:
        """Take one frame that arrived. Nothing a peer sends comes out of it as an ``Exception``.

        What a listener raises beyond that (``KeyboardInterrupt``) does, and closes the connection.
        """
        if self._driver is None:
            return
        try:
            self._driver.feed(data)
        except BaseException as error:
            self._broken(error)
            raise

    def feed_closed(self, code: int | None, reason: str = "", error: RealtimeError | None = None) -> None:
        """Take the news that the medium is gone; ``code`` is None where it had no close code, ``error`` says more."""
        how = "the connection ended" if code is None else f"the connection ended with {code}"
        lost = ConnectionLost(
            f"{how}: {reason}" if reason else how,
            close_code=code,
            close_reason=reason,
        )
        if error is not None and self._opening is None:
            self._emitter.report(error)
        self._lose(lost, cause=error)

    async def _room_to_read(self) -> None:
        """Wait while a listener that asked for ``overflow="block"`` is full. Await it before reading the next frame."""
        if self._emitter.congested:
            await self._emitter.room()

    def __del__(self) -> None:
        if getattr(self, "_medium_is_open", False):
            warnings.warn(f"{self!r} was never closed", ResourceWarning, stacklevel=1, source=self)
            self._abort()

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def status(self) -> ConnectionState:
        """``disconnected``, ``connecting``, ``connected`` or ``closing``."""
        return self._status

    @property
    def connection_state(self) -> ConnectionInfo:
        """The status with its circumstances."""
        return ConnectionInfo(
            status=self._status, epoch=self._epoch, session_id=self._session_id(), dialect=self._dialect.name
        )

    @property
    def session(self) -> AnySession | None:
        """What the server last said is in force; None before that."""
        return self._conversation.session

    @property
    def current_model(self) -> str | None:
        """The model that the server says it runs."""
        return getattr(self.session, "model", None) or None

    @property
    def history(self) -> tuple[Item, ...]:
        """The items of the conversation in the server's order; readable after the end, until the next connection."""
        return self._conversation.history

    def history_entry(self, item_id: str) -> HistoryEntry | None:
        """Look up an item with what was heard of it, in milliseconds and in words; None when it is unknown."""
        return self._conversation.history_entry(item_id)

    @property
    def usage(self) -> Usage:
        """Tokens spent so far, over all connections."""
        return self._conversation.usage

    @property
    def capabilities(self) -> Capabilities:
        """What the server and this medium can do."""
        return self._capabilities

    @property
    def input_format(self) -> AudioFormat:
        """The format that ``send_audio`` takes."""
        return self._conversation.input_format

    @property
    def output_format(self) -> AudioFormat:
        """The format of ``audio`` events."""
        return self._conversation.output_format

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._status} epoch={self._epoch}>"
