"""The ledger of tool calls: each runs at most once, each is answered, and each batch is followed by one response.

A batch is the calls of one response; a background call is a batch of its own, so that nobody waits for it. The ledger
runs nothing and sends nothing: a driver tells it what happened, sends what ``to_send`` holds, and asks for a response
for each of ``continuations``. Where a call may go is in ``toolcall_states``.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from realtime_transport.conversation.recent import Recent
from realtime_transport.conversation.states import step
from realtime_transport.conversation.toolcall_states import TOOL_CALL, CallInput, CallState
from realtime_transport.events.transport import FunctionCallEvent
from realtime_transport.exceptions import ProtocolError

Respond: TypeAlias = Literal["reply", "quiet", "background"]
"""What an output asks for: a response, together with the others of its batch; nothing; a response of its own."""

MAX_CALLS: Final = 1024
"""Answered calls that are remembered, so that the same call does not run again; the oldest is forgotten. Servers repeat
a call within a few events of each other."""

MAX_CLOSED: Final = 256
"""Responses remembered as done, for calls that are announced after the end of theirs."""

_ANSWERED: Final = frozenset({CallState.SENT, CallState.ACKED, CallState.CONTINUED})


def fingerprint(name: str, arguments: str) -> str:
    """Return what approvals and repetitions are held against: the tool and its arguments, as the model wrote them."""
    from hashlib import sha256  # and with it OpenSSL: not every conversation has tools

    return sha256(f"{name}\0{arguments}".encode(errors="surrogatepass")).hexdigest()


@attrs.frozen(kw_only=True)
class ToolCall:
    """One call, as it stands."""

    call_id: str
    name: str
    arguments: str
    batch: str
    """What it is answered together with: its response, or itself when it has none or runs in the background."""
    fingerprint: str
    respond: Respond
    timeout: float | None
    """Seconds it may run."""
    state: CallState = CallState.RECEIVED
    output: str = ""
    """Known from ``DONE`` until the server has it: then it is an item of the history."""


@attrs.frozen(kw_only=True)
class Continuation:
    """A batch whose outputs have all left."""

    batch: str
    """The response that its calls came in, or the call that was alone."""
    respond: bool
    """Ask for a response. False for a batch that is quiet, or was cut off by the caller."""


@attrs.define
class _Batch:
    calls: set[str] = attrs.field(factory=set[str])
    waiting: set[str] = attrs.field(factory=set[str])
    """Calls whose output has not left, and without which the batch does not go on."""
    closed: bool = False
    """Its response is done: no more calls will come."""
    cut: bool = False
    respond: bool = False
    asked: bool = False
    """Its continuation was handed out; its response has not begun."""


class ToolLedger:
    """The calls of one conversation, across its connections.

    Methods that report an event return False, and change nothing, when it cannot happen to that call: it is unknown,
    or too late (a result after the time was over, a decision after another). Times are seconds of one monotonic clock.
    """

    def __init__(self, *, max_calls: int = MAX_CALLS) -> None:
        self._max_calls = max_calls
        self._calls: dict[str, ToolCall] = {}
        self._deadlines: dict[str, float] = {}
        self._batches: dict[str, _Batch] = {}
        self._closed: Recent[str] = Recent(MAX_CLOSED)
        self._continuations: list[Continuation] = []

    def get(self, call_id: str) -> ToolCall | None:
        """Return a call as it stands, None when it is unknown or forgotten."""
        return self._calls.get(call_id)

    # --- what the model wants ------------------------------------------------------------------------------------

    def received(
        self,
        call: FunctionCallEvent,
        now: float,
        *,
        respond: Respond = "reply",
        needs_approval: bool = False,
        approval_timeout: float = 300.0,
        timeout: float | None = 30.0,
    ) -> Literal["new", "repeated"] | ProtocolError:
        """Take a complete call. Run it, or ask for approval, only when this returns ``"new"``.

        ``"repeated"`` is the same call again: its one run answers both. The same id with another tool or other
        arguments is the server's mistake, returned as an error to report.
        """
        hashed = fingerprint(call.call_name, call.arguments)
        known = self._calls.get(call.call_id)
        if known is not None:
            if known.fingerprint == hashed:
                return "repeated"
            return ProtocolError(f"call {call.call_id!r} came again with other arguments; the first ones count")
        batch_id = call.response_id if call.response_id and respond != "background" else call.call_id
        self._calls[call.call_id] = ToolCall(
            call_id=call.call_id,
            name=call.call_name,
            arguments=call.arguments,
            batch=batch_id,
            fingerprint=hashed,
            respond=respond,
            timeout=timeout,
        )
        batch = self._batches.setdefault(batch_id, _Batch())
        batch.closed = batch.closed or batch_id == call.call_id or batch_id in self._closed
        batch.asked = False  # what follows was asked for without this one
        batch.calls.add(call.call_id)
        batch.waiting.add(call.call_id)
        if needs_approval:
            self._happened(call.call_id, CallInput.ASK, deadline=now + approval_timeout)
        self._forget()
        return "new"

    def batch_closed(self, response_id: str, *, cut: bool = False) -> None:
        """Note that a response is done. ``cut``: the caller interrupted it; its calls are answered, nothing follows."""
        self._closed.add(response_id)
        batch = self._batches.get(response_id)
        if batch is not None:
            batch.closed = True
            batch.cut = cut
            self._go_on(response_id, batch)

    # --- what a person decides -----------------------------------------------------------------------------------

    def approve(self, call_id: str, seen: str, now: float) -> bool:
        """Let a call run; it counts as started. ``seen`` is the fingerprint of what the person was shown."""
        deadline = self._limit(call_id, now)
        return self._shown(call_id, seen) and self._happened(call_id, CallInput.APPROVE, deadline=deadline)

    def deny(self, call_id: str, seen: str) -> bool:
        """Refuse a call; give its output with ``finished``."""
        return self._shown(call_id, seen) and self._happened(call_id, CallInput.DENY)

    # --- what the tool does --------------------------------------------------------------------------------------

    def started(self, call_id: str, now: float) -> bool:
        """Note that a call runs. False: it must not."""
        return self._happened(call_id, CallInput.START, deadline=self._limit(call_id, now))

    def lost(self, call_id: str) -> bool:
        """Note that a call that ran will never say how it ended; tell the model so with ``finished``."""
        return self._happened(call_id, CallInput.LOSE)

    def finished(self, call_id: str, output: str, *, tell: bool = False) -> bool:
        """Take a call's output: its result, or why there is none. ``tell`` wants a response even of a quiet call."""
        if not self._happened(call_id, CallInput.FINISH, output=output):
            return False
        call = self._calls[call_id]
        if tell and call.respond == "quiet":
            self._calls[call_id] = attrs.evolve(call, respond="reply")
        return True

    # --- what the wire does --------------------------------------------------------------------------------------

    def to_send(self) -> tuple[ToolCall, ...]:
        """Return the calls whose output waits to be sent, in the order of the calls. Report each with ``sent``."""
        return tuple(call for call in self._calls.values() if call.state is CallState.DONE)

    def sent(self, call_id: str) -> bool:
        """Note that a call's output left; its batch goes on with the last one."""
        if not self._happened(call_id, CallInput.SEND):
            return False
        call = self._calls[call_id]
        batch = self._batches.get(call.batch)
        if batch is not None and not batch.asked:
            batch.waiting.discard(call_id)
            batch.respond = batch.respond or call.respond != "quiet"
            self._go_on(call.batch, batch)
        return True

    def acknowledged(self, call_id: str) -> bool:
        """Note that the server has a call's output. Report it at once for servers that never say so."""
        if not self._happened(call_id, CallInput.ACKNOWLEDGE, output=""):
            return False
        batch = self._batches.get(self._calls[call_id].batch)
        if batch is None or batch.asked:
            self._happened(call_id, CallInput.CONTINUE)
        return True

    def continuations(self) -> tuple[Continuation, ...]:
        """Drain the batches that are ready to go on."""
        drained, self._continuations = tuple(self._continuations), []
        return drained

    def continued(self, batch_id: str) -> None:
        """Note that the response which follows a batch has begun: it is not asked for again after a reconnect."""
        batch = self._batches.get(batch_id)
        if batch is not None and batch.asked:
            del self._batches[batch_id]

    def reconnected(self) -> None:
        """Begin a new session: what was sent and not confirmed is sent again, what was asked for and not begun too.

        Responses of the old session are over. Calls go on running; approvals stay as they are.
        """
        for call_id in list(self._calls):
            self._happened(call_id, CallInput.RECONNECT)
        self._continuations.clear()
        for batch_id, batch in list(self._batches.items()):
            batch.closed, batch.asked = True, False
            batch.waiting = {each for each in batch.calls if not self._answered(each)}
            self._go_on(batch_id, batch)

    # --- the end -------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Return when the next call expires."""
        return min(self._deadlines.values(), default=None)

    def due(self, now: float) -> tuple[ToolCall, ...]:
        """Expire what is over time and return it as it stood before: awaiting approval, or started.

        Give each an output with ``finished``, at once: from now on no other is taken.
        """
        over = tuple(self._calls[call_id] for call_id, deadline in self._deadlines.items() if deadline <= now)
        for call in over:
            self._happened(call.call_id, CallInput.EXPIRE)
        return over

    def close(self) -> tuple[ToolCall, ...]:
        """Forget everything and return the calls that were never answered."""
        unanswered = tuple(call for call in self._calls.values() if not self._answered(call.call_id))
        self._calls.clear()
        self._deadlines.clear()
        self._batches.clear()
        self._continuations.clear()
        return unanswered

    # --- inside --------------------------------------------------------------------------------------------------

    def _happened(
        self, call_id: str, happened: CallInput, *, deadline: float | None = None, output: str | None = None
    ) -> bool:
        """Move a call along the table, with the deadline and the output that it has from now on."""
        call = self._calls.get(call_id)
        state = None if call is None else step(TOOL_CALL, call.state, happened)
        if call is None or state is None:
            return False
        self._calls[call_id] = attrs.evolve(call, state=state, output=call.output if output is None else output)
        self._deadlines.pop(call_id, None)
        if deadline is not None:
            self._deadlines[call_id] = deadline
        return True

    def _limit(self, call_id: str, now: float) -> float | None:
        call = self._calls.get(call_id)
        return None if call is None or call.timeout is None else now + call.timeout

    def _shown(self, call_id: str, seen: str) -> bool:
        call = self._calls.get(call_id)
        return call is not None and call.fingerprint == seen

    def _answered(self, call_id: str) -> bool:
        """Whether a call's output has left; forgotten calls are answered ones."""
        call = self._calls.get(call_id)
        return call is None or call.state in _ANSWERED

    def _go_on(self, batch_id: str, batch: _Batch) -> None:
        """Hand out the continuation of a batch that is over and wholly answered."""
        if not batch.closed or batch.waiting or batch.asked:
            return
        respond = batch.respond and not batch.cut
        self._continuations.append(Continuation(batch=batch_id, respond=respond))
        batch.asked = True
        if not respond:
            del self._batches[batch_id]
        for call_id in batch.calls:
            self._happened(call_id, CallInput.CONTINUE)

    def _forget(self) -> None:
        """Let the oldest answered call go when there are too many; what is not answered is never forgotten."""
        if len(self._calls) > self._max_calls:
            oldest = next((call_id for call_id in self._calls if self._answered(call_id)), None)
            if oldest is not None:
                del self._calls[oldest]
