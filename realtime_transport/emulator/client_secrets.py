"""Short-lived keys over HTTP: ``POST /v1/realtime/client_secrets``, and what they open."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from realtime_transport.conversation.server_session import DEFAULT_MODEL, ServerSession, Session, default_session
from realtime_transport.emulator.access import presented_key
from realtime_transport.emulator.http_errors import http_error
from realtime_transport.emulator.sessions import Sessions
from realtime_transport.events.client import SessionUpdate
from realtime_transport.events.session import RealtimeSessionConfig, TranscriptionSessionConfig
from realtime_transport.exceptions import InvalidArgument, ServerError
from realtime_transport.wire import from_dict, to_dict

MAX_BODY_BYTES: Final = 1024 * 1024
"""A session with a hundred tools has a tenth of that."""

MIN_SECONDS: Final = 10
MAX_SECONDS: Final = 7200
DEFAULT_SECONDS: Final = 600
"""How long a client secret lives: the bounds and the default of the live service."""

_KINDS: Final[Mapping[str, type[Session]]] = {
    "realtime": RealtimeSessionConfig,
    "transcription": TranscriptionSessionConfig,
}


def session_config(asked: object) -> Session:
    """Read a session as a client asks for it. Raises ``InvalidArgument`` with a path."""
    if not isinstance(asked, Mapping):
        raise InvalidArgument("must be an object", path="session")
    session = cast("Mapping[str, Any]", asked)
    kind = session.get("type", "realtime")
    if kind not in _KINDS:
        raise InvalidArgument(f"Invalid value: '{kind}'.", path="session.type")
    try:
        return from_dict({**session, "type": kind}, _KINDS[kind])
    except InvalidArgument as error:
        raise InvalidArgument(str(error), path=f"session.{error.path}") from error


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
            asked = body.get("session") or {"type": "realtime"}
            session = _effective(sessions, session_config(asked))
        except InvalidArgument as error:
            return http_error("bad_value", param=error.path, message=str(error))
        except ServerError as error:
            return http_error("bad_value", param=error.param, message=error.message)
        secret = sessions.access.mint(asked, seconds)
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
        body = json.loads(data or b"{}")
    except ValueError:
        return http_error("not_json")
    return cast("Mapping[str, Any]", body) if isinstance(body, dict) else http_error("not_json")


def lifetime(expires_after: object) -> float:
    """Read how many seconds a secret is wanted for. Raises ``InvalidArgument`` out of the bounds."""
    given = cast("Mapping[str, object]", expires_after) if isinstance(expires_after, Mapping) else None
    seconds = DEFAULT_SECONDS if given is None else given.get("seconds", DEFAULT_SECONDS)
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
