"""How a connection ends: closed by us, lost, or broken; each time nothing is left behind and everybody is told once.

One ending runs at a time, in a task of its own, that ``close`` and ``connect`` may both await: whoever began it may be
cancelled, be a listener, or be the reader that met the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Final, Self, get_args

from realtime_transport import wire
from realtime_transport.conversation import ClientConversation, Limits
from realtime_transport.conversation.core import Playout
from realtime_transport.dialects import OPENAI, Dialect, get_dialect
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.transport import ConnectionChangeEvent, ConnectionState, DisconnectedEvent
from realtime_transport.exceptions import ConnectionLost, InvalidArgument, RealtimeError, StateError
from realtime_transport.tasks import begin
from realtime_transport.transports.driver import Driver
from realtime_transport.transports.listening import Listening
from realtime_transport.transports.medium import Medium
from realtime_transport.transports.opening import Opening
from realtime_transport.transports.options import random_id
from realtime_transport.transports.outbox import AUDIO_LIMIT_MS, STALL_SECONDS
from realtime_transport.transports.receipts import SendReceipt
from realtime_transport.transports.sending import Sending

logger: logging.Logger = logging.getLogger("realtime_transport")

LISTENERS_GRACE: Final = 1.0
"""Seconds that ``close`` gives coroutine listeners to finish with what was emitted; then they are cancelled."""

FLUSH_SHARE: Final = 0.9
"""How much of ``close_timeout`` may go by while what waits is sent: the rest is the medium's, closed in any case."""

CLEAN_CODES: Final = frozenset({1000, 1001})


