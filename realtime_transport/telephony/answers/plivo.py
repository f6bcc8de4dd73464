"""Plivo XML: ``<Stream>`` with the address as its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement

import attrs

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCMU, AudioFormat
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.answers.document import Asked, Document, FieldNames, StreamOffer, spelt, xml_text
from realtime_transport.telephony.answers.twiml import xml_document

MAX_HEADERS: Final = 512
"""Bytes of all extra headers together."""

_FIELDS: Final = FieldNames("CallUUID", "From", "To")
_PLAIN: Final = re.compile(r"[A-Za-z0-9]+")
_TYPES: Final[Mapping[AudioFormat, str]] = {
    PCMU: "audio/x-mulaw;rate=8000",
    PCM16_8K: "audio/x-l16;rate=8000",
    PCM16_16K: "audio/x-l16;rate=16000",
}


@attrs.frozen
class PlivoAnswers:
    """Plivo's documents. Its own pages name two default formats, so one is always asked for."""

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Read the form of an answer URL."""
        return _FIELDS.read(fields)

    def connect(self, offer: StreamOffer) -> Document:
        """Write ``<Stream bidirectional="true">``, which holds the call until the stream ends.

        Raises ``InvalidArgument`` for custom names or values with anything but letters and digits, for more than 512
        bytes of them, and for a format that Plivo has not.
        """
        attributes = {
            "bidirectional": "true",
            "keepCallAlive": "true",
            "audioTrack": "inbound",
            "contentType": spelt("Plivo", offer.format, _TYPES),
        }
        if offer.custom:
            attributes["extraHeaders"] = _headers(offer.custom)
        response = Element("Response")
        SubElement(response, "Stream", attributes).text = xml_text(offer.url)
        return xml_document(response)

    def refuse(self, *, busy: bool) -> Document:
        """Write ``<Hangup>``."""
        response = Element("Response")
        SubElement(response, "Hangup", {"reason": "busy" if busy else "rejected"})
        return xml_document(response)


def _headers(custom: Mapping[str, str]) -> str:
    for name, value in custom.items():
        if not _PLAIN.fullmatch(name) or not _PLAIN.fullmatch(value):
            raise InvalidArgument("Plivo takes letters and digits only", path=f"custom.{name}")
    text = ",".join(f"{name}={value}" for name, value in custom.items())
    if len(text) > MAX_HEADERS:
        raise InvalidArgument(f"Plivo takes {MAX_HEADERS} bytes together", path="custom")
    return text
