"""Twilio Media Streams (``<Connect><Stream>``): mu-law at 8 kHz, and marks that a clear gives back.

Twilio buffers ten minutes and drops what is beyond without a word to us. It sends no keys in the stream; playing them
over REST tears the stream down, and the same call comes back with another one.
"""

from __future__ import annotations

from typing import ClassVar

from realtime_transport.audio.formats import PCMU
from realtime_transport.telephony.codecs.base import CarrierCapabilities
from realtime_transport.telephony.codecs.twilio_family import StartNames, TwilioFamilyCodec


class TwilioCodec(TwilioFamilyCodec):
    """Twilio, and the carriers that copied its messages to the letter."""

    name: ClassVar[str] = "twilio"
    capabilities: CarrierCapabilities = CarrierCapabilities(formats=(PCMU,), clear_returns_marks=True)
    names: ClassVar[StartNames] = StartNames(
        stream="streamSid", call="callSid", account="accountSid", format="mediaFormat", custom="customParameters"
    )
