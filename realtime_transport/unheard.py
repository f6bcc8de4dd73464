"""What must not pass in silence when nobody listens: it is logged."""

from __future__ import annotations

import logging
from typing import Any, Final, TypeGuard

from realtime_transport.events.transport import AudioGapEvent

logger: logging.Logger = logging.getLogger("realtime_transport")

NEVER_SILENT: Final = frozenset({"error", "audio_gap"})
"""Names that are logged when nobody hears them."""


def log_unheard(name: str, event: Any) -> None:
    """Log an event of one of these names."""
    if isinstance(event, AudioGapEvent):
        logger.warning("%g ms of audio %s were lost: %s", event.ms, event.direction, event.reason)
        return
    error = getattr(event, "error", event)
    logger.error("nobody listens to %r: %s", name, error, exc_info=error if _was_raised(error) else None)


def _was_raised(error: object) -> TypeGuard[BaseException]:
    """Whether a log gains from the traceback: an error that was only made has none."""
    return isinstance(error, BaseException) and (error.__traceback__ or error.__cause__) is not None
