"""The model's calls: each runs once and is answered, all of a response together, and one response goes on from them.

Which call may run, what waits to be sent and when a batch goes on is the ledger's law (``conversation.toolcalls``).
Here the calls are resolved, carried out and sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol

import attrs

from realtime_transport.conversation.recent import Recent
from realtime_transport.conversation.toolcalls import MAX_CLOSED, Respond, ToolLedger
from realtime_transport.events import FunctionCallOutputItem
from realtime_transport.events.transport import (
    AudioInterruptedEvent,
    DisconnectedEvent,
    FunctionCallEvent,
    ItemUpdateEvent,
    SpeechStartedEvent,
    TurnDoneEvent,
    TurnStartedEvent,
)
from realtime_transport.exceptions import ProtocolError, StateError
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.announcer import Announcer
from realtime_transport.session.config import Prepared
from realtime_transport.session.context import T, ToolContext
from realtime_transport.session.events import AgentHandoffEvent, AgentToolProgressEvent
from realtime_transport.session.execution import Execution, Outcome
from realtime_transport.session.followup import FollowUp
from realtime_transport.session.handoffs import Handoff
from realtime_transport.session.hooks import HookCalls
from realtime_transport.session.outputs import output_text
from realtime_transport.session.roster import Roster
from realtime_transport.session.runner import CallRefused
from realtime_transport.session.tasks import SessionTasks
from realtime_transport.session.tools import Disturbance, LocalTool


class CallSender(Protocol):
    """What calls need of the connection."""

    def output(self, call_id: str, output: str) -> None:
        """Answer a call, without asking for a response. Raises ``StateError`` when there is nobody to send to."""

    async def switch(
        self, agent: RealtimeAgent[Any], announce: Callable[[], Awaitable[None]] | None = None
    ) -> RealtimeAgent[Any]:
        """Let ``agent`` speak from now on, and return the one before it. Raises what keeps it from that."""
        ...


@attrs.define
class _Running:
    cancel_on: frozenset[Disturbance]
    task: asyncio.Task[None] | None = None
    """None until it runs: a task that is cancelled before its first step never gets to answer."""
    cancelled_by: Disturbance | None = None


class ToolCalls(Generic[T]):
    """The function calls of one session."""

    def __init__(
        self,
        announcer: Announcer[T],
        roster: Roster[T],
        hooks: HookCalls,
        tasks: SessionTasks,
        execution: Execution[T],
        follow_up: FollowUp,
        *,
        send: CallSender,
        conversation_key: str,
    ) -> None:
        self._announcer = announcer
        self._roster = roster
        self._hooks = hooks
        self._tasks = tasks
        self._execution = execution
        self._follow_up = follow_up
        self._send = send
        self._conversation_key = conversation_key
        self._ledger = ToolLedger()
        self._running: dict[str, _Running] = {}
        self._asked: list[str] = []
        """Batches whose follow-up was asked for and has not begun."""
        self._outside: set[str] = set()
        self._handed_off: Recent[str] = Recent(MAX_CLOSED)
        """Responses that handed the conversation over: one can do so once."""

    # --- what the model does -----------------------------------------------------------------------------------------

    def turn_started(self, event: TurnStartedEvent) -> None:
        """Note which batches go on, and responses outside the conversation: nobody could answer their calls there."""
        if event.out_of_band:
            self._outside.add(event.response_id)
            return
        for batch in self._asked:
            self._ledger.continued(batch)
        self._asked.clear()

    def called(self, event: FunctionCallEvent) -> None:
        """Start a call, by the tools of the agent that its response belongs to."""
        if event.response_id in self._outside:
            return
        prepared = self._roster.owner(event.response_id)
        tool = prepared.callables.get(event.call_name)
        known = tool if isinstance(tool, LocalTool) else None
        # Quiet until it is known how it ended. Its time is kept where it runs: approval does not count.
        respond: Respond = "background" if known and known.reply == "background" else "quiet"
        taken = self._ledger.received(event, _now(), respond=respond, timeout=None)
        if isinstance(taken, ProtocolError):
            self._announcer.error(taken)
        if taken != "new":
            return
        self._running[event.call_id] = _Running(known.cancel_on if known else frozenset({"close"}))
        self._tasks.spawn(self._serve(event, prepared, tool), f"call:{event.call_id}")

    def turn_done(self, event: TurnDoneEvent) -> None:
        """Note that no more calls of this response will come. Nothing follows one that was cut off."""
        self._outside.discard(event.response_id)
        self._ledger.batch_closed(event.response_id, cut=event.status == "cancelled")
        self._flush()

    def disturb(self, what: Disturbance) -> None:
        """Cancel the running calls that ``what`` cancels; they are answered with an error."""
        for running in self._running.values():
            if what in running.cancel_on and running.cancelled_by is None:
                running.cancelled_by = what
                if running.task is not None:
                    running.task.cancel()

    def caller_spoke(self, _: SpeechStartedEvent | AudioInterruptedEvent) -> None:
        """Cancel what an interruption cancels."""
        self.disturb("interrupt")

    def disconnected(self, _: DisconnectedEvent) -> None:
        """Cancel what the end of the connection cancels."""
        self.disturb("close")

    def item_updated(self, event: ItemUpdateEvent) -> None:
        """Note that the server has an output: it is in the conversation."""
        if event.added and isinstance(event.item, FunctionCallOutputItem):
            self._ledger.acknowledged(event.item.call_id)

    def close(self) -> None:
        """Forget the calls, and say which were never answered."""
        for call in self._ledger.close():
            self._announcer.error(StateError(f"the call {call.call_id} of {call.name!r} was never answered"))

    # --- one call ----------------------------------------------------------------------------------------------------

    async def _serve(self, event: FunctionCallEvent, prepared: Prepared, called: LocalTool | Handoff | None) -> None:
        context = self._context(event, prepared)
        running = self._running[event.call_id]
        running.task = asyncio.current_task()
        self._ledger.started(event.call_id, _now())
        try:
            if running.cancelled_by is not None:
                raise asyncio.CancelledError
            outcome = await self._carry_out(event, prepared, context, called)
        except asyncio.CancelledError as error:
            if running.cancelled_by in {None, "close"}:
                raise  # there is nobody left to answer
            refused = CallRefused(f"cancelled by {running.cancelled_by}", reason="cancelled")
            refused.__cause__ = error
            outcome = self._refused(refused, context)
        finally:
            del self._running[event.call_id]
        quiet = outcome.quiet or (isinstance(called, LocalTool) and called.reply == "quiet")
        # An error is told even by a quiet tool: the model would believe that all went well.
        self._ledger.finished(event.call_id, outcome.output, tell=not quiet or outcome.error is not None)
        self._flush()
        self._execution.ended(context, outcome)

    async def _carry_out(
        self,
        event: FunctionCallEvent,
        prepared: Prepared,
        context: ToolContext[T],
        called: LocalTool | Handoff | None,
    ) -> Outcome:
        if isinstance(called, LocalTool):
            return await self._execution.run(called, context, event.response_id)
        if isinstance(called, Handoff):
            return await self._hand_over(called, event, context)
        known = ", ".join(sorted(prepared.callables)) or "none"
        message = f"there is no tool {event.call_name!r}; known are: {known}"
        return self._refused(CallRefused(message, reason="unknown_tool"), context)

    def _refused(self, error: Exception, context: ToolContext[T]) -> Outcome:
        return Outcome(output=self._execution.refusal(error, context), error=error)

    def _context(self, event: FunctionCallEvent, prepared: Prepared) -> ToolContext[T]:
        base = self._announcer.context_of(prepared.agent)

        def progress(update: object) -> None:
            self._announcer.tell(
                AgentToolProgressEvent,
                prepared.agent,
                call_id=event.call_id,
                tool_name=event.call_name,
                update=update,
            )

        return ToolContext(
            context=base.context,
            session=base.session,
            agent=prepared.agent,
            tool_name=event.call_name,
            call_id=event.call_id,
            arguments=event.arguments,
            idempotency_key=f"{self._conversation_key}:{event.call_id}",
            progress=progress,
        )

    # --- handing over ------------------------------------------------------------------------------------------------

    async def _hand_over(self, way: Handoff, event: FunctionCallEvent, context: ToolContext[T]) -> Outcome:
        if not self._handed_off.add(event.response_id or event.call_id):
            message = "this response handed the conversation over already"
            return self._refused(CallRefused(message, reason="second_handoff"), context)
        try:
            given = self._execution.admit(way.read, context)
            source = await self._send.switch(way.agent, lambda: way.announce(context, given))
        except Exception as error:  # noqa: BLE001  application code, or the server refused the new agent's config
            return self._refused(error, context)
        target = way.agent
        self._announcer.tell(AgentHandoffEvent, target, source=source, target=target, call_id=context.call_id)
        if target.hooks is not None:
            self._hooks.call(target.hooks.on_handoff, self._announcer.context_of(target), source)
        self.disturb("handoff")
        return Outcome(output=output_text({"handed_over_to": target.name}))

    # --- answering ---------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what waits to be sent, and ask for the response that goes on from each complete batch."""
        for call in self._ledger.to_send():
            try:
                self._send.output(call.call_id, call.output)
            except StateError:
                return  # not connected: the output waits for the next connection, or is reported at the end
            self._ledger.sent(call.call_id)
        for continuation in self._ledger.continuations():
            if continuation.respond:
                self._asked.append(continuation.batch)
                self._follow_up.due(continuation.batch)


def _now() -> float:
    return asyncio.get_running_loop().time()
