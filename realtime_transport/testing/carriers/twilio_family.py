"""The fakes of carriers that speak Twilio's six messages: Twilio itself, Telnyx, Plivo and Exotel."""

from __future__ import annotations

import array
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, cast

import pybase64

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.telephony.codecs import Frame
from realtime_transport.telephony.codecs.telnyx import TOKEN_FIELD
from realtime_transport.telephony.signatures.telnyx import STREAM_TOKEN_HEADER
from realtime_transport.telephony.signatures.twilio import twilio_signature
from realtime_transport.testing.carriers.carrier import FakeCarrier


def encoded(audio: bytes) -> str:
    """Write audio the way JSON carries it."""
    return pybase64.b64encode(audio).decode()


def decoded(text: str) -> bytes:
    """Read strict base64. Raises ``ValueError``."""
    return pybase64.b64decode(text, validate=True)


def message_of(text: Frame) -> dict[str, Any]:
    """Read a text message. Raises ``TypeError`` for a binary one, ``ValueError`` for what is no JSON object."""
    if isinstance(text, bytes):
        raise TypeError("a binary message where the carrier takes text")
    content = json.loads(text)
    if not isinstance(content, dict):
        raise TypeError("not a JSON object")
    return cast("dict[str, Any]", content)


class JsonCarrier(FakeCarrier):
    """Base of the carriers that are told what to do in JSON: one table from the word to what is done."""

    word_key: ClassVar[str] = "event"
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]]

    def hear(self, message: Frame) -> None:
        """Do what the message says; an unknown word is a ``KeyError``, and so a fault."""
        said = message_of(message)
        self.actions[said[self.word_key]](self, said)


class FakeTwilio(JsonCarrier):
    """Twilio Media Streams: ten minutes of buffer, and a clear that sends all waiting marks back at once.

    ``secret`` is the account's auth token: with it the upgrade has its ``X-Twilio-Signature``.
    """

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU,)
    clear_returns_marks: bool = True
    buffer_ms: ClassVar[float] = 600_000.0
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]] = {
        "media": lambda fake, said: fake.play(decoded(said["media"]["payload"])),
        "mark": lambda fake, said: fake.mark(said["mark"]["name"]),
        "clear": lambda fake, said: fake.clear(),
    }

    def upgrade_headers(self, url: str) -> dict[str, str]:
        """Sign the URL, where there is a ``secret``."""
        return {} if self.secret is None else {"X-Twilio-Signature": twilio_signature(self.secret, url)}

    def opening(self) -> list[Frame]:
        """Return ``connected`` and ``start``."""
        start = {
            "streamSid": self.stream_id,
            "callSid": self.call_id,
            "accountSid": "AC0123",
            "tracks": ["inbound"],
            "customParameters": self.custom,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        return [json.dumps(connected), self._message("start", sequenceNumber="1", start=start)]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a ``media``; numbers are texts."""
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(stamp), "payload": encoded(audio)}
        return self._message("media", sequenceNumber=str(number + 1), media=media)

    def hear(self, message: Frame) -> None:
        """Obey ``media``, ``mark`` and ``clear`` of this stream."""
        if message_of(message)["streamSid"] != self.stream_id:
            raise ValueError("another stream's name")
        super().hear(message)

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        return self._message("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def marked(self, name: str) -> Frame:
        """Return a ``mark``."""
        return self._message("mark", mark={"name": name})

    def closing(self) -> list[Frame]:
        """Return ``stop``."""
        return [self._message("stop", stop={"accountSid": "AC0123", "callSid": self.call_id})]

    def _message(self, event: str, **content: object) -> str:
        return json.dumps({"event": event, "streamSid": self.stream_id, **content})


class FakeTelnyx(JsonCarrier):
    """Telnyx media streaming in RTP mode. It promises no order: ``swap`` makes use of that.

    ``secret`` is the ``stream_auth_token``: upgrades are not signed. The byte order of L16 is not documented, so it can
    be chosen.
    """

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU, PCMA, PCM16_16K, PCM16_8K, PCM16_24K)
    clear_returns_marks: bool = True
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]] = {
        **FakeTwilio.actions,
        "media": lambda fake, said: fake.play_chunk(decoded(said["media"]["payload"])),
    }
    spellings: ClassVar[Mapping[str, str]] = {"pcmu": "PCMU", "pcma": "PCMA", "pcm16": "L16"}

    def __init__(self, *args: Any, l16_byte_order: Literal["little", "big"] = "little", **options: Any) -> None:
        super().__init__(*args, **options)
        self._swaps = l16_byte_order == "big" and self.format.encoding == "pcm16"

    def upgrade_headers(self, url: str) -> dict[str, str]:
        """Return the token, where there is one."""
        return {} if self.secret is None else {STREAM_TOKEN_HEADER: self.secret.reveal()}

    def opening(self) -> list[Frame]:
        """Return ``connected`` and ``start``."""
        spelt = self.spellings[self.format.encoding]
        start = {
            "user_id": "u1",
            "call_control_id": self.call_id,
            "call_session_id": "s1",
            "from": self.caller,
            "to": self.called,
            "custom_parameters": self.custom,
            "media_format": {"encoding": spelt, "sample_rate": self.format.rate, "channels": 1},
        }
        connected: dict[str, object] = {"event": "connected", "version": "1.0.0"}
        if self.secret is not None:
            connected["connected"] = {TOKEN_FIELD: self.secret.reveal()}
        return [json.dumps(connected), self._message("start", sequence_number="1", start=start)]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a ``media``."""
        payload = encoded(self._ordered(audio))
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(stamp), "payload": payload}
        return self._message("media", sequence_number=str(number + 1), media=media)

    def play_chunk(self, audio: bytes) -> None:
        """Play 20 ms to 30 s, which is what Telnyx takes."""
        if not 20 <= self.format.ms(len(audio)) <= 30_000:
            self.fault(f"a chunk of {self.format.ms(len(audio)):g} ms: Telnyx takes 20 ms to 30 s")
        self.play(self._ordered(audio))

    def _ordered(self, audio: bytes) -> bytes:
        """Exchange the bytes of every sample where the wire has them the other way round."""
        samples = array.array("h", audio) if self._swaps else None
        if samples is None:
            return audio
        samples.byteswap()
        return samples.tobytes()

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        return self._message("dtmf", occurred_at="2026-01-01T00:00:00Z", dtmf={"digit": digit})

    def marked(self, name: str) -> Frame:
        """Return a ``mark``."""
        return self._message("mark", mark={"name": name})

    def closing(self) -> list[Frame]:
        """Return ``stop``."""
        return [self._message("stop", stop={"user_id": "u1", "call_control_id": self.call_id})]

    def _message(self, event: str, **content: object) -> str:
        return json.dumps({"event": event, "stream_id": self.stream_id, **content})


