"""A transport as far as a listener sees one: public events, through the real emitter."""

from __future__ import annotations

import numpy as np

from realtime_transport.emitter import Emitter
from realtime_transport.events import (
    TRANSPORT_EVENTS,
    AudioEvent,
    AudioInterruptedEvent,
    Cut,
    ErrorEvent,
    InputAudioBufferAppend,
    SentEvent,
    TransportEvent,
)


class Wire:
    """Emits what a test says happened."""

    def __init__(self, session: object = None) -> None:
        self._emitter = Emitter(TRANSPORT_EVENTS)
        self.session = session
        self.on = self._emitter.on
        self.off = self._emitter.off
        self.errors: list[ErrorEvent] = []
        self._emitter.on("error", self.errors.append)

    def emit(self, event: TransportEvent) -> None:
        self._emitter.emit(event.name, event)

    def caller(self, value: int, ms: float) -> None:
        self.emit(SentEvent(event=InputAudioBufferAppend(audio=level(value, ms))))

    def agent(self, value: int, ms: float, item_id: str = "item_1") -> None:
        self.emit(AudioEvent(data=level(value, ms), response_id="resp_1", item_id=item_id, content_index=0))

    def interrupted(self, **heard_ms: int) -> None:
        cuts = tuple(
            Cut(response_id="resp_1", item_id=item_id, content_index=0, heard_ms=ms, received_ms=9999)
            for item_id, ms in heard_ms.items()
        )
        self.emit(AudioInterruptedEvent(cuts=cuts, by="caller"))


def level(value: int, ms: float) -> bytes:
    return np.full(int(ms * 24), value, dtype="<i2").tobytes()
