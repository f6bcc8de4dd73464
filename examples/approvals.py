"""Approvals in a terminal: a tool that pays waits until a person says yes. No answer at all is a no.

realtime-transport serve            # in another terminal
python examples/approvals.py
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from realtime_transport import RealtimeAgent, RealtimeSession, ToolContext, function_tool
from realtime_transport.session.events import AgentToolEndEvent, ToolApprovalRequestedEvent


def large(context: ToolContext[None], arguments: Mapping[str, Any]) -> bool:
    """Small amounts go through; a person looks at the rest."""
    return bool(arguments["euros"] >= 5)


@function_tool(needs_approval=large)
async def refund(context: ToolContext[None], euros: int = 50) -> str:
    """Pay money back to the caller."""
    # A payment service that takes an idempotency key never pays the same call twice.
    return f"refunded {euros} euros, reference {context.idempotency_key[:8]}"


def ask(question: str) -> bool:
    """Ask whoever sits at the terminal; where nobody does, the answer is no."""
    if not sys.stdin.isatty():
        print(f"{question} (no terminal: no)")
        return False
    return input(f"{question} [y/N] ").strip().lower() == "y"


async def main() -> None:
    agent = RealtimeAgent(name="clerk", instructions="You take complaints.", tools=[refund])
    async with RealtimeSession(agent, url="ws://127.0.0.1:8080/v1/realtime", approval_timeout=60) as session:

        @session.on("tool_approval_requested")
        async def decide(event: ToolApprovalRequestedEvent[None]) -> None:
            call = event.call
            if await asyncio.to_thread(ask, f"run {call.tool_name} with {call.arguments}?"):
                session.approve(call)
            else:
                session.reject(call, "The manager wants to see the receipt first.")

        @session.on("agent_tool_end")
        def ended(event: AgentToolEndEvent[None]) -> None:
            print(f"{event.tool_name}: {event.output}")

        session.send_message("I want a refund.")
        await session.wait_for("agent_tool_end", timeout=90)
        print((await session.wait_for("agent_end", timeout=30)).output)


asyncio.run(main())
