"""Tools that run here: a function, its schema, and the rules under which the session calls it.

``@function_tool`` makes one from any function. A ``LocalTool`` is a value: it holds no state of a call, and the same
one may serve any number of agents and sessions at once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import attrs

from realtime_transport.conversation.toolcalls import Respond
from realtime_transport.events import FunctionTool
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import RunContext, ToolContext
from realtime_transport.session.signature import name_of, read_signature, routine_of

if TYPE_CHECKING:
    from realtime_transport.session.guardrails import ToolInputGuardrail, ToolOutputGuardrail

ReplyPolicy: TypeAlias = Respond
"""What the agent does with an output.

``reply`` asks for one response once all calls of the turn are answered. ``quiet`` asks for none, unless the tool
failed. ``background`` holds nobody up: the talk goes on, and a response of its own follows when the output is there.
"""

Disturbance: TypeAlias = Literal["interrupt", "handoff", "close"]
"""What may happen while a tool runs."""

Enabled: TypeAlias = bool | Callable[[RunContext[Any]], bool | Awaitable[bool]]
"""Whether a tool or handoff is offered: a flag, or a function asked each time the session is configured."""

NeedsApproval: TypeAlias = bool | Callable[[ToolContext[Any], Mapping[str, Any]], bool | Awaitable[bool]]
"""Whether a person must agree first: a flag, or a function of the validated arguments."""

ErrorText: TypeAlias = Callable[[ToolContext[Any], Exception], str | None]

DEFAULT_TIMEOUT = 30.0
"""Seconds. A caller on the phone hangs up sooner, but a booking system may take this long."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DESCRIPTION_LIMIT = 1024
"""Characters. Servers refuse the whole session configuration above it (``string_above_max_length``)."""


def _valid_name(_: Any, __: Any, value: str) -> None:
    if not _NAME.fullmatch(value):
        raise InvalidArgument(f"{value!r} is no tool name: 1 to 64 letters, digits, '_' and '-'", path="name")


def _valid_description(_: Any, __: Any, value: str) -> None:
    if len(value) > _DESCRIPTION_LIMIT:
        raise InvalidArgument(f"{len(value)} characters, servers accept {_DESCRIPTION_LIMIT}", path="description")


@attrs.frozen(kw_only=True, eq=False)
class LocalTool:
    """A tool that this process runs when the model calls it.

    Made by ``function_tool`` or from a local MCP server. To make one by hand, give ``read`` (JSON text to keyword
    arguments, raising ``InvalidArgument``) and ``call`` (context and keyword arguments to a result).
    """

    name: str = attrs.field(validator=_valid_name)
    description: str = attrs.field(default="", validator=_valid_description)
    parameters: Mapping[str, Any] = attrs.field(repr=False)
    """JSON schema of the arguments, an object at the root."""
    read: Callable[[str], Mapping[str, Any]] = attrs.field(repr=False)
    call: Callable[[ToolContext[Any], Mapping[str, Any]], Any] = attrs.field(repr=False)
    """Returns a value, an awaitable, or an async generator whose last value is the result."""
    function: Callable[..., Any] | None = attrs.field(default=None, repr=False)
    """The decorated function itself, for your own tests."""
    blocking: bool = False
    """``call`` blocks: run it in a thread. A thread cannot be stopped, only no longer waited for."""
    reply: ReplyPolicy = "reply"
    timeout: float | None = DEFAULT_TIMEOUT
    """Seconds until the model is told that it took too long; approval time does not count. None waits for ever."""
    needs_approval: NeedsApproval = False
    enabled: Enabled = True
    cancel_on: frozenset[Disturbance] = frozenset({"close"})
    """What stops a running call. Anything else lets it finish, and its output still reaches the model."""
    input_guardrails: tuple[ToolInputGuardrail, ...] = ()
    output_guardrails: tuple[ToolOutputGuardrail, ...] = ()
    error_text: ErrorText | None = attrs.field(default=None, repr=False)
    """Words what the model reads when this tool fails or is refused; None, or returning None, leaves it to the rest."""

    def definition(self) -> FunctionTool:
        """Describe the tool as the session configuration does."""
        return FunctionTool(name=self.name, description=self.description, parameters=dict(self.parameters))


@overload
def function_tool(function: Callable[..., Any], /) -> LocalTool: ...


@overload
def function_tool(
    *,
    name: str | None = None,
    description: str | None = None,
    reply: ReplyPolicy = "reply",
    timeout: float | None = DEFAULT_TIMEOUT,
    needs_approval: NeedsApproval = False,
    enabled: Enabled = True,
    cancel_on: Sequence[Disturbance] = ("close",),
    input_guardrails: Sequence[ToolInputGuardrail] = (),
    output_guardrails: Sequence[ToolOutputGuardrail] = (),
    error_text: ErrorText | None = None,
) -> Callable[[Callable[..., Any]], LocalTool]: ...


def function_tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    reply: ReplyPolicy = "reply",
    timeout: float | None = DEFAULT_TIMEOUT,
    needs_approval: NeedsApproval = False,
    enabled: Enabled = True,
    cancel_on: Sequence[Disturbance] = ("close",),
    input_guardrails: Sequence[ToolInputGuardrail] = (),
    output_guardrails: Sequence[ToolOutputGuardrail] = (),
    error_text: ErrorText | None = None,
) -> LocalTool | Callable[[Callable[..., Any]], LocalTool]:
    """Make a tool of a function: ``@function_tool`` or ``@function_tool(timeout=5)``.

    The schema comes from the annotations, defaults and docstring, and the model's arguments are validated against it
    before the function runs. Plain functions run in a thread, ``async`` ones on the loop; an async generator announces
    each value as progress and returns its last one. A parameter annotated ``ToolContext`` is filled by the session.

    :raises InvalidArgument: for a signature that has no schema; the message names the parameter.
    """

    def make(function: Callable[..., Any]) -> LocalTool:
        reader = read_signature(function)

        def call(context: ToolContext[Any], arguments: Mapping[str, Any]) -> Any:
            given = {reader.context_parameter: context} if reader.context_parameter else {}
            return function(**arguments, **given)

        return LocalTool(
            name=name or name_of(function),
            description=reader.description if description is None else description,
            parameters=reader.schema,
            read=reader.read,
            call=call,
            function=function,
            blocking=not _runs_on_loop(function),
            reply=reply,
            timeout=timeout,
            needs_approval=needs_approval,
            enabled=enabled,
            cancel_on=frozenset(cancel_on),
            input_guardrails=tuple(input_guardrails),
            output_guardrails=tuple(output_guardrails),
            error_text=error_text,
        )

    return make if function is None else make(function)


def _runs_on_loop(function: Callable[..., Any]) -> bool:
    routine = routine_of(function)
    return inspect.iscoroutinefunction(routine) or inspect.isasyncgenfunction(routine)
