"""jambonz: a list of verbs. ``listen`` streams 16-bit PCM both ways, once it is told to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from realtime_transport.telephony.answers.document import Asked, Document, FieldNames, StreamOffer, as_json, spelt

_FIELDS: Final = FieldNames("call_sid", "from", "to")
_RATES: Final[Mapping[AudioFormat, str]] = {PCM16_24K: "24000", PCM16_16K: "16000", PCM16_8K: "8000"}


@attrs.frozen
class JambonzAnswers:
    """jambonz's documents."""

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Read the JSON of a calling webhook."""
        return _FIELDS.read(fields)

    def connect(self, offer: StreamOffer) -> Document:
        """Write ``listen``. Both rates are said: the one back has no default. Raises ``InvalidArgument``."""
        rate = int(spelt("jambonz", offer.format, _RATES))
        back = {"enabled": True, "streaming": True, "sampleRate": rate}
        listen = {
            "verb": "listen",
            "url": offer.url,
            "mixType": "mono",
            "sampleRate": rate,
            "passDtmf": True,
            "bidirectionalAudio": back,
            "metadata": dict(offer.custom),
        }
        return as_json([listen])

    def refuse(self, *, busy: bool) -> Document:
        """Write ``sip:decline``."""
        status, reason = (486, "Busy Here") if busy else (603, "Decline")
        return as_json([{"verb": "sip:decline", "status": status, "reason": reason}])
