"""The fake of Vonage's Voice WebSockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat
from realtime_transport.telephony.codecs import Frame
from realtime_transport.testing.carriers.twilio_family import JsonCarrier


class FakeVonage(JsonCarrier):
    """Vonage: binary frames of exactly 20 ms, of which 3072 fit into its buffer.

    That a clear destroys waiting notifications is an assumption. ``secret`` is the signature secret: with it the
    upgrade brings a JWT, as it does where the NCCO asks for one.
    """

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCM16_24K, PCM16_16K, PCM16_8K)
    buffer_ms: ClassVar[float] = 3072 * 20.0
    word_key: ClassVar[str] = "action"
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]] = {
        "notify": lambda fake, said: fake.mark(json.dumps(said["payload"])),
        "clear": lambda fake, said: fake.clear(),
    }

    def upgrade_headers(self, url: str) -> dict[str, str]:
        """Return a token, where there is a ``secret``."""
        if self.secret is None:
            return {}
        claims = {"iat": int(self.wall_clock()), "jti": self.call_id, "iss": "Vonage"}
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        mac = hmac.digest(self.secret.reveal().encode(), signed.encode(), hashlib.sha256)
        return {"Authorization": f"Bearer {signed}.{_base64url(mac)}"}

    def opening(self) -> list[Frame]:
        """Return ``websocket:connected``, the headers of the NCCO laid flat."""
        spelt = f"audio/l16;rate={self.format.rate}"
        connected = {"event": "websocket:connected", "content-type": spelt, "uuid": self.call_id, **self.custom}
        return [json.dumps(connected)]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return the samples."""
        return audio

    def hear(self, message: Frame) -> None:
        """Play 20 ms, or obey ``notify`` and ``clear``."""
        if isinstance(message, str):
            super().hear(message)
            return
        if self.format.ms(len(message)) != 20:
            self.fault(f"a frame of {len(message)} bytes: Vonage takes 20 ms, {self.format.bytes_for(20)} bytes")
        self.play(message)

    def key(self, digit: str) -> Frame:
        """Return a ``websocket:dtmf``."""
        return json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260})

    def marked(self, name: str) -> Frame:
        """Return a ``websocket:notify`` with the payload as it was given."""
        return json.dumps({"event": "websocket:notify", "payload": json.loads(name)})

    def cleared(self) -> list[Frame]:
        """Return ``websocket:cleared``."""
        return [json.dumps({"event": "websocket:cleared"})]


def _part(content: dict[str, Any]) -> str:
    return _base64url(json.dumps(content).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
