"""Exotel AgentStream (Voicebot applet): Twilio's messages in snake case, with 16-bit PCM instead of mu-law.

Pieces of less than 3.2 kB, or off a multiple of 320 bytes, stall for 20 ms each: 200 ms satisfy both at every rate.
What a clear does to waiting marks is not documented. The call is ended by closing the socket.
"""

from __future__ import annotations

from typing import ClassVar

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K
from realtime_transport.telephony.codecs.base import CarrierCapabilities
from realtime_transport.telephony.codecs.twilio_family import StartNames, TwilioFamilyCodec


class ExotelCodec(TwilioFamilyCodec):
    """The rate is asked for in the query of the stream's URL (``?sample-rate=16000``) and repeated in ``start``."""

    name: ClassVar[str] = "exotel"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCM16_8K, PCM16_16K, PCM16_24K), frame_ms=200.0, max_message_bytes=96_000, lead_ms=400.0
    )
    names: ClassVar[StartNames] = StartNames(
        stream="stream_sid", call="call_sid", account="account_sid", format="media_format", custom="custom_parameters"
    )
