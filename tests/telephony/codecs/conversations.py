"""How each carrier begins, taken from its documentation, its SDK or its reference implementation."""

from __future__ import annotations

import json
import uuid
from typing import Any

CALL_UUID = uuid.UUID("40325ec2-5efd-4bd3-805f-53576e581d13")


def message(**content: Any) -> str:
    return json.dumps(content)


TWILIO_START = message(
    event="start",
    sequenceNumber="1",
    start={
        "accountSid": "AC0",
        "streamSid": "MZ1",
        "callSid": "CA1",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": "t0ken", "tries": 3},
    },
    streamSid="MZ1",
)
TELNYX_START = message(
    event="start",
    sequence_number="1",
    start={
        "user_id": "user-1",
        "call_control_id": "v3:abc",
        "call_session_id": "ses-1",
        "from": "+13122010094",
        "to": "+13122123456",
        "client_state": "aGF2ZQ==",
        "custom_parameters": {"who": "me"},
        "tags": [],
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
    stream_id="32DE0DEA",
)
PLIVO_START = message(
    event="start",
    sequenceNumber=0,
    start={
        "callId": "call-1",
        "streamId": "stream-1",
        "accountId": "MA1",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
    },
    extra_headers="userId=12345;sessionId=abc-xyz",
)
VONAGE_START = json.dumps(
    {
        "event": "websocket:connected",
        "content-type": "audio/l16;rate=16000",
        "uuid": "63f61863-4a51-4f6b-86e1-46edebcf9356",
        "customer": {"name": "t0ken"},
    }
)
EXOTEL_START = message(
    event="start",
    sequence_number=1,
    stream_sid="st-1",
    start={
        "stream_sid": "st-1",
        "call_sid": "call-1",
        "account_sid": "ac-1",
        "from": "XXXXXXX",
        "to": "YYYYYYY",
        "custom_parameters": {"a": "b"},
        "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
    },
)
GENESYS_OPEN = message(
    version="2",
    id="e160e428-53e2-487c-977d-96989bf5c99d",
    type="open",
    seq=1,
    serverseq=0,
    position="PT0S",
    parameters={
        "organizationId": "d7934305-0972-4844-938e-9060eef73d05",
        "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
        "participant": {"id": "p", "ani": "+1-555-555-1234", "aniName": "John", "dnis": "+1-800-555-6789"},
        "media": [
            {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
            {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
            {"type": "audio", "format": "L16", "channels": ["external"], "rate": 8000},
        ],
        "language": "en-US",
        "customConfig": {"secret": "t0ken"},
        "inputVariables": {"vip": True},
    },
)
ASTERISK_START = (
    "MEDIA_START connection_id:d5af4e6c channel:WebSocket/connection1/0x7f channel_id:1755789.1 format:ulaw "
    "optimal_frame_size:160 ptime:20"
)
AUDIOSOCKET_START = b"\x01\x00\x10" + CALL_UUID.bytes

JAMBONZ_START = message(
    callSid="c-1",
    direction="inbound",
    accountSid="acc-1",
    sampleRate=16000,
    mixType="mono",
    metadata={"token": "t0ken"},
    **{"from": "+1555", "to": "+1666"},
)

STARTS: dict[str, list[str | bytes]] = {
    "twilio": [message(event="connected", protocol="Call", version="1.0.0"), TWILIO_START],
    "telnyx": [
        message(event="connected", version="1.0.0", connected={"x-telnyx-streaming-auth-token": "t0ken"}),
        TELNYX_START,
    ],
    "plivo": [PLIVO_START],
    "vonage": [VONAGE_START],
    "exotel": [message(event="connected"), EXOTEL_START],
    "genesys": [GENESYS_OPEN],
    "asterisk": [ASTERISK_START],
    "audiosocket": [AUDIOSOCKET_START],
    "jambonz": [JAMBONZ_START],
}
"""Carrier -> the messages up to and including the start of the call."""
