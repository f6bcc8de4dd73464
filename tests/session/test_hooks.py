import asyncio
from collections.abc import Coroutine
from typing import Any

from realtime_transport.session import hooks
from realtime_transport.session.hooks import HookCalls
from realtime_transport.session.tasks import SessionTasks


def calls(errors: list[BaseException]) -> tuple[HookCalls, SessionTasks]:
    tasks = SessionTasks(on_error=errors.append)
    return HookCalls(spawn=tasks.spawn, on_error=errors.append), tasks


async def until_idle(hook_calls: HookCalls) -> None:
    while hook_calls._running:
        await asyncio.sleep(0)


async def test_sync_hooks_run_at_once_and_async_ones_in_order() -> None:
    errors: list[BaseException] = []
    hook_calls, _ = calls(errors)
    seen: list[str] = []

    async def slow(name: str) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        seen.append(name)

    hook_calls.call(slow, "first")
    hook_calls.call(slow, "second")
    hook_calls.call(seen.append, "sync")
    assert seen == ["sync"]
    await until_idle(hook_calls)
    hook_calls.call(slow, "third")
    await until_idle(hook_calls)
    assert seen == ["sync", "first", "second", "third"]
    assert errors == []


async def test_a_hook_that_raises_stops_nothing() -> None:
    errors: list[BaseException] = []
    hook_calls, _ = calls(errors)
    seen: list[str] = []

    def fail() -> None:
        raise KeyError("sync")

    async def fail_later() -> None:
        raise KeyError("async")

    async def work() -> None:
        seen.append("work")

    for hook in (fail, fail_later, work):
        hook_calls.call(hook)
    await until_idle(hook_calls)
    assert [error.args[0] for error in errors] == ["sync", "async"]
    assert seen == ["work"]


async def test_a_hook_that_hangs_fills_no_memory(monkeypatch: Any) -> None:
    monkeypatch.setattr(hooks, "HOOKS_WAITING_LIMIT", 2)
    hook_calls, tasks = calls([])
    seen: list[int] = []
    release = asyncio.Event()

    async def hang() -> None:
        await release.wait()

    async def note(number: int) -> None:
        seen.append(number)

    hook_calls.call(hang)
    await asyncio.sleep(0)
    for number in range(5):
        hook_calls.call(note, number)
    release.set()
    await until_idle(hook_calls)
    assert seen == [3, 4]
    await tasks.close()


async def test_what_waits_at_the_end_is_closed() -> None:
    hook_calls, tasks = calls([])
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def never() -> None:
        raise AssertionError

    hook_calls.call(asyncio.Event().wait)  # type: ignore[arg-type]
    hook_calls.call(never)
    hook_calls.call(lambda: future)
    await asyncio.sleep(0)
    await tasks.close()
    hook_calls.close()
    assert not hook_calls._running


async def test_a_hook_whose_turn_never_came_is_closed() -> None:
    hook_calls, tasks = calls([])

    async def never() -> None:
        raise AssertionError

    hook_calls.call(never)
    await tasks.close()
    hook_calls.close()


def test_nothing_runs_in_a_closed_session() -> None:
    async def main() -> None:
        spawned: list[Coroutine[Any, Any, None]] = []
        hook_calls = HookCalls(spawn=lambda work, _: spawned.append(work), on_error=lambda _: None)
        hook_calls.call(asyncio.sleep, 0)
        assert len(spawned) == 1
        await spawned[0]

    asyncio.run(main())
