"""Plugs the rooms of a session into each other and into its transport.

Each room is given callables for what it may ask of the others. Which transport events it hears stands in ``ROUTES``, in
the order in which they hear one event: who owns a response is settled first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any, Final, Generic

import attrs

from realtime_transport.emitter import Emitter
from realtime_transport.events import (
    InputTextPart,
    McpCallItem,
    RealtimeSessionConfig,
    ResponseOptions,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.events.transport import (
    InputTranscriptDoneEvent,
    InputTranscriptFailedEvent,
    McpApprovalRequestEvent,
    McpToolCallCompletedEvent,
    TurnDoneEvent,
)
from realtime_transport.exceptions import RealtimeError, RequestFailed, StateError
from realtime_transport.relay import Routes
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.announcer import Announcer
from realtime_transport.session.approvals import ApprovalRequest, Approvals
from realtime_transport.session.calls import ToolCalls
from realtime_transport.session.context import RunContext, T, ToolContext
from realtime_transport.session.events import GuardrailTrippedEvent
from realtime_transport.session.execution import DENIALS, Execution, ToolErrorText
from realtime_transport.session.followup import FollowUp
from realtime_transport.session.gate import InputGate, Refusal
from realtime_transport.session.guardrails import GuardrailSettings, InputGuardrail, OutputGuardrail
from realtime_transport.session.hooks import HookCalls
from realtime_transport.session.hosted import HostedCalls
from realtime_transport.session.reports import Reports
from realtime_transport.session.roster import Roster
from realtime_transport.session.tasks import SessionTasks
from realtime_transport.session.turns import Reactions, Turns
from realtime_transport.session.usage import Budget
from realtime_transport.transports import RealtimeTransportLayer


@attrs.frozen(kw_only=True)
class SessionRules:
    """What a session was told at its making, beside agent and transport."""

    ground: RealtimeSessionConfig
    guardrails: GuardrailSettings
    output_guardrails: tuple[OutputGuardrail, ...]
    input_guardrails: tuple[InputGuardrail, ...]
    budget: Budget | None
    approval_timeout: float
    tool_error_text: ToolErrorText | None
    conversation_key: str


class Switchboard(Generic[T]):
    """The rooms of one session."""

    def __init__(
        self,
        agent: RealtimeAgent[T],
        transport: RealtimeTransportLayer,
        emitter: Emitter,
        rules: SessionRules,
        *,
        context: T,
        context_of: Callable[[RealtimeAgent[T]], RunContext[T]],
        stop: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._rules = rules
        self.tasks: SessionTasks = SessionTasks(on_error=self.report)
        self.hooks: HookCalls = HookCalls(spawn=self.tasks.spawn, on_error=self.report)
        self.approvals: Approvals = Approvals(limit=rules.approval_timeout)
        self.roster: Roster[T] = Roster(
            agent,
            ground=rules.ground,
            input_guardrails=rules.input_guardrails,
            context_of=context_of,
            on_tools_changed=self._tools_changed,
            on_error=self.report,
        )
        self.announcer: Announcer[T] = Announcer(
            emitter, context=context, agent=lambda: self.roster.agent, context_of=context_of
        )
        self.turns: Turns[T] = self._make_turns()
        self.reports: Reports[T] = Reports(
            self.announcer, self.roster, history=lambda: transport.history, budget=rules.budget, stop=stop
        )
        self.execution: Execution[T] = Execution(
            self.announcer,
            self.hooks,
            self.approvals,
            error_text=rules.tool_error_text,
            on_error=self.report,
        )
        self.follow_up: FollowUp = FollowUp(self._follow_up)
        self.calls: ToolCalls[T] = self._make_calls()
        self._hosted = HostedCalls(on_batch_done=lambda: self.follow_up.due(""))
        self._gate = InputGate(
            timeout=rules.guardrails.timeout,
            spawn=self.tasks.spawn,
            on_pass=lambda _: self.respond(),
            on_refusal=self._refused,
        )
        transport.relay(ROUTES, self)

    def _make_turns(self) -> Turns[T]:
        return Turns(
            self.announcer,
            self.roster,
            self.hooks,
            self.tasks,
            settings=self._rules.guardrails,
            guardrails=self._rules.output_guardrails,
            reactions=Reactions(interrupt=self._interrupt, correct=self._correct),
            output_format=lambda: self._transport.output_format,
        )

    def _make_calls(self) -> ToolCalls[T]:
        return ToolCalls(
            self.announcer,
            self.roster,
            self.hooks,
            self.tasks,
            self.execution,
            self.follow_up,
            send=self,
            conversation_key=self._rules.conversation_key,
        )

    # --- sending -----------------------------------------------------------------------------------------------------

    def output(self, call_id: str, output: str) -> None:
        """Answer a call, without asking for a response."""
        self._transport.send_function_call_output(call_id, output, respond=False)

    def respond(self, options: ResponseOptions | None = None) -> None:
        """Ask for a response of the session's own accord: several that have to wait are one."""
        with contextlib.suppress(StateError):  # the connection is over: there is nobody to ask
            self._transport.request_response(options, automatic=True)

    def _follow_up(self, response_id: str) -> None:
        """Go on from tool outputs. A choice that forces a call would force one for ever: the follow-up is free."""
        choice = self.roster.owner(response_id).config.tool_choice
        forced = bool(choice) and choice not in {"auto", "none"}
        self.respond(ResponseOptions(tool_choice="auto") if forced else None)

    # --- agents ------------------------------------------------------------------------------------------------------

    async def switch(
        self, agent: RealtimeAgent[T], announce: Callable[[], Awaitable[None]] | None = None
    ) -> RealtimeAgent[T]:
        """Let ``agent`` speak from now on; return the one before it. Raises what keeps it from that."""
        previous = await self.roster.switch(agent, self._configure, announce)
        self.reports.mcp_tools_changed()
        return previous

    async def _configure(self, config: RealtimeSessionConfig) -> None:
        await self._transport.update_session(config).acknowledged()

    async def _tools_changed(self) -> None:
        try:
            await self.switch(self.roster.agent)
        except Exception as error:  # noqa: BLE001  the application's callables, or the server's refusal
            self.report(error)

    def report(self, error: BaseException) -> None:
        """Tell of an error that no call can raise."""
        if not isinstance(error, RealtimeError):
            failure = RequestFailed(f"code of the application failed: {error!r}")
            failure.__cause__ = error
            error = failure
        self.announcer.error(error)

    # --- guardrails --------------------------------------------------------------------------------------------------

    def _interrupt(self) -> None:
        with contextlib.suppress(StateError):
            self._transport.interrupt()

    def _correct(self, text: str) -> None:
        """Tell the model why it was stopped, and let it answer again."""
        item = SystemMessageItem if self._rules.guardrails.feedback_role == "system" else UserMessageItem
        with contextlib.suppress(StateError):
            self._transport.create_item(item(content=(InputTextPart(text=text),)))
        self.respond()

    def caller_said(self, event: InputTranscriptDoneEvent) -> None:
        """Look at the caller's words before they are answered."""
        guardrails = self.roster.input_guardrails()
        if guardrails:
            context = self.announcer.context_of(self.roster.agent)
            self._gate.heard(event.item_id, event.transcript, context, guardrails)

    def caller_unheard(self, event: InputTranscriptFailedEvent) -> None:
        """Refuse speech without words, where words are to be looked at."""
        if self.roster.input_guardrails():
            self._gate.unheard(event.item_id, self.announcer.context_of(self.roster.agent), event.error)

    def _refused(self, refusal: Refusal) -> None:
        """Take the caller's words out of the conversation, so that no later answer sees them, and say so."""
        reaction = self._rules.guardrails.reaction
        message = refusal.verdict.message or refusal.guardrail.hint or refusal.guardrail.name
        self.announcer.tell(
            GuardrailTrippedEvent,
            refusal.context.agent,
            guardrail=refusal.guardrail.name,
            kind="input",
            message=message,
            info=refusal.verdict.info,
            text=refusal.text,
            response_id=None,
            error=refusal.error,
            reaction=reaction,
        )
        if reaction == "report":
            return
        if self._transport.capabilities.can_delete_items:
            with contextlib.suppress(StateError):
                self._transport.delete_item(refusal.item_id)
        if reaction == "tell":
            self._correct(self._rules.guardrails.input_feedback(refusal.guardrail.name, message))

    # --- hosted MCP --------------------------------------------------------------------------------------------------

    def mcp_approval_asked(self, event: McpApprovalRequestEvent) -> None:
        """Have a call of a hosted tool decided."""
        self.tasks.spawn(self._approve_mcp(event), f"approval:{event.approval_request_id}")

    async def _approve_mcp(self, event: McpApprovalRequestEvent) -> None:
        base = self.announcer.context_of(self.roster.agent)
        context = ToolContext(
            context=base.context,
            session=base.session,
            agent=base.agent,
            tool_name=event.tool_name,
            call_id=event.approval_request_id,
            arguments=event.arguments,
            idempotency_key=f"{self._rules.conversation_key}:{event.approval_request_id}",
            progress=lambda _: None,
        )
        request = ApprovalRequest(
            kind="mcp",
            call_id=event.approval_request_id,
            tool_name=event.tool_name,
            server_label=event.server_label,
            arguments=event.arguments,
        )
        decision = await self.execution.decide(request, context)
        reason = None if decision.approved else decision.message or DENIALS[decision.reason]
        self._transport.send_mcp_response(event.approval_request_id, decision.approved, reason=reason)

    def mcp_call_completed(self, event: McpToolCallCompletedEvent) -> None:
        """Note the end of a call of a hosted tool."""
        if isinstance(event.item, McpCallItem):
            self._hosted.completed(event.item.id or "")

    def turn_done(self, event: TurnDoneEvent) -> None:
        """Collect the hosted calls of a response, unless it was cut: the caller has something else in mind."""
        if event.status != "cancelled" and not event.out_of_band:
            calls = (item.id or "" for item in event.output if isinstance(item, McpCallItem))
            self._hosted.response_done(event.response_id, calls)

    # --- ending ------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """End whatever runs: undecided calls are denied, tools cancelled or left to finish as they say."""
        self.approvals.close()
        self.follow_up.forget()
        self.execution.close()
        await self.tasks.close()
        self.hooks.close()
        self.calls.close()
        await self.roster.close()


