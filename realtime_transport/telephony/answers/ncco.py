"""NCCO: the JSON of Vonage's Voice API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from realtime_transport.telephony.answers.document import Asked, Document, FieldNames, StreamOffer, as_json, spelt

_FIELDS: Final = FieldNames("uuid", "from", "to")
_TYPES: Final[Mapping[AudioFormat, str]] = {
    # First what the model speaks: nothing is resampled then.
    PCM16_24K: "audio/l16;rate=24000",
    PCM16_16K: "audio/l16;rate=16000",
    PCM16_8K: "audio/l16;rate=8000",
}


@attrs.frozen
class NccoAnswers:
    """Vonage's documents. An NCCO knows neither busy nor reject: a refusal is a sentence, spoken, and the end."""

    busy_text: str = "All lines are busy. Please call again later."
    rejected_text: str = "This call cannot be taken. Goodbye."

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Read the query or JSON of an answer URL."""
        return _FIELDS.read(fields)

    def connect(self, offer: StreamOffer) -> Document:
        """Write ``connect`` to a WebSocket endpoint, at 24 kHz unless asked otherwise.

        The call's ``uuid`` goes along as a header: the stream does not say it by itself. Raises ``InvalidArgument``
        for a format that Vonage has not.
        """
        endpoint: dict[str, Any] = {
            "type": "websocket",
            "uri": offer.url,
            "content-type": spelt("Vonage", offer.format, _TYPES),
            "headers": {**offer.custom, **({"uuid": offer.call_id} if offer.call_id else {})},
        }
        if offer.sign:
            endpoint["authorization"] = {"type": "vonage"}
        return as_json([{"action": "connect", "endpoint": [endpoint]}])

    def refuse(self, *, busy: bool) -> Document:
        """Write ``talk``, after which the call ends."""
        return as_json([{"action": "talk", "text": self.busy_text if busy else self.rejected_text}])
