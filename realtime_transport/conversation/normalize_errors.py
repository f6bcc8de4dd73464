"""What the server refuses: find the request it means, settle it, and tell.

Most servers name the client event in ``error.event_id``. Where they do not, the error's code says what kind of
request it must have been, and the oldest open one of that kind is taken for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime_transport.conversation import finishing
from realtime_transport.conversation.core import Core
from realtime_transport.conversation.record import record
from realtime_transport.conversation.requests import Request, RequestKind
from realtime_transport.conversation.responses import BUSY, CANCEL_IS_LATE
from realtime_transport.events.client import ConversationItemDelete, ConversationItemRetrieve
from realtime_transport.events.server import ErrorDetail, ErrorFrame, ServerEvent
from realtime_transport.events.server_conversation import ConversationItemDeleted
from realtime_transport.exceptions import ServerError

CULPRITS: Final[Mapping[str, RequestKind]] = {
    BUSY: "response",
    "conversation_too_long": "response",
    "response_cancel_not_active": "cancel",
    "input_audio_buffer_commit_empty": "commit",
    "item_truncate_invalid_item_id": "truncate_item",
    "item_delete_invalid_item_id": "delete_item",
    "item_retrieve_invalid_item_id": "retrieve_item",
    "item_create_duplicate_item_id": "create_item",
    "item_create_invalid_previous_item_id": "create_item",
    "invalid_tool_call_id": "create_item",
    "cannot_update_voice": "session",
    "session_update_error": "session",
}
"""Code -> the only kind of request that can earn it. ``invalid_tool_call_id`` never names its event, live."""

UNKNOWN_ITEM: Final = frozenset(
    {("delete_item", "item_delete_invalid_item_id"), ("retrieve_item", "item_retrieve_invalid_item_id")}
)
"""Refusals that say of an item that the server does not have it, whatever the record says."""


def error_frame(core: Core, event: ErrorFrame, now: float) -> None:
    """Settle the request that failed, and tell; what is benign is settled as done and not told."""
    error = server_error(event.error, event.raw)
    request = _culprit(core, error)
    if request is None and error.code in CANCEL_IS_LATE:
        core.counts.stale += 1  # its response ended, and settled the cancel, while it was on its way
        return
    if request is None:
        core.outbox.report(error, error.event_id)
        return
    if request.kind == "response":
        if not core.responses.refused(request.event_id, error, now):
            core.outbox.report(error, request.event_id)
        return
    if _is_too_early(core, request, error):
        return
    _settle(core, request, error)
    if request.kind == "session":
        core.session.refuse(request.event_id)
    elif request.kind == "commit":
        finishing.look(core)
    elif request.kind == "truncate_item":
        _look_again(core, request.key, now)
    elif (request.kind, error.code) in UNKNOWN_ITEM and request.key in core.history:
        _forget(core, request.key, now)


def _is_too_early(core: Core, request: Request, error: ServerError) -> bool:
    """Note that a cancel found nothing because its response has yet to begin: it is sent again when it does."""
    turn = core.responses.sent
    if error.code not in CANCEL_IS_LATE or turn is None or (request.kind, request.key) != ("cancel", turn.marker):
        return False
    turn.cancel_again = request.event_id
    return True


def _settle(core: Core, request: Request, error: ServerError) -> None:
    """Settle a request, and with a cancel those that joined it."""
    benign = error.code in request.benign
    joined: Request | None = request
    while joined is not None:
        if benign:
            core.requests.settle(joined.event_id, "acknowledged")
        else:
            core.requests.settle(joined.event_id, "failed", error=error, reported=True)
        joined = core.requests.oldest("cancel", request.key) if request.kind == "cancel" else None
    if not benign:
        core.outbox.report(error, request.event_id)


def _look_again(core: Core, item_id: str, now: float) -> None:
    """Fetch an item whose truncation was refused: what we believe about it was wrong."""
    event = ConversationItemRetrieve(event_id=core.ids("event"), item_id=item_id)
    core.ask(event, "retrieve_item", now, key=item_id, silent=True)


def _forget(core: Core, item_id: str, now: float) -> None:
    """Strike an item off the record that the server does not have. Should it come after all, it may be deleted anew."""
    core.gone.add(item_id)
    core.told.discard((ConversationItemDelete, item_id))
    record(core, ConversationItemDeleted(item_id=item_id), now)


def _culprit(core: Core, error: ServerError) -> Request | None:
    if error.event_id:
        request = core.requests.get(error.event_id)
        if request is not None or core.capabilities.echoes_event_id:
            return request
    kind = CULPRITS.get(error.code or "")
    if kind is None:
        return None
    if kind == "response":
        sent = core.responses.sent
        return core.requests.get(sent.marker) if sent is not None else None
    return core.requests.oldest_of(kind)


def server_error(detail: ErrorDetail, raw: Mapping[str, Any] | None = None) -> ServerError:
    """Make an exception of what the server says went wrong."""
    return ServerError(
        detail.message,
        type=detail.type or "",
        code=detail.cause,
        param=detail.param or None,
        event_id=detail.event_id or None,
        raw=raw,
    )


TABLE: Final[Mapping[type[ServerEvent], Callable[[Core, Any, float], None]]] = {ErrorFrame: error_frame}
