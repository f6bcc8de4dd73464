"""The model's calls: each answered once, all of a response together, then one response that goes on from them.

A response's calls start as soon as they are complete, while the rest is still being said. When the response is over
and its last call is answered, one follow-up is due; calls that want none (``quiet``), and responses that were cut off,
ask for none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import attrs

from realtime_transport.events.transport import FunctionCallEvent, TurnDoneEvent, TurnStartedEvent
from realtime_transport.exceptions import ProtocolError, RealtimeError
from realtime_transport.session.announcer import Announcer
from realtime_transport.session.config import Prepared
from realtime_transport.session.context import ToolContext
from realtime_transport.session.events import AgentHandoffEvent, AgentToolProgressEvent
from realtime_transport.session.execution import Execution, Outcome
from realtime_transport.session.followup import FollowUp
from realtime_transport.session.handoffs import Handoff
from realtime_transport.session.hooks import HookCalls
from realtime_transport.session.outputs import output_text
from realtime_transport.session.roster import ConfigSender, Roster
from realtime_transport.session.runner import CallRefused
from realtime_transport.session.tasks import SessionTasks
from realtime_transport.session.tools import Disturbance, LocalTool

T = TypeVar("T")


class CallSender(Protocol):
    """What calls need of the connection."""

    def output(self, call_id: str, output: str) -> None:
        """Answer a call, without asking for a response."""

    def note(self, text: str) -> None:
        """Add a system message."""

    @property
    def configure(self) -> ConfigSender:
        """Change the session and wait for the server's word on it."""
        ...


@attrs.define
class _Batch:
    """The calls of one response."""

    unanswered: set[str] = attrs.field(factory=set[str])
    over: bool = False
    """The response is over: no more calls will come."""
    cut: bool = False
    """The response was cancelled: the caller, or the application, has something else in mind."""
    reply: bool = False
    """A call wants the agent to go on from its output."""
    handed_off: bool = False