class Endings(Medium, Listening, Sending):
    """What a transport is made of, and its ways to end."""

    _family: ClassVar[wire.Family] = "realtime"

    def __init__(
        self,
        *,
        dialect: str | Dialect | None = None,
        playout: Playout = "estimate",
        ids: Callable[[str], str] = random_id,
        limits: Limits = Limits(),  # noqa: B008  # frozen: shared safely
        close_timeout: float = 5.0,
        audio_backlog_ms: float = AUDIO_LIMIT_MS,
        send_timeout: float = STALL_SECONDS,
    ) -> None:
        super().__init__()
        if playout not in get_args(Playout):
            raise InvalidArgument(f"no {playout!r}; there are {', '.join(get_args(Playout))}", path="playout")
        self._chosen_dialect = get_dialect(dialect) if isinstance(dialect, str) else dialect
        self._playout: Playout = playout
        self._ids = ids
        self._limits = limits
        self._close_timeout = close_timeout
        self._audio_backlog_ms = audio_backlog_ms
        self._send_timeout = send_timeout
        self._muted = False
        self._status: ConnectionState = "disconnected"
        self._epoch: int = 0
        self._dialect = self._chosen_dialect or OPENAI
        self._codec = codec_for(self._dialect, self._family)
        self._capabilities = self._dialect.capabilities
        self._conversation = self._new_conversation()
        self._driver: Driver | None = None
        self._opening: Opening | None = None
        self._medium_is_open = False
        self._attempt: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closings: int = 0
        """How often ``close`` was called: an attempt to connect that began before the last of them is not wanted."""

    def _new_conversation(self) -> ClientConversation:
        return ClientConversation(
            capabilities=self._capabilities, ids=self._ids, playout=self._playout, limits=self._limits
        )

    # --- ending ----------------------------------------------------------------------------------------------------

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send what waits, close the connection, and return when nothing of it is left.

        May be called at any time, any number of times, at once from several tasks and from inside a coroutine listener;
        takes at most ``close_timeout``, and a second for coroutine listeners to finish. Whatever waits for the
        connection is settled. Listeners stay, and ``connect()`` may be called again.
        """
        self._closings += 1
        if self._attempt is not None:
            await self._cancel_attempt(self._attempt)
        # Also after an attempt that had succeeded by then; but another one was begun later than this close.
        if self._driver is not None and self._opening is None and self._ending is None:
            self._check_loop(self._driver)
            self._driver.closing()
            self._set_status("closing")
            self._begin_ending(self._driver, code, reason, lost=False)
        elif self._driver is None and self._ending is None:
            self._emitter.finish()  # nobody else will tell those who wait for a connection
        with self._emitter.caller_not_awaited():
            if self._ending is not None:
                await asyncio.wait({self._ending})
            await self._emitter.drain(LISTENERS_GRACE)

    async def __aenter__(self) -> Self:
        """Return the transport; ``close()`` follows at the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close: with 1000, or with 1001 when the block raised."""
        await self.close(1000 if kind is None else 1001)

    async def _cancel_attempt(self, attempt: asyncio.Task[None]) -> None:
        if attempt is asyncio.current_task():
            raise StateError("connect() cannot wait for itself to be closed")
        if not attempt.cancelling():
            attempt.cancel()
        await asyncio.wait({attempt})

    def _begin_ending(self, driver: Driver, code: int, reason: str, *, lost: bool) -> None:
        self._ending = begin(
            self._end(driver, code, reason, lost=lost), name="realtime_transport end", loop=driver.loop
        )
        self._ending.add_done_callback(self._ended)

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self._ending = None
        if ending.cancelled():  # the loop is being shut down, perhaps before the ending took its first step
            self._abort()
            self._medium_is_open, self._driver = False, None

    async def _end(self, driver: Driver, code: int, reason: str, *, lost: bool) -> None:
        """Leave nothing behind: after a loss, or on purpose, sending what waits first."""
        began = driver.loop.time()
        if not lost:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(began + self._close_timeout * FLUSH_SHARE):
                    await driver.outbox.flush()
            driver.end()
        await self._release(driver, code, reason, began + self._close_timeout)
        if not lost:
            self._tell_disconnected(DisconnectedEvent(code=code, reason=reason, clean=code in CLEAN_CODES))

    async def _release(self, driver: Driver, code: int, reason: str, deadline: float) -> None:
        """Let go of the writer and the medium, by force after ``deadline``."""
        try:
            with contextlib.suppress(TimeoutError):  # a writer that minds no cancelling loses its medium
                async with asyncio.timeout_at(deadline):
                    await driver.ended()
            if self._medium_is_open:
                async with asyncio.timeout_at(deadline):
                    await self._close(code, reason)
        except TimeoutError:
            self._abort()
        except asyncio.CancelledError:
            self._abort()
            raise
        except Exception:  # the medium is gone either way
            logger.debug("closing the medium raised", exc_info=True)
        finally:
            self._medium_is_open, self._driver = False, None

    def _lose(self, lost: ConnectionLost, *, code: int = 1000, cause: RealtimeError | None = None) -> None:
        """End because the other side or the medium did, or because it has to: the medium is closed with ``code``."""
        driver = self._driver
        if driver is None:
            return
        driver.end(lost)
        if self._opening is not None:
            self._opening.fail(cause or lost)
        elif self._ending is None:
            self._begin_ending(driver, code, lost.close_reason, lost=True)
            clean = lost.close_code in CLEAN_CODES
            # What ends for a reason of ours is not closed with 1000, and the peer has said nothing.
            reason = lost.close_reason or ("" if code == 1000 else str(lost))
            event = DisconnectedEvent(code=lost.close_code, reason=reason, clean=clean)
            self._tell_disconnected(event, lost)

    def _broken(self, error: BaseException) -> None:
        """End because writing failed, or because a listener raised what is no ``Exception``."""
        lost = ConnectionLost(f"{type(error).__name__}: {error}")
        lost.__cause__ = error
        if isinstance(error, Exception):
            self._lose(lost, code=1011)
        else:
            self._abort()  # at once: the loop may be about to stop
            self._lose(lost, code=1001)

    def _tell_disconnected(self, event: DisconnectedEvent, error: ConnectionLost | None = None) -> None:
        self._set_status("disconnected")
        self._emitter.emit(event.name, event)
        self._emitter.finish(error)

    # --- for the rooms beside this one -----------------------------------------------------------------------------

    def _session_id(self) -> str | None:
        return getattr(self._conversation.session, "id", None) or None

    def _set_status(self, status: ConnectionState) -> None:
        previous, self._status = self._status, status
        self._emitter.emit("connection_change", ConnectionChangeEvent(state=status, previous=previous))

    def _now(self) -> float:
        driver = self._driver
        if driver is None or self._status not in {"connected", "connecting"}:
            raise StateError(f"not connected: this transport is {self._status}")
        self._check_loop(driver)
        return driver.loop.time()

    def _check_here(self) -> None:
        if self._driver is not None:
            self._check_loop(self._driver)

    def _check_loop(self, driver: Driver) -> None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not driver.loop:
            raise StateError("connected on another event loop: call there, with loop.call_soon_threadsafe()")

    def _receipt(self, event_id: str, *, answered: bool = True) -> SendReceipt:
        driver = self._driver
        if driver is None:
            raise StateError("the connection ended in the middle of the call")
        receipt = driver.receipts.issue(event_id) if answered else driver.receipts.unanswered(event_id)
        driver.turn()
        return receipt

    def _audio_receipt(self, event_id: str) -> SendReceipt:
        driver = self._driver
        if driver is None:
            raise StateError("the connection ended in the middle of the call")
        receipt = driver.receipts.unanswered(event_id)
        driver.turn_of_audio()
        return receipt

    def _append_now(self, audio: bytes) -> SendReceipt | None:
        driver = self._driver
        event_id = None if driver is None else driver.append(audio)
        return None if driver is None or event_id is None else driver.receipts.unanswered(event_id)

    def _output_ms(self, nbytes: int) -> float:
        return self._conversation.output_format.ms(nbytes)


@functools.cache
def codec_for(dialect: Dialect, family: wire.Family) -> wire.Codec[ServerEvent, ClientEvent]:
    """Return the codec of a dialect: it holds no state, so one serves all connections."""
    return wire.Codec(dialect, family=family)
