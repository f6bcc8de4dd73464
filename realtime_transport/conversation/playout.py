"""The playout ledger: how much speech was generated, and how much of it the listener heard.

A server generates speech faster than it sounds. What was generated is therefore not what was heard, and generation
being over says nothing about the sound. Interruption, truncation, ``audio_heard``, captions, recordings and latency
all need the difference; this ledger is the one place that keeps it. It lives as long as the sound: an entry stays when
its generation is over, and leaves when it was heard to the end or cut.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, TypeAlias

import attrs

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.conversation.playhead import EstimatedPlayhead, Part, Playhead, ReportedPlayhead
from realtime_transport.conversation.recent import Recent
from realtime_transport.events.transport import AudioHeardEvent, Cut

Policy: TypeAlias = Literal["estimate", "reported"]
"""Who says what was heard: the clock, or ``heard()``."""


GRACE_MS: Final = 1e-6
"""Half past one minus one is not quite half in binary: a nanosecond is no reason to lose a millisecond."""


class PartKey(NamedTuple):
    """Name the audio of one content part."""

    response_id: str
    item_id: str
    content_index: int


@attrs.frozen(kw_only=True)
class PlayoutLimits:
    """Bounds of what a ledger keeps. A well-behaved server never meets them."""

    max_parts: int = 256
    """Parts that are not heard to the end; the oldest is forgotten. A response has one or two, and two or three
    responses are in the player at most."""
    max_past: int = 256
    """Parts and responses remembered after their end, so that what comes late is known as late; oldest first out."""
    max_runs: int = 4096
    """Changes from one part to another in what is to be heard; beyond it the oldest run counts as heard. Twenty
    responses speaking at once, in pieces of 200 ms, for 40 s."""


class PlayoutLedger:
    """Keep generated and heard milliseconds of every part of the agent's speech.

    ``estimate`` assumes a player that plays what arrives, in order of arrival, in real time; reports are ignored.
    ``reported`` knows nothing but what ``heard()`` says.

    Times are seconds of one monotonic clock and never go back. Bytes are counted decoded, before any resampling, in
    the format that is in force for their response.
    """

    def __init__(self, policy: Policy = "estimate", limits: PlayoutLimits = PlayoutLimits()) -> None:
        self._limits = limits
        self._playhead: Playhead = EstimatedPlayhead(limits.max_runs) if policy == "estimate" else ReportedPlayhead()
        # Not heard to the end, in the order of their first bytes, which is the play order.
        self._parts: dict[tuple[str, str, int], Part] = {}
        # Heard to the end, or cut.
        self._past: dict[tuple[str, str, int], Part] = {}
        # Responses that were cut while they were generated: nothing more of them is wanted.
        self._unwanted: Recent[str] = Recent(limits.max_past)
        self._deadline: float | None = None
        self.refused: int = 0
        """Pieces of audio that came after their part or their response was cut."""
        self.forgotten: int = 0
        """Parts that were given up because there were too many."""

    # --- what the server says ------------------------------------------------------------------------------------

    def received(
        self, response_id: str, item_id: str, content_index: int, size: int, fmt: AudioFormat, now: float
    ) -> bool:
        """Count ``size`` bytes of generated audio; False when they belong to something cut and must not be played."""
        key = (response_id, item_id, content_index)
        # A part that was heard whole when its response was cut may still be in the player: it gets no more either.
        part = None if response_id in self._unwanted else self._parts.get(key) or self._admit(key, fmt)
        if part is None:
            self.refused += 1
            return False
        self._playhead.received(part, size, now)
        if part.finished:
            self._schedule()
        return True

    def finished(self, response_id: str, item_id: str, content_index: int, now: float) -> None:
        """Note that a part is generated to its end. Its entry stays until it was heard; an unknown part is ignored."""
        part = self._parts.get((response_id, item_id, content_index))
        if part is not None:
            part.finished = True
            # The listener may have been waiting for more: the part ends now, not when the last sound ended.
            part.ends_at = max(part.ends_at, now)
            self._schedule()

    def response_done(self, response_id: str) -> None:
        """Note that a response is over: its parts are finished, and its id is no longer refused.

        Servers that never say that a part is done are served by this too.
        """
        self._unwanted.discard(response_id)
        for part in self._parts.values():
            if part.response_id == response_id:
                part.finished, part.generating = True, False
        self._schedule()

    # --- what the listener's side says ---------------------------------------------------------------------------

    def heard(self, item_id: str, content_index: int, ms: float, now: float) -> bool:
        """Take a report: ``ms`` of a part were heard so far, counted from its beginning.

        False, and no effect, when it is older than the last one, when the part is unknown or was cut (carriers answer
        a clear by returning all marks that were out), and under the policy ``estimate``. Call ``wake`` afterwards.
        """
        part = self._find(item_id, content_index)
        if part is None or not self._playhead.heard(part, ms, now):
            return False
        self._schedule()
        return True

    # --- questions -----------------------------------------------------------------------------------------------

    def heard_ms(self, item_id: str, content_index: int, now: float) -> float:
        """Return how much of a part was heard by ``now``; 0.0 when it is unknown."""
        part = self._find(item_id, content_index)
        if part is not None:
            return self._playhead.heard_ms(part, now)
        part = self._recall(item_id, content_index)
        if part is None:
            return 0.0
        return part.received_ms if part.cut_at is None else part.cut_at

    def received_ms(self, item_id: str, content_index: int) -> float:
        """Return how much of a part was generated; 0.0 when it is unknown."""
        part = self._find(item_id, content_index) or self._recall(item_id, content_index)
        return 0.0 if part is None else part.received_ms

    def playing(self, now: float) -> PartKey | None:
        """Return what the listener hears now, None in silence."""
        part = self._playhead.playing(now)
        return None if part is None else PartKey(part.response_id, part.item_id, part.content_index)

    # --- the end of parts ----------------------------------------------------------------------------------------

    def cut(self, now: float) -> tuple[Cut, ...]:
        """Forget every part that is not wholly heard, and return them in play order.

        ``heard_ms`` and ``received_ms`` are whole and rounded down, so they are never past the end. Audio of these
        parts is refused from now on, and any audio of their responses until ``response_done``: a server that was told
        to stop goes on for a few frames, also with items that had not begun.
        """
        cuts: list[Cut] = []
        for key, part in list(self._parts.items()):
            if part.whole(now):
                continue
            part.cut_at = self._playhead.heard_ms(part, now)
            if part.generating:
                self._unwanted.add(part.response_id)
            self._leave(key, part)
            cuts.append(
                Cut(
                    response_id=part.response_id,
                    item_id=part.item_id,
                    content_index=part.content_index,
                    heard_ms=min(math.floor(part.cut_at + GRACE_MS), math.floor(part.received_ms)),
                    received_ms=math.floor(part.received_ms),
                )
            )
        self._playhead.clear()
        self._schedule()
        return tuple(cuts)

    def next_deadline(self) -> float | None:
        """Return when the next part will have been heard to its end, None when nobody can tell yet."""
        return self._deadline

    def wake(self, now: float) -> tuple[AudioHeardEvent, ...]:
        """Let the parts go that are generated and heard to their end by ``now``, and return them in play order."""
        if self._deadline is None or now < self._deadline:
            return ()
        heard: list[AudioHeardEvent] = []
        for key, part in list(self._parts.items()):
            if part.whole(now):
                self._leave(key, part)
                heard.append(
                    AudioHeardEvent(
                        response_id=part.response_id,
                        item_id=part.item_id,
                        content_index=part.content_index,
                        heard_ms=math.floor(part.received_ms),
                    )
                )
        self._schedule()
        return tuple(heard)

    # --- inside --------------------------------------------------------------------------------------------------

    def _admit(self, key: tuple[str, str, int], fmt: AudioFormat) -> Part | None:
        """Open an entry, unless it was cut. A part that goes on after its end goes on where it was."""
        part = self._past.get(key)
        if part is not None and part.cut_at is not None:
            return None
        if part is None:
            part = Part(response_id=key[0], item_id=key[1], content_index=key[2], fmt=fmt)
        else:
            del self._past[key]
        if len(self._parts) == self._limits.max_parts:
            oldest = next(iter(self._parts))
            self._playhead.forget(self._parts.pop(oldest))
            self.forgotten += 1
        self._parts[key] = part
        return part

    def _leave(self, key: tuple[str, str, int], part: Part) -> None:
        del self._parts[key]
        self._playhead.forget(part)
        self._past[key] = part
        if len(self._past) > self._limits.max_past:
            del self._past[next(iter(self._past))]

    def _schedule(self) -> None:
        """Find the next deadline: only when an end moved, never for an ordinary piece of audio."""
        ends = [part.ends_at for part in self._parts.values() if part.finished and part.ends_at < math.inf]
        self._deadline = min(ends, default=None)

    def _find(self, item_id: str, content_index: int) -> Part | None:
        """Return the part that is in the player; ids of items are unique, so the response need not be named."""
        return _first(self._parts, item_id, content_index)

    def _recall(self, item_id: str, content_index: int) -> Part | None:
        return _first(self._past, item_id, content_index)


def _first(parts: dict[tuple[str, str, int], Part], item_id: str, content_index: int) -> Part | None:
    """Search a few hundred entries at most; audio itself never comes this way."""
    return next((p for p in parts.values() if p.item_id == item_id and p.content_index == content_index), None)
