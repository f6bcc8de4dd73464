"""Vonage Voice WebSockets: audio as binary messages of exactly 20 ms, JSON text beside it.

At 24 kHz the model's audio passes through untouched. Whether a clear returns the notifications that wait is not
documented. There is no stop: the socket ends, and closing it ends the leg. Keys are sent over REST.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K
from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import CarrierCapabilities
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    BufferCleared,
    CallStarted,
    DtmfReceived,
    MarkReached,
    MediaReceived,
)
from realtime_transport.telephony.codecs.json_codec import JsonCodec

_OWN: Final = frozenset({"event", "content-type"})
"""Keys of ``websocket:connected`` that are Vonage's; the rest are the headers of the NCCO, laid flat."""

_CALL_KEYS: Final = ("uuid", "call_uuid", "call-id", "conversation_uuid")
"""Headers that an answer document usually passes the call's name in: Vonage itself does not say it here."""


class VonageCodec(JsonCodec):
    """Vonage Voice, its Video Audio Connector, and the carriers that copied it (Infobip, NTT CPaaS)."""

    name: ClassVar[str] = "vonage"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCM16_16K, PCM16_8K, PCM16_24K),
        acknowledges_clear=True,
        frame_ms=20.0,
        sends_stop=False,
        # Third parties speak of 3072 packets, a minute; half of it is prudent.
        max_ahead_ms=30_000.0,
    )
    readers: ClassVar[Mapping[str, str]] = {
        "websocket:connected": "_read_connected",
        "websocket:dtmf": "_read_dtmf",
        "websocket:cleared": "_read_cleared",
        "websocket:notify": "_read_notify",
    }

    def _receive_binary(self, message: bytes) -> Iterable[AnyCarrierEvent]:
        return [MediaReceived(audio=message)]

    def _read_connected(self, message: dict[str, Any]) -> AnyCarrierEvent:
        said = fields.text(message, "content-type")
        self._input_format = fields.audio_format(said) if said else PCM16_16K
        custom = fields.texts({key: value for key, value in message.items() if key not in _OWN})
        call_id = next((custom[key] for key in _CALL_KEYS if key in custom), "")
        self._stream_id = call_id
        return CallStarted(call_id=call_id, stream_id=call_id, format=self._input_format, custom=custom, raw=message)

    def _read_dtmf(self, message: dict[str, Any]) -> AnyCarrierEvent:
        nested = fields.part(message, "dtmf")
        digit = fields.text(message, "digit") or fields.text(nested, "digit")
        return DtmfReceived(digit=digit, duration_ms=fields.number(message, "duration"), raw=message)

    def _read_cleared(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return BufferCleared(raw=message)

    def _read_notify(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return MarkReached(name=fields.text(fields.part(message, "payload"), "mark"), raw=message)

    def _message_bytes(self) -> int:
        return self.frame_bytes  # a message of any other length plays too fast or too slow

    def _media(self, audio: bytes) -> bytes:
        return audio

    def _mark(self, name: str) -> str:
        return fields.encode({"action": "notify", "payload": {"mark": name}})

    def _clear(self) -> str:
        return fields.encode({"action": "clear"})
