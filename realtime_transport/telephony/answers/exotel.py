"""Exotel's Voicebot applet: an HTTPS address that answers with the stream's URL.

That the answer is ``{"url": ...}`` is what programs in use send; Exotel's page says only that it "returns the
WSS URL". What Exotel does with another status is not documented either: a flow has a next applet for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import attrs

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.answers.document import Asked, Document, FieldNames, StreamOffer, as_json, spelt

MAX_PARAMETERS: Final = 3
MAX_QUERY: Final = 256
"""Characters of all custom parameters together, as they stand in the URL."""

_FIELDS: Final = FieldNames("CallSid", "CallFrom", "CallTo")
_RATES: Final[Mapping[AudioFormat, str]] = {PCM16_8K: "8000", PCM16_16K: "16000", PCM16_24K: "24000"}


@attrs.frozen
class ExotelAnswers:
    """Exotel's documents."""

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Read the query of the request."""
        return _FIELDS.read(fields)

    def connect(self, offer: StreamOffer) -> Document:
        """Write the URL, with the rate and what is custom in its query.

        Raises ``InvalidArgument`` for more than three custom parameters, for more than 256 characters of them, and for
        a format that Exotel has not.
        """
        rate = spelt("Exotel", offer.format, _RATES)
        custom = urlencode(offer.custom)
        if len(offer.custom) > MAX_PARAMETERS or len(custom) > MAX_QUERY:
            raise InvalidArgument(f"Exotel takes {MAX_PARAMETERS} of them, {MAX_QUERY} characters", path="custom")
        query = "&".join(filter(None, (f"sample-rate={rate}", custom)))
        return as_json({"url": f"{offer.url}{'&' if '?' in offer.url else '?'}{query}"})

    def refuse(self, *, busy: bool) -> Document:
        """Answer with an error status, so that the flow goes on with its next applet."""
        return as_json({"error": "busy" if busy else "rejected"}, status=503 if busy else 403)
