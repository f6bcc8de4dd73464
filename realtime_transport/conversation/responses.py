"""One response at a time: the queue in front of ``response.create``.

A request leaves at once while the slot is free, in call order; else it waits for ``response.done``. Automatic requests
(a tool's follow-up) that wait are coalesced, because one response answers them all; manual ones are kept apart.
Responses outside the conversation run beside the slot. Each request carries our ``event_id``, and the same id in its
metadata, so that ours are told from those that the server makes by itself, and so that an ``error`` finds its request.

Three things keep a request from being lost or blocking for ever: refused because another response is active, it goes
back to the head of the queue; not answered in time, it frees the slot and times out; a response that falls silent
frees the slot too. Rules of where the slot may go are in ``states.SLOT``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from realtime_transport.conversation.marking import marked, marker_of, overrides
from realtime_transport.conversation.outbox import Outbox
from realtime_transport.conversation.recent import Recent
from realtime_transport.conversation.requests import Outcome, Request, Requests
from realtime_transport.conversation.states import SLOT, Interruption, InterruptionInput, Slot, SlotInput, step
from realtime_transport.conversation.turns import Turn
from realtime_transport.events.base import UNSET
from realtime_transport.events.client import ResponseCancel, ResponseCreate
from realtime_transport.events.response import Response, ResponseOptions
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.transport import TurnStartedEvent
from realtime_transport.exceptions import RealtimeError, RequestDropped, RequestTimeout, ServerError

BUSY: Final = "conversation_already_has_active_response"

CANCEL_IS_LATE: Final = frozenset({"response_cancel_not_active"})
"""What the server says when a cancel comes after the end: nothing is wrong."""

RETRY_DELAY: Final = 1.0
"""Seconds before asking again when the server is busy with a response that it never announced to us."""

REMEMBERED: Final = 256
"""Ended responses kept by id, so that their late events are known as late. Late means a few frames, not hundreds."""

MAX_RUNNING: Final = 256
"""Responses that run beside the one in the slot. Real ones are a few; a server that ends none must not fill memory."""


class ResponseQueue:
    """The requests for responses of one connection, and the responses that run."""

    def __init__(
        self,
        requests: Requests,
        outbox: Outbox,
        unfinished: Callable[[Turn, str], None],
        *,
        echoes_metadata: bool,
        out_of_band: bool,
        request_timeout: float,
        response_timeout: float | None,
    ) -> None:
        self._requests = requests
        self._outbox = outbox
        self._unfinished = unfinished  # told of a response that is over without the server's word, and why
        self._echoes_metadata = echoes_metadata
        self._out_of_band = out_of_band
        self._request_timeout = request_timeout
        self._response_timeout = response_timeout
        self.slot: Slot = Slot.IDLE
        self.active: Turn | None = None
        """The running response of the conversation."""
        self.sent: Turn | None = None
        """Our request for one that the server has not answered."""
        # Bounded by the application, which gets a receipt for each; automatic requests take one place together.
        self._waiting: list[Turn] = []
        # Out-of-band requests that the server has not answered, by marker.
        self._beside: dict[str, Turn] = {}
        # Ours that came too late to count, by marker, should the server create them after all.
        self._overdue: dict[str, Turn] = {}
        self._running: dict[str, Turn] = {}
        # Those that fell silent and were given up, by id: should one go on, it begins again.
        self._silent: dict[str, Turn] = {}
        self._ended: Recent[str] = Recent(REMEMBERED)
        self._ended_since_sent = False
        self._names_conversations = False
        self._retry_at: float | None = None
        # No later than the first thing to do. Often earlier: a response that speaks pushes its own limit on with every
        # delta, and one wake too many is cheaper than a search at each.
        self._wake_at: float | None = None

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask(self, event: ResponseCreate, now: float, *, automatic: bool) -> None:
        """Send ``event`` when its turn has come. It is settled by ``response.created``.

        Raises InvalidArgument when its metadata has no room for our id.
        """
        options = event.response or ResponseOptions()
        outside = self._out_of_band and options.conversation == "none"
        turn = Turn(event=marked(event), receipts=[str(event.event_id)], automatic=automatic, out_of_band=outside)
        self._requests.open(Request(event_id=turn.marker, kind="response", key=turn.marker), None)
        if outside:
            self._beside[turn.marker] = turn
            self._leave(turn, now)
            self._reschedule()
            return
        twin = next((other for other in self._waiting if _same(other, turn)), None)
        if twin is not None:
            twin.receipts += turn.receipts
            return
        self._waiting.append(turn)
        self._pump(now)

    def _pump(self, now: float) -> None:
        if self._waiting and self._happened(SlotInput.SENT):
            self.sent = self._waiting.pop(0)
            self._ended_since_sent = False
            self._leave(self.sent, now)
        self._reschedule()

    def _leave(self, turn: Turn, now: float) -> None:
        turn.due = now + self._request_timeout
        self._outbox.frames.append(cast("ResponseCreate", turn.event))  # only requests of ours are ever queued

    def _happened(self, what: SlotInput) -> bool:
        following = step(SLOT, self.slot, what)
        if following is None:
            return False
        self.slot = following
        return True

    # --- what the server says ----------------------------------------------------------------------------------------

    def created(self, response: Response, now: float, event: ServerEvent | None = None) -> Turn | None:
        """Note that a response began; None when it is known already, or over, or one too many outside."""
        response_id = response.id or ""
        if response_id in self._running or response_id in self._ended:
            return None
        self._names_conversations = self._names_conversations or bool(response.conversation_id)
        turn = self._silent.get(response_id) or self._match(response)
        if turn is None:
            turn = Turn(out_of_band=response.conversation_id is None and self._names_conversations)
        if turn.out_of_band and len(self._running) > MAX_RUNNING:
            return None
        turn.id = response_id
        self._begin(turn, now)
        for receipt in turn.receipts:
            self._requests.settle(receipt, "acknowledged", result=event)
        self._outbox.events.append(
            TurnStartedEvent(response_id=response_id, out_of_band=turn.out_of_band, requested=turn.event is not None)
        )
        return turn

    def _match(self, response: Response) -> Turn | None:
        """Find the request that this response answers, by our marker, else by order where markers do not come back."""
        marker = marker_of(response)
        if marker is not None:
            if self.sent is not None and self.sent.marker == marker:
                return self.sent
            return self._beside.get(marker) or self._overdue.get(marker)
        if self._echoes_metadata and response.metadata is not UNSET:
            return None
        beside = next(iter(self._beside.values()), None)
        if beside is not None and (response.conversation_id is None or self.sent is None):
            return beside
        return self.sent

    def _listen_on(self, turn: Turn, now: float) -> None:
        if self._response_timeout is not None:
            turn.due = now + self._response_timeout

    def _reschedule(self) -> None:
        """Find the first thing to do: when something came or went, never for an ordinary delta."""
        turns = (*self._beside.values(), *self._running.values())
        times = [self._retry_at, None if self.sent is None else self.sent.due, *(turn.due for turn in turns)]
        self._wake_at = min((due for due in times if due is not None), default=None)

    def _begin(self, turn: Turn, now: float) -> None:
        self._running[turn.id] = turn
        self._retry_at = None
        self._overdue.pop(turn.marker, None)
        self._silent.pop(turn.id, None)
        turn.due = None
        self._listen_on(turn, now)
        self._beside.pop(turn.marker, None)
        if not turn.out_of_band:
            self._take_slot(turn)
        self._reschedule()

    def _take_slot(self, turn: Turn) -> None:
        if turn is self.sent:
            self.sent = None
            self._happened(SlotInput.OURS)
        else:
            self._happened(SlotInput.THEIRS)
        displaced, self.active = self.active, turn
        if displaced is not None:
            self._end(displaced, None)
            self._unfinished(displaced, "displaced")

    def heard_from(self, response_id: str, now: float) -> Turn | None:
        """Find the running response that an event belongs to, None when that one is over.

        Without an id it is the one in the slot. An id that we never heard of is taken as just created: a second client
        may join in the middle of a response. One that had fallen silent begins again.
        """
        turn = self._running.get(response_id) if response_id else self.active
        if turn is None:
            return self._join(Response(id=response_id), now) if response_id else None
        self._listen_on(turn, now)
        return turn

    def _join(self, response: Response, now: float, event: ServerEvent | None = None) -> Turn | None:
        """Take a response as just created that was not announced. Of nobody, it does not end the one that runs."""
        outside = response.conversation_id is None and self._names_conversations
        known = response.id in self._silent or self._match(response) is not None
        return self.created(response, now, event) if self.active is None or outside or known else None

    def find(self, response: Response) -> Turn | None:
        """Find the running response that the server speaks of; without an id it is the one in the slot."""
        return self._running.get(response.id) if response.id else self.active

    def done(self, response: Response, now: float, event: ServerEvent | None = None) -> Turn | None:
        """Note that a response ended and let the next request go; None when it ended before, or is nobody's."""
        turn = self.find(response) or self._join(response, now, event)
        if turn is None:
            return None
        if turn is self.active:
            self.active = None
            self._happened(SlotInput.DONE)
        self._end(turn, event)
        self._pump(now)
        return turn

    def _end(self, turn: Turn, event: ServerEvent | None) -> None:
        del self._running[turn.id]
        turn.happened(InterruptionInput.DONE)
        if turn.id:
            self._ended.add(turn.id)
        self._ended_since_sent = self._ended_since_sent or not turn.out_of_band
        self._settle_cancels(turn, event)

    # --- refusals ----------------------------------------------------------------------------------------------------

    def refused(self, event_id: str, error: ServerError, now: float) -> bool:
        """Deal with an ``error`` for one of our requests; True when it was put back and nobody need hear of it."""
        beside = self._beside.pop(event_id, None)
        if beside is not None:
            self._fail(beside, error)
        if self.sent is None or self.sent.marker != event_id:
            return False
        turn, self.sent = self.sent, None
        put_back = error.code == BUSY and self._put_back(turn, error, now)
        if error.code != BUSY:
            self._happened(SlotInput.REFUSED)
            self._fail(turn, error)
        self._settle_cancels(turn, None)
        self._pump(now)
        return put_back

    def take_back(self, event_id: str, error: RealtimeError, now: float) -> None:
        """Forget a request that could not be sent, and let the next one go."""
        turn = self._beside.pop(event_id, None)
        if self.sent is not None and self.sent.marker == event_id:
            turn, self.sent = self.sent, None
            self._happened(SlotInput.REFUSED)
        if turn is not None:
            self._settle(turn, "dropped", error, reported=True)
            self._settle_cancels(turn, None)
            self._pump(now)

    def _put_back(self, turn: Turn, error: ServerError, now: float) -> bool:
        """Queue a request that met an active response again, ahead of all others, together with its likes."""
        self._happened(SlotInput.BUSY_PAST if self._ended_since_sent else SlotInput.BUSY)
        self._retry_at = now + RETRY_DELAY
        turn.refused_at = now if turn.refused_at is None else turn.refused_at
        if turn.interruption is not Interruption.RUNNING:
            dropped = RequestDropped("cancelled before it began", reason="cancelled", event_id=turn.marker)
            self._settle(turn, "dropped", dropped)
            return True
        if self._response_timeout is not None and now - turn.refused_at > self._response_timeout:
            self._fail(turn, error)
            return False
        for twin in [other for other in self._waiting if _same(other, turn)]:
            self._waiting.remove(twin)
            turn.receipts += twin.receipts
        self._waiting.insert(0, turn)
        return True

    def _fail(self, turn: Turn, error: ServerError) -> None:
        self._settle(turn, "failed", error, reported=True)

    def _settle(self, turn: Turn, outcome: Outcome, error: RealtimeError, *, reported: bool = False) -> None:
        for receipt in turn.receipts:
            self._requests.settle(receipt, outcome, error=error, reported=reported)

    # --- cancelling --------------------------------------------------------------------------------------------------

    def cancel(self, event_id: str, response_id: str, now: float, *, silent: bool = False) -> bool:
        """Send ``response.cancel`` unless it was sent for that response before; False when there is nothing to cancel.

        Without ``response_id`` it is the one in the slot, running or just asked for. Settled by its ``response.done``,
        whatever the status: a cancel that crosses the end of its response is as good.
        """
        turn = self._running.get(response_id) if response_id else self.active or self.sent
        if turn is None and (response_id in self._ended if response_id else self.slot is not Slot.OCCUPIED):
            return False
        key = response_id if turn is None else turn.id or turn.marker
        self._requests.open(
            Request(event_id=event_id, kind="cancel", key=key, benign=CANCEL_IS_LATE, silent=silent),
            now + self._request_timeout,
        )
        if turn is None or turn.happened(InterruptionInput.CANCEL):
            target = response_id or (turn.id if turn is not None else "")
            self._outbox.frames.append(ResponseCancel(event_id=event_id, response_id=target or UNSET))
        return True

    def _settle_cancels(self, turn: Turn, event: ServerEvent | None) -> None:
        # A cancel that left before the response had an id waits under our marker, one for a response that we had not
        # heard of under nothing. That one had the slot, so that no response outside is its end.
        for key in {turn.id, turn.marker} - {""} if turn.out_of_band else {turn.id, turn.marker, ""}:
            while self._requests.acknowledge("cancel", key, event):
                pass

    # --- time and end ------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When ``wake`` may have something to do, None for never."""
        return self._wake_at

    def wake(self, now: float) -> None:
        """Give up on requests that are overdue and on responses that fell silent, and ask again where it is time."""
        if not _passed(self._wake_at, now):
            return
        for turn in [turn for turn in self._beside.values() if _passed(turn.due, now)]:
            del self._beside[turn.marker]
            self._give_up(turn)
        if self.sent is not None and _passed(self.sent.due, now):
            turn, self.sent = self.sent, None
            self._happened(SlotInput.OVERDUE)
            self._give_up(turn)
        for turn in [turn for turn in self._running.values() if _passed(turn.due, now)]:
            self._fell_silent(turn)
        if _passed(self._retry_at, now):
            self._retry_at = None
            self._happened(SlotInput.RETRY)
        self._pump(now)

    def _give_up(self, turn: Turn) -> None:
        message = f"the server did not begin the response within {self._request_timeout:g} s"
        error = RequestTimeout(message, reason="timeout", event_id=turn.marker)
        self._outbox.report(error, turn.marker)
        self._settle(turn, "timeout", error, reported=True)
        self._settle_cancels(turn, None)
        _remember(self._overdue, turn.marker, turn)

    def _fell_silent(self, turn: Turn) -> None:
        """Give up a response that says nothing, and free its slot."""
        del self._running[turn.id]
        _remember(self._silent, turn.id, turn)
        if turn is self.active:
            self.active = None
            self._happened(SlotInput.SILENT)
        message = f"response {turn.id!r} has said nothing for {self._response_timeout:g} s and is no longer waited for"
        self._outbox.report(RequestTimeout(message, reason="response_timeout", event_id=turn.marker or None))
        self._unfinished(turn, "response_timeout")

    def waiting(self) -> list[str]:
        """List the calls whose request has not left, in order."""
        return [receipt for turn in self._waiting for receipt in turn.receipts]

    def end(self, reason: str) -> None:
        """Forget everything, because the connection is gone."""
        for turn in self.running():
            self._unfinished(turn, reason)
        self.slot, self.active, self.sent = Slot.IDLE, None, None
        self._retry_at = self._wake_at = None
        self._waiting.clear()
        self._beside.clear()
        self._running.clear()

    def running(self) -> tuple[Turn, ...]:
        """List the responses that run, those outside the conversation included."""
        return tuple(self._running.values())


def _remember(turns: dict[str, Turn], key: str, turn: Turn) -> None:
    """Keep a turn that may still come back, the last few of them."""
    turns[key] = turn
    if len(turns) > REMEMBERED:
        del turns[next(iter(turns))]


def _same(waiting: Turn, other: Turn) -> bool:
    """Whether one response answers both: both automatic, with the same overrides."""
    return waiting.automatic and other.automatic and overrides(waiting.event) == overrides(other.event)


def _passed(due: float | None, now: float) -> bool:
    return due is not None and due <= now
