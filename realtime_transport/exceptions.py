"""Errors of the library: one tree, sorted by who has to act.

    RealtimeError
    ├── UsageError                  you called it wrong: raised at the call, nothing was sent
    │   ├── StateError              not now (closed, already connected, another loop)
    │   ├── InvalidArgument         not this value; ``path`` names it        (also a ValueError)
    │   ├── UnsupportedOperation    not on this transport, dialect or protocol
    │   ├── InsecureTransportError  a key would travel in clear text
    │   └── MissingExtra            an optional dependency is not installed  (also an ImportError)
    ├── ConnectionFailed            the connection could not be made, or is gone
    │   ├── ConnectError            DNS, refused, unreachable; ``code`` says which
    │   │   ├── ConnectTimeout      no answer within ``timeout``; ``stage`` says to what
    │   │   ├── TLSError            certificate or handshake refused; never retried
    │   │   └── HandshakeError      an HTTP status instead of 101
    │   │       ├── AuthenticationError    401
    │   │       ├── PermissionDeniedError  403
    │   │       ├── RateLimitError         429, with ``retry_after``
    │   │       └── ProxyAuthError         407 from the proxy
    │   ├── ConnectionLost          it was open and ended: ``close_code``, ``close_reason``
    │   └── CredentialExpired       the short-lived key is over; ask for a new one
    ├── ProtocolError               the peer sent what the protocol does not allow
    │   ├── DecodeError             one frame could not be read; ``path`` and ``frame``
    │   │   └── AudioDecodeError    one audio payload could not be read
    │   ├── PayloadTooLarge         a frame above the limit
    │   └── SignatureError          a webhook or upgrade that its sender did not sign; answer 401
    ├── ServerError                 the server's own ``error`` frame: ``type``, ``code``, ``param``
    ├── RequestFailed               what you asked for did not happen; ``reason`` says why
    │   ├── RequestTimeout          no answer within the deadline
    │   └── RequestDropped          given up before it was sent, or superseded
    ├── ApiError                    an HTTP call was answered with an error status
    ├── ListenerError               your listener raised; ``__cause__`` is what it raised
    │   └── SlowConsumer            your listener or stream fell too far behind; ``listener`` names it
    └── ToolError                   raised BY a tool: the one exception whose text the model may read

Every class keeps its facts as attributes and builds its message from them. ``retryable`` says whether the same
attempt may succeed later without anybody changing anything.
"""

from __future__ import annotations

from typing import Any


class RealtimeError(Exception):
    """Root of every error this library raises or reports."""

    retryable: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is otherwise made anew from its message alone, which these constructors do not take: it could
        # not leave a worker process.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[RealtimeError], args: tuple[Any, ...], facts: dict[str, Any]) -> RealtimeError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(facts)
    return error


# --- you ---------------------------------------------------------------------------------------------------------


class UsageError(RealtimeError):
    """The call was wrong: nothing was sent and nothing changed."""


class StateError(UsageError):
    """The call is right, but not in this state (closed, connecting, bound to another event loop)."""


class InvalidArgument(UsageError, ValueError):
    """A value is not acceptable. ``path`` names it (``session.audio.output.voice``)."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class UnsupportedOperation(UsageError):
    """This transport, dialect or the protocol itself cannot do it; the message names the alternative."""


class InsecureTransportError(UsageError):
    """A key would leave the machine in clear text. Use ``wss://``, or say ``allow_insecure`` where the way is safe."""


class MissingExtra(UsageError, ImportError):
    """An optional dependency is missing. ``extra`` is what to install."""

    def __init__(self, package: str, extra: str) -> None:
        UsageError.__init__(self, f"{package} is not installed: pip install 'realtime-transport[{extra}]'")
        self.package = package
        self.extra = extra


# --- the connection ----------------------------------------------------------------------------------------------


class ConnectionFailed(RealtimeError):
    """The connection could not be made, or is gone."""


class ConnectError(ConnectionFailed):
    """No connection was made.

    ``code``: ``dns``, ``refused``, ``unreachable``, ``timeout``, ``tls``, ``eof``, ``handshake``, ``http`` (see
    ``status``), ``redirect``.
    """

    def __init__(self, message: str, *, code: str = "unreachable") -> None:
        super().__init__(message)
        self.code = code

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """False where another server would have to answer: one that speaks WebSocket, redirects nowhere, is itself."""
        return self.code not in {"redirect", "handshake", "tls"}


class ConnectTimeout(ConnectError):
    """The peer did not complete the opening within ``timeout`` seconds. ``stage`` says what was waited for."""

    def __init__(self, stage: str, timeout: float) -> None:
        super().__init__(f"no answer within {timeout:g} s while {stage}", code="timeout")
        self.stage = stage
        self.timeout = timeout


