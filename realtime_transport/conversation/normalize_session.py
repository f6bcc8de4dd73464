"""What the server says about the session, its limits, and the playout buffer where it owns one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime_transport.conversation.core import Core
from realtime_transport.events.server import (
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RateLimitsUpdated,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from realtime_transport.events.transport import (
    AudioInterruptedEvent,
    RateLimitsEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
)


def session_created(core: Core, event: SessionCreated, now: float) -> None:
    """Note what is in force at the start."""
    core.session.accept(None, event.session)
    core.emit(SessionCreatedEvent(session=event.session))


def session_updated(core: Core, event: SessionUpdated, now: float) -> None:
    """Note what is in force now. It answers our oldest update; a sideband socket also hears the answers to others'."""
    request = core.requests.oldest("session")
    core.session.accept(request.event_id if request is not None else None, event.session)
    core.requests.acknowledge("session", result=event)
    core.emit(SessionUpdatedEvent(session=event.session))


def rate_limits_updated(core: Core, event: RateLimitsUpdated, now: float) -> None:
    """Pass on what is left of the account's limits."""
    core.emit(RateLimitsEvent(rate_limits=event.rate_limits))


def output_started(core: Core, event: OutputAudioBufferStarted, now: float) -> None:
    """Note that the server began to play."""
    core.server_is_playing = True
    core.session.spoke = True


def output_stopped(core: Core, event: OutputAudioBufferStopped, now: float) -> None:
    """Note that the server has played all it had."""
    core.server_is_playing = False


def output_cleared(core: Core, event: OutputAudioBufferCleared, now: float) -> None:
    """Note that the server stopped playing: because we asked for it, else because the caller spoke."""
    core.requests.acknowledge("clear_output", result=event)
    if core.server_is_playing:
        core.server_is_playing = False
        core.emit(AudioInterruptedEvent(cuts=(), by="caller"))


TABLE: Final[Mapping[type[ServerEvent], Callable[[Core, Any, float], None]]] = {
    SessionCreated: session_created,
    SessionUpdated: session_updated,
    RateLimitsUpdated: rate_limits_updated,
    OutputAudioBufferStarted: output_started,
    OutputAudioBufferStopped: output_stopped,
    OutputAudioBufferCleared: output_cleared,
}
