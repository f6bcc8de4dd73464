"""An agent: instructions, what it may do, and whom it may hand over to.

Agents are values. The session asks one for its instructions and tools each time it (re)configures the server, so
callables among them see the moment.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias

import attrs

from realtime_transport.events import McpTool, Prompt
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import RunContext, T, ToolContext
from realtime_transport.session.guardrails import InputGuardrail, OutputGuardrail
from realtime_transport.session.handoffs import Handoff, handoff
from realtime_transport.session.tools import Enabled, LocalTool

if TYPE_CHECKING:
    from realtime_transport.session.mcp import McpServer


Instructions: TypeAlias = str | Callable[[RunContext[Any]], str | Awaitable[str]]
"""The system text, or a function asked for it each time the server is configured with this agent."""


class AgentHooks(Generic[T]):
    """Callbacks of one agent's life. Override what you need; each may be ``async`` and is awaited in its own order.

    A hook that raises is reported as an ``error`` event and stops nothing.
    """

    def on_start(self, context: RunContext[T]) -> Awaitable[None] | None:
        """Called when the agent begins a response."""

    def on_end(self, context: RunContext[T], output: str) -> Awaitable[None] | None:
        """Called when the agent's response is over; ``output`` is what it said or wrote, empty for mere tool calls."""

    def on_handoff(self, context: RunContext[T], source: RealtimeAgent[T]) -> Awaitable[None] | None:
        """Called on the agent that takes over, with the one that gave."""

    def on_tool_start(self, context: ToolContext[T]) -> Awaitable[None] | None:
        """Called before a tool of this agent runs."""

    def on_tool_end(self, context: ToolContext[T], output: str) -> Awaitable[None] | None:
        """Called with what the model will read, errors included."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Handoffs: TypeAlias = "Sequence[RealtimeAgent[Any] | Handoff] | Callable[[], Sequence[RealtimeAgent[Any] | Handoff]]"
"""Agents or ``handoff(agent, ...)``, or a function that returns them: so that two agents can point at each other."""


@attrs.frozen(kw_only=True, eq=False)
class RealtimeAgent(Generic[T]):
    """A voice agent. Compared by identity; change one with ``attrs.evolve`` to get another.

    :raises InvalidArgument: when two tools or handoffs have the same name (the message lists them sorted), and for what
        is no tool, handoff or guardrail: a function without its decorator.
    """

    name: str
    instructions: Instructions | None = attrs.field(default=None, repr=False)
    """None leaves the server's own instructions in force."""
    tools: Sequence[LocalTool | McpTool] = attrs.field(default=(), repr=False)
    """Tools of this process, and hosted MCP servers that the server itself calls."""
    handoffs: Handoffs = attrs.field(default=(), repr=False)
    mcp_servers: Sequence[McpServer] = attrs.field(default=(), repr=False)
    """MCP servers that this process reaches; their tools join ``tools`` when the session connects."""
    voice: str | None = None
    """Spoken with from the start of this agent. Servers fix the voice at the first audio of a session; a later agent's
    other voice is then left out and reported once."""
    prompt: Maybe[Prompt] = UNSET
    """A prompt stored at the provider."""
    handoff_description: str = ""
    """Tells other agents when to hand over to this one."""
    output_guardrails: Sequence[OutputGuardrail] = attrs.field(default=(), repr=False)
    input_guardrails: Sequence[InputGuardrail] = attrs.field(default=(), repr=False)
    hooks: AgentHooks[T] | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.name.strip():
            raise InvalidArgument("an agent needs a name", path="name")
        refuse_others("tools", self.tools, "a tool (decorate a function with @function_tool)", LocalTool, McpTool)
        refuse_other_guardrails(self.output_guardrails, self.input_guardrails)
        known = self.ways_out() if not callable(self.handoffs) else ()  # a function may name agents not made yet
        refuse_duplicates([*self.local_tools, *known], f"agent {self.name!r}")

    @property
    def local_tools(self) -> tuple[LocalTool, ...]:
        """The tools that this process runs, without those of MCP servers."""
        return tuple(tool for tool in self.tools if isinstance(tool, LocalTool))

    @property
    def hosted_tools(self) -> tuple[McpTool, ...]:
        """The MCP servers that the provider calls."""
        return tuple(tool for tool in self.tools if isinstance(tool, McpTool))

    def ways_out(self) -> tuple[Handoff, ...]:
        """Return every handoff of this agent, the disabled ones included."""
        values = self.handoffs() if callable(self.handoffs) else self.handoffs
        refuse_others("handoffs", values, "a RealtimeAgent or handoff(agent)", RealtimeAgent, Handoff)
        return tuple(value if isinstance(value, Handoff) else handoff(value) for value in values)

    async def render_instructions(self, context: RunContext[Any]) -> str | None:
        """Return the system text for this moment. Raises what a callable raises."""
        if self.instructions is None or isinstance(self.instructions, str):
            return self.instructions
        rendered = self.instructions(context)
        return await rendered if inspect.isawaitable(rendered) else rendered


async def is_enabled(enabled: Enabled, context: RunContext[Any]) -> bool:
    """Ask an enabled flag or function."""
    answer = enabled if isinstance(enabled, bool) else enabled(context)
    return bool(await answer if inspect.isawaitable(answer) else answer)


def refuse_others(path: str, values: Iterable[object], wanted: str, *kinds: type) -> None:
    """Raise ``InvalidArgument`` for a value of another kind: later it would be passed over, or fail in the call."""
    for at, value in enumerate(values):
        if not isinstance(value, kinds):
            raise InvalidArgument(f"must be {wanted}, not {type(value).__name__}", path=f"{path}[{at}]")


def refuse_other_guardrails(output: Iterable[object], input_: Iterable[object]) -> None:
    """Do the same for the guardrails of an agent or a session."""
    wanted = "an OutputGuardrail (decorate a function with @output_guardrail)"
    refuse_others("output_guardrails", output, wanted, OutputGuardrail)
    refuse_others("input_guardrails", input_, "an InputGuardrail(name=..., check=...)", InputGuardrail)


def refuse_duplicates(named: Iterable[_Named], owner: str) -> None:
    """Raise ``InvalidArgument`` when two of ``named`` share a name: the model could only ever reach one of them."""
    counts = Counter(each.name for each in named)
    duplicates = sorted(name for name, count in counts.items() if count > 1)
    if duplicates:
        raise InvalidArgument(f"{owner} has more than one tool named {', '.join(duplicates)}", path="tools")
