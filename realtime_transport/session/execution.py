"""One call, from the model's text to the text that answers it.

The order is fixed: read the arguments, show them to the guardrails, ask a person where needed, run, show the output to
the guardrails. Whatever goes wrong on the way becomes a short structured error; nothing leaves a call unanswered.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias

import attrs

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.announcer import Announcer
from realtime_transport.session.approvals import ApprovalRequest, Approvals, Decision
from realtime_transport.session.context import T, ToolContext
from realtime_transport.session.events import (
    AgentToolEndEvent,
    AgentToolStartEvent,
    GuardrailTrippedEvent,
    ToolApprovalDecidedEvent,
    ToolApprovalRequestedEvent,
)
from realtime_transport.session.guardrails import Answer, Verdict, verdict_of
from realtime_transport.session.hooks import HookCalls
from realtime_transport.session.outputs import ARGUMENTS_LIMIT, error_output, exception_output, output_text, quiet
from realtime_transport.session.runner import CallRefused, ToolRunner
from realtime_transport.session.tools import LocalTool

ToolErrorText: TypeAlias = Callable[[str, str, ToolContext[Any]], str | None]
"""Rewrites what the model reads of a refused call, given the reason (``rejected``, ``expired``, ``timeout``,
``invalid_arguments``, ...), the default message and the call. None keeps the default."""

GUARDRAIL_TIMEOUT = 10.0
"""Seconds for one tool guardrail; the tool does not run, or its output is not told, before it has answered."""

DENIALS: Mapping[str, str] = {
    "decided": "a person refused this call",
    "sticky": "a person refused calls of this tool",
    "expired": "nobody approved this call in time",
    "closed": "the session ended before this call was approved",
}
"""Why a call was not approved -> what the model reads unless told otherwise."""


class CallDenied(CallRefused):
    """A person did not approve. Their own words go before any formatter's, and those before the default."""

    def __init__(self, decision: Decision) -> None:
        reason = "rejected" if decision.reason in {"decided", "sticky"} else decision.reason
        super().__init__(decision.message or DENIALS[decision.reason], reason=reason)
        self.decision = decision


@attrs.frozen(kw_only=True)
class Outcome:
    """How a call ended."""

    output: str
    error: BaseException | None = None
    seconds: float = 0.0
    """How long the tool itself ran."""
    quiet: bool = False
    """The tool itself wants no response to this result."""


