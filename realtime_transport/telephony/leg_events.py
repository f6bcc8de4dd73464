"""What a phone leg tells its driver, beside the carrier's own ``CallStarted`` and ``DtmfReceived``."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from realtime_transport.telephony.codecs.events import CallStarted, DtmfReceived


@attrs.frozen(kw_only=True)
class CallerAudio:
    """What the caller says, in the order of speaking, gaps filled with silence; in the leg's ``input_format``."""

    data: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class PartPlayed:
    """So much of one part of the agent's speech was heard, from its beginning."""

    item_id: str
    content_index: int
    ms: float


@attrs.frozen(kw_only=True)
class AudioLost:
    """Audio was dropped or never came; what was missing of the caller's is replaced by silence where that is known."""

    direction: Literal["in", "out"]
    """``out`` is the caller's audio on its way to the model, ``in`` the agent's on its way to the caller."""
    ms: float
    reason: str


@attrs.frozen(kw_only=True)
class LegEnded:
    """The phone leg is over; nothing more comes."""

    reason: str
    fault: bool = False
    """The carrier, or whoever speaks in its name, broke its own protocol."""


LegEvent: TypeAlias = CallStarted | CallerAudio | DtmfReceived | PartPlayed | AudioLost | LegEnded
