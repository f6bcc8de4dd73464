"""The fakes of Asterisk: ``chan_websocket`` and AudioSocket."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Literal

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.telephony.codecs import Frame
from realtime_transport.telephony.codecs.asterisk import MAX_COMMAND
from realtime_transport.telephony.codecs.audiosocket import RATES
from realtime_transport.testing.carriers.carrier import FakeCarrier

QUEUE_FRAMES: Final = 1000
"""Frames in the queue of ``chan_websocket``; what comes beyond it is dropped without a word."""

XOFF_MS: Final = 18_000.0
XON_MS: Final = 16_000.0
"""900 and 800 frames of 20 ms: where Asterisk says that its queue is full, and that it has room again."""

_ROUNDING_MS: Final = 1e-3
"""900 times 20 ms, added up, are a little less than 18 s."""


class FakeAsterisk(FakeCarrier):
    """Asterisk ``chan_websocket``: a queue of a thousand frames with XOFF and XON, commands of 128 bytes at most.

    A flush destroys marks, is not acknowledged, and ends buffering. Outside of buffering a part of a frame is thrown
    away. ``control`` is how commands and events are written. PAUSE_MEDIA and what follows it are not played here.
    """

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU, PCMA, PCM16_8K, PCM16_16K, PCM16_24K)
    buffer_ms: ClassVar[float] = QUEUE_FRAMES * 20.0
    subprotocols: ClassVar[tuple[str, ...]] = ("media",)
    spellings: ClassVar[Mapping[AudioFormat, str]] = {
        PCMU: "ulaw",
        PCMA: "alaw",
        PCM16_8K: "slin",
        PCM16_16K: "slin16",
        PCM16_24K: "slin24",
    }
    commands: ClassVar[Mapping[str, Callable[[Any, str], None]]] = {
        "ANSWER": lambda fake, _: None,
        "HANGUP": lambda fake, _: fake.hang_up(),
        "MARK_MEDIA": lambda fake, name: fake.mark(name),
        "FLUSH_MEDIA": lambda fake, _: fake.flush(),
        "START_MEDIA_BUFFERING": lambda fake, _: fake.start_buffering(),
        "STOP_MEDIA_BUFFERING": lambda fake, name: fake.stop_buffering(name),
        "REPORT_QUEUE_DRAINED": lambda fake, _: fake.report_drained(),
        "GET_STATUS": lambda fake, _: fake.deliver(fake.status()),
    }

    def __init__(self, *args: Any, control: Literal["plain", "json"] = "plain", **options: Any) -> None:
        super().__init__(*args, **options)
        self._control = control
        self._frame = self.format.bytes_for(20)
        self._is_full = False
        self._partial: bytes | None = None
        """A frame that is not whole yet, while buffering; None outside of it."""
        self._reports_drained = False

    def event(self, word: str, **content: str | int) -> str:
        """Write an event the way the channel was set up."""
        if self._control == "json":
            return json.dumps({"event": word, **content})
        return " ".join([word, *(f"{key}:{value}" for key, value in content.items())])

    def opening(self) -> list[Frame]:
        """Return ``MEDIA_START``."""
        start: dict[str, Any] = {
            "connection_id": self.stream_id,
            "channel": "WebSocket/fake/0x1",
            "channel_id": self.call_id,
            "format": self.spellings[self.format],
            "optimal_frame_size": self._frame,
            "ptime": 20,
        }
        if self._control == "json":
            start["channel_variables"] = self.custom
        return [self.event("MEDIA_START", **start)]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return the samples."""
        return audio

    def hear(self, message: Frame) -> None:
        """Queue whole frames, or obey a command of at most 128 bytes."""
        if isinstance(message, bytes):
            self._queue(message)
        elif len(message.encode()) > MAX_COMMAND:
            self.fault(f"a command of {len(message.encode())} bytes: Asterisk ignores more than {MAX_COMMAND}")
        else:
            word, name = self._parsed(message)
            self.commands[word](self, name)

    def _parsed(self, message: str) -> tuple[str, str]:
        if self._control == "json":
            content = json.loads(message)
            return content["command"], content.get("correlation_id", "")
        word, _, name = message.partition(" ")
        return word, name

    def _queue(self, audio: bytes) -> None:
        audio = (self._partial or b"") + audio
        whole = len(audio) // self._frame * self._frame
        if self._partial is not None:
            self._partial = audio[whole:]
        elif whole < len(audio):
            self.fault(f"{len(audio) - whole} bytes of a frame that is not whole are thrown away")
        self.play(audio[:whole])
        if not self._is_full and self.playback.ahead_ms >= XOFF_MS - _ROUNDING_MS:
            self._is_full = True
            self.note("flow", detail="XOFF")
            self.deliver(self.event("MEDIA_XOFF", channel_id=self.call_id))
            self._watch()

    def _watch(self) -> None:
        """Look again when there should be room, at the earliest with the next frame."""
        self.after(max(20.0, self.playback.ahead_ms - XON_MS), self._consider_xon)

    def _consider_xon(self) -> None:
        if not self._is_full:
            return
        if self.playback.ahead_ms > XON_MS + _ROUNDING_MS:
            self._watch()
            return
        self._is_full = False
        self.note("flow", detail="XON")
        self.deliver(self.event("MEDIA_XON", channel_id=self.call_id))

    def flush(self) -> None:
        """Empty the queue, marks included, and end buffering. The next frame's time brings XON, if there was XOFF."""
        self._partial = None
        self.clear()
        self.after(20.0, self._consider_xon)

    def start_buffering(self) -> None:
        """Take audio of any length from now on."""
        self._partial = self._partial or b""

    def stop_buffering(self, name: str) -> None:
        """Fill up the last frame with silence and say that it was queued."""
        if self._partial:
            self.play(self._partial + self.format.silence(20)[len(self._partial) :])
        self._partial = None
        self.deliver(self._named("MEDIA_BUFFERING_COMPLETED", name))

    def report_drained(self) -> None:
        """Say once when the queue is empty."""
        self._reports_drained = self.playback.ahead_ms > 0
        if not self._reports_drained:
            self.deliver(self.event("QUEUE_DRAINED", channel_id=self.call_id))

    def playing(self, begins: bool) -> list[Frame]:
        """Say that the queue is empty, when that was asked for."""
        if begins or not self._reports_drained:
            return []
        self._reports_drained = False
        return [self.event("QUEUE_DRAINED", channel_id=self.call_id)]

    def status(self) -> str:
        """Return the answer to ``GET_STATUS``."""
        return self.event(
            "STATUS",
            channel_id=self.call_id,
            queue_length=round(self.playback.ahead_ms / 20),
            xon_level=800,
            xoff_level=900,
            queue_full=str(self._is_full).lower(),
            bulk_media=str(self._partial is not None).lower(),
            media_paused="false",
        )

    def key(self, digit: str) -> Frame:
        """Return ``DTMF_END``."""
        return self.event("DTMF_END", digit=digit, channel_id=self.call_id)

    def marked(self, name: str) -> Frame:
        """Return ``MEDIA_MARK_PROCESSED``."""
        return self._named("MEDIA_MARK_PROCESSED", name)

    def _named(self, word: str, name: str) -> str:
        if self._control == "json":
            return self.event(word, channel_id=self.call_id, correlation_id=name)
        return f"{word} {name}".rstrip()


