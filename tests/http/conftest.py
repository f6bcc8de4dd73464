"""A real HTTP server on loopback that answers what a test tells it to, and writes down what it was asked."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from realtime_transport.http import RealtimeHTTP


@attrs.frozen
class Asked:
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@attrs.define
class Server:
    url: str = ""
    asked: list[Asked] = attrs.field(factory=list)
    answers: list[Response | Callable[[Request], Any]] = attrs.field(factory=list)
    """One per call; the last one stays."""

    def then(self, *answers: Response | Callable[[Request], Any]) -> Server:
        self.answers = list(answers)
        return self

    async def take(self, request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode()
        self.asked.append(Asked(raw_path, request.url.query, dict(request.headers), await request.body()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Response) else await answer(request)


def refusal(status: int, headers: dict[str, str] | None = None, **error: Any) -> Response:
    return JSONResponse({"error": {"message": "no", **error}}, status, headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    told = Server()
    app = Starlette(routes=[Route("/{path:path}", told.take, methods=["POST"])])
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    config.load()
    # The steps of serve() without its main loop, which only looks at the clock every 100 ms.
    running = uvicorn.Server(config)
    running.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await running.startup(sockets=[listener])
        told.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        yield told
        await running.shutdown(sockets=[listener])


@pytest.fixture
async def http(server: Server) -> AsyncIterator[RealtimeHTTP]:
    """A client that waits for nothing between attempts: its random numbers are all zero."""
    async with RealtimeHTTP("sk-canary", base_url=server.url, rng=lambda: 0.0) as client:
        yield client
