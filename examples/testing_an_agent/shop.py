"""The agent under test: a shop's phone."""

from realtime_transport import RealtimeAgent, function_tool

HOURS = {"sunday": "closed", "saturday": "open from 9 to 13"}


@function_tool
def opening_hours(day: str) -> str:
    """Tell when the shop is open on a day of the week."""
    return HOURS.get(day.casefold(), "open from 9 to 17")


def agent() -> RealtimeAgent:
    """Make the agent."""
    return RealtimeAgent(name="shop", instructions="You answer the shop's phone.", tools=[opening_hours])
