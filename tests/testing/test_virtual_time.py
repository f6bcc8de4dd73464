"""Virtual time: the clock jumps, keeps order, waits for threads, and names a deadlock."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from realtime_transport.testing import virtual_time
from realtime_transport.testing.virtual_time import Deadlock, VirtualTimeLoop


def virtual_loop() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


@pytest.mark.virtual_time
async def test_an_hour_passes_at_once() -> None:
    assert virtual_loop().time() == 0.0
    await asyncio.sleep(3600)
    assert virtual_loop().time() == 3600.0


@pytest.mark.virtual_time
async def test_more_than_asyncio_waits_at_a_time() -> None:
    await asyncio.sleep(10 * 24 * 3600)
    assert virtual_loop().time() == 864000.0


@pytest.mark.virtual_time
async def test_time_stands_still_while_anything_is_ready() -> None:
    for _ in range(1000):
        await asyncio.sleep(0)
    assert virtual_loop().time() == 0.0


@pytest.mark.virtual_time
async def test_the_clock_counts_whole_nanoseconds() -> None:
    await asyncio.sleep(0.1)
    await asyncio.sleep(0.2)
    assert virtual_loop().time() == 0.3


@pytest.mark.virtual_time
async def test_equal_deadlines_keep_their_order() -> None:
    loop, fired = virtual_loop(), list[int]()
    for n in range(1000):
        loop.call_at(1.0, fired.append, n)
    await asyncio.sleep(2)
    assert fired == list(range(1000))


@pytest.mark.virtual_time
async def test_timers_fire_by_deadline_and_can_be_cancelled() -> None:
    loop, fired = virtual_loop(), list[tuple[str, float]]()
    loop.call_later(3, lambda: fired.append(("late", loop.time())))
    loop.call_later(1, lambda: fired.append(("early", loop.time())))
    loop.call_later(2, lambda: fired.append(("never", loop.time()))).cancel()
    await asyncio.sleep(5)
    assert fired == [("early", 1.0), ("late", 3.0)]


@pytest.mark.virtual_time
async def test_timeouts_are_exact() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10):
            await asyncio.Event().wait()
    assert virtual_loop().time() == 10.0


@pytest.mark.virtual_time
async def test_advance_makes_timers_late() -> None:
    loop, fired = virtual_loop(), list[float]()
    loop.call_later(0.01, lambda: fired.append(loop.time()))
    loop.advance(0.2)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert fired == [0.2]


def test_a_deadlock_names_who_waits() -> None:
    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"test_virtual_time\.py") as caught:
        virtual_time.run(waits_for_ever())
    assert len(caught.value.waiting) == 1


def test_a_deadlock_without_tasks() -> None:
    loop = VirtualTimeLoop()
    with pytest.raises(Deadlock, match="no task at all"):
        loop.run_forever()
    loop.close()


def test_run_returns_and_raises_like_asyncio_run() -> None:
    async def answer() -> int:
        await asyncio.sleep(1000)
        return 42

    async def failure() -> None:
        raise KeyError("x")

    assert virtual_time.run(answer()) == 42
    with pytest.raises(KeyError):
        virtual_time.run(failure())


def test_threads_are_waited_for() -> None:
    async def main() -> tuple[int, float]:
        loop = virtual_loop()
        asyncio.get_running_loop().call_later(0.001, lambda: None)
        answer = await asyncio.to_thread(lambda: threading.Event().wait(0.05) or 7)
        return answer, loop.time()

    assert virtual_time.run(main()) == (7, 0.0)


def test_a_hung_thread_is_left_behind_by_time() -> None:
    release = threading.Event()

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.to_thread(release.wait)
        release.set()
        return virtual_loop().time()

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(patience=0.01)) as runner:
        assert runner.run(main()) == 30.0


def test_sockets_are_polled_before_time_jumps() -> None:
    async def main() -> tuple[bytes, float]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            virtual_loop().call_later(5, theirs.send, b"hello")
            return await virtual_loop().sock_recv(ours, 5), virtual_loop().time()

    assert virtual_time.run(main()) == (b"hello", 5.0)


def test_a_socket_that_stays_silent_is_a_deadlock() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            await virtual_loop().sock_recv(ours, 5)

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(patience=0.01)) as runner, pytest.raises(Deadlock):
        runner.run(main())


def test_the_selector_follows_a_change_of_interest() -> None:
    """What asyncio does for a socket that first only reads and then also writes."""

    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            reading = asyncio.ensure_future(virtual_loop().sock_recv(ours, 5))
            await asyncio.sleep(0)
            virtual_loop().add_writer(ours, lambda: None)
            virtual_loop().remove_writer(ours)
            theirs.send(b"hello")
            return await reading

    assert virtual_time.run(main()) == b"hello"


@pytest.mark.virtual_time
async def test_a_deadline_finer_than_the_clock_is_reached() -> None:
    """Whoever looks whether it is due, and waits again if not, must get there: 0.1 + 0.2 lies above 0.3."""
    loop, looked = virtual_loop(), 0
    due, reached = 0.1 + 0.2, asyncio.Event()

    def look() -> None:
        nonlocal looked
        looked += 1
        if loop.time() >= due or looked > 10:
            reached.set()
        else:
            loop.call_at(due, look)

    loop.call_at(due, look)
    await reached.wait()
    assert looked == 2
