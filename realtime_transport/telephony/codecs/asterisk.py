"""Asterisk ``chan_websocket``: audio as binary messages, control as text, plain or JSON.

Asterisk owns the clock and a queue of 1000 frames: it says XOFF at 900 and drops without a word what comes beyond the
end. Text above 128 bytes is ignored. A part of a frame is thrown away unless it is sent between the buffering commands,
so audio goes out in whole frames. ``FLUSH_MEDIA`` destroys the marks that wait, is not acknowledged, and does not lift
XOFF. For codecs that Asterisk cannot cut, marks and flush are answered with ``ERROR``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal

from realtime_transport.audio.formats import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import CarrierCapabilities, Frame
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    CallStarted,
    DtmfReceived,
    FlowChanged,
    MarkReached,
    MediaReceived,
    MessageIgnored,
    PlaybackChanged,
)
from realtime_transport.telephony.codecs.json_codec import JsonCodec

MAX_COMMAND: Final = 128
"""Bytes of a command: Asterisk only logs a longer one."""


class AsteriskCodec(JsonCodec):
    """The application's side of a ``chan_websocket`` channel.

    ``control`` is the format of the commands; None takes the one of ``MEDIA_START``.
    """

    name: ClassVar[str] = "asterisk"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCMU, PCMA, PCM16_8K, PCM16_16K, PCM16_24K),
        clear_returns_marks=False,
        frame_ms=20.0,
        max_message_bytes=16_000,
        max_ahead_ms=10_000.0,
        flow_control=True,
        can_hang_up=True,
        sends_stop=False,
    )
    readers: ClassVar[Mapping[str, str]] = {
        "MEDIA_START": "_read_start",
        "MEDIA_XOFF": "_read_xoff",
        "MEDIA_XON": "_read_xon",
        "QUEUE_DRAINED": "_read_drained",
        "MEDIA_MARK_PROCESSED": "_read_mark",
        "DTMF_END": "_read_dtmf",
        "ERROR": "_read_error",
        "STATUS": "_read_nothing",
        "MEDIA_BUFFERING_COMPLETED": "_read_nothing",
    }

    def __init__(self, *, control: Literal["plain", "json"] | None = None) -> None:
        super().__init__()
        self._control = control
        self._frame_bytes: int | None = None

    # --- in --------------------------------------------------------------------------------------------------------

    def _receive(self, message: Frame) -> Iterable[AnyCarrierEvent]:
        if isinstance(message, str) and not message.startswith("{"):
            message = fields.encode(_parsed(message))
        return super()._receive(message)

    def _receive_binary(self, message: bytes) -> Iterable[AnyCarrierEvent]:
        return [MediaReceived(audio=message)]

    def _read_start(self, message: dict[str, Any]) -> AnyCarrierEvent:
        self._control = self._control or ("plain" if _PLAIN in message else "json")
        self._stream_id = fields.text(message, "connection_id")
        said = fields.text(message, "format")
        self._input_format = fields.audio_format(said) if said else PCMU
        said_size = fields.whole(message, "optimal_frame_size") or 0
        self._frame_bytes = said_size if 0 < said_size <= self.capabilities.max_message_bytes else None
        return CallStarted(
            call_id=fields.text(message, "channel_id") or self._stream_id,
            stream_id=self._stream_id,
            format=self._input_format,
            custom=fields.texts(fields.part(message, "channel_variables")),
            raw=message,
        )

    def _read_xoff(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return FlowChanged(paused=True, raw=message)

    def _read_xon(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return FlowChanged(paused=False, raw=message)

    def _read_drained(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return PlaybackChanged(playing=False, raw=message)

    def _read_mark(self, message: dict[str, Any]) -> AnyCarrierEvent:
        name = fields.text(message, "correlation_id") or fields.text(message, _PLAIN)
        return MarkReached(name=name, raw=message)

    def _read_dtmf(self, message: dict[str, Any]) -> AnyCarrierEvent:
        duration = fields.number(message, "duration_ms")
        return DtmfReceived(digit=fields.text(message, "digit"), duration_ms=duration, raw=message)

    def _read_error(self, message: dict[str, Any]) -> AnyCarrierEvent:
        plain = fields.text(message, _PLAIN)
        said = plain.partition("error_text:")[2] or fields.text(message, "error_text") or plain
        return MessageIgnored(reason=f"Asterisk reports an error: {said[:200]}", raw=message)

    def _read_nothing(self, message: dict[str, Any]) -> None:
        """Pass over what Asterisk says about itself."""

    # --- out -------------------------------------------------------------------------------------------------------

    @property
    def frame_bytes(self) -> int:
        """Asterisk's ``optimal_frame_size``, 20 ms before it is known."""
        return self._frame_bytes or super().frame_bytes

    def _media(self, audio: bytes) -> bytes:
        return audio

    def _mark(self, name: str) -> str:
        return self._command("MARK_MEDIA", name)

    def _clear(self) -> str:
        return self._command("FLUSH_MEDIA")

    def _hang_up(self) -> str:
        return self._command("HANGUP")

    def _command(self, word: str, correlation_id: str = "") -> str:
        content = {"correlation_id": correlation_id} if correlation_id else {}
        command = fields.encode({"command": word, **content})
        if self._control != "json":
            command = f"{word} {correlation_id}".rstrip()
        if len(command.encode()) > MAX_COMMAND or not command.isprintable():
            raise InvalidArgument(f"a command is one line of at most {MAX_COMMAND} bytes", path="name")
        return command


_PLAIN: Final = "plain"
"""Where ``_parsed`` keeps what stood behind the word of a plain message."""


def _parsed(message: str) -> dict[str, str]:
    """Read ``WORD key:value key:value`` or ``WORD text`` into the shape of the JSON messages."""
    word, _, rest = message.partition(" ")
    pairs = (pair.partition(":") for pair in rest.split())
    return {**{key: value for key, found, value in pairs if found}, "event": word, _PLAIN: rest}
