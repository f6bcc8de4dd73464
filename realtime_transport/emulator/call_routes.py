"""The HTTP side of calls: open, accept, reject, refer, hang up; and, for tests, ring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from realtime_transport.emulator.access import ClientSecret, presented_key
from realtime_transport.emulator.calls import Call, sdp_answer
from realtime_transport.emulator.client_secrets import MAX_BODY_BYTES, json_body, session_config
from realtime_transport.emulator.http_errors import http_error
from realtime_transport.emulator.sessions import Sessions
from realtime_transport.events.session import RealtimeSessionConfig
from realtime_transport.exceptions import InvalidArgument, ServerError
from realtime_transport.wire.json_text import NotJson, parse

PATH: Final = "/v1/realtime/calls"
RING: Final = "/emulator/calls"
"""Not of the API: a call comes in when somebody posts here, as it would when a telephone rings."""

Endpoint = Callable[[Request], Awaitable[Response]]
Verb = Callable[[Sessions, Call, Mapping[str, Any]], Response]


def call_routes(sessions: Sessions) -> list[Route]:
    """Make the routes of calls."""
    return [
        Route(PATH, _creating(sessions), methods=["POST"]),
        Route(RING, _ringing(sessions), methods=["POST"]),
        *(_verb_route(sessions, name, verb) for name, verb in VERBS.items()),
    ]


def _verb_route(sessions: Sessions, name: str, verb: Verb) -> Route:
    return Route(f"{PATH}/{{call_id}}/{name}", _acting(sessions, verb), methods=["POST"])


def _refused(error: InvalidArgument | ServerError) -> Response:
    if isinstance(error, ServerError):
        return http_error("bad_value", param=error.param, code=error.code, message=error.message)
    return http_error("bad_value", param=error.path, message=str(error))


# --- a call that is there ----------------------------------------------------------------------------------------


def _acting(sessions: Sessions, verb: Verb) -> Endpoint:
    async def act(request: Request) -> Response:
        if not sessions.access.may_mint(presented_key(request.headers, request.query_params)):
            return http_error("bad_key")
        body = await json_body(request)
        if isinstance(body, Response):
            return body
        call = sessions.calls.get(request.path_params["call_id"])
        if call is None:
            return http_error("no_such_call")
        try:
            return verb(sessions, call, body)
        except (InvalidArgument, ServerError) as error:
            return _refused(error)

    return act


def _accept(sessions: Sessions, call: Call, body: Mapping[str, Any]) -> Response:
    if call.state != "ringing":
        raise InvalidArgument("the call was accepted already", path="call_id")
    session = session_config(body or {"type": "realtime"})
    if not isinstance(session, RealtimeSessionConfig):
        raise InvalidArgument("a call is a realtime session", path="session.type")
    sessions.take(call, session)
    return Response(status_code=200)


def _reject(_: Sessions, call: Call, body: Mapping[str, Any]) -> Response:
    status = body.get("status_code", 603)
    if isinstance(status, bool) or not isinstance(status, int) or not 300 <= status <= 699:
        raise InvalidArgument("must be 300 to 699", path="status_code")
    if call.state != "ringing":
        raise InvalidArgument("the call was accepted already", path="call_id")
    call.end(status, reason="The call was rejected.")
    return Response(status_code=200)


def _refer(_: Sessions, call: Call, body: Mapping[str, Any]) -> Response:
    target = body.get("target_uri")
    if not isinstance(target, str) or not target.partition(":")[2]:
        raise InvalidArgument("must look like tel:+14155550123", path="target_uri")
    if call.state != "active":
        raise InvalidArgument("the call was not accepted yet", path="call_id")
    call.refer(target)
    return Response(status_code=200)


def _hang_up(_: Sessions, call: Call, __: Mapping[str, Any]) -> Response:
    call.end()
    return Response(status_code=200)


VERBS: Final[Mapping[str, Verb]] = {"accept": _accept, "reject": _reject, "refer": _refer, "hangup": _hang_up}


# --- a call that begins ------------------------------------------------------------------------------------------


def _creating(sessions: Sessions) -> Endpoint:
    async def create(request: Request) -> Response:
        key = presented_key(request.headers, request.query_params)
        secret = sessions.access.secret(key)
        if not sessions.access.admits(key):
            return http_error("bad_key")
        if sessions.is_full:
            return http_error("too_many_sessions")
        try:
            offer, session = await _offer(request, secret)
            call = sessions.calls.add(sessions.ids, sessions.wall_clock)
            sessions.take(call, session)
        except (InvalidArgument, ServerError) as error:
            return _refused(error)
        headers = {"location": f"{PATH}/{call.id}"}
        return PlainTextResponse(sdp_answer(offer), 201, headers=headers, media_type="application/sdp")

    return create


async def _offer(request: Request, secret: ClientSecret | None) -> tuple[str, RealtimeSessionConfig]:
    """Read an offer, alone or with a session beside it. Raises ``InvalidArgument``."""
    configured: object = secret.session if secret is not None else {"type": "realtime"}
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/sdp":
        offer = (await _bounded(request)).decode("utf-8", "replace")
    elif kind == "multipart/form-data":
        async with request.form(max_files=2, max_fields=2, max_part_size=MAX_BODY_BYTES) as form:
            offer = await _text(form.get("sdp"))
            asked = await _text(form.get("session"))
        configured = _json(asked) if asked else configured
    else:
        raise InvalidArgument("must be application/sdp or multipart/form-data", path="content-type")
    if not offer.startswith("v=0"):
        raise InvalidArgument("is no SDP offer", path="sdp")
    session = session_config(configured)
    if not isinstance(session, RealtimeSessionConfig):
        raise InvalidArgument("a call is a realtime session", path="session.type")
    return offer, session


async def _bounded(request: Request) -> bytes:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise InvalidArgument("is too large", path="sdp")
    return data


async def _text(part: UploadFile | str | None) -> str:
    if isinstance(part, UploadFile):
        return (await part.read(MAX_BODY_BYTES)).decode("utf-8", "replace")
    return part or ""


def _json(text: str) -> object:
    try:
        return parse(text)
    except NotJson:
        raise InvalidArgument("is no JSON object", path="session") from None


def _ringing(sessions: Sessions) -> Endpoint:
    async def ring(request: Request) -> Response:
        if not sessions.access.may_mint(presented_key(request.headers, request.query_params)):
            return http_error("bad_key")
        body = await json_body(request)
        if isinstance(body, Response):
            return body
        try:
            call = sessions.ring(_sip_headers(body.get("sip_headers", [])))
        except InvalidArgument as error:
            return _refused(error)
        return JSONResponse({"call_id": call.id}, 201)

    return ring


def _sip_headers(given: object) -> list[tuple[str, str]]:
    if not isinstance(given, list):
        raise InvalidArgument('must be a list of {"name": ..., "value": ...}', path="sip_headers")
    found: list[tuple[str, str]] = []
    for entry in cast("list[object]", given):
        header = cast("Mapping[str, object]", entry if isinstance(entry, dict) else {})
        name, value = header.get("name"), header.get("value")
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidArgument('must be a list of {"name": ..., "value": ...}', path="sip_headers")
        found.append((name, value))
    return found
