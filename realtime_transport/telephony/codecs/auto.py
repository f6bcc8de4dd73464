"""Any carrier: recognised by what it says first, and nothing of that is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from realtime_transport.audio.formats import PCMU, AudioFormat
from realtime_transport.exceptions import StateError
from realtime_transport.telephony.codecs.base import CarrierCapabilities, CarrierCodec, Frame
from realtime_transport.telephony.codecs.events import AnyCarrierEvent, MessageIgnored
from realtime_transport.telephony.codecs.recognition import recognise

MAX_EARLY: Final = 16
"""Messages that are kept until one of them says who speaks. Carriers say so in the first or the second; audio that
comes before belongs to nobody."""


class AutoCodec(CarrierCodec):
    """The codec of whoever calls. ``make`` gives one by the carrier's name.

    Decides on each message as it comes and waits for none; what came before is then read by the codec that was found.
    A look-alike is taken for its original. Give the carrier's name where it is known: a stranger who may choose the
    protocol may also choose one that nothing was verified for.
    """

    name: ClassVar[str] = "auto"
    capabilities: CarrierCapabilities = CarrierCapabilities(formats=(PCMU,))

    def __init__(self, make: Callable[[str], CarrierCodec]) -> None:
        super().__init__()
        self._make = make
        self._early: list[Frame] = []
        self.found: CarrierCodec | None = None
        """The codec of the carrier; None until it is recognised."""

    def receive(self, message: Frame) -> list[AnyCarrierEvent]:
        """Return what a message says; of the one that tells the carrier, what those before it said too."""
        if self.found is not None:
            return self.found.receive(message)
        if len(self._early) == MAX_EARLY:
            return [MessageIgnored(reason="nobody knows which carrier this is", raw=message)]
        self._early.append(message)
        carrier = recognise(_joined(self._early) if isinstance(message, bytes) else message)
        if carrier is None:
            return []
        self.found = self._make(carrier)
        self.capabilities = self.found.capabilities
        early, self._early = self._early, []
        return [event for each in early for event in self.found.receive(each)]

    def _receive(self, message: Frame) -> list[AnyCarrierEvent]:
        return self.receive(message)

    def replies(self) -> list[Frame]:
        """Return what the protocol has to answer."""
        return [] if self.found is None else self.found.replies()

    @property
    def input_format(self) -> AudioFormat:
        """The caller's audio."""
        return PCMU if self.found is None else self.found.input_format

    @property
    def output_format(self) -> AudioFormat:
        """What ``media`` wants."""
        return PCMU if self.found is None else self.found.output_format

    @property
    def frame_bytes(self) -> int:
        """What audio has to be a multiple of."""
        return 1 if self.found is None else self.found.frame_bytes

    def media(self, audio: bytes) -> list[Frame]:
        """Return the messages that play ``audio``. Raises ``StateError`` before the carrier is known."""
        return self._known().media(audio)

    def _media(self, audio: bytes) -> Frame:
        return self._known()._media(audio)

    def mark(self, name: str) -> list[Frame]:
        """Return a mark."""
        return self._known().mark(name)

    def clear(self) -> list[Frame]:
        """Return a clear."""
        return self._known().clear()

    def dtmf(self, digits: str) -> list[Frame]:
        """Return keys."""
        return self._known().dtmf(digits)

    def hang_up(self) -> list[Frame]:
        """Return what ends the call."""
        return self._known().hang_up()

    def _known(self) -> CarrierCodec:
        if self.found is None:
            raise StateError("the carrier has not said yet who it is")
        return self.found


def _joined(messages: list[Frame]) -> bytes:
    """Return the pieces of a stream as one: TCP may cut the first three bytes apart."""
    return b"".join(message for message in messages if isinstance(message, bytes))
