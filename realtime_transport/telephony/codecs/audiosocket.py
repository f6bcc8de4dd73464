"""Asterisk AudioSocket: a TCP stream of kind, length and payload.

What we write is played at once and cannot be taken back, and nothing tells when it was played: pace it, with little
lead. There is no authentication: listen on a private network and check the UUID. Kinds above 0x10 need Asterisk of
October 2025 or later; older ones end the call over them.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from realtime_transport.audio.formats import PCM16_8K, AudioFormat
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs.base import CarrierCapabilities, CarrierCodec, Frame
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    CallStarted,
    CallStopped,
    DtmfReceived,
    MediaReceived,
    MessageIgnored,
)

HANGUP: Final = 0x00
_READERS: Final[Mapping[int, str]] = {
    HANGUP: "_read_hangup",
    0x01: "_read_uuid",
    0x03: "_read_dtmf",
    0xFF: "_read_error",
}
"""Kind -> the method that reads such a message."""

RATES: Final[Mapping[int, int]] = {
    0x10: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
"""Kind of an audio message -> samples per second of its 16-bit little-endian PCM."""

_HEADER: Final = struct.Struct(">BH")
_KINDS: Final = {rate: kind for kind, rate in RATES.items()}


class AudioSocketCodec(CarrierCodec):
    """One TCP connection. ``audio_format`` is what the dialplan or the channel speaks: 8 kHz unless it was told so.

    Raises ``InvalidArgument`` for a format that AudioSocket has no kind for.
    """

    name: ClassVar[str] = "audiosocket"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=tuple(AudioFormat(encoding="pcm16", rate=rate) for rate in _KINDS),
        carrier_owns_clock=False,
        can_clear=False,
        has_marks=False,
        frame_ms=20.0,
        lead_ms=40.0,
        max_ahead_ms=100.0,
        can_hang_up=True,
    )

    def __init__(self, *, audio_format: AudioFormat = PCM16_8K) -> None:
        super().__init__(output_format=audio_format)
        if audio_format not in self.capabilities.formats:
            raise InvalidArgument(f"AudioSocket has no {audio_format}", path="audio_format")
        self._input_format = audio_format
        self._kind = _KINDS[audio_format.rate]
        # Holds less than one message: 3 + 65535 bytes.
        self._rest = b""

    def receive(self, message: Frame) -> list[AnyCarrierEvent]:
        """Return what is complete in the stream so far. Never raises."""
        return list(self._receive(message))

    def _receive(self, message: Frame) -> Iterable[AnyCarrierEvent]:
        if isinstance(message, str):
            yield MessageIgnored(reason="AudioSocket is a stream of bytes", raw=message)
            return
        data, at = self._rest + message, 0
        while at + _HEADER.size <= len(data):
            kind, length = _HEADER.unpack_from(data, at)
            end = at + _HEADER.size + length
            if end > len(data):
                break
            yield self._read(kind, data[at + _HEADER.size : end])
            at = end
        self._rest = data[at:]

    def _read(self, kind: int, payload: bytes) -> AnyCarrierEvent:
        if kind in _READERS:
            event: AnyCarrierEvent = getattr(self, _READERS[kind])(payload)
            return event
        if kind == self._kind:
            return MediaReceived(audio=payload)
        if kind in RATES:
            return MessageIgnored(reason=f"audio at {RATES[kind]} Hz, and {self.input_format.rate} was agreed")
        return MessageIgnored(reason=f"unknown kind 0x{kind:02x}")

    def _read_uuid(self, payload: bytes) -> AnyCarrierEvent:
        if len(payload) != 16:
            return MessageIgnored(reason="a UUID that has not 16 bytes")
        self._stream_id = str(uuid.UUID(bytes=payload))
        return CallStarted(call_id=self._stream_id, stream_id=self._stream_id, format=self.input_format)

    def _read_dtmf(self, payload: bytes) -> AnyCarrierEvent:
        return DtmfReceived(digit=payload[:1].decode("ascii", "replace"))

    def _read_hangup(self, payload: bytes) -> AnyCarrierEvent:
        return CallStopped(reason="hangup")

    def _read_error(self, payload: bytes) -> AnyCarrierEvent:
        return CallStopped(reason=f"error {payload.hex()}".rstrip())

    def _message_bytes(self) -> int:
        return self.frame_bytes  # Asterisk plays one message as one frame

    def _media(self, audio: bytes) -> bytes:
        return _HEADER.pack(self._kind, len(audio)) + audio

    def _hang_up(self) -> bytes:
        return _HEADER.pack(HANGUP, 0)
