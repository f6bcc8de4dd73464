import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from realtime_transport.exceptions import ToolError
from realtime_transport.session.context import ToolContext
from realtime_transport.session.runner import AT_ONCE, ORPHANS_LIMIT, ToolBusy, ToolRunner, ToolTimeout
from realtime_transport.session.tools import LocalTool, function_tool
from realtime_transport.testing import virtual_time

Context = ToolContext[Any]


@pytest.fixture
def progress(tool_context: Context) -> list[object]:
    return tool_context.progress.__self__  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Blocks tools in threads; opened at the end, so that no thread outlives a test."""
    event = threading.Event()
    yield event
    event.set()


async def settled(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_every_kind_of_function_runs(tool_context: Context, progress: list[object]) -> None:
    def plain() -> str:
        return threading.current_thread().name

    async def coroutine() -> int:
        return 2

    async def steps() -> AsyncIterator[str]:
        yield "looking"
        yield "found"

    async def no_steps() -> AsyncIterator[str]:
        for each in ():
            yield each

    def hidden() -> Any:
        return coroutine()

    runner = ToolRunner()
    results = [
        await runner.run(function_tool(each), tool_context, {}) for each in (plain, coroutine, steps, no_steps, hidden)
    ]
    assert str(results[0]).startswith("realtime-tool")
    assert results[1:] == [2, "found", None, 2]
    assert progress == ["looking", "found"]
    runner.close()


async def test_a_thread_sees_the_callers_context_variables(tool_context: Context) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    who.set("ann")

    def ask() -> str:
        return who.get()

    runner = ToolRunner()
    assert await runner.run(function_tool(ask), tool_context, {}) == "ann"
    runner.close()


async def test_what_a_tool_raises_is_raised(tool_context: Context) -> None:
    async def fail() -> None:
        raise ToolError("sold out")

    with pytest.raises(ToolError, match="sold out"):
        await ToolRunner().run(function_tool(fail), tool_context, {})


def test_a_tool_that_takes_too_long_is_cancelled(tool_context: Context) -> None:
    cleaned: list[float] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(asyncio.get_running_loop().time())

    async def main() -> None:
        runner = ToolRunner()
        with pytest.raises(ToolTimeout, match="no result within 30 s"):
            await runner.run(function_tool(hang), tool_context, {})
        assert asyncio.get_running_loop().time() == 30.0
        await settled(lambda: runner.orphans == 0)
        assert cleaned == [30.0]

    virtual_time.run(main())


def test_no_timeout_waits_for_ever(tool_context: Context) -> None:
    async def slow() -> str:
        await asyncio.sleep(86_400)
        return "done"

    async def main() -> None:
        assert await ToolRunner().run(function_tool(timeout=None)(slow), tool_context, {}) == "done"

    virtual_time.run(main())


def stubborn(release: asyncio.Event) -> LocalTool:
    async def ignore_cancellation() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    return function_tool(timeout=1.0)(ignore_cancellation)


def test_orphans_are_counted_bounded_and_their_late_results_dropped(
    tool_context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        runner, release = ToolRunner(), asyncio.Event()
        tool = stubborn(release)
        for number in range(ORPHANS_LIMIT):
            assert runner.orphans == number
            with pytest.raises(ToolTimeout):
                await runner.run(tool, tool_context, {})
        with pytest.raises(ToolBusy, match="8 earlier tools"):
            await runner.run(tool, tool_context, {})
        with caplog.at_level(logging.WARNING):
            release.set()
            await settled(lambda: runner.orphans == 0)
        assert caplog.text.count("ended after it was given up") == ORPHANS_LIMIT
        assert await runner.run(tool, tool_context, {}) == "late"

    virtual_time.run(main())


async def test_a_thread_that_does_not_end_is_an_orphan(tool_context: Context, gate: threading.Event) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def block() -> None:
        loop.call_soon_threadsafe(started.set)
        gate.wait()

    runner = ToolRunner()
    task = asyncio.create_task(runner.run(function_tool(block), tool_context, {}))
    await started.wait()
    assert runner.orphans == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settled(lambda: runner.orphans == 1)
    gate.set()
    await settled(lambda: runner.orphans == 0)
    runner.close()


def test_no_more_than_the_limit_run_at_once_and_waiting_is_not_timed(tool_context: Context) -> None:
    running, peak = 0, 0

    async def work() -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(20)
        running -= 1

    async def main() -> None:
        runner, tool = ToolRunner(), function_tool(work)
        await asyncio.gather(*(runner.run(tool, tool_context, {}) for _ in range(AT_ONCE * 3)))
        assert peak == AT_ONCE
        assert asyncio.get_running_loop().time() == 60.0

    virtual_time.run(main())


@pytest.mark.parametrize(("cancel_on", "ends"), [(("close",), 0.0), ((), 5.0)])
def test_a_tool_may_outlive_the_session(tool_context: Context, cancel_on: Any, ends: float) -> None:
    ended: list[float] = []

    async def book() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            ended.append(asyncio.get_running_loop().time())

    async def main() -> None:
        runner = ToolRunner()
        running = asyncio.create_task(runner.run(function_tool(cancel_on=cancel_on)(book), tool_context, {}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        runner.close()
        running.cancel()
        await asyncio.wait([running])
        await settled(lambda: not runner.orphans) if not ends else await asyncio.sleep(10)
        assert ended == [ends]

    virtual_time.run(main())


def test_close_without_threads_is_nothing() -> None:
    asyncio.run(_close())


async def _close() -> None:
    ToolRunner().close()
