"""What a phone leg tells us, in the same words for every carrier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from realtime_transport.audio.formats import AudioFormat


@attrs.frozen(kw_only=True)
class CarrierEvent:
    """Root of what ``CarrierCodec.receive`` returns."""

    raw: Any = attrs.field(default=None, eq=False, repr=False)
    """The decoded message, None for binary ones."""


@attrs.frozen(kw_only=True)
class StreamConnected(CarrierEvent):
    """The socket speaks the carrier's protocol; the call itself follows with ``CallStarted``."""

    token: str | None = attrs.field(default=None, repr=False)
    """The token that we gave the carrier for this stream, where it is repeated inside (Telnyx)."""


@attrs.frozen(kw_only=True)
class CallStarted(CarrierEvent):
    """A call is on the line. A second one on the same socket is the peer's mistake."""

    call_id: str
    """The carrier's name of the call: what its REST API takes."""
    stream_id: str
    """The carrier's name of this stream; a call that is re-attached keeps its ``call_id`` and gets another one."""
    format: AudioFormat | None
    """What the caller's audio is. None for a codec that we do not decode; ``raw`` names it."""
    account_id: str = ""
    caller: str = ""
    """The calling number, empty where the stream does not say it."""
    called: str = ""
    custom: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """What was put into the answer document for us, single-use tokens included: hence no repr."""


@attrs.frozen(kw_only=True)
class MediaReceived(CarrierEvent):
    """A piece of what the caller says, in the format of ``CallStarted``."""

    audio: bytes = attrs.field(repr=False)
    track: Literal["inbound", "outbound"] = "inbound"
    """``outbound`` is our own voice coming back, on streams that were asked for both."""
    sequence: int | None = None
    """Place in the order of the pieces, where the carrier counts them."""
    timestamp_ms: float | None = None
    """Milliseconds on the carrier's clock. Only differences mean something: the zero differs by carrier."""


@attrs.frozen(kw_only=True)
class MarkReached(CarrierEvent):
    """Playback has come to a mark, or a clear has thrown the mark out (where ``clear_returns_marks``)."""

    name: str


@attrs.frozen(kw_only=True)
class BufferCleared(CarrierEvent):
    """The carrier has thrown away what it had not played."""


@attrs.frozen(kw_only=True)
class PlaybackChanged(CarrierEvent):
    """The carrier began to play, or has played all it had (Genesys; Asterisk when its queue runs dry)."""

    playing: bool


@attrs.frozen(kw_only=True)
class FlowChanged(CarrierEvent):
    """The carrier's buffer is full, so stop writing; or has room again."""

    paused: bool


@attrs.frozen(kw_only=True)
class InputPaused(CarrierEvent):
    """The carrier holds back the caller's audio (on hold, muted for privacy), or sends it again."""

    paused: bool


@attrs.frozen(kw_only=True)
class DtmfReceived(CarrierEvent):
    """The caller pressed a key."""

    digit: str = attrs.field(repr=False)
    """``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``. Card numbers are typed this way: hence no repr."""
    duration_ms: float | None = None


@attrs.frozen(kw_only=True)
class CallStopped(CarrierEvent):
    """The carrier ended the stream. Not every carrier says so: the end of the socket means the same."""

    reason: str = ""
    """The carrier's word, empty without one."""


@attrs.frozen(kw_only=True)
class MessageIgnored(CarrierEvent):
    """A message that means nothing to us: of an unknown kind, or spoilt. The call goes on."""

    reason: str


AnyCarrierEvent: TypeAlias = (
    StreamConnected
    | CallStarted
    | MediaReceived
    | MarkReached
    | BufferCleared
    | PlaybackChanged
    | FlowChanged
    | InputPaused
    | DtmfReceived
    | CallStopped
    | MessageIgnored
)
