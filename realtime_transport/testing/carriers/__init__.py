"""Carriers to test call flows against: each with the buffer, the clock, and the marks and clears of the real one.

    async def answer(phone: PhoneSocket) -> None:
        async with TelephonyTransport(phone, carrier="twilio") as call:
            await call.connect(url=emulator.url)
            await call.wait_ended()

    record = await FakeTwilio(answer).call("question.wav", Listen())      # in memory, on whatever clock the loop has
    record = await FakeTwilio().dial("ws://localhost:8080/twilio", "question.wav", Listen())      # over a real socket

``record`` is what the caller heard, to the millisecond. In memory with virtual time a long call takes milliseconds. The
caller's side is sent in real time, piece by piece, silence where nothing is said, as a carrier does. What each carrier
does is what its documentation or its source says; where both are silent, the class says what was assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from realtime_transport.testing.carriers.asterisk import FakeAsterisk, FakeAudioSocket
from realtime_transport.testing.carriers.carrier import FakeCarrier
from realtime_transport.testing.carriers.genesys import FakeGenesys
from realtime_transport.testing.carriers.jambonz import FakeJambonz
from realtime_transport.testing.carriers.link import FakeSocket
from realtime_transport.testing.carriers.record import CallRecord, Happening, Heard, MarkRecord
from realtime_transport.testing.carriers.script import (
    Drop,
    Flood,
    Listen,
    Press,
    Restart,
    Send,
    Speak,
    Step,
    Wait,
)
from realtime_transport.testing.carriers.twilio_family import FakeExotel, FakePlivo, FakeTelnyx, FakeTwilio
from realtime_transport.testing.carriers.vonage import FakeVonage

FAKES: Final[Mapping[str, type[FakeCarrier]]] = {
    "twilio": FakeTwilio,
    "telnyx": FakeTelnyx,
    "plivo": FakePlivo,
    "vonage": FakeVonage,
    "exotel": FakeExotel,
    "genesys": FakeGenesys,
    "asterisk": FakeAsterisk,
    "audiosocket": FakeAudioSocket,
    "jambonz": FakeJambonz,
}
"""The name of a codec -> the carrier that it speaks to."""

__all__ = [
    "FAKES",
    "CallRecord",
    "Drop",
    "FakeAsterisk",
    "FakeAudioSocket",
    "FakeCarrier",
    "FakeExotel",
    "FakeGenesys",
    "FakeJambonz",
    "FakePlivo",
    "FakeSocket",
    "FakeTelnyx",
    "FakeTwilio",
    "FakeVonage",
    "Flood",
    "Happening",
    "Heard",
    "Listen",
    "MarkRecord",
    "Press",
    "Restart",
    "Send",
    "Speak",
    "Step",
    "Wait",
]
