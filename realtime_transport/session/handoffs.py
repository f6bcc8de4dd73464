"""Handing a call over to another agent: a tool that the model calls, named ``transfer_to_<agent>``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from realtime_transport.events import FunctionTool
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import ToolContext
from realtime_transport.session.signature import object_schema, read_json
from realtime_transport.session.tools import Enabled

if TYPE_CHECKING:
    from realtime_transport.session.agent import RealtimeAgent

_NO_INPUT: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@attrs.frozen(kw_only=True, eq=False)
class Handoff:
    """One way from an agent to another. Made by ``handoff``."""

    agent: RealtimeAgent[Any]
    name: str
    description: str
    parameters: Mapping[str, Any] = attrs.field(default=_NO_INPUT, repr=False)
    input_type: Any = None
    on_handoff: Callable[..., Awaitable[None] | None] | None = attrs.field(default=None, repr=False)
    enabled: Enabled = True

    def definition(self) -> FunctionTool:
        """Describe the handoff as the session configuration does: to the model it is a tool."""
        return FunctionTool(name=self.name, description=self.description, parameters=dict(self.parameters))

    def read(self, arguments: str) -> Any:
        """Read the model's input. Without an input type whatever the model wrote is ignored.

        :raises InvalidArgument: with the path of what does not fit ``input_type``.
        """
        return None if self.input_type is None else read_json(arguments, self.input_type)

    async def announce(self, context: ToolContext[Any], given: Any) -> None:
        """Call ``on_handoff`` with the context and, when there is an input type, the input. Raises what it raises."""
        if self.on_handoff is None:
            return
        answer = self.on_handoff(context) if self.input_type is None else self.on_handoff(context, given)
        if inspect.isawaitable(answer):
            await answer


def handoff(
    agent: RealtimeAgent[Any],
    *,
    name: str | None = None,
    description: str | None = None,
    on_handoff: Callable[..., Awaitable[None] | None] | None = None,
    input_type: Any = None,
    enabled: Enabled = True,
) -> Handoff:
    """Make a handoff to ``agent``.

    ``on_handoff`` is called with the ``ToolContext`` before anything changes, and with the validated input when
    ``input_type`` (attrs class, dataclass, struct, pydantic model) is given; if it raises, the handoff does not
    happen and the model is told.

    :raises InvalidArgument: for an input type without ``on_handoff``, or one that is not an object.
    """
    if input_type is not None and on_handoff is None:
        raise InvalidArgument("who receives the input? give on_handoff too", path="input_type")
    return Handoff(
        agent=agent,
        name=name or f"transfer_to_{_slug(agent.name)}",
        description=_describe(agent) if description is None else description,
        parameters=_NO_INPUT if input_type is None else object_schema(input_type, "input_type"),
        input_type=input_type,
        on_handoff=on_handoff,
        enabled=enabled,
    )


def _slug(name: str) -> str:
    """Spell an agent's name as a tool name may be spelt: ``Billing desk`` becomes ``Billing_desk``."""
    slug = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:52]
    if not slug:
        raise InvalidArgument(f"{name!r} leaves nothing for a tool name: give handoff(name=...)", path="name")
    return slug


def _describe(agent: RealtimeAgent[Any]) -> str:
    about = f" {agent.handoff_description}" if agent.handoff_description else ""
    return f"Hand the conversation over to the agent {agent.name!r}.{about}"
