"""Telnyx media streaming in RTP mode: the payload of RTP packets, in no guaranteed order.

``start`` states the caller's codec only; ours is whatever ``stream_bidirectional_codec`` was asked for, so the
application has to repeat it here. The byte order of L16 is not documented, and public implementations disagree: it is
an option. That a clear gives waiting marks back is documented. Without ``stream_bidirectional_mode: rtp`` Telnyx wants
mp3, and plays nothing of this.
"""

from __future__ import annotations

import array
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import CarrierCapabilities
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    CallStopped,
    MediaReceived,
    StreamConnected,
)
from realtime_transport.telephony.codecs.twilio_family import COMMON_READERS, StartNames, TwilioFamilyCodec

TOKEN_FIELD = "x-telnyx-streaming-auth-token"  # noqa: S105  (a field's name)


class TelnyxCodec(TwilioFamilyCodec):
    """``output_format`` is the ``stream_bidirectional_codec`` and rate that the call was answered with."""

    name: ClassVar[str] = "telnyx"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCMU, PCMA, PCM16_8K, PCM16_16K, PCM16_24K),
        clear_returns_marks=True,
        frame_ms=20.0,
        ordered=False,
    )
    readers: ClassVar[Mapping[str, str]] = {**COMMON_READERS, "error": "_read_error"}
    names: ClassVar[StartNames] = StartNames(
        stream="stream_id", call="call_control_id", account="user_id", format="media_format", custom="custom_parameters"
    )
    names_stream: ClassVar[bool] = False

    def __init__(
        self, *, output_format: AudioFormat | None = PCMU, l16_byte_order: Literal["little", "big"] = "little"
    ) -> None:
        super().__init__(output_format=output_format)
        self._swap = l16_byte_order == "big"

    def _read_connected(self, message: dict[str, Any]) -> AnyCarrierEvent:
        token = fields.text(fields.part(message, "connected"), TOKEN_FIELD)
        return StreamConnected(token=token or None, raw=message)

    def _read_media(self, message: dict[str, Any]) -> AnyCarrierEvent:
        event = super()._read_media(message)
        if isinstance(event, MediaReceived) and self._swap and self.input_format.encoding == "pcm16":
            return attrs.evolve(event, audio=_swapped(event.audio))
        return event

    def _read_error(self, message: dict[str, Any]) -> AnyCarrierEvent:
        payload = fields.part(message, "payload")
        return CallStopped(reason=" ".join(filter(None, (fields.text(payload, key) for key in _ERROR))), raw=message)

    def _media(self, audio: bytes) -> str:
        return super()._media(_swapped(audio) if self._swap and self.output_format.encoding == "pcm16" else audio)


_ERROR = ("code", "title", "detail")


def _swapped(audio: bytes) -> bytes:
    """Exchange the bytes of every sample; half a sample at the end is dropped."""
    samples = array.array("h", audio[: len(audio) // 2 * 2])
    samples.byteswap()
    return samples.tobytes()
