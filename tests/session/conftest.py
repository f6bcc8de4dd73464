from typing import Any, cast

import pytest

from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import RunContext, ToolContext


@pytest.fixture
def run_context() -> RunContext[Any]:
    """A context as the session makes it, for code that does not look at the session."""
    return RunContext(context="ann", session=cast("Any", None), agent=RealtimeAgent(name="desk"))


@pytest.fixture
def tool_context() -> ToolContext[Any]:
    """A tool's context, whose progress lands in ``progress.__self__``."""
    return ToolContext(
        context="ann",
        session=cast("Any", None),
        agent=RealtimeAgent(name="desk"),
        tool_name="tool",
        call_id="call_1",
        arguments="{}",
        idempotency_key="conv:call_1",
        progress=list[object]().append,
    )
