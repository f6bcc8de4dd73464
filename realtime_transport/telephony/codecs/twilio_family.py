"""The six messages that Twilio invented and others copied, under names of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import attrs

from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    CallStarted,
    CallStopped,
    DtmfReceived,
    MarkReached,
    MediaReceived,
    MessageIgnored,
    StreamConnected,
)
from realtime_transport.telephony.codecs.json_codec import JsonCodec


@attrs.frozen(kw_only=True)
class StartNames:
    """What a carrier calls the fields of its ``start``. They are looked for inside ``start``, then beside it."""

    stream: str
    call: str
    account: str
    format: str
    custom: str = ""
    caller: str = "from"
    called: str = "to"


COMMON_READERS: Final[Mapping[str, str]] = {
    "connected": "_read_connected",
    "start": "_read_start",
    "media": "_read_media",
    "mark": "_read_mark",
    "dtmf": "_read_dtmf",
    "stop": "_read_stop",
}
"""``event`` -> the method that reads such a message."""


class TwilioFamilyCodec(JsonCodec):
    """A subclass gives the names, and overrides the methods whose messages differ by more than names."""

    readers: ClassVar[Mapping[str, str]] = COMMON_READERS
    names: ClassVar[StartNames]
    names_stream: ClassVar[bool] = True
    """Whether our messages carry the stream's name."""

    # --- in --------------------------------------------------------------------------------------------------------

    def _read_connected(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return StreamConnected(raw=message)

    def _read_start(self, message: dict[str, Any]) -> AnyCarrierEvent:
        names, start = self.names, {**message, **fields.part(message, "start")}
        self._stream_id = fields.text(start, names.stream)
        said = fields.part(start, names.format)
        self._input_format = fields.audio_format(said) if said else self.capabilities.formats[0]
        return CallStarted(
            call_id=fields.text(start, names.call),
            stream_id=self._stream_id,
            format=self._input_format,
            account_id=fields.text(start, names.account),
            caller=fields.text(start, names.caller),
            called=fields.text(start, names.called),
            custom=self._custom(start),
            raw=message,
        )

    def _custom(self, start: dict[str, Any]) -> dict[str, str]:
        return fields.texts(fields.part(start, self.names.custom))

    def _read_media(self, message: dict[str, Any]) -> AnyCarrierEvent:
        media = fields.part(message, "media")
        payload = fields.audio(media, "payload")
        if payload is None:
            return MessageIgnored(reason="media without a payload in base64", raw=message)
        return MediaReceived(
            audio=payload,
            track="outbound" if fields.text(media, "track").startswith("outbound") else "inbound",
            sequence=fields.whole(media, "chunk"),
            timestamp_ms=fields.number(media, "timestamp"),
            raw=message,
        )

    def _read_mark(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return MarkReached(name=fields.text(fields.part(message, "mark"), "name"), raw=message)

    def _read_dtmf(self, message: dict[str, Any]) -> AnyCarrierEvent:
        dtmf = fields.part(message, "dtmf")
        return DtmfReceived(digit=fields.text(dtmf, "digit"), duration_ms=fields.number(dtmf, "duration"), raw=message)

    def _read_stop(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return CallStopped(reason=fields.text(fields.part(message, "stop"), "reason"), raw=message)

    # --- out -------------------------------------------------------------------------------------------------------

    def _message(self, event: str, **content: Any) -> str:
        stream = {self.names.stream: self._require_stream()} if self.names_stream else {}
        return fields.encode({"event": event, **stream, **content})

    def _media(self, audio: bytes) -> str:
        return self._message("media", media={"payload": fields.base64(audio)})

    def _mark(self, name: str) -> str:
        return self._message("mark", mark={"name": name})

    def _clear(self) -> str:
        return self._message("clear")
