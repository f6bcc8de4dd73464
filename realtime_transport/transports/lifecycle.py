"""From ``connect`` to ``close``: whose attempt it is, what is left behind when it fails, and who is told of the end.

A transport has one of these lives after another. ``connect`` runs an attempt in a task of its own, so that its caller
and ``close()`` can both end it; ``close`` and a loss run one ending, in a task of its own, that everybody may await.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, Self

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import ClientConversation, Limits
from realtime_transport.conversation.core import Playout
from realtime_transport.conversation.session_shape import session_from
from realtime_transport.dialects import OPENAI, Dialect, dialect_for_url, get_dialect
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.session import AnySession, TranslationSessionConfig
from realtime_transport.events.transport import (
    ConnectedEvent,
    ConnectionChangeEvent,
    ConnectionState,
    DisconnectedEvent,
)
from realtime_transport.exceptions import (
    ConnectError,
    ConnectionLost,
    RealtimeError,
    StateError,
    UnsupportedOperation,
)
from realtime_transport.transports.driver import Driver, DriverHooks
from realtime_transport.transports.listening import Listening
from realtime_transport.transports.medium import Medium
from realtime_transport.transports.minting import Mint, minted_key, with_model
from realtime_transport.transports.opening import Opening
from realtime_transport.transports.options import random_id
from realtime_transport.transports.outbox import AUDIO_LIMIT_MS, STALL_SECONDS
from realtime_transport.transports.receipts import SendReceipt
from realtime_transport.transports.request import ApiKey, ConnectRequest
from realtime_transport.transports.sending import Sending
from realtime_transport.wire import Codec
from realtime_transport.wire.codec import Family

logger: logging.Logger = logging.getLogger("realtime_transport")

LISTENERS_GRACE: Final = 1.0
"""Seconds for coroutine listeners to finish with what was emitted before the end; then they are cancelled."""

CLEAN_CODES: Final = frozenset({1000, 1001})


class Lifecycle(Medium, Listening, Sending):
    """The connections of a transport, one after the other."""

    _family: ClassVar[Family] = "realtime"

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
        self._chosen_dialect = get_dialect(dialect) if isinstance(dialect, str) else dialect
        self._playout: Playout = playout
        self._ids = ids
        self._limits = limits
        self._close_timeout = close_timeout
        self._audio_backlog_ms = audio_backlog_ms
        self._send_timeout = send_timeout
        self._muted = False
        self._status: ConnectionState = "disconnected"
        self._epoch = 0
        self._dialect = self._chosen_dialect or OPENAI
        self._codec = codec_for(self._dialect, self._family)
        self._capabilities = self._dialect.capabilities
        self._conversation = self._new_conversation()
        self._driver: Driver | None = None
        self._opening: Opening | None = None
        self._medium_is_open = False
        self._attempt: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    # --- connecting ------------------------------------------------------------------------------------------------

    async def connect(
        self,
        *,
        api_key: ApiKey | None = None,
        client_secret: Mint | None = None,
        model: str | None = None,
        url: str | None = None,
        call_id: str | None = None,
        session: AnySession | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        intent: str | None = None,
        auth: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        """Open the connection, and return when the session is there and ``session`` is in force.

        ``api_key`` is a text or a function (plain or async) that returns one; else the environment's. Instead,
        ``client_secret`` mints a short-lived key for ``session``: ``RealtimeHTTP().client_secrets.create``, or a
        partial of it. ``url`` wins over ``call_id``, that over the provider's address with ``model``. A key is sent in
        its header also when you give ``headers``, which win over all others. ``timeout`` covers everything.

        A failed or cancelled attempt leaves no socket and no task, and raises the first cause: ``AuthenticationError``,
        ``ConnectTimeout``, ..., or the server's own ``ServerError`` when it refused the config. Raises ``StateError``
        when connecting or connected already, and when ``close()`` was called meanwhile.
        """
        wanted = None if session is None else self._read_session(session)  # flawed: raises before any packet
        if client_secret is not None:
            asked = with_model(wanted or self._read_session({}), model, own_address=url is None and call_id is None)
            api_key, model = minted_key(client_secret, asked, instead_of=api_key), model or asked.model or None
        if intent is None and wanted is not None and wanted.type == "transcription":
            intent = "transcription"
        request = ConnectRequest(
            dialect=self._chosen_dialect or (dialect_for_url(url) if url is not None else OPENAI),
            url=url,
            model=model,
            call_id=call_id,
            intent=intent,
            api_key=api_key,
            auth=auth,
            organization=organization,
            project=project,
            headers=headers or {},
            query=query or {},
            timeout=timeout,
        )
        while self._ending is not None:  # the connection before this one is being cleared away
            await asyncio.wait({self._ending})
        if self._status != "disconnected":
            raise StateError(f"this transport is {self._status} already")
        await self._connect(request, wanted)

    async def _connect(self, request: ConnectRequest, session: AnySession | None) -> None:
        """Run one attempt as a task of its own, so that ``close()`` can end it as well as the caller."""
        self._set_status("connecting")
        attempt = self._attempt = asyncio.create_task(self._try_to_connect(request, session))
        try:
            await _finished(attempt)
        except asyncio.CancelledError:
            if not attempt.cancelled() and attempt.exception() is None:
                await self.close()  # it succeeded in the very moment when nobody wanted it any more
            raise
        finally:
            self._attempt = None
            if self._status == "connecting":
                self._set_status("disconnected")
        if attempt.cancelled():
            raise StateError("close() was called while connecting")
        attempt.result()

    async def _try_to_connect(self, request: ConnectRequest, session: AnySession | None) -> None:
        opening = self._opening = Opening(request.timeout)
        driver = self._driver = self._new_driver(request, opening)
        try:
            async with asyncio.timeout(request.timeout):
                await self._open(request)
                self._medium_is_open = True
                driver.opened()
                update = None if session is None else lambda: self.update_session(session)
                await opening.negotiate(self._capabilities, update)
        except BaseException as error:
            driver.end()
            await self._release(1000, "", asyncio.get_running_loop().time() + self._close_timeout)
            if isinstance(error, TimeoutError):
                raise opening.timed_out() from None
            if isinstance(error, OSError):
                raise ConnectError(str(error)) from error
            raise
        finally:
            driver.watch, self._opening = None, None
        self._epoch += 1
        self._set_status("connected")
        self._emitter.emit("connected", ConnectedEvent(session_id=self._session_id(), epoch=self._epoch))

    def _new_driver(self, request: ConnectRequest, opening: Opening) -> Driver:
        """Make what turns the conversation on this connection."""
        capabilities = self._capabilities_for(request)
        if request.dialect is not self._dialect:
            self._dialect, self._codec = request.dialect, codec_for(request.dialect, self._family)
        if capabilities != self._capabilities:
            self._capabilities = capabilities
            self._conversation = self._new_conversation()
        driver = Driver(
            self._conversation,
            self._codec,
            DriverHooks(
                tell=self._tell,
                hears_sent=lambda: self._emitter.listens("sent"),
                write=self._write,
                failed=lambda code, error: self._lose(error, code=code),
                broken=self._broken,
            ),
            audio_limit_ms=self._audio_backlog_ms,
            stall_seconds=self._send_timeout,
        )
        driver.watch = opening.see
        self._conversation.opened(driver.loop.time())
        self._emitter.expect_listeners()
        return driver

    def _read_session(self, session: AnySession | Mapping[str, Any]) -> AnySession:
        """Read what ``connect`` was given. Raises ``InvalidArgument`` with a path."""
        if isinstance(session, TranslationSessionConfig):
            raise UnsupportedOperation("a translation has a transport of its own: TranslationTransport")
        return session_from(session)

    def _new_conversation(self) -> ClientConversation:
        return ClientConversation(
            capabilities=self._capabilities, ids=self._ids, playout=self._playout, limits=self._limits
        )

    def _capabilities_for(self, request: ConnectRequest) -> Capabilities:
        """Say what this medium and dialect can do. A socket that joins a running call carries no audio."""
        capabilities = request.dialect.capabilities
        if request.call_id is None:
            return capabilities
        return attrs.evolve(capabilities, server_plays_audio=True, carries_audio=False, sends_session_created=False)

    # --- ending ----------------------------------------------------------------------------------------------------

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send what waits, close the connection, and return when nothing of it is left.

        May be called at any time, any number of times, at once from several tasks and from inside a coroutine listener;
        takes at most ``close_timeout`` and a second for listeners. Whatever waits for the connection is settled.
        Listeners stay, and ``connect()`` may be called again.
        """
        if self._attempt is not None:
            await self._cancel_attempt(self._attempt)
            return
        if self._driver is not None and self._ending is None:
            self._check_loop(self._driver)
            self._driver.closing()
            self._set_status("closing")
            self._begin_ending(self._driver, code, reason, lost=False)
        if self._ending is not None:
            with self._emitter.caller_not_awaited():
                await asyncio.wait({self._ending})

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
        self._ending = driver.loop.create_task(
            self._end(driver, code, reason, lost=lost), name="realtime_transport end"
        )
        self._ending.add_done_callback(self._ended)

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self._ending = None
        if ending.cancelled():  # the loop is being shut down, perhaps before the ending took its first step
            self._abort()
            self._medium_is_open, self._driver = False, None

    async def _end(self, driver: Driver, code: int, reason: str, *, lost: bool) -> None:
        """Leave nothing behind: after a loss, or on purpose, sending what waits first."""
        deadline = driver.loop.time() + self._close_timeout
        if not lost:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await driver.outbox.flush()
            driver.end()
        await self._release(code, reason, deadline)
        if not lost:
            self._tell_disconnected(DisconnectedEvent(code=code, reason=reason, clean=code in CLEAN_CODES))
        await self._emitter.drain(LISTENERS_GRACE)

    async def _release(self, code: int, reason: str, deadline: float) -> None:
        """Let go of the writer and the medium, by force after ``deadline``."""
        try:
            async with asyncio.timeout_at(deadline):
                if self._driver is not None:
                    await self._driver.ended()
                if self._medium_is_open:
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
            event = DisconnectedEvent(code=lost.close_code, reason=lost.close_reason, clean=clean)
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
        if status != previous:
            self._emitter.emit("connection_change", ConnectionChangeEvent(state=status, previous=previous))

    def _now(self) -> float:
        driver = self._driver
        if driver is None or self._status not in {"connected", "connecting"}:
            raise StateError(f"not connected: this transport is {self._status}")
        self._check_loop(driver)
        return driver.loop.time()

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

    def _output_ms(self, nbytes: int) -> float:
        return self._conversation.output_format.ms(nbytes)


@functools.cache
def codec_for(dialect: Dialect, family: Family) -> Codec[ServerEvent, ClientEvent]:
    """Return the codec of a dialect: it holds no state, so one serves all connections."""
    return Codec(dialect, family=family)


async def _finished(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended, whatever happens. Being cancelled cancels the task, and is raised after its end."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
            if not task.cancelling():
                task.cancel()
    if cancelled is not None:
        raise cancelled
