"""The HTTP side of the API, in one object."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from realtime_transport.dialects import OPENAI, Dialect
from realtime_transport.http.calls import Calls
from realtime_transport.http.client_secrets import ClientSecrets, LegacySessions
from realtime_transport.http.exchange import ApiKey, Exchange
from realtime_transport.http.retry import RetryPolicy


class RealtimeHTTP:
    """Mint client secrets and steer calls: ``async with RealtimeHTTP() as http: await http.calls.hangup(call_id)``.

    ``api_key`` is a text, a ``Secret`` or a function (sync or async) asked anew for every call; without one the
    dialect's environment variable is read. ``base_url`` ends before ``/realtime`` (``https://api.openai.com/v1``).
    ``timeout`` is in seconds and covers a call with all its repetitions. ``rng`` gives numbers from 0 to 1 for the
    back-off.

    Every call raises ``ApiError`` (status, code, param, request_id, retry_after), ``ConnectError``, ``TLSError``,
    ``ConnectionLost`` or ``RequestTimeout``, never an error of the HTTP library. Raises ``MissingExtra`` without the
    ``http`` extra, and ``InsecureTransportError`` for a key on plain ``http://`` to another machine.
    """

    def __init__(
        self,
        api_key: ApiKey | None = None,
        *,
        base_url: str | None = None,
        dialect: Dialect = OPENAI,
        auth_scheme: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        retries: RetryPolicy | None = None,
        rng: Callable[[], float] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        allow_insecure: bool = False,
    ) -> None:
        self._exchange = Exchange(
            api_key=api_key,
            auth_scheme=auth_scheme,
            base_url=base_url,
            dialect=dialect,
            headers=headers or {},
            timeout=timeout,
            retries=retries or RetryPolicy(),
            rng=rng,
            ssl_context=ssl_context,
            proxy=proxy,
            allow_insecure=allow_insecure,
        )
        self.client_secrets: ClientSecrets = ClientSecrets(self._exchange)
        self.legacy_sessions: LegacySessions = LegacySessions(self._exchange)
        self.calls: Calls = Calls(self._exchange)

    async def close(self) -> None:
        """Close the connections. Calling it again does nothing."""
        await self._exchange.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
