from typing import Any

from realtime_transport.session.waiting import Waiting


async def test_waiting_is_the_sessions_own() -> None:
    class Clock(Waiting[None]):
        async def _wait_for(self, what: Any, timeout: float | None) -> Any:
            return what, timeout

    assert await Clock().wait_for("agent_end", 3.0) == ("agent_end", 3.0)  # type: ignore[comparison-overlap]
    try:
        await Waiting[None]().wait_for("agent_end")
    except NotImplementedError:
        return
    raise AssertionError("a session has to say how it waits")
