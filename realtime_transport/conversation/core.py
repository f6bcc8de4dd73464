"""What the parts of the client role share: one connection's state, and the ways to ask and to tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.history import History
from realtime_transport.conversation.outbox import Outbox
from realtime_transport.conversation.playout import PlayoutLedger
from realtime_transport.conversation.recent import Recent
from realtime_transport.conversation.requests import Request, RequestKind, Requests
from realtime_transport.conversation.responses import ResponseQueue
from realtime_transport.conversation.session_config import SessionState
from realtime_transport.conversation.session_views import output_format, session_modalities
from realtime_transport.conversation.turns import Turn, unfinished
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.client import ClientEvent, ConversationItemTruncate
from realtime_transport.events.response import Response, ResponseOptions
from realtime_transport.events.transport import TransportEvent
from realtime_transport.events.usage import Usage
from realtime_transport.exceptions import RealtimeError, RequestTimeout

Playout: TypeAlias = Literal["estimate", "reported"]

MAX_SEEN: Final = 4096
"""Server event ids kept against duplicates: minutes of a call, 300 kB. Servers that repeat do it within seconds."""

MAX_ONCE: Final = 1024
"""Ids kept of things that are told once (a call, an approval) or are gone (a deleted item)."""

NOTHING_ASKED: Final = ResponseOptions()
"""The options of a response that the server made by itself."""


@attrs.frozen(kw_only=True)
class Limits:
    """How long to wait and how much to keep."""

    request_timeout: float = 10.0
    """Seconds for the server to answer a request, and to begin a response."""
    response_timeout: float | None = 60.0
    """Seconds of silence after which a running response is no longer waited for, None to wait for ever. Generous: a
    hosted MCP tool may take long in the middle of a response."""
    unanswered_grace: float = 1.0
    """Seconds after which a request counts as done with servers that never answer its kind."""
    history_items: int = 2000
    """Items kept; the oldest leave first. A long call has a few hundred."""
    history_bytes: int = 32 * 1024 * 1024
    keep_audio: bool = False
    """Whether the history keeps the agent's audio; otherwise only its words."""


@attrs.define
class Counts:
    """What came and was not acted on. Never an error: the network and the servers of the field do this."""

    duplicate: int = 0
    """Events whose ``event_id`` had come before."""
    stale: int = 0
    """Events of a response, an item or a request that is over."""
    unknown: int = 0
    """Events of a type this library does not know."""


