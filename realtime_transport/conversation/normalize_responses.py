"""What the server says about a response as a whole, its items, and the calls in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime_transport.conversation import tally
from realtime_transport.conversation.core import Core
from realtime_transport.conversation.interruption import delete_unheard, stop_at_birth
from realtime_transport.conversation.item_news import tell_item
from realtime_transport.conversation.normalize_output import close_audio
from realtime_transport.conversation.record import record
from realtime_transport.conversation.turns import Turn
from realtime_transport.events.response import Response
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.server_response import (
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
)
from realtime_transport.events.transport import McpToolCallCompletedEvent, TurnDoneEvent, UsageUpdateEvent
from realtime_transport.exceptions import ServerError


def response_created(core: Core, event: ResponseCreated, now: float) -> None:
    """Note that a response began, in which format it speaks, and whether it speaks at all."""
    turn = core.responses.created(event.response, now, event)
    if turn is None:
        core.counts.stale += 1
        return
    core.describe(turn, event.response)
    stop_at_birth(core, turn, now)


def response_done(core: Core, event: ResponseDone, now: float) -> None:
    """End a response: what servers left open is closed, what an interruption left over is removed."""
    response = event.response
    running = core.responses.find(response)
    muted = running is not None and running.muted
    if running is not None and muted:
        for item in response.output or ():
            running.made(item)
        delete_unheard(core, running, now)  # before the next request leaves, whose context it is not
    turn = core.responses.done(response, now, event)
    if turn is None:
        core.counts.stale += 1
        return
    if not turn.out_of_band:
        record(core, event, now)
    for item in response.output or ():
        tell_item(core, item, turn.id)
    for (item_id, content_index), part in list(turn.parts.items()):
        if part.speaks and not muted:
            close_audio(core, turn, item_id, content_index, now)
    core.playout.response_done(turn.id)
    core.emit(_turn_done(turn, response))
    if response.usage:
        core.usage = tally.add(core.usage, response.usage)
        core.emit(UsageUpdateEvent(usage=response.usage, total=core.usage, response_id=turn.id))


def _turn_done(turn: Turn, response: Response) -> TurnDoneEvent:
    details = response.status_details or None
    failure = (details.error or None) if details is not None else None
    error: ServerError | None = None
    if failure is not None:
        error = ServerError(
            failure.message or "the response failed", type=failure.type or "", code=failure.code or None
        )
    return TurnDoneEvent(
        response_id=turn.id,
        status=response.status or (details.type if details is not None else None) or "completed",
        reason=(details.reason or None) if details is not None else None,
        error=error,
        usage=response.usage or None,
        output=response.output or (),
        out_of_band=turn.out_of_band,
    )


# --- items -------------------------------------------------------------------------------------------------------


def output_item_added(core: Core, event: ResponseOutputItemAdded, now: float) -> None:
    """Note an item of a response; several may be open at a time."""
    _output_item(core, event, now)


def output_item_done(core: Core, event: ResponseOutputItemDone, now: float) -> None:
    """Note that an item is complete, and tell what it asks for: a call, an approval."""
    turn = _output_item(core, event, now)
    tell_item(core, event.item, turn.id if turn is not None else event.response_id or None)


def _output_item(core: Core, event: ResponseOutputItemAdded | ResponseOutputItemDone, now: float) -> Turn | None:
    """Record an item, also of a response that was interrupted or is over: what was said of it counts."""
    item_id = event.item.id or ""
    turn = core.responses.heard_from(event.response_id or "", now)
    if turn is not None and turn.out_of_band:
        core.outside.add(item_id)
    elif turn is not None:
        turn.made(event.item)
    if item_id not in core.outside:
        record(core, event, now)
    return turn


# --- calls -------------------------------------------------------------------------------------------------------


def arguments(
    core: Core,
    event: ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone,
    now: float,
) -> None:
    """Let a call grow in the history. The call itself is told with its completed item."""
    turn = core.responses.heard_from(event.response_id or "", now)
    if turn is None or not turn.out_of_band:
        record(core, event, now)


def mcp_call_in_progress(core: Core, event: ResponseMcpCallInProgress, now: float) -> None:
    """Leave it to listeners of ``*``: nothing is known yet."""


def mcp_call_completed(core: Core, event: ResponseMcpCallCompleted, now: float) -> None:
    """Tell that a hosted tool ran, if its item holds the output already; else the item tells when it does."""
    item = core.history.get(event.item_id)
    if item is not None:
        tell_item(core, item, None)


def mcp_call_failed(core: Core, event: ResponseMcpCallFailed, now: float) -> None:
    """Tell that a hosted tool failed or was denied; its item may say why, now or later."""
    item = core.history.get(event.item_id)
    if item is not None and core.told.add((McpToolCallCompletedEvent, event.item_id)):
        core.emit(McpToolCallCompletedEvent(item=item, failed=True))


TABLE: Final[Mapping[type[ServerEvent], Callable[[Core, Any, float], None]]] = {
    ResponseCreated: response_created,
    ResponseDone: response_done,
    ResponseOutputItemAdded: output_item_added,
    ResponseOutputItemDone: output_item_done,
    ResponseFunctionCallArgumentsDelta: arguments,
    ResponseFunctionCallArgumentsDone: arguments,
    ResponseMcpCallArgumentsDelta: arguments,
    ResponseMcpCallArgumentsDone: arguments,
    ResponseMcpCallInProgress: mcp_call_in_progress,
    ResponseMcpCallCompleted: mcp_call_completed,
    ResponseMcpCallFailed: mcp_call_failed,
}
