"""``gateway_app``: the gateway behind paths, as an ASGI application of Starlette."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, cast

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from realtime_transport.exceptions import SignatureError
from realtime_transport.gateway.door import Refusal
from realtime_transport.gateway.gateway import Gateway
from realtime_transport.gateway.incoming import AgentSource
from realtime_transport.gateway.public import PublicAddress
from realtime_transport.secret import Secret
from realtime_transport.telephony import StarletteSocket
from realtime_transport.telephony.signatures import SignedRequest
from realtime_transport.telephony.signatures.request import check

ANSWER: Final = "/answer"
STREAM: Final = "/stream"
STATUS: Final = "/status"

DRAIN_SECONDS: Final = 3600.0
"""How long ``/drain`` waits at most: the longest call that is usual."""

ORGANIZATION: Final = "audiohook-organization-id"
"""The header in which Genesys signs for whom a stream is."""


def gateway_app(
    agent: AgentSource,
    *,
    public_url: str | None = None,
    trust_forwarded: bool = False,
    operator_token: str | Secret | None = None,
    **gateway: Any,
) -> Starlette:
    """Make the application that answers calls: serve it alone, or ``mount`` it into another one.

    - ``POST /answer``: the carrier's webhook for calls; GET, where a carrier asks so.
    - ``WS /stream/{token}``: the call itself; ``/stream`` where the carrier signs streams and asks no webhook.
    - ``POST /status``: the carrier's status callback.
    - ``GET /healthz``, ``/readyz``, ``/metrics``; ``POST /drain`` for whoever has ``operator_token``.

    ``agent`` and ``gateway`` are what ``Gateway`` takes. Signatures are checked against ``public_url``, which is the
    address of this application's root, the path included that it is mounted on. Without it the gateway has to be told
    to ``trust_forwarded`` headers, or that it may ``allow_unsigned``. The gateway is ``app.state.gateway``. Raises
    ``InvalidArgument``.
    """
    address = PublicAddress(public_url, trust_forwarded)
    if public_url is None and not trust_forwarded and not gateway.get("allow_unsigned"):
        PublicAddress("")  # raises, with what has to be said
    secret = Secret(operator_token) if operator_token is not None else None
    pages = _Pages(Gateway(agent, **gateway), address, secret)
    app = Starlette(routes=pages.routes(), lifespan=pages.lifespan)
    # A redirect would lose the form, and its URL would not be the one that was signed.
    app.router.redirect_slashes = False
    app.state.gateway = pages.gateway
    return app


class _Pages:
    """What is behind each path."""

    def __init__(self, gateway: Gateway, address: PublicAddress, operator: Secret | None) -> None:
        self.gateway = gateway
        self._address = address
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        webhook = ["GET", "POST"]
        asks = [Route(path, self.answer, methods=webhook) for path in (ANSWER, f"{ANSWER}/")]
        return [
            *(asks if self.gateway.answers is not None else ()),
            Route(STATUS, self.status, methods=webhook),
            WebSocketRoute(STREAM, self.stream),
            WebSocketRoute(STREAM + "/{token:str}", self.stream),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
            Route("/drain", self.drain, methods=["POST"]),
        ]

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncGenerator[None]:
        """End the calls when the server stops."""
        yield
        await self.gateway.close()

    # --- the carrier -----------------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        """Tell the carrier where to stream a call to."""
        signed = await self._verified(request)
        if isinstance(signed, Response):
            return signed
        stream = self._address.stream(request.scope, request.headers, STREAM)
        document = self.gateway.answer(fields_of(signed, request), stream)
        return Response(document.body, document.status, media_type=document.content_type)

    async def status(self, request: Request) -> Response:
        """Hear from the carrier what became of a call."""
        signed = await self._verified(request)
        if isinstance(signed, Response):
            return signed
        await self.gateway.heard_status(fields_of(signed, request))
        return Response(status_code=204)

    async def stream(self, websocket: WebSocket) -> None:
        """Hold a call, if it may come in: decided before the socket is accepted."""
        token = websocket.path_params.get("token") or websocket.query_params.get("token", "")
        ticket = self.gateway.admit(self._address.signed(websocket.scope, websocket.headers), token)
        if isinstance(ticket, Refusal):
            await _deny(websocket, ticket)
            return
        offered: list[str] = websocket.scope.get("subprotocols", [])
        await websocket.accept(subprotocol=offered[0] if offered else None)
        await self.gateway.take(StarletteSocket(websocket), ticket, account=websocket.headers.get(ORGANIZATION, ""))

    async def _verified(self, request: Request) -> SignedRequest | Response:
        """Read a webhook and check it, before anything in it is looked at."""
        limits = self.gateway.limits
        try:
            async with asyncio.timeout(limits.body_timeout):
                body = await _read(request, limits.max_body)
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("the body did not come", 408)
        if body is None:
            return PlainTextResponse(f"more than {limits.max_body} bytes", 413)
        signed = self._address.signed(request.scope, request.headers, body)
        try:
            self.gateway.verify(signed)
        except SignatureError as error:
            return PlainTextResponse(str(error), 401)
        return signed

    # --- the operator ----------------------------------------------------------------------------------------------

    async def healthz(self, request: Request) -> Response:
        """Say that the process runs."""
        return PlainTextResponse("ok")

    async def readyz(self, request: Request) -> Response:
        """Say whether another call would be taken."""
        gateway = self.gateway
        content = {"ready": gateway.ready, "draining": gateway.draining, "calls": gateway.calls}
        return JSONResponse(
            {**content, "expected": gateway.expected, "max_calls": gateway.limits.max_calls},
            status_code=200 if gateway.ready else 503,
        )

    async def metrics(self, request: Request) -> Response:
        """Return the numbers."""
        return PlainTextResponse(self.gateway.metrics(), media_type="text/plain; version=0.0.4")

    async def drain(self, request: Request) -> Response:
        """Take no more calls; wait as many seconds as ``?wait=`` says, an hour at most, for the end of those there are.

        200 when none is left, 202 otherwise.
        """
        if self._operator is None:
            return PlainTextResponse("no operator token was configured: send SIGTERM instead", 403)
        try:
            check([f"Bearer {self._operator.reveal()}"], [request.headers.get("authorization", "")])
            wait = float(request.query_params.get("wait", "0"))
        except SignatureError:
            return PlainTextResponse("needs the operator token: Authorization: Bearer ...", 401)
        except ValueError:
            return PlainTextResponse("wait is a number of seconds", 400)
        left = await self.gateway.drain(min(max(wait, 0.0), DRAIN_SECONDS))
        return JSONResponse({"calls": left}, status_code=200 if left == 0 else 202)


async def _read(request: Request, limit: int) -> bytes | None:
    """Return the body, None when it is longer than ``limit``: what is beyond is not even read."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


async def _deny(websocket: WebSocket, refusal: Refusal) -> None:
    """Answer the upgrade with a status, where the server can do that (uvicorn can); else with 403."""
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(PlainTextResponse(refusal.detail, refusal.status))
    else:
        await websocket.close(1008)


def fields_of(signed: SignedRequest, request: Request) -> Mapping[str, str]:
    """Return what a webhook says, from its query and its form or JSON; of a repeated name the last value."""
    fields = dict(request.query_params)
    if signed.is_form:
        fields.update(signed.fields())
    elif signed.body:
        fields.update(_json_texts(signed.body))
    return fields


def _json_texts(body: bytes) -> dict[str, str]:
    """Return the texts and numbers of a JSON object; nothing for what is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    members = cast("dict[str, object]", content).items()
    return {name: str(value) for name, value in members if isinstance(value, (str, int, float))}