class Execution(Generic[T]):
    """Carries out the calls of one session, one ``run`` each."""

    def __init__(
        self,
        announcer: Announcer[T],
        hooks: HookCalls,
        approvals: Approvals,
        *,
        error_text: ToolErrorText | None,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._announcer = announcer
        self._hooks = hooks
        self._approvals = approvals
        self._error_text = error_text
        self._on_error = on_error
        self._runner = ToolRunner()

    async def run(self, tool: LocalTool, context: ToolContext[T], response_id: str | None) -> Outcome:
        """Run one call to its answer. Raises nothing but ``CancelledError``."""
        began: float | None = None
        try:
            arguments = self.admit(tool.read, context)
            await self._guard_input(tool, context, arguments)
            if await self._approved(tool, context, arguments):
                await self._guard_input(tool, context, arguments)  # the world may have changed while a person thought
            began = _now()
            self._announcer.tell(
                AgentToolStartEvent,
                context.agent,
                response_id=response_id,
                call_id=context.call_id,
                tool_name=tool.name,
                arguments=arguments,
            )
            if context.agent.hooks is not None:
                self._hooks.call(context.agent.hooks.on_tool_start, context)
            result = await self._runner.run(tool, context, arguments)
            seconds = _now() - began
            output = output_text(result.result if isinstance(result, quiet) else result)
            await self._guard_output(tool, context, output)
            return Outcome(output=output, seconds=seconds, quiet=isinstance(result, quiet))
        except Exception as error:  # noqa: BLE001  application code: whatever it raises is an answer
            seconds = 0.0 if began is None else _now() - began
            return Outcome(output=self._explain(tool, error, context), error=error, seconds=seconds)

    def admit(self, read: Callable[[str], Any], context: ToolContext[T]) -> Any:
        """Read a call's arguments within their limit, or refuse the call."""
        size = len(context.arguments.encode(errors="surrogatepass"))
        if size > ARGUMENTS_LIMIT:
            raise CallRefused(f"{size} bytes, the limit is {ARGUMENTS_LIMIT}", reason="arguments_too_long")
        try:
            return read(context.arguments)
        except InvalidArgument as error:
            message = str(error).removeprefix(f"{error.path}: ")
            raise CallRefused(message, reason="invalid_arguments", path=error.path) from error

    def refusal(self, error: BaseException, context: ToolContext[T]) -> str:
        """Write what the model reads of a call that went wrong."""
        if not isinstance(error, CallRefused):
            return exception_output(error)
        message = str(error)
        spoken_for = isinstance(error, CallDenied) and error.decision.message
        if self._error_text is not None and not spoken_for:
            message = self._error_text(error.reason, message, context) or message
        return error_output(error.reason, message, path=error.path)

    def _explain(self, tool: LocalTool, error: Exception, context: ToolContext[T]) -> str:
        """Let the tool's author word the error, if they want to; a wording that fails is not used."""
        if tool.error_text is not None:
            try:
                worded = tool.error_text(context, error)
            except Exception as failure:  # noqa: BLE001  application code
                self._on_error(failure)
            else:
                if worded is not None:
                    return output_text(worded)
        return self.refusal(error, context)

    def ended(self, context: ToolContext[T], outcome: Outcome) -> None:
        """Tell that a call is answered."""
        self._announcer.tell(
            AgentToolEndEvent,
            context.agent,
            call_id=context.call_id,
            tool_name=context.tool_name,
            output=outcome.output,
            error=outcome.error,
            seconds=outcome.seconds,
        )
        if context.agent.hooks is not None:
            self._hooks.call(context.agent.hooks.on_tool_end, context, outcome.output)

    def close(self) -> None:
        """Take no more calls."""
        self._runner.close()

    # --- approval ----------------------------------------------------------------------------------------------------

    async def _approved(self, tool: LocalTool, context: ToolContext[T], arguments: Mapping[str, Any]) -> bool:
        """Return whether a person was asked and agreed; refuse the call when they did not."""
        needed = tool.needs_approval
        if not isinstance(needed, bool):
            answer = needed(context, arguments)
            needed = bool(await answer if inspect.isawaitable(answer) else answer)
        if not needed:
            return False
        request = ApprovalRequest(
            kind="function", call_id=context.call_id, tool_name=tool.name, arguments=context.arguments
        )
        decision = await self.decide(request, context)
        if not decision.approved:
            raise CallDenied(decision)
        return decision.reason != "sticky"

    async def decide(self, request: ApprovalRequest, context: ToolContext[T]) -> Decision:
        """Ask a person, unless a sticky decision answers for them."""
        remembered = self._approvals.remembered(request)
        if remembered is not None:
            return remembered
        agent = context.agent
        decision = await self._approvals.decision(
            request, lambda: self._announcer.tell(ToolApprovalRequestedEvent, agent, call=request)
        )
        self._announcer.tell(ToolApprovalDecidedEvent, agent, call=request, decision=decision)
        return decision

    # --- guardrails --------------------------------------------------------------------------------------------------

    async def _guard_input(self, tool: LocalTool, context: ToolContext[T], arguments: Mapping[str, Any]) -> None:
        for guardrail in tool.input_guardrails:
            verdict, error = await _checked(guardrail.check, context, arguments)
            if verdict.tripped:
                self._refuse("tool_input", guardrail.name, verdict, context, context.arguments, error)

    async def _guard_output(self, tool: LocalTool, context: ToolContext[T], output: str) -> None:
        for guardrail in tool.output_guardrails:
            verdict, error = await _checked(guardrail.check, context, output)
            if verdict.tripped:
                self._refuse("tool_output", guardrail.name, verdict, context, output, error)

    def _refuse(
        self,
        kind: str,
        name: str,
        verdict: Verdict,
        context: ToolContext[T],
        text: str,
        error: BaseException | None,
    ) -> None:
        message = verdict.message or f"refused by the rule {name!r}"
        self._announcer.tell(
            GuardrailTrippedEvent,
            context.agent,
            guardrail=name,
            kind=kind,
            message=message,
            info=verdict.info,
            text=text,
            response_id=None,
            error=error,
            reaction="tell",
        )
        raise CallRefused(message, reason="refused_by_guardrail") from error


async def _checked(check: Callable[..., Answer], *shown: object) -> tuple[Verdict, BaseException | None]:
    """Run a guardrail; one that raises or hangs has tripped, because what it guards must not happen unseen."""
    try:
        async with asyncio.timeout(GUARDRAIL_TIMEOUT):
            return await verdict_of(check(*shown)), None
    except Exception as error:  # noqa: BLE001  application code
        return Verdict(tripped=True, message="a check of this call failed"), error


def _now() -> float:
    return asyncio.get_running_loop().time()
