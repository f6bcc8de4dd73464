"""One response, from the moment it is asked for until ``response.done``."""

from __future__ import annotations

import zlib
from typing import Final

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.conversation.states import INTERRUPTION, Interruption, InterruptionInput, step
from realtime_transport.events.client import ResponseCreate
from realtime_transport.events.items import AssistantMessageItem, Item
from realtime_transport.events.transport import TurnDoneEvent

MAX_PARTS: Final = 256
"""Messages, and content parts, of one response that are told apart. Real ones make a handful; the ids are the server's
word, and a response need not end."""


@attrs.define
class Part:
    """One content part while it is generated."""

    half_sample: bytes = b""
    """The first byte of a sample whose second is in the next delta."""
    speaks: bool = False
    """Whether audio of it came and its end has not."""
    written: bool = False
    """Whether it is text: read as soon as it is there, so never unheard."""
    said: int | None = None
    """Checksum of its transcript or text deltas, to be compared with what ``done`` says; None before the first. The
    words themselves are in the history, within its bounds."""
    closed: set[str] = attrs.field(factory=set[str])
    """Kinds of ``done`` that came: some servers send one twice."""

    def whole_samples(self, data: bytes, sample_bytes: int) -> bytes:
        """Take audio and give back whole samples; what is left over goes before the next piece."""
        if self.half_sample:
            data = self.half_sample + data
            self.half_sample = b""
        over = len(data) % sample_bytes
        if over:
            self.half_sample = data[-over:]
            data = data[:-over]
        return data

    def says(self, words: str) -> None:
        """Take the next words."""
        self.said = _checksum(words, self.said or 0)

    def said_otherwise(self, whole: str) -> bool:
        """Tell whether what was said by pieces is not ``whole``; nothing by pieces contradicts nothing."""
        said, self.said = self.said, None
        return said is not None and said != _checksum(whole, 0)

    def close(self, kind: str) -> bool:
        """Note a ``done``; False when it came before."""
        if kind in self.closed:
            return False
        self.closed.add(kind)
        return True


@attrs.define(kw_only=True, eq=False)
class Turn:
    """One response: waiting in the queue, on its way, running, or over. Compared by identity."""

    event: ResponseCreate | None = None
    """What we asked with; None when the server made this response by itself (turn detection, another client)."""
    receipts: list[str] = attrs.field(factory=list[str])
    """Calls that this response answers: one, or several where automatic requests were coalesced."""
    automatic: bool = False
    out_of_band: bool = False
    """Outside the conversation: it never takes the slot."""
    id: str = ""
    """The server's id, empty until ``response.created``."""
    interruption: Interruption = Interruption.RUNNING
    muted: bool = False
    """Whether the listener was interrupted: what still comes of it is dropped. Follows ``interruption``."""
    cancel_again: str = ""
    """Id of the cancel that came before the server had begun it, and found nothing."""
    format: AudioFormat | None = None
    """What its audio is in: the format in force when it began, whatever the session says later."""
    writes: bool = False
    """Whether it answers in text only."""
    messages: dict[str, None] = attrs.field(factory=dict[str, None])
    """Messages it made, in order; at most ``MAX_PARTS``."""
    parts: dict[tuple[str, int], Part] = attrs.field(factory=dict[tuple[str, int], "Part"])
    """By (item id, content index); at most ``MAX_PARTS``."""
    due: float | None = None
    """On its way: when it is overdue. Running: when its silence is too long. None for never."""
    refused_at: float | None = None
    """When the server first refused it because another response was active."""

    @property
    def marker(self) -> str:
        """Our id of it, echoed in the metadata of the response; empty for one that is not ours."""
        return str(self.event.event_id) if self.event is not None else ""

    def part(self, item_id: str, content_index: int) -> Part:
        """Find a part, new at its first mention: many servers announce none. Beyond the bound each mention is new."""
        part = self.parts.get((item_id, content_index))
        if part is None:
            part = Part()
            if len(self.parts) < MAX_PARTS:
                self.parts[(item_id, content_index)] = part
        return part

    def made(self, item: Item) -> None:
        """Note what it made, if that is a message that can be named."""
        if isinstance(item, AssistantMessageItem) and item.id and len(self.messages) < MAX_PARTS:
            self.messages.setdefault(item.id)

    def happened(self, what: InterruptionInput) -> bool:
        """Move by the table; False when that cannot happen now (cancelled already, cut already, over)."""
        following = step(INTERRUPTION, self.interruption, what)
        if following is None:
            return False
        self.interruption = following
        self.muted = following in {Interruption.CUT, Interruption.CUT_CANCELLING}
        return True


def _checksum(words: str, before: int) -> int:
    return zlib.crc32(words.encode(errors="surrogatepass"), before)


def unfinished(turn: Turn, reason: str) -> TurnDoneEvent:
    """Say that a response is over of which the server never said so: its connection or its place is gone."""
    return TurnDoneEvent(
        response_id=turn.id,
        status="incomplete",
        reason=reason,
        error=None,
        usage=None,
        output=(),
        out_of_band=turn.out_of_band,
    )