def _itself(board: Switchboard[Any]) -> Switchboard[Any]:
    return board


_TURNS, _REPORTS, _FOLLOW_UP, _CALLS = map(attrgetter, ("turns", "reports", "follow_up", "calls"))

ROUTES: Final[Routes] = {
    "turn_started": (
        (_TURNS, Turns.started),
        (_FOLLOW_UP, FollowUp.turn_started),
        (_CALLS, ToolCalls.turn_started),
    ),
    "turn_done": ((_TURNS, Turns.done), (_CALLS, ToolCalls.turn_done), (_itself, Switchboard.turn_done)),
    "audio": ((_TURNS, Turns.audio),),
    "audio_done": ((_TURNS, Turns.audio_done),),
    "audio_interrupted": ((_TURNS, Turns.interrupted), (_CALLS, ToolCalls.caller_spoke)),
    "transcript_delta": ((_TURNS, Turns.words),),
    "text_delta": ((_TURNS, Turns.words),),
    "speech_started": (
        (_TURNS, Turns.speech_started),
        (_FOLLOW_UP, FollowUp.speech_started),
        (_CALLS, ToolCalls.caller_spoke),
    ),
    "speech_stopped": ((_TURNS, Turns.speech_stopped), (_FOLLOW_UP, FollowUp.speech_stopped)),
    "function_call": ((_CALLS, ToolCalls.called),),
    "item_update": ((_REPORTS, Reports.item_updated), (_CALLS, ToolCalls.item_updated)),
    "item_deleted": ((_REPORTS, Reports.item_deleted),),
    "usage_update": ((_REPORTS, Reports.spent),),
    "input_transcript_done": ((_REPORTS, Reports.transcribed), (_itself, Switchboard.caller_said)),
    "input_transcript_failed": ((_itself, Switchboard.caller_unheard),),
    "mcp_tools_listed": ((_REPORTS, Reports.tools_listed),),
    "mcp_tool_call_completed": ((_REPORTS, Reports.mcp_call_completed), (_itself, Switchboard.mcp_call_completed)),
    "mcp_approval_request": ((_itself, Switchboard.mcp_approval_asked),),
    "connection_change": ((_REPORTS, Reports.connection_changed),),
    "connected": ((_REPORTS, Reports.connected),),
    "disconnected": ((_REPORTS, Reports.disconnected), (_CALLS, ToolCalls.disconnected)),
    "error": ((_REPORTS, Reports.failed),),
}
"""Transport event -> which room hears it, and what is called there."""