@attrs.define
class _Running:
    task: asyncio.Task[None] | None
    cancel_on: frozenset[Disturbance]
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
        self._outside: set[str] = set()
        self._batches: dict[str, _Batch] = {}
        self._running: dict[str, _Running] = {}

    def listeners(self) -> Mapping[str, Callable[[Any], None]]:
        """Name of a transport event -> what to call with it."""
        return {
            "turn_started": self.turn_started,
            "function_call": self.called,
            "turn_done": self.turn_done,
            "speech_started": lambda _: self.disturb("interrupt"),
            "audio_interrupted": lambda _: self.disturb("interrupt"),
            "disconnected": lambda _: self.disturb("close"),
        }

    # --- what the model does -----------------------------------------------------------------------------------------

    def turn_started(self, event: TurnStartedEvent) -> None:
        """Note responses outside the conversation: their calls have no item there that an output could answer."""
        if event.out_of_band:
            self._outside.add(event.response_id)

    def called(self, event: FunctionCallEvent) -> None:
        """Start a call, by the tools of the agent that its response belongs to."""
        if event.response_id in self._outside:
            return
        # A call without a response is a batch of its own, which is over at once.
        key = event.response_id or event.call_id
        batch = self._batches.setdefault(key, _Batch(over=event.response_id is None))
        batch.unanswered.add(event.call_id)
        prepared = self._roster.owner(event.response_id)
        called = prepared.callables.get(event.call_name)
        cancel_on = called.cancel_on if isinstance(called, LocalTool) else frozenset[Disturbance]({"close"})
        running = self._running[event.call_id] = _Running(None, cancel_on)
        running.task = self._tasks.spawn(self._serve(event, key, prepared, called), f"call:{event.call_id}")

    def turn_done(self, event: TurnDoneEvent) -> None:
        """Note that no more calls of this response will come."""
        self._outside.discard(event.response_id)
        batch = self._batches.get(event.response_id)
        if batch is not None:
            batch.over = True
            batch.cut = event.status == "cancelled"
            self._go_on(event.response_id)

    def disturb(self, what: Disturbance) -> None:
        """Cancel the running calls that ``what`` cancels; they are answered with an error."""
        for running in self._running.values():
            if what in running.cancel_on and running.task is not None and running.cancelled_by is None:
                running.cancelled_by = what
                running.task.cancel()

    # --- one call ----------------------------------------------------------------------------------------------------

    async def _serve(
        self, event: FunctionCallEvent, key: str, prepared: Prepared, called: LocalTool | Handoff | None
    ) -> None:
        context = self._context(event, prepared)
        running = self._running[event.call_id]
        try:
            outcome, reply = await self._carry_out(event, key, context, called)
        except asyncio.CancelledError as error:
            if running.cancelled_by in {None, "close"}:
                raise  # there is nobody left to answer
            refused = CallRefused(f"cancelled by {running.cancelled_by}", reason="cancelled")
            refused.__cause__ = error
            outcome, reply = Outcome(output=self._execution.refusal(refused, context), error=refused), True
        finally:
            self._running.pop(event.call_id, None)
        self._answer(event.call_id, key, outcome, reply=reply)
        self._execution.ended(context, outcome)

    async def _carry_out(
        self, event: FunctionCallEvent, key: str, context: ToolContext[T], called: LocalTool | Handoff | None
    ) -> tuple[Outcome, bool]:
        """Return how the call ended, and whether the agent should go on from it."""
        if called is None:
            known = ", ".join(sorted(self._roster.owner(event.response_id).callables)) or "none"
            refused = CallRefused(f"there is no tool {event.call_name!r}; known are: {known}", reason="unknown_tool")
            return Outcome(output=self._execution.refusal(refused, context), error=refused), True
        if isinstance(called, Handoff):
            return await self._hand_off(called, key, context), True
        if called.reply == "background":
            self._answer(event.call_id, key, Outcome(output='{"status":"running"}'), reply=True)
        outcome = await self._execution.run(called, context, event.response_id)
        # An error is told even by a quiet tool: the model believes otherwise that all went well.
        return outcome, called.reply != "quiet" or outcome.error is not None

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

    async def _hand_off(self, handoff: Handoff, key: str, context: ToolContext[T]) -> Outcome:
        batch = self._batches[key]
        if batch.handed_off:
            refused = CallRefused("the conversation was handed over already", reason="second_handoff")
            return Outcome(output=self._execution.refusal(refused, context), error=refused)
        batch.handed_off = True
        try:
            given = self._execution.admit(handoff.read, context)
            source = await self._roster.switch(
                handoff.agent, self._send.configure, lambda: handoff.announce(context, given)
            )
        except Exception as error:  # noqa: BLE001  application code, or the server refused the new agent's config
            batch.handed_off = False
            return Outcome(output=self._execution.refusal(error, context), error=error)
        target = handoff.agent
        self._announcer.tell(AgentHandoffEvent, target, source=source, target=target, call_id=context.call_id)
        if target.hooks is not None:
            self._hooks.call(target.hooks.on_handoff, self._announcer.context_of(target), source)
        self.disturb("handoff")
        return Outcome(output=output_text({"handed_over_to": target.name}))

    # --- answering ---------------------------------------------------------------------------------------------------

    def _answer(self, call_id: str, key: str, outcome: Outcome, *, reply: bool) -> None:
        """Send a call's output, once; what comes after a first answer is told as a message of its own."""
        batch = self._batches.get(key)
        try:
            if batch is None or call_id not in batch.unanswered:
                self._send.note(f"The call {call_id} has finished. Its result: {outcome.output}")
                self._follow_up.due(key)
                return
            batch.unanswered.discard(call_id)
            batch.reply = batch.reply or reply
            self._send.output(call_id, outcome.output)
        except RealtimeError as error:
            lost = ProtocolError(f"the output of call {call_id} could not be sent")
            lost.__cause__ = error
            self._announcer.error(lost)
        self._go_on(key)

    def _go_on(self, key: str) -> None:
        """Ask for the one response that goes on from a batch, when all of it is answered."""
        batch = self._batches.get(key)
        if batch is None or not batch.over or batch.unanswered:
            return
        del self._batches[key]
        if batch.reply and not batch.cut:
            self._follow_up.due(key)
