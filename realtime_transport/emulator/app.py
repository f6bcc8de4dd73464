"""The ASGI application: which path leads where, and who is let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import attrs
from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from realtime_transport.conversation.server_errors import error_detail, refusal
from realtime_transport.conversation.server_session import Session
from realtime_transport.dialects import OPENAI
from realtime_transport.emulator.access import SecretKind
from realtime_transport.emulator.call_routes import call_routes
from realtime_transport.emulator.client_secrets import client_secret_routes, session_config
from realtime_transport.emulator.door import welcome
from realtime_transport.emulator.endpoints import BETA, ENDPOINTS, Endpoint, Wanted, wanted
from realtime_transport.emulator.http_errors import http_error
from realtime_transport.emulator.sessions import Sessions
from realtime_transport.emulator.translations import translation_routes
from realtime_transport.events.server import ErrorFrame
from realtime_transport.events.session import RealtimeSessionConfig, TranscriptionSessionConfig
from realtime_transport.wire import Codec

_BETA_CLOSE: Final = 4000
"""What the live service closes with when it is asked for the beta."""


def make_app(sessions: Sessions) -> Starlette:
    """Put the routes together."""
    routes: list[BaseRoute] = [WebSocketRoute(endpoint.path, _door(sessions, endpoint)) for endpoint in ENDPOINTS]
    return Starlette(
        routes=[
            *routes,
            *client_secret_routes(sessions),
            *translation_routes(sessions),
            *call_routes(sessions),
        ]
    )


def _door(sessions: Sessions, endpoint: Endpoint) -> Callable[[WebSocket], Awaitable[None]]:
    async def door(socket: WebSocket) -> None:
        transcribes = socket.query_params.get("intent") == "transcription"
        if not transcribes and endpoint.refuses(socket.query_params.get("model", "")):
            await socket.send_denial_response(http_error("listens_only"))
            return
        visitor = await welcome(sessions, socket, _TRANSCRIPTION if transcribes else _ANY_OF_HERE)
        if visitor is None:
            return
        call = sessions.calls.get(socket.query_params.get("call_id", ""))
        if call is not None:
            await sessions.join(socket, call, visitor.plan, visitor.wire)
            return
        asked = wanted(endpoint, socket.headers, socket.query_params, visitor.offered)
        if asked.dialect.name == BETA and not sessions.beta:
            await _refuse_beta(socket, sessions)
            return
        secret = sessions.access.secret(visitor.key)
        defaults = session_config(secret.session) if secret is not None else None
        if defaults is not None:
            asked = _as_configured(asked, defaults, named=endpoint.names_model(socket.query_params))
        await sessions.run(socket, asked, defaults, visitor.plan, visitor.wire)

    return door


_TRANSCRIPTION: Final[frozenset[SecretKind]] = frozenset({"transcription"})
_ANY_OF_HERE: Final[frozenset[SecretKind]] = frozenset({"realtime", "transcription"})


_KINDS: Final[Mapping[type[Session], Literal["realtime", "transcription"]]] = {
    RealtimeSessionConfig: "realtime",
    TranscriptionSessionConfig: "transcription",
}


def _as_configured(asked: Wanted, session: Session, *, named: bool) -> Wanted:
    """Let a client secret say what the URL leaves open: the kind of the session, and its model."""
    model = asked.model if named or not isinstance(session, RealtimeSessionConfig) else session.model or asked.model
    return attrs.evolve(asked, kind=_KINDS[type(session)], model=model)


async def _refuse_beta(socket: WebSocket, sessions: Sessions) -> None:
    error = refusal("beta_shape")
    frame = ErrorFrame(event_id=sessions.ids("event"), error=error_detail(error, None))
    await socket.send_text(Codec(OPENAI, role="server").encode(frame).decode())
    await socket.close(_BETA_CLOSE, f"{error.type}.{error.code}")
