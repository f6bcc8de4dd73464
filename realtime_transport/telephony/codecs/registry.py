"""Carriers by name, and by what they say first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.asterisk import AsteriskCodec
from realtime_transport.telephony.codecs.audiosocket import AudioSocketCodec
from realtime_transport.telephony.codecs.base import CarrierCodec, Frame
from realtime_transport.telephony.codecs.exotel import ExotelCodec
from realtime_transport.telephony.codecs.genesys import GenesysCodec
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
    # Look-alikes: their documentation names the original, and none of them was tried here.
    "signalwire": TwilioCodec,
    "cloudonix": TwilioCodec,
    "fonoster": TwilioCodec,
    "vobiz": PlivoCodec,
    "infobip": VonageCodec,
}
"""Name -> what makes a codec for one call, with the carrier's defaults."""

_START_KEYS: Final = (
    ("plivo", ("callId",)),
    ("exotel", ("stream_sid", "call_sid")),
    ("telnyx", ("call_control_id",)),
    ("twilio", ("callSid",)),
)
"""Carrier -> keys of its ``start``."""

_WORDS: Final = {
    ("event", "websocket:connected"): "vonage",
    ("event", "MEDIA_START"): "asterisk",
    ("type", "open"): "genesys",
}
"""Key and word of a first message that only one carrier sends."""

_AUDIOSOCKET_START: Final = b"\x01\x00\x10"


def make_codec(carrier: str) -> CarrierCodec:
    """Return a codec for one call. Raises ``InvalidArgument`` for a carrier that nobody has described."""
    if carrier not in CODECS:
        raise InvalidArgument(f"no carrier {carrier!r}; there are {', '.join(sorted(CODECS))}", path="carrier")
    return CODECS[carrier]()


def recognise(message: Frame) -> str | None:
    """Return the carrier that sends such a message at first, None when it could be several: then ask the next one.

    Decides on one message alone and keeps nothing, so the message can still be given to the codec.
    """
    if isinstance(message, bytes):
        return "audiosocket" if message.startswith(_AUDIOSOCKET_START) else None
    if message.startswith("MEDIA_START "):
        return "asterisk"
    return _by_json(fields.decode(message) or {})


def _by_json(message: dict[str, Any]) -> str | None:
    for (key, word), carrier in _WORDS.items():
        if message.get(key) == word:
            return carrier
    start = fields.part(message, "start")
    return next((carrier for carrier, keys in _START_KEYS if all(key in start for key in keys)), None)
