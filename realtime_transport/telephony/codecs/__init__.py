"""What carriers say and want to hear: one pure codec per carrier behind one interface."""

from __future__ import annotations

from realtime_transport.telephony.codecs.asterisk import AsteriskCodec
from realtime_transport.telephony.codecs.audiosocket import AudioSocketCodec
from realtime_transport.telephony.codecs.auto import AutoCodec
from realtime_transport.telephony.codecs.base import CarrierCapabilities, CarrierCodec, Frame
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    BufferCleared,
    CallStarted,
    CallStopped,
    CarrierEvent,
    DtmfReceived,
    FlowChanged,
    InputPaused,
    MarkReached,
    MediaReceived,
    MessageIgnored,
    PlaybackChanged,
    StreamConnected,
)
from realtime_transport.telephony.codecs.exotel import ExotelCodec
from realtime_transport.telephony.codecs.genesys import GenesysCodec
from realtime_transport.telephony.codecs.jambonz import JambonzCodec
from realtime_transport.telephony.codecs.plivo import PlivoCodec
from realtime_transport.telephony.codecs.recognition import recognise
from realtime_transport.telephony.codecs.registry import CODECS, make_codec
from realtime_transport.telephony.codecs.telnyx import TelnyxCodec
from realtime_transport.telephony.codecs.twilio import TwilioCodec
from realtime_transport.telephony.codecs.vonage import VonageCodec

__all__ = [
    "CODECS",
    "AnyCarrierEvent",
    "AsteriskCodec",
    "AudioSocketCodec",
    "AutoCodec",
    "BufferCleared",
    "CallStarted",
    "CallStopped",
    "CarrierCapabilities",
    "CarrierCodec",
    "CarrierEvent",
    "DtmfReceived",
    "ExotelCodec",
    "FlowChanged",
    "Frame",
    "GenesysCodec",
    "InputPaused",
    "JambonzCodec",
    "MarkReached",
    "MediaReceived",
    "MessageIgnored",
    "PlaybackChanged",
    "PlivoCodec",
    "StreamConnected",
    "TelnyxCodec",
    "TwilioCodec",
    "VonageCodec",
    "make_codec",
    "recognise",
]
