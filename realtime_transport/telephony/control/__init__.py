"""Call control over REST: one pure builder of requests per carrier, and one object that makes them.

Hanging up, sending keys and transferring where the stream itself cannot. Genesys is not among them: its stream carries
its own ``disconnect``, and the flow in Genesys decides where a call goes next.
"""

from __future__ import annotations

from realtime_transport.telephony.control.asterisk import AsteriskControl
from realtime_transport.telephony.control.exotel import ExotelControl
from realtime_transport.telephony.control.plivo import PlivoControl
from realtime_transport.telephony.control.request import CarrierControl, ControlOutcome, ControlRequest, ControlsCalls
from realtime_transport.telephony.control.runner import CallControl
from realtime_transport.telephony.control.telnyx import TelnyxControl
from realtime_transport.telephony.control.twilio import TwilioControl
from realtime_transport.telephony.control.vonage import VonageControl

__all__ = [
    "AsteriskControl",
    "CallControl",
    "CarrierControl",
    "ControlOutcome",
    "ControlRequest",
    "ControlsCalls",
    "ExotelControl",
    "PlivoControl",
    "TelnyxControl",
    "TwilioControl",
    "VonageControl",
]
