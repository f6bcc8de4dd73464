"""How a connection begins: whose attempt it is, and what is left behind when it fails.

``connect`` runs the attempt in a task of its own, so that its caller and ``close()`` can both end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.session_shape import session_from
from realtime_transport.dialects import OPENAI, dialect_for_url
from realtime_transport.events.session import AnySession, TranslationSessionConfig
from realtime_transport.events.transport import (
    ConnectedEvent,
)
from realtime_transport.exceptions import (
    ConnectError,
    ConnectionLost,
    StateError,
    UnsupportedOperation,
)
from realtime_transport.tasks import begin
from realtime_transport.transports.driver import Driver, DriverHooks
from realtime_transport.transports.endings import Endings, codec_for
from realtime_transport.transports.minting import Mint, minted_key, with_model
from realtime_transport.transports.opening import Opening, fold
from realtime_transport.transports.request import ApiKey, ConnectRequest


class Lifecycle(Endings):
    """The connections of a transport, one after the other."""

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
        closings = self._closings
        with self._emitter.caller_not_awaited():  # a listener may connect anew
            while self._ending is not None:  # the connection before this one is being cleared away
                await asyncio.wait({self._ending})
        if self._closings == closings:
            if self._status != "disconnected":
                raise StateError(f"this transport is {self._status} already")
            await self._connect(request, wanted)
        if self._closings != closings:
            await self.close()  # it may have succeeded before that, and is being ended
            raise StateError("close() was called while connecting")

    async def _connect(self, request: ConnectRequest, session: AnySession | None) -> None:
        """Run one attempt as a task of its own, so that ``close()`` can end it as well as the caller."""
        try:
            self._set_status("connecting")
        except BaseException:  # a listener's KeyboardInterrupt
            self._status = "disconnected"
            raise
        attempt = self._attempt = begin(self._try_to_connect(request, session), name="realtime_transport attempt")
        try:
            await _finished(attempt)
        except asyncio.CancelledError:
            self._attempt = None
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
        before = self._dialect, self._codec, self._capabilities, self._conversation
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
            await self._release(driver, 1000, "", driver.loop.time() + self._close_timeout)
            # Whoever tries again until it works has the history at hand that it wants to go on with.
            self._dialect, self._codec, self._capabilities, self._conversation = before
            if isinstance(error, TimeoutError):
                raise opening.timed_out() from None
            if isinstance(error, OSError):
                raise ConnectError(str(error)) from error
            raise
        finally:
            driver.watch, self._opening = None, None
        self._emitter.fold_early(fold)
        self._epoch += 1
        self._set_status("connected")
        self._emitter.emit("connected", ConnectedEvent(session_id=self._session_id(), epoch=self._epoch))

    def _new_driver(self, request: ConnectRequest, opening: Opening) -> Driver:
        """Make what turns the conversation on this connection."""
        spent = self._conversation.usage
        if request.dialect is not self._dialect:
            self._dialect, self._codec = request.dialect, codec_for(request.dialect, self._family)
        self._capabilities = self._capabilities_for(request)
        self._conversation = self._new_conversation()
        driver = Driver(
            self._conversation,
            self._codec,
            DriverHooks(
                tell=self._tell,
                hears_raw=self._hears_raw,
                hears_sent=self._hears_sent,
                write=self._write,
                write_audio_now=self._write_audio_now,
                failed=self._give_up,
                broken=self._broken,
            ),
            audio_limit_ms=self._audio_backlog_ms,
            stall_seconds=self._send_timeout,
        )
        driver.watch = opening.see
        self._conversation.opened(driver.loop.time(), spent=spent)
        self._emitter.expect_listeners()
        return driver

    def _write_audio_now(self, frame: bytes) -> bool:
        return not self._emitter.hears("sent") and self._write_now(frame)

    def _give_up(self, code: int, error: ConnectionLost) -> None:
        self._lose(error, code=code)

    def _read_session(self, session: AnySession | Mapping[str, Any]) -> AnySession:
        """Read what ``connect`` was given. Raises ``InvalidArgument`` with a path."""
        if isinstance(session, TranslationSessionConfig):
            raise UnsupportedOperation("a translation has a transport of its own: TranslationTransport")
        return session_from(session)

    def _capabilities_for(self, request: ConnectRequest) -> Capabilities:
        """Say what this medium and dialect can do. A socket that joins a running call carries no audio."""
        capabilities = request.dialect.capabilities
        if request.call_id is None:
            return capabilities
        return attrs.evolve(capabilities, server_plays_audio=True, carries_audio=False, sends_session_created=False)


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
