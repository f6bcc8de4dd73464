"""Who comes in: keys, room, and the faults that begin at the handshake."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import attrs
from starlette.responses import Response
from starlette.websockets import WebSocket

from realtime_transport.emulator.access import SecretKind, presented_key
from realtime_transport.emulator.endpoints import ANSWERED_PROTOCOL
from realtime_transport.emulator.faults import FaultPlan
from realtime_transport.emulator.http_errors import http_error
from realtime_transport.emulator.line import WIRE_KEY, Wire
from realtime_transport.emulator.sessions import Sessions
from realtime_transport.exceptions import InvalidArgument


@attrs.frozen(kw_only=True)
class Visitor:
    """A client whose socket was accepted."""

    key: str | None = attrs.field(repr=False)
    offered: Sequence[str]
    """The sub-protocols it offered."""
    plan: FaultPlan
    wire: Wire | None


async def welcome(sessions: Sessions, socket: WebSocket, kinds: AbstractSet[SecretKind]) -> Visitor | None:
    """Accept a socket; None when it was refused, with an HTTP status and a reason as JSON.

    ``kinds`` are those of the client secrets that open this door.
    """
    offered: list[str] = socket.scope.get("subprotocols", [])
    key = presented_key(socket.headers, socket.query_params, offered)
    try:
        plan = sessions.plan(socket.query_params)
    except InvalidArgument as error:
        await socket.send_denial_response(http_error("bad_value", param=error.path, message=str(error)))
        return None
    call_id = socket.query_params.get("call_id")
    refused = _refusal(sessions, key, plan) or _wrong_door(sessions, key, kinds) or _no_call(sessions, call_id)
    if refused is not None:
        await socket.send_denial_response(refused)
        return None
    await socket.accept(subprotocol=ANSWERED_PROTOCOL if ANSWERED_PROTOCOL in offered else None)
    return Visitor(key=key, offered=offered, plan=plan, wire=socket.scope.get(WIRE_KEY))


def _refusal(sessions: Sessions, key: str | None, plan: FaultPlan) -> Response | None:
    if plan.status is not None:
        wait = plan.faults.retry_after
        headers = {} if wait is None else {"Retry-After": f"{wait:g}"}
        return http_error("on_purpose", status=plan.status, headers=headers)
    if not sessions.access.admits(key):
        return http_error("bad_key")
    return http_error("too_many_sessions") if sessions.is_full else None


def _wrong_door(sessions: Sessions, key: str | None, kinds: AbstractSet[SecretKind]) -> Response | None:
    secret = sessions.access.secret(key)
    return http_error("wrong_kind") if secret is not None and secret.kind not in kinds else None


def _no_call(sessions: Sessions, call_id: str | None) -> Response | None:
    """Refuse who wants to join a call that is not active."""
    if not call_id:
        return None
    call = sessions.calls.get(call_id)
    if call is None or call.state != "active":
        return http_error("no_such_call")
    return http_error("crowded") if call.is_crowded else None