class TLSError(ConnectError):
    """The TLS handshake failed. Never retried and never answered with plain text."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="tls")


class HandshakeError(ConnectError):
    """The server answered the upgrade with HTTP ``status`` instead of 101."""

    _who = "the server"

    def __init__(
        self,
        status: int,
        *,
        body: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        detail = f": {body[:300]}" if body else ""
        super().__init__(f"{self._who} refused the connection with HTTP {status}{detail}", code="http")
        self.status = status
        self.body = body
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """True for the statuses that a server gives for a passing reason."""
        return self.status in {408, 425, 429, 500, 502, 503, 504, 529}


class AuthenticationError(HandshakeError):
    """HTTP 401: the key is missing, wrong or expired."""


class PermissionDeniedError(HandshakeError):
    """HTTP 403: the key is known but may not do this."""


class RateLimitError(HandshakeError):
    """HTTP 429. ``retry_after`` is in seconds when the server said it."""


class ProxyAuthError(HandshakeError):
    """HTTP 407 from the proxy: its credentials, ``http://user:password@host``, are missing or wrong."""

    _who = "the proxy"


class ConnectionLost(ConnectionFailed):
    """The connection was open and ended. ``close_code`` is None when the socket simply went away."""

    retryable = True

    def __init__(self, message: str, *, close_code: int | None = None, close_reason: str = "") -> None:
        super().__init__(message)
        self.close_code = close_code
        self.close_reason = close_reason


class CredentialExpired(ConnectionFailed):
    """The ephemeral secret is past its ``expires_at``; mint a new one or give ``api_key`` a callable."""


# --- the peer ----------------------------------------------------------------------------------------------------


class ProtocolError(RealtimeError):
    """The peer sent something outside the protocol."""


class DecodeError(ProtocolError):
    """A frame could not be read. ``path`` says where; ``frame`` is its bounded beginning."""

    def __init__(self, message: str, *, path: str = "", frame: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.frame = frame


class AudioDecodeError(DecodeError):
    """An audio payload is not strict base64, or holds half a sample."""


class PayloadTooLarge(ProtocolError):
    """A frame is larger than ``limit`` bytes."""

    def __init__(self, size: int | None, limit: int) -> None:
        frame = "a frame" if size is None else f"a frame of {size} bytes"
        super().__init__(f"{frame} is above the limit of {limit} bytes")
        self.size = size
        self.limit = limit


class SignatureError(ProtocolError):
    """A webhook or an upgrade is not signed as it must be: answer 401 and act on nothing in it.

    ``reason`` is one of ``missing``, ``malformed``, ``expired``, ``mismatch``, ``replayed``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ServerError(RealtimeError):
    """The server's ``error`` frame, as an exception.

    ``event_id`` is the id of the client event that caused it, when the server names one.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str = "",
        code: str | None = None,
        param: str | None = None,
        event_id: str | None = None,
        raw: Any = None,
    ) -> None:
        super().__init__(f"{code or type or 'error'}: {message}")
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.event_id = event_id
        self.raw = raw


class RequestFailed(RealtimeError):
    """Something you asked for did not happen. ``reason`` says why in one word."""

    def __init__(self, message: str, *, reason: str = "failed", event_id: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.event_id = event_id


class RequestTimeout(RequestFailed):
    """The server did not answer the request within its deadline."""


class RequestDropped(RequestFailed):
    """The request was given up before it was sent, or made void by a later one."""


class ApiError(RealtimeError):
    """An HTTP call failed. ``status``, ``code``, ``param``, ``request_id`` and ``retry_after`` are the server's."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status
        self.code = code
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """True for the statuses that a server gives for a passing reason."""
        return self.status in {408, 409, 425, 429, 500, 502, 503, 504, 529}


class ListenerError(RealtimeError):
    """A listener raised. The original is ``__cause__``; the read loop went on."""

    def __init__(self, event: str, listener: str, error: BaseException | None) -> None:
        super().__init__(f"listener {listener} of {event!r} {self._what_happened(error)}")
        self.event = event
        self.listener = listener
        self.__cause__ = error

    def _what_happened(self, error: BaseException | None) -> str:
        try:
            return f"raised {type(error).__name__}: {error}"
        except Exception:  # noqa: BLE001 - whatever the application's own ``__str__`` raises
            return f"raised {type(error).__name__}"


class SlowConsumer(ListenerError):
    """A listener or stream did not keep up: ``limit`` events were waiting for it.

    ``dropped`` says how many it will never see; None when it was taken off and sees no more at all.
    """

    def __init__(self, event: str, listener: str, *, limit: int, dropped: int | None = None) -> None:
        self.limit = limit
        self.dropped = dropped
        super().__init__(event, listener, None)

    def _what_happened(self, error: BaseException | None) -> str:
        fate = "was taken off" if self.dropped is None else f"missed {self.dropped}"
        return f"{fate}: {self.limit} events were waiting for it"


class ToolError(RealtimeError):
    """Raise it inside a tool: its message goes to the model as it is.

    Of every other exception the model learns the class name only, because a traceback or a message may hold secrets.
    """