class FakePlivo(JsonCarrier):
    """Plivo: checkpoints that a clear destroys, keys in the stream, no ``stop``."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU, PCM16_8K, PCM16_16K)
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]] = {
        "playAudio": lambda fake, said: fake.play_audio(said["media"]),
        "checkpoint": lambda fake, said: fake.mark(said["name"]),
        "clearAudio": lambda fake, said: fake.clear(),
        "sendDTMF": lambda fake, said: fake.press(said["dtmf"]),
    }

    @property
    def _spelt(self) -> str:
        return "audio/x-mulaw" if self.format == PCMU else "audio/x-l16"

    def opening(self) -> list[Frame]:
        """Return ``start``; extra headers are a JSON text."""
        start = {
            "callId": self.call_id,
            "streamId": self.stream_id,
            "accountId": "MA0123",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": self._spelt, "sampleRate": self.format.rate},
        }
        headers = json.dumps(self.custom)
        return [json.dumps({"event": "start", "sequenceNumber": 0, "start": start, "extra_headers": headers})]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a ``media``."""
        media = {"track": "inbound", "chunk": number, "timestamp": str(stamp), "payload": encoded(audio)}
        return self._message("media", sequenceNumber=number, media=media)

    def play_audio(self, media: dict[str, Any]) -> None:
        """Play audio whose type and rate are said with it."""
        if (media["contentType"], media["sampleRate"]) != (self._spelt, self.format.rate):
            self.fault(f"audio of {media['contentType']} at {media['sampleRate']} Hz on a stream of {self.format}")
        self.play(decoded(media["payload"]))

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        return self._message("dtmf", dtmf={"track": "inbound", "digit": digit})

    def marked(self, name: str) -> Frame:
        """Return a ``playedStream``."""
        return self._message("playedStream", name=name)

    def cleared(self) -> list[Frame]:
        """Return ``clearedAudio``."""
        return [self._message("clearedAudio", sequenceNumber=1)]

    def _message(self, event: str, **content: object) -> str:
        return json.dumps({"event": event, "streamId": self.stream_id, **content})


class FakeExotel(JsonCarrier):
    """Exotel AgentStream: PCM in pieces of 100 ms. Another piece than a multiple of 320 bytes, of 3.2 kB at least,
    stalls the playback for 20 ms. That a clear destroys waiting marks is an assumption.
    """

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCM16_8K, PCM16_16K, PCM16_24K)
    piece_ms: ClassVar[float] = 100.0
    actions: ClassVar[Mapping[str, Callable[[Any, dict[str, Any]], None]]] = {
        "media": lambda fake, said: fake.play_piece(decoded(said["media"]["payload"])),
        "mark": lambda fake, said: fake.mark(said["mark"]["name"]),
        "clear": lambda fake, said: fake.clear(),
    }

    def opening(self) -> list[Frame]:
        """Return ``connected`` and ``start``; rates are texts."""
        start = {
            "stream_sid": self.stream_id,
            "call_sid": self.call_id,
            "account_sid": "exotel0123",
            "from": self.caller,
            "to": self.called,
            "custom_parameters": self.custom,
            "media_format": {"encoding": "audio/x-raw", "sample_rate": str(self.format.rate), "bit_rate": "16"},
        }
        return [json.dumps({"event": "connected"}), self._message("start", sequence_number="1", start=start)]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a ``media``."""
        media = {"chunk": str(number), "timestamp": str(stamp), "payload": encoded(audio)}
        return self._message("media", sequence_number=str(number + 1), media=media)

    def hear(self, message: Frame) -> None:
        """Obey ``media``, ``mark`` and ``clear`` of this stream."""
        if message_of(message)["stream_sid"] != self.stream_id:
            raise ValueError("another stream's name")
        super().hear(message)

    def play_piece(self, audio: bytes) -> None:
        """Play a piece, after a stall of 20 ms when it has another size than Exotel wants."""
        if not 3_200 <= len(audio) <= 100_000 or len(audio) % 320:
            self.fault(f"a piece of {len(audio)} bytes: Exotel takes multiples of 320, from 3200 to 100000")
            self.playback.write(self.format.silence(20))
        self.play(audio)

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        return self._message("dtmf", dtmf={"digit": digit, "duration": "120"})

    def marked(self, name: str) -> Frame:
        """Return a ``mark``."""
        return self._message("mark", mark={"name": name})

    def closing(self) -> list[Frame]:
        """Return ``stop``."""
        stop = {"call_sid": self.call_id, "account_sid": "exotel0123", "reason": "callended"}
        return [self._message("stop", stop=stop)]

    def _message(self, event: str, **content: object) -> str:
        return json.dumps({"event": event, "stream_sid": self.stream_id, **content})
