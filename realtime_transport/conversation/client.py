"""The client role of a realtime conversation: events and intents in, frames and transport events out, time passed in.

Pure: no socket, no clock, no event loop, no randomness. A driver (a WebSocket, memory, a telephone leg, a test) turns
it like this, after every single call:

    conversation.receive(event, now)            # or an intent, or wake(now)
    for frame in conversation.frames_to_send(): ...
    for event in conversation.events_received(): ...
    for settlement in conversation.settlements(): ...
    call wake() at conversation.next_deadline()

``now`` is seconds of one monotonic clock. Nothing in here raises for what the server sends; intents raise for what
the caller does wrong, and then nothing was queued and nothing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from realtime_transport.audio import AudioFormat
from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import finishing
from realtime_transport.conversation.core import Core, Counts, Limits, Playout
from realtime_transport.conversation.history_entry import HistoryEntry
from realtime_transport.conversation.interruption import listen
from realtime_transport.conversation.normalize import NORMALIZE, Normalize, unknown
from realtime_transport.conversation.outbox import Outbox
from realtime_transport.conversation.record import wake_history
from realtime_transport.conversation.requests import Requests, Settlement
from realtime_transport.conversation.states import CONNECTION, Connection, ConnectionInput, step
from realtime_transport.conversation.verbs import Intents
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.items import Item
from realtime_transport.events.server import ServerEvent, SessionCreated, SessionUpdated
from realtime_transport.events.session import AnySession
from realtime_transport.events.translation import TranslationSessionCreated, TranslationSessionUpdated
from realtime_transport.events.transport import AudioEvent, RawEvent, TransportEvent
from realtime_transport.events.usage import Usage
from realtime_transport.exceptions import ConnectionLost, RealtimeError, RequestDropped, StateError

ANNOUNCEMENTS: Final = (SessionCreated, SessionUpdated, TranslationSessionCreated, TranslationSessionUpdated)
"""What a server begins a connection with."""


class ClientConversation(Intents):
    """Hold one client's side of conversations, one connection (epoch) after another.

    The intents are those of ``Intents``. ``ids`` makes a new id of at most 32 characters from a prefix (``event``,
    ``item``). ``playout`` says who knows what was heard: ``estimate`` computes it from the clock, ``reported`` waits
    for ``heard()``.
    """

    _normalize: Mapping[type[ServerEvent], Normalize] = NORMALIZE

    def __init__(
        self,
        *,
        capabilities: Capabilities = Capabilities(),  # noqa: B008  # frozen: shared safely
        ids: Callable[[str], str],
        playout: Playout = "estimate",
        limits: Limits = Limits(),  # noqa: B008  # frozen: shared safely
    ) -> None:
        self._capabilities = capabilities
        self._ids = ids
        self._playout: Playout = playout
        self._limits = limits
        self._outbox = Outbox()
        self._requests = Requests()
        self._connection = Connection.CLOSED
        self._core = self._new_core(Usage())

    def _new_core(self, usage: Usage) -> Core:
        return Core(
            capabilities=self._capabilities,
            ids=self._ids,
            playout=self._playout,
            limits=self._limits,
            outbox=self._outbox,
            requests=self._requests,
            usage=usage,
        )

    # --- the connection ----------------------------------------------------------------------------------------------

    def opened(self, now: float, *, spent: Usage | None = None) -> None:
        """Begin an epoch: the medium is up, all state but the usage is new. Raises StateError when it is up already.

        ``spent`` is what other conversations have used already, where this one goes on counting.
        """
        if not self._happened(ConnectionInput.OPENED):
            raise StateError(f"the conversation is {self._connection.value} already")
        self._core = self._new_core(spent or self._core.usage)

    def connection_lost(self, now: float, error: RealtimeError | None = None) -> None:
        """End the epoch because the medium went away.

        What was sent and not answered fails with ``error``, what waited in the queue is dropped, responses that ran end
        as ``incomplete``. Session, history and playout stay readable until ``opened``, for whoever restores them.
        """
        if self._happened(ConnectionInput.LOST):
            self._end(error or ConnectionLost("the connection was lost"), "connection_lost")

    def close(self, now: float) -> None:
        """End the epoch on purpose; settles everything like ``connection_lost``. Closing twice does nothing."""
        if self._happened(ConnectionInput.CLOSED):
            self._end(ConnectionLost("the connection was closed"), "closed")

    def _happened(self, what: ConnectionInput) -> bool:
        following = step(CONNECTION, self._connection, what)
        if following is None:
            return False
        self._connection = following
        return True

    def _end(self, error: RealtimeError, reason: str) -> None:
        dropped = RequestDropped(f"never sent: {error}", reason=reason)
        self._requests.end(error, dropped, self._core.responses.waiting())
        self._core.responses.end(reason)

    def is_connected(self) -> bool:
        """Tell whether there is a server to ask: from ``opened`` until the connection is lost or closed."""
        return self._connection is Connection.OPEN or self._connection is Connection.OPENING

    # --- from the peer -----------------------------------------------------------------------------------------------

    def receive(self, event: ServerEvent, now: float) -> None:
        """Take an event from the server. Never raises for what it says."""
        core = self._core
        if self._connection is not Connection.OPEN and not self._begins(event):
            core.counts.stale += 1
            return
        if event.event_id and not core.seen.add(event.event_id):
            core.counts.duplicate += 1
            return
        core.outbox.events.append(RawEvent(event=event))
        self._normalize.get(type(event), unknown)(core, event, now)

    def speech(
        self, event_id: str, response_id: str, item_id: str, content_index: int, data: bytes, now: float
    ) -> bool:
        """Take an audio delta as its fields, where nobody hears ``RawEvent``; the short way for nearly all of them.

        Does what ``receive`` does for a further piece of speech that is under way, and leaves nothing for the driver
        but events to deliver. False, and no effect, for any other piece: that has to come by ``receive``.
        """
        core = self._core
        turn = core.responses.active
        if turn is None or turn.id != response_id or turn.muted or turn.format is None or core.limits.keep_audio:
            return False
        part = turn.parts.get((item_id, content_index))
        # Speech under way: the connection is open, the part is counted, and no deadline can move nearer.
        if part is None or not part.speaks or part.half_sample or not data or len(data) % turn.format.frame_bytes:
            return False
        if not event_id or item_id in core.gone or not core.seen.add(event_id):
            return False
        core.responses.heard_from(response_id, now)
        if core.playout.received(response_id, item_id, content_index, len(data), turn.format, now):
            core.outbox.events.append(
                AudioEvent(data=data, response_id=response_id, item_id=item_id, content_index=content_index)
            )
        return True

    def _begins(self, event: ServerEvent) -> bool:
        """Note that the session is announced; False when there is no connection for an event to come from."""
        if isinstance(event, ANNOUNCEMENTS):
            return self._happened(ConnectionInput.ANNOUNCED)
        return self._connection is Connection.OPENING

    def undeliverable(self, event: ClientEvent, error: RealtimeError, now: float) -> None:
        """Take back a frame that the driver drained and cannot spell; what waited for its answer is dropped.

        The settlement counts as reported: the driver raises or reports ``error`` itself.
        """
        self._core.take_back(str(event.event_id), error, now)

    def heard(self, item_id: str, content_index: int, ms: float, now: float) -> None:
        """Report that the listener has heard ``ms`` of a part, from its beginning (``playout="reported"``)."""
        if self._core.playout.heard(item_id, content_index, ms, now):
            listen(self._core, now)

    # --- drains and timers -------------------------------------------------------------------------------------------

    def events_received(self) -> list[TransportEvent]:
        """Hand over what listeners must hear, in order; each event once."""
        events, self._outbox.events = self._outbox.events, []
        return events

    def frames_to_send(self) -> list[ClientEvent]:
        """Hand over what must go to the server, in order; each frame once."""
        frames, self._outbox.frames = self._outbox.frames, []
        return frames

    def settlements(self) -> list[Settlement]:
        """Hand over how calls ended since the last time."""
        return self._requests.drain()

    def next_deadline(self) -> float | None:
        """Tell when ``wake`` may have something to do, None for never. Waking earlier, or in vain, does no harm."""
        core = self._core
        nearest = core.playout.next_deadline()
        for part in (core.requests, core.responses, core.history):
            deadline = part.next_deadline()
            if deadline is not None and (nearest is None or deadline < nearest):
                nearest = deadline
        return nearest

    def wake(self, now: float) -> None:
        """Let time pass: what was heard to its end is told, what was not answered in time is settled."""
        core = self._core
        listen(core, now)
        wake_history(core, now)
        for request in core.requests.expired(now):
            core.give_up(request)
        finishing.look(core)
        core.responses.wake(now)

    # --- views -------------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """Where the connection stands."""
        return self._connection

    @property
    def capabilities(self) -> Capabilities:
        """What this server and medium can do."""
        return self._capabilities

    @property
    def session(self) -> AnySession | None:
        """The session as the server last acknowledged it, None before its first word."""
        return self._core.session.acknowledged

    @property
    def desired_session(self) -> AnySession | None:
        """The session with everything asked for and not refused: what to ask for again on a new connection."""
        return self._core.session.desired

    @property
    def history(self) -> tuple[Item, ...]:
        """The items of the conversation, in the server's order."""
        return self._core.history.snapshot()

    def history_entry(self, item_id: str) -> HistoryEntry | None:
        """Look up an item with what was heard of it; None when it is unknown."""
        return self._core.history.entry(item_id)

    @property
    def usage(self) -> Usage:
        """Tokens spent so far, over all connections."""
        return self._core.usage

    @property
    def active_response_id(self) -> str | None:
        """The running response of the conversation, None when there is none."""
        active = self._core.responses.active
        return active.id if active is not None else None

    @property
    def input_format(self) -> AudioFormat:
        """The format that ``append_audio`` takes."""
        return self._core.session.input_format

    @property
    def output_format(self) -> AudioFormat:
        """The format of the agent's audio, unless a response says otherwise."""
        return self._core.session.output_format

    @property
    def counts(self) -> Counts:
        """What came in this epoch and was not acted on."""
        return self._core.counts
