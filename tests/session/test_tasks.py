import asyncio

import pytest

from realtime_transport.session.tasks import CLOSE_TIMEOUT, SessionTasks
from realtime_transport.testing import virtual_time


async def test_errors_are_reported_once_and_results_forgotten() -> None:
    errors: list[BaseException] = []
    tasks = SessionTasks(on_error=errors.append)

    async def fail() -> None:
        raise KeyError("x")

    async def work() -> None: ...

    started = [tasks.spawn(fail(), "fail"), tasks.spawn(work(), "work")]
    await asyncio.wait([task for task in started if task])
    await asyncio.sleep(0)
    assert [type(error) for error in errors] == [KeyError]
    await tasks.close()


async def test_close_cancels_and_nothing_starts_afterwards() -> None:
    tasks = SessionTasks(on_error=lambda _: pytest.fail("a cancelled task is no error"))
    cleaned: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("hang")

    tasks.spawn(hang(), "hang")
    await asyncio.sleep(0)
    await tasks.close()
    assert cleaned == ["hang"]
    assert tasks.spawn(hang(), "late") is None


async def test_a_task_may_close_its_own_owner() -> None:
    tasks = SessionTasks(on_error=lambda _: None)
    done: list[bool] = []

    async def close_myself() -> None:
        await tasks.close()
        done.append(True)

    task = tasks.spawn(close_myself(), "self")
    assert task is not None
    await task
    assert done == [True]


def test_a_task_that_ignores_its_end_is_left_behind() -> None:
    async def main() -> None:
        tasks = SessionTasks(on_error=lambda _: None)
        release = asyncio.Event()

        async def ignore() -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        tasks.spawn(ignore(), "ignore")
        await asyncio.sleep(0)
        await tasks.close()
        assert asyncio.get_running_loop().time() == CLOSE_TIMEOUT
        release.set()

    virtual_time.run(main())
