"""TwiML: ``<Connect><Stream>``, for Twilio and the carriers that copied its documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

import attrs

from realtime_transport.audio.formats import PCMU
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.answers.document import Asked, Document, FieldNames, StreamOffer, spelt, xml_text

MAX_PARAMETER: Final = 499
"""Characters of a parameter's name and value together: Twilio documents "less than 500"."""

_FIELDS: Final = FieldNames("CallSid", "From", "To")


@attrs.frozen
class TwimlAnswers:
    """Twilio's documents. The format is always mu-law, so there is nothing to ask for."""

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Read the form of a voice webhook."""
        return _FIELDS.read(fields)

    def connect(self, offer: StreamOffer) -> Document:
        """Write ``<Stream>`` with a ``<Parameter>`` for everything custom.

        Raises ``InvalidArgument`` for a query in the URL (Twilio refuses it: errors 31920, 31922), for a parameter
        of 500 characters, and for another format than mu-law.
        """
        spelt("Twilio", offer.format, {PCMU: ""})
        return stream_document(offer, {})

    def refuse(self, *, busy: bool) -> Document:
        """Write ``<Reject>``, which answers nothing and costs nothing."""
        return reject_document(busy=busy)


def stream_document(offer: StreamOffer, attributes: Mapping[str, str]) -> Document:
    """Write ``<Connect><Stream>`` with further attributes. Raises ``InvalidArgument``."""
    if "?" in offer.url:
        raise InvalidArgument("a stream's URL has no query here: use custom parameters", path="url")
    response = Element("Response")
    stream = SubElement(SubElement(response, "Connect"), "Stream", {"url": xml_text(offer.url), **attributes})
    for name, value in offer.custom.items():
        if len(name) + len(value) > MAX_PARAMETER:
            raise InvalidArgument(f"name and value together have more than {MAX_PARAMETER} characters", path=name)
        SubElement(stream, "Parameter", {"name": xml_text(name), "value": xml_text(value)})
    return xml_document(response)


def reject_document(*, busy: bool) -> Document:
    """Write ``<Reject>`` with a reason."""
    response = Element("Response")
    SubElement(response, "Reject", {"reason": "busy" if busy else "rejected"})
    return xml_document(response)


def xml_document(root: Element) -> Document:
    """Write XML as carriers take it."""
    body = '<?xml version="1.0" encoding="UTF-8"?>' + tostring(root, encoding="unicode")
    return Document(body=body, content_type="application/xml")
