"""The first exchange of a connection: ``session.created``, one ``session.update``, ``session.updated``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import attrs

from realtime_transport import wire
from realtime_transport.capabilities import Capabilities
from realtime_transport.early import Folded
from realtime_transport.events.server import ServerEvent, UnknownServerEvent
from realtime_transport.events.transport import (
    ErrorEvent,
    RawEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
    TransportEvent,
)
from realtime_transport.exceptions import ConnectTimeout, InvalidArgument, RealtimeError, RequestTimeout, ServerError
from realtime_transport.transports.receipts import SendReceipt

logger: logging.Logger = logging.getLogger("realtime_transport")


class Opening:
    """Follows the opening of one connection, and knows the first cause when it fails.

    A server may say why in an ``error`` frame and close right after; the close then is a consequence.
    """

    def __init__(self, timeout: float) -> None:
        self.stage: str = "connecting"
        """What is being waited for, as a timeout names it."""
        self._timeout = timeout
        self._announced = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def see(self, event: TransportEvent) -> bool:
        """Look at an event of the conversation; True when ``connect`` will raise it, so that nobody else need hear."""
        if isinstance(event, SessionCreatedEvent | SessionUpdatedEvent):
            self._announced.set()
        return isinstance(event, ErrorEvent) and isinstance(event.error, ServerError) and self.fail(event.error)

    def fail(self, error: RealtimeError) -> bool:
        """Note why the opening cannot succeed; False when there is an earlier cause, which counts."""
        if self._failure.done():
            return False
        self._failure.set_exception(error)
        self._failure.exception()  # it may come when nobody waits any more
        return True

    async def negotiate(self, capabilities: Capabilities, update: Callable[[], SendReceipt] | None) -> None:
        """Wait for the session, change it with ``update``, and wait until the server has confirmed.

        Raises the server's own error, or why the connection ended.
        """
        if capabilities.sends_session_created:
            self.stage = "waiting for session.created"
            await self._unless_failed(self._announced.wait())
        if update is None:
            return
        self.stage = "waiting for session.updated"
        if not capabilities.acknowledges_session_update:
            logger.warning("this server never confirms a session config: it is taken for accepted after a moment")
        receipt = update()
        try:
            await self._unless_failed(receipt.acknowledged())
        except RequestTimeout:
            raise self.timed_out() from None

    def timed_out(self) -> ConnectTimeout:
        """Make the error that says at which stage time ran out."""
        return ConnectTimeout(self.stage, self._timeout)

    async def _unless_failed(self, step: Coroutine[Any, Any, object]) -> None:
        waiting: asyncio.Future[Any] = asyncio.create_task(step)
        try:
            await asyncio.wait({waiting, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                self._failure.result()  # raises
            await waiting
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


# --- what is left of it ------------------------------------------------------------------------------------------


def fold(event: TransportEvent) -> TransportEvent | Folded:
    """Put a frame that waits for whoever comes late without its ``raw``, where that can be spelt again from the rest.

    The dicts of ``session.created`` and ``session.updated`` are a tenth of what a connection weighs, and next to nobody
    asks for them.
    """
    if type(event) is not RawEvent or type(event.event) is UnknownServerEvent or event.event.raw is None:
        return event
    try:
        again = wire.to_dict(event.event)
    except InvalidArgument:  # nested too deeply, by a peer who means no good
        return event
    return Folded(attrs.evolve(event.event, raw=None), _unfold) if again == event.event.raw else event


def _unfold(event: ServerEvent) -> RawEvent:
    return RawEvent(event=attrs.evolve(event, raw=wire.to_dict(event)))
