"""Where the parts of a conversation put what the driver has to carry away."""

from __future__ import annotations

import attrs

from realtime_transport.events.client import ClientEvent
from realtime_transport.events.transport import ErrorEvent, TransportEvent
from realtime_transport.exceptions import RealtimeError


@attrs.define
class Outbox:
    """Frames for the peer and events for the application, each in order.

    Neither list has a bound of its own: a driver drains both after every single call, so they never hold more than
    one call made. The bound on what waits for the network is the driver's.
    """

    frames: list[ClientEvent] = attrs.field(factory=list[ClientEvent])
    events: list[TransportEvent] = attrs.field(factory=list[TransportEvent])

    def report(self, error: RealtimeError, event_id: str | None = None) -> None:
        """Tell the application about an error that no call can raise."""
        self.events.append(ErrorEvent(error=error, event_id=event_id))
