"""Translation sessions: the socket at ``/v1/realtime/translations``, and the keys that open it."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from realtime_transport.conversation.server_checks import check_event
from realtime_transport.conversation.server_translation import (
    DEFAULT_TRANSLATION_MODEL,
    TranslationServer,
    translation_session,
)
from realtime_transport.dialects import OPENAI
from realtime_transport.emulator.access import presented_key
from realtime_transport.emulator.client_secrets import json_body, lifetime, plain_session, read_session
from realtime_transport.emulator.door import welcome
from realtime_transport.emulator.driver import Driver
from realtime_transport.emulator.http_errors import http_error
from realtime_transport.emulator.sessions import Sessions
from realtime_transport.emulator.socket_session import SocketSession
from realtime_transport.events.session import TranslationSessionConfig
from realtime_transport.events.translation import TranslationSessionUpdate
from realtime_transport.exceptions import InvalidArgument, ServerError
from realtime_transport.wire import from_dict, to_dict

PATH: Final = "/v1/realtime/translations"


def translation_routes(sessions: Sessions) -> list[BaseRoute]:
    """Make the routes of the translation endpoint."""

    async def door(socket: WebSocket) -> None:
        visitor = await welcome(sessions, socket, {"translation"})
        if visitor is None:
            return
        server = _server(sessions, socket.query_params.get("model"), visitor.key)
        session = SocketSession(
            socket,
            partial(Driver, server, None),
            OPENAI,
            plan=visitor.plan,
            wire=visitor.wire,
            family="translation",
            observer=sessions.observer(server.session.id),
        )
        await sessions.hold(session)

    async def mint(request: Request) -> Response:
        return await _mint(sessions, request)

    return [WebSocketRoute(PATH, door), Route(f"{PATH}/client_secrets", mint, methods=["POST"])]


def _server(sessions: Sessions, model: str | None, key: str | None) -> TranslationServer:
    secret = sessions.access.secret(key)
    defaults = from_dict(secret.session, TranslationSessionConfig) if secret is not None else None
    return TranslationServer(
        ids=sessions.ids,
        model=model or DEFAULT_TRANSLATION_MODEL,
        defaults=defaults,
        transcriber=sessions.transcriber,
        session_seconds=sessions.limits.session_seconds,
    )


async def _mint(sessions: Sessions, request: Request) -> Response:
    if not sessions.access.may_mint(presented_key(request.headers, request.query_params)):
        return http_error("bad_key")
    body = await json_body(request)
    if isinstance(body, Response):
        return body
    try:
        seconds = lifetime(body.get("expires_after"))
        asked = plain_session(body.get("session"))
        if asked.get("type", "translation") != "translation":
            raise InvalidArgument("must be 'translation', or absent", path="session.type")
        config = read_session(asked, TranslationSessionConfig)
        check_event(TranslationSessionUpdate(session=config))
    except InvalidArgument as error:
        return http_error("bad_value", param=error.path, message=str(error))
    except ServerError as error:
        return http_error("bad_value", param=error.param, code=error.code, message=error.message)
    session = translation_session(config.model or DEFAULT_TRANSLATION_MODEL, sessions.ids("sess"), config)
    secret = sessions.access.mint(asked, seconds, "translation")
    return JSONResponse({"value": secret.value, "expires_at": secret.expires_at, "session": to_dict(session)})
