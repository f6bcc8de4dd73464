"""TeXML: Telnyx's dialect of TwiML. Its stream plays mp3 unless it is told to play RTP's codecs.

``bidirectionalMode`` and ``bidirectionalCodec`` are what Telnyx's SDKs call them; that a sampling rate can be asked for
in TeXML as it can over REST is an assumption.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.telephony.answers.document import Asked, Document, FieldNames, StreamOffer, spelt
from realtime_transport.telephony.answers.twiml import reject_document, stream_document

_FIELDS: Final = FieldNames("CallSid", "From", "To")
_CODECS: Final[Mapping[AudioFormat, str]] = {
    PCMU: "PCMU",
    PCMA: "PCMA",
    PCM16_8K: "L16",
    PCM16_16K: "L16",
    PCM16_24K: "L16",
}


@attrs.frozen
class TexmlAnswers:
    """Telnyx's documents."""

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Read the form of a TeXML webhook; its ``CallSid`` is the call control id."""
        return _FIELDS.read(fields)

    def connect(self, offer: StreamOffer) -> Document:
        """Write ``<Stream>`` in RTP mode. Raises ``InvalidArgument`` as TwiML does."""
        codec = spelt("Telnyx", offer.format, _CODECS)
        attributes = {"bidirectionalMode": "rtp", "bidirectionalCodec": codec}
        if codec == "L16" and offer.format is not None:
            attributes["bidirectionalSamplingRate"] = str(offer.format.rate)
        return stream_document(offer, attributes)

    def refuse(self, *, busy: bool) -> Document:
        """Write ``<Reject>``."""
        return reject_document(busy=busy)
