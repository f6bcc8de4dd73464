"""What a carrier is answered when it asks what to do with a call: one pure file per kind of document.

    document = ANSWERS["twilio"].connect(StreamOffer(url="wss://calls.example.com/stream", custom={"tariff": "gold"}))
    Response(document.body, status_code=document.status, media_type=document.content_type)

Carriers that ask nothing (Genesys goes straight to the stream, and so do all that have its address in their console)
are not in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from realtime_transport.telephony.answers.document import Answers, Asked, Document, StreamOffer
from realtime_transport.telephony.answers.exotel import ExotelAnswers
from realtime_transport.telephony.answers.jambonz import JambonzAnswers
from realtime_transport.telephony.answers.ncco import NccoAnswers
from realtime_transport.telephony.answers.plain import PlainAnswers
from realtime_transport.telephony.answers.plivo import PlivoAnswers
from realtime_transport.telephony.answers.texml import TexmlAnswers
from realtime_transport.telephony.answers.twiml import TwimlAnswers

ANSWERS: Final[Mapping[str, Answers]] = {
    "twilio": TwimlAnswers(),
    "telnyx": TexmlAnswers(),
    "plivo": PlivoAnswers(),
    "vonage": NccoAnswers(),
    "exotel": ExotelAnswers(),
    "jambonz": JambonzAnswers(),
    "asterisk": PlainAnswers(),
    "audiosocket": PlainAnswers(),
    # Look-alikes: their documentation names the original, and none of them was tried here.
    "signalwire": TwimlAnswers(),
    "cloudonix": TwimlAnswers(),
    "fonoster": TwimlAnswers(),
    "vobiz": PlivoAnswers(),
}
"""Carrier -> its documents."""

__all__ = [
    "ANSWERS",
    "Answers",
    "Asked",
    "Document",
    "ExotelAnswers",
    "JambonzAnswers",
    "NccoAnswers",
    "PlainAnswers",
    "PlivoAnswers",
    "StreamOffer",
    "TexmlAnswers",
    "TwimlAnswers",
]
