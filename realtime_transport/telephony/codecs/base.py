"""The interface that every carrier's codec fills, and what a carrier can do, as data.

A codec is pure: messages in, events out; intents in, messages out. It opens nothing, waits for nothing and knows no
clock. It is lenient with what comes (``receive`` never raises) and strict with what goes (a wrong size or an unknown
stream raises at the call).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Final, NoReturn, TypeAlias

import attrs

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.exceptions import InvalidArgument, StateError, UnsupportedOperation
from realtime_transport.telephony.codecs.events import AnyCarrierEvent, MessageIgnored

Frame: TypeAlias = str | bytes
"""A text or a binary WebSocket message; for AudioSocket a piece of the TCP stream."""

MAX_MESSAGE: Final = 64 * 1024
"""Bytes or characters of a message that are looked at. A carrier sends 20 to 100 ms at a time: some hundred bytes."""

DTMF_DIGITS: Final = frozenset("0123456789*#ABCD")


@attrs.frozen(kw_only=True)
class CarrierCapabilities:
    """How carriers differ, where the transport has to know."""

    formats: tuple[AudioFormat, ...]
    """What it can carry, the one that it speaks unless told otherwise first."""
    carrier_owns_clock: bool = True
    """It buffers what we write and plays it in real time. False: what we write is played at once, so we pace."""
    can_clear: bool = True
    """What it has not played yet can be taken back."""
    acknowledges_clear: bool = False
    """A clear is answered with ``BufferCleared``."""
    has_marks: bool = True
    """A mark behind audio comes back as ``MarkReached`` when playback gets there."""
    clear_returns_marks: bool | None = None
    """What a clear does to marks that are still waiting: True returns them all at once, False destroys them. None: it
    is not documented, so every mark needs a deadline."""
    frame_ms: float = 0.0
    """Audio has to be written in whole frames of so many milliseconds; 0 takes any length."""
    max_message_bytes: int = 32_000
    """Audio bytes in one message; longer audio is split."""
    lead_ms: float = 160.0
    """How far ahead of real time to write: enough for the jitter of our loop, little enough to take back."""
    max_ahead_ms: float = 30_000.0
    """Never further ahead than this, or the carrier drops audio."""
    flow_control: bool = False
    """It says when its buffer is full (``FlowChanged``)."""
    dtmf_in: bool = True
    dtmf_out: bool = False
    """Keys can be sent in the stream. Elsewhere it takes a REST call."""
    can_hang_up: bool = False
    """The call can be ended in the stream. Elsewhere it takes a REST call, or closing the socket."""
    reports_end: bool = False
    """Without marks, it says when it has played all it had (``PlaybackChanged``): that confirms the last word."""
    closes_last: bool = False
    """A hang-up of ours is answered, the answer is answered, and then it closes the socket itself."""
    ordered: bool = True
    """Media arrives in order. False: sort by ``MediaReceived.sequence``."""
    sends_stop: bool = True
    """The end is announced with ``CallStopped``. Where not, the end of the socket is all there is."""


class CarrierCodec(ABC):
    """One call's worth of one carrier's protocol. Make a new one for every socket."""

    name: ClassVar[str]
    capabilities: CarrierCapabilities
    """Known by the class already, except where the carrier is recognised first."""

    def __init__(self, *, output_format: AudioFormat | None = None) -> None:
        self._output_format = output_format
        self._input_format: AudioFormat | None = None
        self._stream_id: str | None = None
        self._replies: list[Frame] = []

    # --- in --------------------------------------------------------------------------------------------------------

    def receive(self, message: Frame) -> list[AnyCarrierEvent]:
        """Return what a message says, in order. Never raises: what cannot be read is a ``MessageIgnored``."""
        if len(message) > MAX_MESSAGE:
            return [MessageIgnored(reason=f"a message of {len(message)} is above the limit of {MAX_MESSAGE}")]
        return list(self._receive(message))

    @abstractmethod
    def _receive(self, message: Frame) -> Iterable[AnyCarrierEvent]:
        """Read one message of acceptable size."""

    def replies(self) -> list[Frame]:
        """Return, once, what the protocol itself has to answer (handshake, pong). Send it before anything else."""
        replies, self._replies = self._replies, []
        return replies

    # --- out: what a carrier cannot do raises ``UnsupportedOperation`` ------------------------------------------------

    @property
    def input_format(self) -> AudioFormat:
        """The caller's audio: as the carrier said, or its usual one before that."""
        return self._input_format or self.capabilities.formats[0]

    @property
    def output_format(self) -> AudioFormat:
        """The format that ``media`` wants: as configured, else the caller's."""
        return self._output_format or self.input_format

    @property
    def frame_bytes(self) -> int:
        """Audio passed to ``media`` has to be a multiple of this: one sample where any length is taken."""
        return self.output_format.bytes_for(self.capabilities.frame_ms) or self.output_format.frame_bytes

    def media(self, audio: bytes) -> list[Frame]:
        """Return the messages that play ``audio``, in ``output_format``.

        Raises ``InvalidArgument`` unless it is whole frames, ``StateError`` before the call has started.
        """
        if len(audio) % self.frame_bytes:
            raise InvalidArgument(
                f"{self.name} takes whole frames of {self.frame_bytes} bytes, not {len(audio)}", path="audio"
            )
        size = self._message_bytes()
        return [self._media(audio[at : at + size]) for at in range(0, len(audio), size)]

    def mark(self, name: str) -> list[Frame]:
        """Return what asks for ``MarkReached(name)`` once everything before it is played."""
        return [self._mark(name)]

    def clear(self) -> list[Frame]:
        """Return what takes back the audio that is not played yet."""
        return [self._clear()]

    def dtmf(self, digits: str) -> list[Frame]:
        """Return what sends ``digits`` to the caller's side. Raises ``InvalidArgument`` for what no key has."""
        if not digits or not DTMF_DIGITS.issuperset(digits):
            raise InvalidArgument("has to be of 0-9, *, # and A-D", path="digits")
        return [self._dtmf(digits)]

    def hang_up(self) -> list[Frame]:
        """Return what ends the call."""
        return [self._hang_up()]

    # --- what a carrier fills in -----------------------------------------------------------------------------------

    @abstractmethod
    def _media(self, audio: bytes) -> Frame:
        """Write one message of whole frames."""

    def _mark(self, name: str) -> Frame:
        """Write a mark. Overridden where ``has_marks``."""
        self._cannot("acknowledge what it has played")

    def _clear(self) -> Frame:
        """Write a clear. Overridden where ``can_clear``."""
        self._cannot("take audio back: write little ahead")

    def _dtmf(self, digits: str) -> Frame:
        """Write keys. Overridden where ``dtmf_out``."""
        self._cannot("send keys in the stream: use its REST API")

    def _hang_up(self) -> Frame:
        """Write the end. Overridden where ``can_hang_up``."""
        self._cannot("hang up in the stream: use its REST API or close the socket")

    def _message_bytes(self) -> int:
        """Return the most that goes into one message: a multiple of a frame, one at least."""
        return max(1, self.capabilities.max_message_bytes // self.frame_bytes) * self.frame_bytes

    def _require_stream(self) -> str:
        if self._stream_id is None:
            raise StateError(f"{self.name} has not started the call yet: its stream has no name")
        return self._stream_id

    def _cannot(self, what: str) -> NoReturn:
        raise UnsupportedOperation(f"{self.name} cannot {what}")
