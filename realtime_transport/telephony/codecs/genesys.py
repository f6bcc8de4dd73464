"""Genesys AudioHook and Audio Connector (protocol version 2): a handshake in JSON, mu-law as binary messages.

Both sides number what they send and repeat the last number of the other. ``pause`` and ``resume`` are requests of ours;
``paused``, ``resumed`` and ``discarded`` are what Genesys reports. Too many messages are answered with error 429, so
audio goes out 200 ms at a time. Whether ``playback_completed`` follows a ``barge_in`` is not documented; neither is the
byte order of L16, which is taken for little-endian and only used when no mu-law is offered.
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from realtime_transport.audio.formats import PCM16_8K, PCMU
from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import CarrierCapabilities
from realtime_transport.telephony.codecs.events import (
    AnyCarrierEvent,
    CallStarted,
    CallStopped,
    DtmfReceived,
    InputPaused,
    MediaReceived,
    MessageIgnored,
    PlaybackChanged,
)
from realtime_transport.telephony.codecs.json_codec import JsonCodec

CALLER_CHANNEL = "external"
"""The caller, as seen from the contact centre; ``internal`` is the agent."""

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The conversation of a probe: Genesys opens a session, sends no audio and closes it, to see whether we are there."""


class GenesysCodec(JsonCodec):
    """The server role of an AudioHook session."""

    name: ClassVar[str] = "genesys"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCMU, PCM16_8K),
        has_marks=False,
        frame_ms=200.0,
        lead_ms=400.0,
        can_hang_up=True,
        reports_end=True,
        closes_last=True,
    )
    word_key: ClassVar[str] = "type"
    readers: ClassVar[Mapping[str, str]] = {
        "open": "_read_open",
        "ping": "_read_ping",
        "update": "_read_update",
        "paused": "_read_paused",
        "resumed": "_read_resumed",
        "discarded": "_read_discarded",
        "dtmf": "_read_dtmf",
        "playback_started": "_read_playback_started",
        "playback_completed": "_read_playback_completed",
        "error": "_read_error",
        "close": "_read_close",
    }

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0
        self._seen = 0
        self._channels: list[str] = [CALLER_CHANNEL]

    # --- in --------------------------------------------------------------------------------------------------------

    def _receive_binary(self, message: bytes) -> Iterable[AnyCarrierEvent]:
        for index, channel in enumerate(self._channels):
            audio = _channel(message, index, len(self._channels), self.input_format.bytes_per_sample)
            yield MediaReceived(audio=audio, track="inbound" if channel == CALLER_CHANNEL else "outbound")

    def _read_open(self, message: dict[str, Any]) -> AnyCarrierEvent:
        parameters = self._noted(message)
        participant = fields.part(parameters, "participant")
        self._stream_id = fields.text(message, "id")
        if fields.text(parameters, "conversationId") == NOBODY:
            self._reply("opened", {"startPaused": False, "media": []})
            return MessageIgnored(reason="Genesys tries the connection, nobody calls", raw=message)
        chosen = _choose(fields.parts(parameters, "media"))
        self._channels = fields.words(chosen, "channels") or [CALLER_CHANNEL]
        self._input_format = fields.audio_format({"format": chosen.get("format"), "rate": chosen.get("rate")})
        self._reply("opened", {"startPaused": False, "media": [chosen] if chosen else []})
        return CallStarted(
            call_id=fields.text(parameters, "conversationId"),
            stream_id=self._stream_id,
            format=self._input_format,
            account_id=fields.text(parameters, "organizationId"),
            caller=fields.text(participant, "ani"),
            called=fields.text(participant, "dnis"),
            custom=fields.texts(fields.part(parameters, "customConfig") | fields.part(parameters, "inputVariables")),
            raw=message,
        )

    def _read_ping(self, message: dict[str, Any]) -> None:
        self._noted(message)
        self._reply("pong", {})

    def _read_update(self, message: dict[str, Any]) -> None:
        self._noted(message)
        self._reply("updated", {})

    def _read_paused(self, message: dict[str, Any]) -> AnyCarrierEvent:
        self._noted(message)
        return InputPaused(paused=True, raw=message)

    def _read_resumed(self, message: dict[str, Any]) -> AnyCarrierEvent:
        self._noted(message)
        return InputPaused(paused=False, raw=message)

    def _read_discarded(self, message: dict[str, Any]) -> AnyCarrierEvent:
        parameters = self._noted(message)
        lost = f"{fields.text(parameters, 'discarded')} from {fields.text(parameters, 'start')}"
        return MessageIgnored(reason=f"Genesys has discarded {lost} of the caller's audio", raw=message)

    def _read_dtmf(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return DtmfReceived(digit=fields.text(self._noted(message), "digit"), raw=message)

    def _read_playback_started(self, message: dict[str, Any]) -> AnyCarrierEvent:
        self._noted(message)
        return PlaybackChanged(playing=True, raw=message)

    def _read_playback_completed(self, message: dict[str, Any]) -> AnyCarrierEvent:
        self._noted(message)
        return PlaybackChanged(playing=False, raw=message)

    def _read_error(self, message: dict[str, Any]) -> AnyCarrierEvent:
        parameters = self._noted(message)
        said = f"{fields.text(parameters, 'code')} {fields.text(parameters, 'message')}".strip()
        return MessageIgnored(reason=f"Genesys reports error {said}", raw=message)

    def _read_close(self, message: dict[str, Any]) -> AnyCarrierEvent:
        parameters = self._noted(message)
        self._reply("closed", {})
        return CallStopped(reason=fields.text(parameters, "reason"), raw=message)

    # --- out -------------------------------------------------------------------------------------------------------

    def _media(self, audio: bytes) -> bytes:
        self._require_stream()
        return audio

    def _clear(self) -> str:
        self._require_stream()
        return self._message("event", {"entities": [{"type": "barge_in", "data": {}}]})

    def _hang_up(self) -> str:
        """Write ``disconnect``; Genesys answers with ``close``, we with ``closed``, and it ends the socket."""
        self._require_stream()
        return self._message("disconnect", {"reason": "completed"})

    def _noted(self, message: dict[str, Any]) -> dict[str, Any]:
        """Remember the number of a message, which our next one repeats, and return its parameters."""
        self._seen = fields.whole(message, "seq") or self._seen
        return fields.part(message, "parameters")

    def _reply(self, kind: str, parameters: Mapping[str, Any]) -> None:
        self._replies.append(self._message(kind, parameters))

    def _message(self, kind: str, parameters: Mapping[str, Any]) -> str:
        stream = self._stream_id or ""
        self._sent += 1
        return fields.encode(
            {
                "version": "2",
                "type": kind,
                "seq": self._sent,
                "clientseq": self._seen,
                "id": stream,
                "parameters": parameters,
            }
        )


def _choose(offered: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the offered medium to use, an empty one when we speak none: mu-law first, then the fewest channels."""
    spoken = [each for each in offered if fields.text(each, "format") in _PREFERENCE]
    spoken.sort(key=lambda each: (_PREFERENCE.index(fields.text(each, "format")), len(fields.words(each, "channels"))))
    return spoken[0] if spoken else {}


_PREFERENCE = ("PCMU", "L16")


def _channel(audio: bytes, index: int, channels: int, sample: int) -> bytes:
    """Return one channel of interleaved audio."""
    if channels == 1:
        return audio
    samples = array.array("h" if sample == 2 else "B", audio[: len(audio) // sample * sample])
    return samples[index::channels].tobytes()
