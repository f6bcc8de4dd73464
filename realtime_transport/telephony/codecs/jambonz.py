"""jambonz: the ``listen`` verb with ``bidirectionalAudio.streaming``: 16-bit PCM as binary messages, JSON beside it.

The first message holds the call's attributes, the rate and ``metadata``; the WebSocket's subprotocol is
``audio.jambonz.org``. ``bidirectionalAudio.sampleRate`` has no default and is not told here: set it to ``sampleRate``,
or say it as ``output_format``. ``mixType`` has to be ``mono``, and ``passDtmf`` on for keys. Marks and what a clear
does to them are taken from servers in use, not from jambonz's reference: every mark has its deadline. Closing the
socket ends the verb, not the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K
from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import CarrierCapabilities
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    CallStarted,
    DtmfReceived,
    MarkReached,
    MediaReceived,
)
from realtime_transport.telephony.codecs.json_codec import JsonCodec

SUBPROTOCOL: Final = "audio.jambonz.org"


class JambonzCodec(JsonCodec):
    """``output_format`` is the ``bidirectionalAudio.sampleRate``, where that differs from ``sampleRate``."""

    name: ClassVar[str] = "jambonz"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCM16_8K, PCM16_16K, PCM16_24K), frame_ms=20.0, sends_stop=False
    )
    readers: ClassVar[Mapping[str, str]] = {"start": "_read_start", "dtmf": "_read_dtmf", "mark": "_read_mark"}

    def _word(self, message: dict[str, Any]) -> str:
        said = fields.text(message, "event") or fields.text(message, "type")
        return said or ("start" if "callSid" in message else "")

    def _receive_binary(self, message: bytes) -> Iterable[AnyCarrierEvent]:
        return [MediaReceived(audio=message)]

    def _read_start(self, message: dict[str, Any]) -> AnyCarrierEvent:
        self._stream_id = fields.text(message, "callSid")
        rate, mono = fields.whole(message, "sampleRate"), fields.text(message, "mixType") in {"", "mono"}
        spoken = next((fmt for fmt in self.capabilities.formats if fmt.rate == rate and mono), None)
        self._input_format = spoken
        return CallStarted(
            call_id=self._stream_id,
            stream_id=self._stream_id,
            format=spoken,
            account_id=fields.text(message, "accountSid"),
            caller=fields.text(message, "from"),
            called=fields.text(message, "to"),
            custom=fields.texts(fields.part(message, "metadata")),
            raw=message,
        )

    def _read_dtmf(self, message: dict[str, Any]) -> AnyCarrierEvent:
        duration = fields.number(message, "duration")
        return DtmfReceived(digit=fields.text(message, "dtmf"), duration_ms=duration, raw=message)

    def _read_mark(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return MarkReached(name=fields.text(fields.part(message, "data"), "name"), raw=message)

    def _media(self, audio: bytes) -> bytes:
        return audio

    def _mark(self, name: str) -> str:
        return fields.encode({"type": "mark", "data": {"name": name}})

    def _clear(self) -> str:
        return fields.encode({"type": "killAudio"})
