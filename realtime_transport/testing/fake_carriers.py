"""The fake carriers by name: Twilio, Telnyx, Plivo, Vonage, Asterisk's WebSocket and its AudioSocket."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, cast

import pybase64

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMU, AudioFormat
from realtime_transport.telephony.codecs import Frame
from realtime_transport.testing.fake_carrier import FakeCarrier

STREAM: Final = "MZ0123"
CALL: Final = "CA0123"


def _encoded(audio: bytes) -> str:
    return pybase64.b64encode(audio).decode()


def _message(text: Frame) -> dict[str, Any]:
    assert isinstance(text, str), "a binary message where the carrier takes text"  # noqa: S101 - a test's own words
    return cast("dict[str, Any]", json.loads(text))


class FakeTwilio(FakeCarrier):
    """Twilio Media Streams: a clear sends all waiting marks back at once."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU,)
    clear_returns_marks: ClassVar[bool] = True

    def opening(self) -> list[Frame]:
        """Return ``connected`` and ``start``."""
        start = {
            "streamSid": STREAM,
            "callSid": CALL,
            "accountSid": "AC0123",
            "tracks": ["inbound"],
            "customParameters": {},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        return [json.dumps(connected), json.dumps({"event": "start", "streamSid": STREAM, "start": start})]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a ``media``; numbers are texts."""
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(stamp), "payload": _encoded(audio)}
        return json.dumps({"event": "media", "streamSid": STREAM, "media": media})

    def hear(self, message: Frame) -> None:
        """Obey ``media``, ``mark`` and ``clear`` of this stream."""
        said = _message(message)
        assert said["streamSid"] == STREAM  # noqa: S101 - a test's own words
        _ACTIONS[said["event"]](self, said)

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        dtmf = {"track": "inbound_track", "digit": digit}
        return json.dumps({"event": "dtmf", "streamSid": STREAM, "dtmf": dtmf})

    def marked(self, name: str) -> Frame:
        """Return a ``mark``."""
        return json.dumps({"event": "mark", "streamSid": STREAM, "mark": {"name": name}})

    def closing(self) -> list[Frame]:
        """Return ``stop``."""
        return [json.dumps({"event": "stop", "streamSid": STREAM, "stop": {"callSid": CALL}})]


_ACTIONS: Final[Mapping[str, Callable[[FakeCarrier, dict[str, Any]], None]]] = {
    "media": lambda fake, said: fake.play(pybase64.b64decode(said["media"]["payload"], validate=True)),
    "mark": lambda fake, said: fake.mark(said["mark"]["name"]),
    "clear": lambda fake, said: fake.clear(),
    "playAudio": lambda fake, said: fake.play(pybase64.b64decode(said["media"]["payload"], validate=True)),
    "checkpoint": lambda fake, said: fake.mark(said["name"]),
    "clearAudio": lambda fake, said: fake.clear(),
    "sendDTMF": lambda fake, said: fake.press(said["dtmf"]),
    "notify": lambda fake, said: fake.mark(said["payload"]["mark"]),
}
"""What the JSON carriers are asked for -> what they do."""


class FakeTelnyx(FakeTwilio):
    """Telnyx media streaming in RTP mode: Twilio's messages without a stream's name from us."""

    def opening(self) -> list[Frame]:
        """Return ``connected`` and ``start``."""
        start = {
            "user_id": "u1",
            "call_control_id": CALL,
            "from": "+15550100",
            "to": "+15550101",
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        return [
            json.dumps({"event": "connected", "version": "1.0.0"}),
            json.dumps({"event": "start", "sequence_number": "1", "stream_id": STREAM, "start": start}),
        ]

    def hear(self, message: Frame) -> None:
        """Obey ``media``, ``mark`` and ``clear``."""
        said = _message(message)
        _ACTIONS[said["event"]](self, said)


class FakePlivo(FakeCarrier):
    """Plivo: checkpoints that a clear destroys, keys in the stream, no ``stop``."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU, PCM16_8K, PCM16_16K)

    def opening(self) -> list[Frame]:
        """Return ``start``."""
        spelt = "audio/x-mulaw" if self.format == PCMU else "audio/x-l16"
        start = {
            "callId": CALL,
            "streamId": STREAM,
            "accountId": "MA0123",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": spelt, "sampleRate": self.format.rate},
        }
        return [json.dumps({"event": "start", "sequenceNumber": 0, "start": start, "extra_headers": "{}"})]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a ``media``."""
        media = {"track": "inbound", "chunk": number, "timestamp": str(stamp), "payload": _encoded(audio)}
        return json.dumps({"event": "media", "streamId": STREAM, "media": media})

    def hear(self, message: Frame) -> None:
        """Obey ``playAudio``, ``checkpoint``, ``clearAudio`` and ``sendDTMF``."""
        said = _message(message)
        _ACTIONS[said["event"]](self, said)

    def key(self, digit: str) -> Frame:
        """Return a ``dtmf``."""
        return json.dumps({"event": "dtmf", "streamId": STREAM, "dtmf": {"track": "inbound", "digit": digit}})

    def marked(self, name: str) -> Frame:
        """Return a ``playedStream``."""
        return json.dumps({"event": "playedStream", "streamId": STREAM, "name": name})

    def cleared(self) -> list[Frame]:
        """Return ``clearedAudio``."""
        return [json.dumps({"event": "clearedAudio", "streamId": STREAM})]


class FakeVonage(FakeCarrier):
    """Vonage: binary frames of exactly 20 ms. That a clear destroys waiting notifications is an assumption."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCM16_24K, PCM16_16K, PCM16_8K)

    def opening(self) -> list[Frame]:
        """Return ``websocket:connected``."""
        spelt = f"audio/l16;rate={self.format.rate}"
        return [json.dumps({"event": "websocket:connected", "content-type": spelt, "uuid": CALL})]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return the samples."""
        return audio

    def hear(self, message: Frame) -> None:
        """Play 20 ms, or obey ``notify`` and ``clear``."""
        if isinstance(message, bytes):
            assert self.format.ms(len(message)) == 20, "not a frame of 20 ms"  # noqa: S101 - a test's own words
            self.play(message)
        else:
            said = _message(message)
            _ACTIONS[said["action"]](self, said)

    def key(self, digit: str) -> Frame:
        """Return a ``websocket:dtmf``."""
        return json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260})

    def marked(self, name: str) -> Frame:
        """Return a ``websocket:notify``."""
        return json.dumps({"event": "websocket:notify", "payload": {"mark": name}})

    def cleared(self) -> list[Frame]:
        """Return ``websocket:cleared``."""
        return [json.dumps({"event": "websocket:cleared"})]


class FakeAsterisk(FakeCarrier):
    """Asterisk ``chan_websocket`` with plain commands: a flush destroys marks and says nothing."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU,)

    def opening(self) -> list[Frame]:
        """Return ``MEDIA_START``."""
        return [
            f"MEDIA_START connection_id:{STREAM} channel:WebSocket/x channel_id:{CALL} format:ulaw"
            " optimal_frame_size:160 ptime:20"
        ]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return the samples."""
        return audio

    def hear(self, message: Frame) -> None:
        """Play whole frames, or obey a command."""
        if isinstance(message, bytes):
            self.play(message[: len(message) // 160 * 160])  # what is no whole frame is thrown away
            return
        word, _, rest = message.partition(" ")
        _COMMANDS[word](self, rest)

    def key(self, digit: str) -> Frame:
        """Return ``DTMF_END``."""
        return f"DTMF_END digit:{digit} duration_ms:120"

    def marked(self, name: str) -> Frame:
        """Return ``MEDIA_MARK_PROCESSED``."""
        return f"MEDIA_MARK_PROCESSED correlation_id:{name}"


_COMMANDS: Final[Mapping[str, Callable[[FakeCarrier, str], None]]] = {
    "MARK_MEDIA": lambda fake, name: fake.mark(name),
    "FLUSH_MEDIA": lambda fake, _: fake.clear(),
    "HANGUP": lambda fake, _: fake.hang_up(),
}

_HEADER: Final = struct.Struct(">BH")


class FakeAudioSocket(FakeCarrier):
    """Asterisk AudioSocket: plays what comes, takes nothing back, acknowledges nothing."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCM16_8K,)

    def opening(self) -> list[Frame]:
        """Return the UUID."""
        return [_HEADER.pack(0x01, 16) + uuid.UUID(int=1).bytes]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a message of samples."""
        return _HEADER.pack(0x10, len(audio)) + audio

    def hear(self, message: Frame) -> None:
        """Play a frame, or end the call."""
        assert isinstance(message, bytes), "AudioSocket is a stream of bytes"  # noqa: S101 - a test's own words
        kind, length = _HEADER.unpack_from(message)
        if kind == 0x10:
            self.play(message[_HEADER.size : _HEADER.size + length])
        else:
            self.hang_up()

    def key(self, digit: str) -> Frame:
        """Return a key."""
        return _HEADER.pack(0x03, 1) + digit.encode()

    def closing(self) -> list[Frame]:
        """Return the hangup."""
        return [_HEADER.pack(0x00, 0)]
