"""The fake of jambonz's ``listen`` verb with streaming audio both ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from realtime_transport.telephony.codecs import Frame
from realtime_transport.telephony.codecs.jambonz import SUBPROTOCOL
from realtime_transport.testing.carriers.twilio_family import JsonCarrier


class FakeJambonz(JsonCarrier):
    """jambonz: PCM as binary messages. That ``killAudio`` sends marks back as ``cleared`` is an assumption."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCM16_8K, PCM16_16K, PCM16_24K)
    subprotocols: ClassVar[tuple[str, ...]] = (SUBPROTOCOL,)
    clear_returns_marks: bool = True
    word_key: ClassVar[str] = "type"
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]] = {
        "killAudio": lambda fake, said: fake.clear(),
        "mark": lambda fake, said: fake.mark(said["data"]["name"]),
        "disconnect": lambda fake, said: fake.hang_up(),
    }

    def opening(self) -> list[Frame]:
        """Return the call's attributes."""
        attributes = {
            "callSid": self.call_id,
            "accountSid": "jambonz0123",
            "direction": "inbound",
            "from": self.caller,
            "to": self.called,
            "sampleRate": self.format.rate,
            "mixType": "mono",
            "metadata": self.custom,
        }
        return [json.dumps(attributes)]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return the samples."""
        return audio

    def hear(self, message: Frame) -> None:
        """Play whole samples, or obey a command."""
        if isinstance(message, str):
            super().hear(message)
        elif len(message) % 2:
            self.fault(f"{len(message)} bytes are no whole samples")
        else:
            self.play(message)

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        return json.dumps({"event": "dtmf", "dtmf": digit, "duration": "1600"})

    def marked(self, name: str) -> Frame:
        """Return a ``mark`` that was played."""
        return json.dumps({"type": "mark", "data": {"name": name, "event": "playout"}})

    def returned(self, name: str) -> Frame:
        """Return a ``mark`` that was cleared."""
        return json.dumps({"type": "mark", "data": {"name": name, "event": "cleared"}})
