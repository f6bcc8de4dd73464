"""Phone calls: a carrier's socket on one side, a conversation with a model on the other.

``TelephonyTransport`` is the whole of it. The rooms behind: ``codecs`` (what carriers say), ``signatures`` (whether it
is them), ``leg`` (one phone leg, pure), ``call`` (two legs and one ledger), ``control`` (what goes over
REST), ``sockets`` (what a call comes in on).
"""

from realtime_transport.telephony.call import PhoneCall, TransferOutcome
from realtime_transport.telephony.control import CallControl
from realtime_transport.telephony.farewell import HangupOutcome
from realtime_transport.telephony.leg import LegOptions
from realtime_transport.telephony.path import MediaPlan
from realtime_transport.telephony.sip import Reject, SipCall, SipCalls, SipReceipt
from realtime_transport.telephony.sockets import (
    AiohttpSocket,
    PhoneSocket,
    StarletteSocket,
    StreamSocket,
    WebsocketsSocket,
)
from realtime_transport.telephony.transport import TelephonyTransport

__all__ = [
    "AiohttpSocket",
    "CallControl",
    "HangupOutcome",
    "LegOptions",
    "MediaPlan",
    "PhoneCall",
    "PhoneSocket",
    "Reject",
    "SipCall",
    "SipCalls",
    "SipReceipt",
    "StarletteSocket",
    "StreamSocket",
    "TelephonyTransport",
    "TransferOutcome",
    "WebsocketsSocket",
]
