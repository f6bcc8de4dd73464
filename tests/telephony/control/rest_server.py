"""A carrier's REST interface on loopback, which answers the way the carrier documents it: a real server, real sockets.

It has two calls: ``live``, and ``ended``. Every other name was never a call.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

METHODS = ["GET", "POST", "PUT", "DELETE"]


@attrs.frozen
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen(kw_only=True)
class Manners:
    """How one carrier answers. Each answer is a status and a body; None is an empty one."""

    routes: Mapping[str, str]
    """What is asked ("POST /path/{call}") -> the verb. ``{call}`` stands for the call."""
    done: Mapping[str, tuple[int, Any]]
    """By verb."""
    ended: tuple[int, Any]
    unknown: tuple[int, Any]
    unauthorized: tuple[int, Any]


@attrs.define
class RestServer:
    manners: Manners
    authorization: str = ""
    """What has to be presented; checked unless empty."""
    url: str = ""
    asked: list[Asked] = attrs.field(factory=list)
    first: list[Response | None] = attrs.field(factory=list)
    """Answers to the first requests in place of the documented ones; None never answers."""
    stalled: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode()
        headers = dict(request.headers)
        query = dict(request.query_params)
        self.asked.append(Asked(request.method, path, query, headers, await request.body()))
        if self.first:
            answer = self.first.pop(0)
            if answer is None:
                await self.stalled.wait()
                return Response()
            return answer
        if self.authorization and headers.get("authorization") != self.authorization:
            return _answer(self.manners.unauthorized)
        for pattern, verb in self.manners.routes.items():
            found = re.fullmatch(re.escape(pattern).replace(r"\{call\}", "([^/]+)"), f"{request.method} {path}")
            if found is not None:
                known = {"live": self.manners.done[verb], "ended": self.manners.ended}
                return _answer(known.get(found[1], self.manners.unknown))
        return Response("no such resource", 404)


def _answer(said: tuple[int, Any]) -> Response:
    status, body = said
    return Response(status_code=status) if body is None else JSONResponse(body, status)


@asynccontextmanager
async def rest_server(manners: Manners, authorization: str = "") -> AsyncIterator[RestServer]:
    told = RestServer(manners, authorization)
    app = Starlette(routes=[Route("/{path:path}", told.take, methods=METHODS)])
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    config.load()
    # The steps of serve() without its main loop, which only looks at the clock every 100 ms.
    running = uvicorn.Server(config)
    running.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await running.startup(sockets=[listener])
        told.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield told
        finally:
            told.stalled.set()
            await running.shutdown(sockets=[listener])
