"""Which carrier speaks, told by what it says first."""

from __future__ import annotations

from typing import Any, Final

from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import Frame

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
    if "callSid" in message and "sampleRate" in message:
        return "jambonz"
    start = fields.part(message, "start")
    return next((carrier for carrier, keys in _START_KEYS if all(key in start for key in keys)), None)
