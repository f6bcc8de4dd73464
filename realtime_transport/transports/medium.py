"""What carries frames: the part of a transport that differs from one to the next."""

from __future__ import annotations

import abc

from realtime_transport.transports.request import ConnectRequest


class Medium(abc.ABC):
    """What a subclass of ``RealtimeTransportLayer`` writes; what arrives goes to ``feed`` and ``feed_closed``."""

    @abc.abstractmethod
    async def _open(self, request: ConnectRequest) -> None:
        """Open the medium. Raise what went wrong, leaving nothing open; also when cancelled."""

    @abc.abstractmethod
    async def _write(self, frame: bytes) -> None:
        """Hand over one frame; wait while the medium takes no more. Whatever it raises ends the connection."""

    def _write_now(self, frame: bytes) -> bool:
        """Hand over one frame without waiting, and return True, where the medium can; else it comes to ``_write``."""
        return False

    @abc.abstractmethod
    async def _close(self, code: int, reason: str) -> None:
        """Close the medium, if it is still open, and release it. Called once for each ``_open`` that returned."""

    def _abort(self) -> None:  # noqa: B027 - optional: most media have nothing that outlives a cancelled ``_close``
        """Drop the medium at once, without waiting: ``_close`` took too long, or ``close()`` was forgotten."""
