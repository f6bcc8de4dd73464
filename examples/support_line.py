"""A support line: two agents that hand the call to each other, each with its own tools and instructions.

realtime-transport serve            # in another terminal
python examples/support_line.py
"""

import asyncio

import attrs

from realtime_transport import (
    AgentHooks,
    RealtimeAgent,
    RealtimeSession,
    RunContext,
    ToolContext,
    function_tool,
    handoff,
)


@attrs.frozen
class Caller:
    """What the application knows of the caller; no model ever sees it unless a tool says so."""

    name: str
    account: int


@attrs.frozen
class Reason:
    """What the front desk tells billing; the model has to fill it in."""

    summary: str


@function_tool
def find_invoice(context: ToolContext[Caller]) -> dict[str, object]:
    """Find the caller's last invoice."""
    return {"account": context.context.account, "total": 19.99, "due": "2026-12-01"}


class Announce(AgentHooks[Caller]):
    """Prints who has the call."""

    async def on_handoff(self, context: RunContext[Caller], source: RealtimeAgent[Caller]) -> None:
        print(f"{source.name} hands {context.context.name} over to {context.agent.name}")


def note(context: ToolContext[Caller], reason: Reason) -> None:
    print(f"reason given: {reason.summary!r}")


def instructions(context: RunContext[Caller]) -> str:
    return f"You answer the phone. The caller is {context.context.name}. Hand questions about money to billing."


front: RealtimeAgent[Caller] = RealtimeAgent(
    name="Front desk",
    instructions=instructions,
    handoffs=lambda: [handoff(billing, on_handoff=note, input_type=Reason)],
)
billing: RealtimeAgent[Caller] = RealtimeAgent(
    name="Billing",
    instructions="You know about invoices.",
    tools=[find_invoice],
    handoffs=[front],
    hooks=Announce(),
)


async def main() -> None:
    caller = Caller("Ann", 4711)
    async with RealtimeSession(front, context=caller, url="ws://127.0.0.1:8080/v1/realtime") as session:
        session.on("agent_end", lambda event: print(f"{event.agent.name}: {event.output or '(calls a tool)'}"))
        session.send_message("I have a question about billing.")
        await session.wait_for("agent_handoff", timeout=30)
        await session.wait_for("agent_end", timeout=30)
        session.send_message("What is my invoice?")
        await session.wait_for("agent_tool_end", timeout=30)
        await session.wait_for("agent_end", timeout=30)


asyncio.run(main())
