"""Proof that a request comes from the carrier: one pure file per carrier, one shape of verifier."""

from __future__ import annotations

from realtime_transport.telephony.signatures.basic import BasicAuthVerifier
from realtime_transport.telephony.signatures.genesys import GenesysVerifier
from realtime_transport.telephony.signatures.plivo import PlivoVerifier
from realtime_transport.telephony.signatures.request import SignedRequest, Verifier
from realtime_transport.telephony.signatures.telnyx import TelnyxStreamVerifier, TelnyxVerifier
from realtime_transport.telephony.signatures.twilio import TwilioVerifier
from realtime_transport.telephony.signatures.vonage import VonageVerifier

__all__ = [
    "BasicAuthVerifier",
    "GenesysVerifier",
    "PlivoVerifier",
    "SignedRequest",
    "TelnyxStreamVerifier",
    "TelnyxVerifier",
    "TwilioVerifier",
    "Verifier",
    "VonageVerifier",
]
