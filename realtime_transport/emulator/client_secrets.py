"""Short-lived keys over HTTP: ``POST /v1/realtime/client_secrets``, and what they open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from realtime_transport.conversation.server_session import DEFAULT_MODEL, ServerSession, Session, default_session
from realtime_transport.emulator.access import SecretKind, presented_key
from realtime_transport.emulator.http_errors import http_error
from realtime_transport.emulator.sessions import Sessions
from realtime_transport.events.client import SessionUpdate
from realtime_transport.events.objects import ProtocolObject
from realtime_transport.events.session import RealtimeSessionConfig, TranscriptionSessionConfig
from realtime_transport.exceptions import InvalidArgument, ServerError
from realtime_transport.wire import from_dict, to_dict
from realtime_transport.wire.json_text import NotJson, parse

MAX_BODY_BYTES: Final = 1024 * 1024
"""A session with a hundred tools has a tenth of that."""

MIN_SECONDS: Final = 10
MAX_SECONDS: Final = 7200
DEFAULT_SECONDS: Final = 600
"""How long a client secret lives: the bounds and the default of the live service."""

ConfigT = TypeVar("ConfigT", bound=ProtocolObject)

_KINDS: Final[Mapping[str, type[Session]]] = {
    "realtime": RealtimeSessionConfig,
    "transcription": TranscriptionSessionConfig,
}

_KIND_OF: Final[Mapping[type[Session], SecretKind]] = {
    RealtimeSessionConfig: "realtime",
    TranscriptionSessionConfig: "transcription",
}


def session_config(asked: object) -> Session:
    """Read a session as a client asks for it. Raises ``InvalidArgument`` with a path."""
    session = plain_session(asked)
    kind = session.get("type", "realtime")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidArgument(f"Invalid value: '{kind}'.", path="session.type")
    return read_session({**session, "type": kind}, _KINDS[kind])


def plain_session(asked: object) -> Mapping[str, Any]:
    """Take a session that is an object, an empty one for null. Raises ``InvalidArgument``."""
    if asked is None:
        return {}
    if not isinstance(asked, Mapping):
        raise InvalidArgument("must be an object", path="session")
    return cast("Mapping[str, Any]", asked)


def read_session(asked: Mapping[str, Any], cls: type[ConfigT]) -> ConfigT:
    """Read a session of one kind. Raises ``InvalidArgument`` with a path that begins at the session."""
    try:
        return from_dict(asked, cls)
    except InvalidArgument as error:
        raise InvalidArgument(str(error).removeprefix(f"{error.path}: "), path=f"session.{error.path}") from error


def client_secret_routes(sessions: Sessions) -> list[Route]:
    """Make the routes that mint keys."""
    return [Route("/v1/realtime/client_secrets", _mint(sessions), methods=["POST"])]


def _mint(sessions: Sessions) -> Callable[[Request], Awaitable[Response]]:
    async def mint(request: Request) -> Response:
        if not sessions.access.may_mint(presented_key(request.headers, request.query_params)):
            return http_error("bad_key")
        body = await json_body(request)
        if isinstance(body, Response):
            return body
        try:
            seconds = lifetime(body.get("expires_after"))
            asked = plain_session(body.get("session"))
            session = _effective(sessions, session_config(asked))
        except InvalidArgument as error:
            return http_error("bad_value", param=error.path, message=str(error))
        except ServerError as error:
            return http_error("bad_value", param=error.param, code=error.code, message=error.message)
        secret = sessions.access.mint(asked, seconds, _KIND_OF[type(session)])
        return JSONResponse({"value": secret.value, "expires_at": secret.expires_at, "session": to_dict(session)})

    return mint


async def json_body(request: Request) -> Mapping[str, Any] | Response:
    """Read a bounded body that is a JSON object; an empty one is an empty object."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            return http_error("too_large")
    try:
        return parse(data or b"{}")
    except NotJson:
        return http_error("not_json")


def lifetime(expires_after: object) -> float:
    """Read how many seconds a secret is wanted for. Raises ``InvalidArgument`` out of the bounds."""
    if expires_after is None:
        return DEFAULT_SECONDS
    if not isinstance(expires_after, Mapping):
        raise InvalidArgument("must be an object", path="expires_after")
    seconds = cast("Mapping[str, object]", expires_after).get("seconds", DEFAULT_SECONDS)
    if not isinstance(seconds, int) or not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise InvalidArgument(f"must be {MIN_SECONDS} to {MAX_SECONDS}", path="expires_after.seconds")
    return seconds


def _effective(sessions: Sessions, asked: Session) -> Session:
    """Show the whole session that the secret opens, as the live service does: with ``expires_at`` 0."""
    model = asked.model or DEFAULT_MODEL
    kind: Any = asked.type
    session = ServerSession(default_session(model, session_id=sessions.ids("sess"), kind=kind))
    session.update(SessionUpdate(session=asked))
    return session.config