class Core:
    """The state of one connection: all but ``outbox``, ``requests`` and ``usage`` is new with each."""

    def __init__(
        self,
        *,
        capabilities: Capabilities,
        ids: Callable[[str], str],
        playout: Playout,
        limits: Limits,
        outbox: Outbox,
        requests: Requests,
        usage: Usage,
    ) -> None:
        self.capabilities = capabilities
        self.ids = ids
        self.limits = limits
        self.outbox = outbox
        self.requests = requests
        self.usage = usage
        """Tokens spent by all connections so far."""
        self.session: SessionState = SessionState()
        self.responses: ResponseQueue = ResponseQueue(
            requests,
            outbox,
            self._unfinished,
            echoes_metadata=capabilities.echoes_metadata,
            out_of_band=capabilities.out_of_band_responses,
            request_timeout=limits.request_timeout,
            response_timeout=limits.response_timeout,
        )
        self.playout: PlayoutLedger = PlayoutLedger(playout)
        self.history: History = History(
            max_items=limits.history_items, max_bytes=limits.history_bytes, keep_audio=limits.keep_audio
        )
        self.counts: Counts = Counts()
        self.seen: Recent[str] = Recent(MAX_SEEN)
        self.told: Recent[tuple[type[Any], str]] = Recent(MAX_ONCE)
        """(event, id) of what listeners hear once, and of what the server is asked once."""
        self.gone: Recent[str] = Recent(MAX_ONCE)
        """Deleted items: what still comes of them is stale."""
        self.outside: Recent[str] = Recent(MAX_ONCE)
        """Items of responses outside the conversation: neither in the history nor known to the server."""
        self.heard_items: Recent[str] = Recent(MAX_ONCE)
        """Items of which something was heard: they are truncated, never deleted."""
        self.kept_ms: dict[tuple[str, int], int] = {}
        """What a truncation left of a part, by (item id, content index). Bounded by ``MAX_ONCE``, oldest out first."""
        self.speech_item = ""
        """The user item that turn detection last announced the end of: its commit is the server's own."""
        self.uncommitted_bytes = 0
        """Audio appended since the last commit or clear."""
        self.untranscribed: dict[str, None] = {}
        """Transcription sessions: turns that were committed and whose words are to come, at most ``MAX_ONCE``."""
        self.server_is_playing = False
        """Where the server owns the playout buffer: whether it plays."""

    def emit(self, event: TransportEvent) -> None:
        """Tell the application."""
        self.outbox.events.append(event)

    def ask(
        self,
        event: ClientEvent,
        kind: RequestKind,
        now: float,
        *,
        key: str = "",
        answered: bool = True,
        silent: bool = False,
        benign: frozenset[str] = frozenset(),
        planned: bool = False,
    ) -> None:
        """Send an event that the server answers, and wait for the answer until the deadline."""
        wait = self.limits.request_timeout if answered else self.limits.unanswered_grace
        request = Request(
            event_id=str(event.event_id),
            kind=kind,
            key=key,
            assumed=not answered,
            silent=silent,
            benign=benign,
            event=event,
            planned=planned,
        )
        self.requests.open(request, now + wait)
        self.outbox.frames.append(event)

    def truncate(self, event: ConversationItemTruncate, now: float, *, silent: bool = False) -> None:
        """Send a truncation and note what it leaves."""
        self.ask(
            event,
            "truncate_item",
            now,
            key=event.item_id,
            answered=self.capabilities.acknowledges_truncate,
            silent=silent,
        )
        self.kept_ms[(event.item_id, event.content_index)] = event.audio_end_ms
        if len(self.kept_ms) > MAX_ONCE:
            del self.kept_ms[next(iter(self.kept_ms))]

    def is_leaving(self, item_id: str) -> bool:
        """Whether an item is deleted, or was asked to be: nothing more can be done with it."""
        return item_id in self.gone or self.requests.oldest("delete_item", item_id) is not None

    def left_ms(self, item_id: str, content_index: int) -> int:
        """Say how many whole milliseconds of a part the server still has: what was received, less what was cut off."""
        received = math.floor(self.playout.received_ms(item_id, content_index))
        return min(received, self.kept_ms.get((item_id, content_index), received))

    def give_up(self, request: Request) -> None:
        """Settle a request whose deadline passed. One that the server never answers counts as done, a wish as granted,
        with a warning: nobody can tell."""
        if request.assumed and request.kind == "session":
            self.session.assume(request.event_id)
            self.outbox.report(
                RequestTimeout(
                    "this server does not acknowledge session updates; the update is taken for accepted",
                    reason="unacknowledged",
                    event_id=request.event_id,
                ),
                request.event_id,
            )
        elif request.kind == "session":
            self.session.refuse(request.event_id)
        self.requests.expire(request, self.limits.request_timeout)

    def take_back(self, event_id: str, error: RealtimeError, now: float) -> None:
        """Settle a request that never left."""
        self.session.refuse(event_id)
        self.responses.take_back(event_id, error, now)
        self.requests.settle(event_id, "dropped", error=error, reported=True)

    def _unfinished(self, turn: Turn, reason: str) -> None:
        """End a response of which the server never said the end: what came of its audio is all there is."""
        self.playout.response_done(turn.id)
        self.emit(unfinished(turn, reason))

    def running(self, response_id: Maybe[str], item_id: str, now: float) -> Turn | None:
        """Find the response that a delta belongs to; None when the delta is stale, and counted."""
        turn = self.responses.heard_from(response_id or "", now)
        if turn is None or turn.muted or item_id in self.gone:
            self.counts.stale += 1
            return None
        if turn.out_of_band:
            self.outside.add(item_id)
        return turn

    def describe(self, turn: Turn, response: Response) -> AudioFormat:
        """Note what the audio of a response is in, and whether it has any: as the server says, as we asked, or as the
        session does."""
        asked = (turn.event.response if turn.event is not None else UNSET) or NOTHING_ASKED
        session = self.session.acknowledged
        modalities = response.output_modalities or asked.output_modalities or session_modalities(session)
        turn.writes = bool(modalities) and "audio" not in modalities
        turn.format = output_format(response.audio, output_format(asked.audio, self.session.output_format))
        return turn.format

    def format_of(self, turn: Turn) -> AudioFormat:
        """Say what the audio of a response is in, also when its ``response.created`` never came."""
        return turn.format or self.describe(turn, Response())
