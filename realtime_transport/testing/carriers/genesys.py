"""The fake of Genesys AudioHook (protocol version 2) with the messages of the Audio Connector."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from realtime_transport.audio import PCM16_8K, PCMU, AudioFormat
from realtime_transport.telephony.codecs import Frame
from realtime_transport.telephony.signatures.genesys import genesys_signature, signature_base
from realtime_transport.telephony.signatures.request import SignedRequest
from realtime_transport.testing.carriers.twilio_family import JsonCarrier, message_of

ORGANIZATION: Final = "d7934305-0972-4844-938e-9060eef73d05"
_SIGNED: Final = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)

PING_EVERY_MS: Final = 5_000.0
"""Audio between two pings."""

PARTING_TIMEOUT: Final = 5.0
"""Seconds for ``closed`` to come after ``close``: the limit of the protocol."""

MAX_RATE: Final = 15.0
"""Binary messages a second that are taken without complaint. Genesys answers more with error 429; its number is not
documented."""


class FakeGenesys(JsonCarrier):
    """Genesys: a handshake before any audio, numbers on every message, and an end that both sides say.

    A ``Drop`` is a hold here: ``paused``, then ``resumed``. That ``playback_completed`` follows a barge-in is an
    assumption. ``secret`` is the client secret in base64: with it the upgrade is signed, for the key ``api_key``.
    """

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU, PCM16_8K)
    word_key: ClassVar[str] = "type"
    api_key: ClassVar[str] = "fake-key"
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]] = {
        "opened": lambda fake, said: fake.opened(said["parameters"]),
        "pong": lambda fake, said: None,
        "updated": lambda fake, said: None,
        "pause": lambda fake, said: fake.hold(),
        "resume": lambda fake, said: fake.take_back(),
        "event": lambda fake, said: fake.events(said["parameters"]["entities"]),
        "disconnect": lambda fake, said: fake.deliver(fake.message("close", reason="disconnect")),
        "closed": lambda fake, said: fake.close_session(),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._session = str(uuid.uuid5(uuid.NAMESPACE_OID, self.call_id))
        self._sent = 0
        self._seen = 0
        self._position_ms = 0.0
        self._is_open = False
        self._is_closed = False
        self._paused_at: float | None = None
        """Since when no audio is sent, in milliseconds of the call."""
        self._recent: list[float] = []
        """When the last binary messages came, in milliseconds: a second of them."""

    def upgrade_headers(self, url: str) -> dict[str, str]:
        """Sign the upgrade, where there is a ``secret``."""
        headers = {
            "Audiohook-Organization-Id": ORGANIZATION,
            "Audiohook-Session-Id": self._session,
            "Audiohook-Correlation-Id": self.call_id,
            "X-API-KEY": self.api_key,
        }
        if self.secret is None:
            return headers
        now = int(self.wall_clock())
        listed = " ".join(f'"{name}"' for name in _SIGNED)
        nonce = "fake-nonce-of-22-chars"
        times = f"created={now};expires={now + 10}"
        parameters = f'({listed});keyid="{self.api_key}";nonce="{nonce}";alg="hmac-sha256";{times}'
        request = SignedRequest(url=url, headers={**headers, "Host": urlsplit(url).netloc})
        signature = genesys_signature(self.secret, signature_base(request, _SIGNED, parameters))
        return {**headers, "Signature-Input": f"sig1={parameters}", "Signature": f"sig1=:{signature}:"}

    def message(self, kind: str, **parameters: object) -> str:
        """Return a message with its numbers and its position."""
        self._sent += 1
        return json.dumps(
            {
                "version": "2",
                "id": self._session,
                "type": kind,
                "seq": self._sent,
                "serverseq": self._seen,
                "position": f"PT{self._position_ms / 1000:g}S",
                "parameters": parameters,
            }
        )

    def opening(self) -> list[Frame]:
        """Return ``open``: two channels are offered first, and what the call has among the rest."""
        spelt = "PCMU" if self.format == PCMU else "L16"
        offered = [
            {"type": "audio", "format": spelt, "channels": channels, "rate": 8000}
            for channels in (["external", "internal"], ["external"])
        ]
        return [
            self.message(
                "open",
                organizationId=ORGANIZATION,
                conversationId=self.call_id,
                participant={"id": "p1", "ani": self.caller, "aniName": "A caller", "dnis": self.called},
                media=offered,
                language="en-US",
                customConfig=self.custom,
            )
        ]

    # --- from the application --------------------------------------------------------------------------------------

    def hear(self, message: Frame) -> None:
        """Play audio, or obey a message after a look at its numbers."""
        if isinstance(message, bytes):
            self._hear_audio(message)
            return
        said = message_of(message)
        if said["seq"] != self._seen + 1 or said["clientseq"] > self._sent or said["id"] != self._session:
            self.fault(f"message {said['seq']} after {self._seen}, of session {said['id']}")
        self._seen = said["seq"]
        super().hear(message)

    def _hear_audio(self, audio: bytes) -> None:
        if not self._is_open:
            self.fault("audio before the session is open")
            return
        now = self.now_ms
        self._recent = [at for at in self._recent if at > now - 1000] + [now]
        if len(self._recent) > MAX_RATE:
            self.fault(f"more than {MAX_RATE:g} messages of audio in a second")
            self.deliver(self.message("error", code=429, message="Rate limit exceeded"))
        self.play(audio)

    def opened(self, parameters: dict[str, Any]) -> None:
        """Begin to send audio, in the medium that was chosen."""
        chosen = parameters["media"]
        if len(chosen) != 1 or chosen[0]["channels"] != ["external"]:
            self.fault(f"a caller alone has one channel, and {chosen} was chosen")
        self._is_open = True
        if parameters.get("startPaused"):
            self.hold()

    def hold(self) -> None:
        """Stop sending audio, and say so."""
        if self._paused_at is None:
            self._paused_at = self.now_ms
            self.deliver(self.message("paused"))

    def take_back(self) -> None:
        """Send audio again, and say how much was left out."""
        if self._paused_at is not None:
            discarded, self._paused_at = (self.now_ms - self._paused_at) / 1000, None
            start = f"PT{self._position_ms / 1000:g}S"
            self.deliver(self.message("resumed", start=start, discarded=f"PT{discarded:g}S"))

    def events(self, entities: list[dict[str, Any]]) -> None:
        """Obey ``barge_in``."""
        for entity in entities:
            if entity["type"] == "barge_in":
                self.clear()

    def close_session(self) -> None:
        """End the session: both sides have said so."""
        self._is_closed = True
        self.hang_up()

    def closed_by_application(self) -> None:
        """Only we close the socket, after ``closed``; for a peer that breaks the protocol there is no rule."""
        code, _ = self.socket.closed or (None, "")
        if code == 1000 and not self._is_closed:
            self.fault("the socket was closed without disconnect, close and closed")

    # --- to the application ----------------------------------------------------------------------------------------

    def media(self, audio: bytes, number: int, stamp: int) -> Frame | None:
        """Return the samples, a ping before them now and then; nothing before the session is open, or while on hold."""
        if not self._is_open or self._paused_at is not None:
            return None
        if self._position_ms % PING_EVERY_MS == 0:
            self.deliver(self.message("ping", rtt="PT0.02S"))
        self._position_ms += self.format.ms(len(audio))
        return audio

    def leaving_out(self, seconds: float | None) -> list[Frame]:
        """Put the call on hold, or take it back; both say so themselves."""
        if seconds is None:
            self.hold()
        else:
            self.take_back()
        return []

    def playing(self, begins: bool) -> list[Frame]:
        """Say when playback starts and when it has come to an end."""
        return [self.message("playback_started" if begins else "playback_completed")]

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        return self.message("dtmf", digit=digit)

    def closing(self) -> list[Frame]:
        """Return ``close``."""
        return [self.message("close", reason="end")]

    async def parting(self) -> None:
        """Wait for ``closed``, when there is a session and somebody to say it."""
        if self._is_open:
            try:
                async with asyncio.timeout(PARTING_TIMEOUT):
                    await self.over.wait()
            except TimeoutError:
                self.fault("no closed came after close")
