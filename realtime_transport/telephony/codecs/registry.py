"""Carriers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs.asterisk import AsteriskCodec
from realtime_transport.telephony.codecs.audiosocket import AudioSocketCodec
from realtime_transport.telephony.codecs.auto import AutoCodec
from realtime_transport.telephony.codecs.base import CarrierCodec
from realtime_transport.telephony.codecs.exotel import ExotelCodec
from realtime_transport.telephony.codecs.genesys import GenesysCodec
from realtime_transport.telephony.codecs.jambonz import JambonzCodec
from realtime_transport.telephony.codecs.plivo import PlivoCodec
from realtime_transport.telephony.codecs.telnyx import TelnyxCodec
from realtime_transport.telephony.codecs.twilio import TwilioCodec
from realtime_transport.telephony.codecs.vonage import VonageCodec

CODECS: Final[Mapping[str, Callable[[], CarrierCodec]]] = {
    "twilio": TwilioCodec,
    "telnyx": TelnyxCodec,
    "plivo": PlivoCodec,
    "vonage": VonageCodec,
    "exotel": ExotelCodec,
    "genesys": GenesysCodec,
    "asterisk": AsteriskCodec,
    "audiosocket": AudioSocketCodec,
    "jambonz": JambonzCodec,
    # Look-alikes: their documentation names the original or repeats it, and none of them was tried here.
    "signalwire": TwilioCodec,
    "cloudonix": TwilioCodec,
    "fonoster": TwilioCodec,
    "pivot": TwilioCodec,  # 2600Hz: with L16, unless asked for another format
    "vobiz": PlivoCodec,
    "infobip": VonageCodec,
    "ntt": VonageCodec,
    "auto": lambda: AutoCodec(make_codec),
}
"""Name -> what makes a codec for one call, with the carrier's defaults. A carrier that speaks like another is one line
here; elsewhere a codec can be given instead of a name."""


def make_codec(carrier: str) -> CarrierCodec:
    """Return a codec for one call. Raises ``InvalidArgument`` for a carrier that nobody has described."""
    if carrier not in CODECS:
        raise InvalidArgument(f"no carrier {carrier!r}; there are {', '.join(sorted(CODECS))}", path="carrier")
    return CODECS[carrier]()
