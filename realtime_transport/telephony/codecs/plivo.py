"""Plivo audio streaming: checkpoints instead of marks, and keys that can be sent.

A checkpoint that a clear has thrown out never returns: ``playedStream`` is sent only for what was played. The default
format is documented in two ways, so the answer document should always say one; ``start`` repeats it. There is no
``stop``: the socket simply ends. ``sendDTMF`` is known from code derived from Plivo's own, not from its reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCMU
from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import CarrierCapabilities
from realtime_transport.telephony.codecs.events import AnyCarrierEvent, BufferCleared, MarkReached
from realtime_transport.telephony.codecs.twilio_family import COMMON_READERS, StartNames, TwilioFamilyCodec


class PlivoCodec(TwilioFamilyCodec):
    """Plivo's ``<Stream bidirectional="true">``, and the carriers that copied it (Vobiz)."""

    name: ClassVar[str] = "plivo"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCMU, PCM16_8K, PCM16_16K),
        acknowledges_clear=True,
        clear_returns_marks=False,
        dtmf_out=True,
        sends_stop=False,
    )
    readers: ClassVar[Mapping[str, str]] = {
        **COMMON_READERS,
        "playedStream": "_read_played",
        "played": "_read_played",
        "clearedAudio": "_read_cleared",
    }
    names: ClassVar[StartNames] = StartNames(
        stream="streamId", call="callId", account="accountId", format="mediaFormat", custom="extra_headers"
    )

    def _custom(self, start: dict[str, Any]) -> dict[str, str]:
        """Read the extra headers: an object, a JSON text, or ``userId=1;name=x``; all are in the field."""
        headers = start.get(self.names.custom)
        if not isinstance(headers, str):
            return super()._custom(start)
        decoded = fields.decode(headers)
        if decoded is not None:
            return fields.texts(decoded)
        pairs = (pair.partition("=") for pair in headers.replace(",", ";").split(";"))
        return {name.strip(): value.strip() for name, found, value in pairs if found}

    def _read_played(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return MarkReached(name=fields.text(message, "name"), raw=message)

    def _read_cleared(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return BufferCleared(raw=message)

    def _media(self, audio: bytes) -> str:
        fmt = self.output_format
        spelt = "audio/x-mulaw" if fmt.encoding == "pcmu" else "audio/x-l16"
        return self._message(
            "playAudio", media={"contentType": spelt, "sampleRate": fmt.rate, "payload": fields.base64(audio)}
        )

    def _mark(self, name: str) -> str:
        return self._message("checkpoint", name=name)

    def _clear(self) -> str:
        return self._message("clearAudio")

    def _dtmf(self, digits: str) -> str:
        return fields.encode({"event": "sendDTMF", "dtmf": digits})
