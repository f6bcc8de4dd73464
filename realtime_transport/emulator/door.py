"""Who comes in: keys, room, and the faults that begin at the handshake."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from starlette.responses import Response
from starlette.websockets import WebSocket

from realtime_transport.emulator.access import presented_key
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


async def welcome(sessions: Sessions, socket: WebSocket) -> Visitor | None:
    """Accept a socket; None when it was refused, with an HTTP status and a reason as JSON."""
    offered: list[str] = socket.scope.get("subprotocols", [])
    key = presented_key(socket.headers, socket.query_params, offered)
    try:
        plan = sessions.plan(socket.query_params)
    except InvalidArgument as error:
        await socket.send_denial_response(http_error("bad_value", param=error.path, message=str(error)))
        return None
    refused = _refusal(sessions, key, plan)
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
