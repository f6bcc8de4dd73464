"""The ASGI application: which path leads where, and who is let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from realtime_transport.conversation.server_errors import error_detail, refusal
from realtime_transport.conversation.server_session import Session
from realtime_transport.dialects import OPENAI
from realtime_transport.emulator.client_secrets import client_secret_routes, session_config
from realtime_transport.emulator.door import welcome
from realtime_transport.emulator.endpoints import BETA, ENDPOINTS, Endpoint, wanted
from realtime_transport.emulator.sessions import Sessions
from realtime_transport.emulator.translations import translation_routes
from realtime_transport.events.server import ErrorFrame
from realtime_transport.wire import Codec

_BETA_CLOSE: Final = 4000
"""What the live service closes with when it is asked for the beta."""


def make_app(sessions: Sessions) -> Starlette:
    """Put the routes together."""
    routes: list[BaseRoute] = [WebSocketRoute(endpoint.path, _door(sessions, endpoint)) for endpoint in ENDPOINTS]
    return Starlette(routes=[*routes, *client_secret_routes(sessions), *translation_routes(sessions)])


def _door(sessions: Sessions, endpoint: Endpoint) -> Callable[[WebSocket], Awaitable[None]]:
    async def door(socket: WebSocket) -> None:
        visitor = await welcome(sessions, socket)
        if visitor is None:
            return
        asked = wanted(endpoint, socket.headers, socket.query_params, visitor.offered)
        if asked.dialect.name == BETA and not sessions.beta:
            await _refuse_beta(socket, sessions)
            return
        await sessions.run(socket, asked, _defaults(sessions, visitor.key), visitor.plan, visitor.wire)

    return door


def _defaults(sessions: Sessions, key: str | None) -> Session | None:
    """Give the session that was configured when the client secret was made."""
    secret = sessions.access.secret(key)
    return session_config(secret.session) if secret is not None else None


async def _refuse_beta(socket: WebSocket, sessions: Sessions) -> None:
    error = refusal("beta_shape")
    frame = ErrorFrame(event_id=sessions.ids("event"), error=error_detail(error, None))
    await socket.send_text(Codec(OPENAI, role="server").encode(frame).decode())
    await socket.close(_BETA_CLOSE, f"{error.type}.{error.code}")