_HEADER: Final = struct.Struct(">BH")


class FakeAudioSocket(FakeCarrier):
    """Asterisk AudioSocket: plays what comes at once, takes nothing back, acknowledges nothing.

    Audio beyond 200 ms ahead is lost: Asterisk passes it on as it comes, and that is what a phone's jitter buffer holds
    (an assumption; phones differ). Whatever it does not know ends the call.
    """

    formats: ClassVar[tuple[AudioFormat, ...]] = tuple(
        AudioFormat(encoding="pcm16", rate=rate) for rate in RATES.values()
    )
    buffer_ms: ClassVar[float] = 200.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kind = next(kind for kind, rate in RATES.items() if rate == self.format.rate)
        self._rest = b""

    def opening(self) -> list[Frame]:
        """Return the UUID."""
        return [_HEADER.pack(0x01, 16) + uuid.uuid5(uuid.NAMESPACE_OID, self.call_id).bytes]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a message of samples."""
        return _HEADER.pack(self._kind, len(audio)) + audio

    def hear(self, message: Frame) -> None:
        """Read what is complete of the stream: play a frame, or end the call."""
        if isinstance(message, str):
            raise TypeError("AudioSocket is a stream of bytes")
        self._rest += message
        while len(self._rest) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._rest)
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            payload, self._rest = self._rest[_HEADER.size : end], self._rest[end:]
            self._do(kind, payload)

    def _do(self, kind: int, payload: bytes) -> None:
        if kind == self._kind:
            self.play(payload)
            return
        if kind:
            self.fault(f"kind 0x{kind:02x} ends the call")
        self.hang_up()

    def key(self, digit: str) -> Frame:
        """Return a key."""
        return _HEADER.pack(0x03, 1) + digit.encode()

    def closing(self) -> list[Frame]:
        """Return the hangup."""
        return [_HEADER.pack(0x00, 0)]
