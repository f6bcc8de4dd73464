"""The emitter: order, isolation, bounds, early events, and what happens when listeners change inside listeners."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.early import Folded
from realtime_transport.emitter import HOT, Emitter
from realtime_transport.events.transport import TRANSPORT_EVENTS, AudioGapEvent, ErrorEvent, SpeechStartedEvent
from realtime_transport.exceptions import (
    ConnectionLost,
    InvalidArgument,
    ListenerError,
    RealtimeError,
    RequestTimeout,
    SlowConsumer,
    StateError,
)
from realtime_transport.testing import virtual_time
from realtime_transport.testing.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.virtual_time

HOT_AND_COLD = pytest.mark.parametrize("name", ["audio", "speech_started"])
"""A name that is served from a tuple and one that pyee serves: both ways must behave the same."""


def emitter(**options: Any) -> Emitter:
    return Emitter(TRANSPORT_EVENTS, **options)


def errors(emitter: Emitter) -> list[RealtimeError]:
    found: list[RealtimeError] = []
    emitter.on("error", lambda event: found.append(event.error))
    return found


async def idle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_both_ways_are_tested() -> None:
    assert "audio" in HOT
    assert "speech_started" not in HOT


# --- registering -------------------------------------------------------------------------------------------------


@HOT_AND_COLD
async def test_on_calls_every_time_and_once_calls_once(name: str) -> None:
    em, always, first = emitter(), list[int](), list[int]()
    em.on(name, always.append)
    em.once(name, first.append)
    for n in range(3):
        em.emit(name, n)
    assert (always, first) == ([0, 1, 2], [0])


@HOT_AND_COLD
async def test_decorators_return_the_function(name: str) -> None:
    em, heard = emitter(), list[object]()

    @em.on(name)
    def always(event: object) -> None:
        heard.append(event)

    @em.once(name)
    def first(event: object) -> None:
        heard.append(f"once {event}")

    em.emit(name, 1)
    em.emit(name, 2)
    assert heard == [1, "once 1", 2]
    em.off(name, always)
    em.emit(name, 3)
    assert heard == [1, "once 1", 2]


async def test_on_returns_the_listener_for_off() -> None:
    em, heard = emitter(), list[int]()
    assert em.on("audio", heard.append) == heard.append


async def test_a_name_that_does_not_exist_is_refused_with_a_hint() -> None:
    em = emitter()
    with pytest.raises(InvalidArgument, match="did you mean 'audio'"):
        em.on("audoi", print)
    with pytest.raises(InvalidArgument, match=r"there is no event 'zzz'$"):
        em.once("zzz")
    with pytest.raises(InvalidArgument):
        await em.wait_for("zzz")
    with pytest.raises(InvalidArgument):
        em.events("zzz")


@pytest.mark.parametrize("verb", ["on", "once"])
async def test_what_cannot_be_called_is_no_listener(verb: str) -> None:
    em = emitter()
    with pytest.raises(InvalidArgument, match=r"^listener: .*; str cannot$"):
        getattr(em, verb)("audio", "a name")
    assert not em.hears("audio")
    em.off("audio", "a name")  # type: ignore[arg-type]


async def test_a_policy_that_does_not_exist_is_refused() -> None:
    em = emitter()
    with pytest.raises(InvalidArgument, match=r"^overflow: 'drop-oldest'.* drop_oldest, disconnect, block$"):
        em.on("audio", print, overflow="drop-oldest")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgument, match=r"^overflow"):
        em.once("audio", overflow="drop-oldest")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"^overflow"):
        em.events(overflow="drop-oldest")  # type: ignore[arg-type]
    assert not em.hears("audio")


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_stream_without_room_is_refused(limit: int) -> None:
    with pytest.raises(InvalidArgument, match=r"^limit: "):
        emitter().events(limit=limit, overflow="drop_oldest")


async def test_wait_for_takes_a_name_or_a_plain_function() -> None:
    em = emitter()

    async def predicate(event: object) -> bool:
        return False

    for what in (None, predicate):
        with pytest.raises(InvalidArgument, match=r"^what: "):
            await em.wait_for(what)  # type: ignore[arg-type]
    assert not em.hears("audio")


async def test_an_open_emitter_takes_any_name() -> None:
    em, heard = Emitter(None), list[int]()
    em.on("vendor.thing", heard.append)
    em.emit("vendor.thing", 1)
    assert heard == [1]


@HOT_AND_COLD
async def test_off_of_an_absent_listener_does_nothing(name: str) -> None:
    em = emitter()
    em.off(name, print)
    em.on(name, print)
    em.off(name, repr)
    em.off(name, print)
    em.off(name, print)
    assert not em.listens(name)


async def test_registering_again_replaces() -> None:
    em, heard = emitter(), list[int]()
    em.once("turn_done", heard.append)
    em.on("turn_done", heard.append)
    em.emit("turn_done", 1)
    em.emit("turn_done", 2)
    assert heard == [1, 2]


async def test_a_bound_method_is_found_again() -> None:
    class Player:
        def __init__(self) -> None:
            self.played: list[int] = []

        def play(self, event: int) -> None:
            self.played.append(event)

    em, player = emitter(), Player()
    em.on("audio", player.play)
    em.emit("audio", 1)
    em.off("audio", player.play)
    em.emit("audio", 2)
    assert player.played == [1]


async def test_listens_follows_registration() -> None:
    em = emitter()
    assert not em.listens("audio")
    em.on("audio", print)
    assert em.listens("audio")
    assert not em.listens("turn_done")
    em.off("audio", print)
    assert not em.listens("audio")
    stream = em.events()
    assert em.listens("turn_done")
    stream.close()
    del stream
    gc.collect()
    assert not em.listens("turn_done")


@HOT_AND_COLD
async def test_objects_that_compare_by_value_listen_too(name: str) -> None:
    em = emitter()
    counter = Counter()
    em.on(name, counter)
    em.emit(name, 1)
    counter.seen += 1  # which changes what it is equal to
    em.emit(name, 2)
    em.off(name, counter)
    em.emit(name, 3)
    assert counter.seen == 3


@attrs.define
class Counter:
    """Equal by value and open to change, therefore without a hash."""

    seen: int = 0

    def __call__(self, event: object) -> None:
        self.seen += 1


# --- changing while emitting ---------------------------------------------------------------------------------------


@HOT_AND_COLD
async def test_fm75_a_listener_removed_by_another_still_hears_the_event_being_emitted(name: str) -> None:
    em, heard = emitter(), list[int]()
    em.on(name, lambda event: em.off(name, heard.append))
    em.on(name, heard.append)
    em.emit(name, 1)
    em.emit(name, 2)
    assert heard == [1]


@HOT_AND_COLD
async def test_fm75_a_listener_added_by_another_hears_the_next_event(name: str) -> None:
    em, heard = emitter(), list[int]()
    em.on(name, lambda event: em.on(name, heard.append))
    em.emit(name, 1)
    assert heard == []
    em.emit(name, 2)
    assert heard == [2]


@HOT_AND_COLD
async def test_once_is_once_also_when_it_emits(name: str) -> None:
    em, heard = emitter(), list[int]()

    def again(event: int) -> None:
        heard.append(event)
        em.emit(name, event + 1)

    em.on(name, lambda event: em.emit(name, 10) if event == 1 else None)
    em.once(name, again)
    em.emit(name, 1)
    assert heard == [10]


@HOT_AND_COLD
async def test_fm75_a_listener_may_remove_itself(name: str) -> None:
    em, heard = emitter(), list[int]()

    def only_two(event: int) -> None:
        heard.append(event)
        if len(heard) == 2:
            em.off(name, only_two)

    em.on(name, only_two)
    for n in range(5):
        em.emit(name, n)
    assert heard == [0, 1]


# --- errors (FM-68 to FM-71) ---------------------------------------------------------------------------------------


@HOT_AND_COLD
async def test_fm68_a_raising_listener_harms_no_other_and_is_reported_once(name: str) -> None:
    em, heard = emitter(), list[int]()
    found = errors(em)

    def broken(event: int) -> None:
        raise ValueError(f"no {event}")

    em.on(name, broken)
    em.on(name, heard.append)
    em.emit(name, 1)
    assert heard == [1]
    (error,) = found
    assert isinstance(error, ListenerError)
    assert error.event == name
    assert "broken" in error.listener
    assert isinstance(error.__cause__, ValueError)
    assert "no 1" in str(error)


async def test_fm69_a_raising_coroutine_is_reported_once_and_goes_on() -> None:
    em, heard = emitter(), list[int]()
    found = errors(em)

    async def flaky(event: int) -> None:
        await asyncio.sleep(0)
        if event == 1:
            raise ValueError
        heard.append(event)

    em.on("turn_done", flaky)
    for n in range(3):
        em.emit("turn_done", n)
    await idle()
    assert heard == [0, 2]
    assert [type(error) for error in found] == [ListenerError]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_fm70_a_raising_error_listener_is_logged_and_not_told(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    em, calls = emitter(), list[object]()

    def worse(event: ErrorEvent) -> None:
        calls.append(event)
        raise RuntimeError("worse")

    async def worse_later(event: ErrorEvent) -> None:
        worse(event)

    em.on("error", worse if kind == "sync" else worse_later)
    em.report(ConnectionLost("x"))
    await idle()
    assert len(calls) == 1
    assert [record.message.count("worse") > 0 for record in caplog.records] == [True]


async def test_errors_that_nobody_hears_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    em = emitter()
    em.report(ConnectionLost("the line is dead"))
    assert [record.getMessage() for record in caplog.records] == ["nobody listens to 'error': the line is dead"]
    assert caplog.records[0].exc_info is None
    em.on("turn_done", lambda event: 1 / 0)
    em.emit("turn_done", 1)
    assert caplog.records[1].exc_info


async def test_lost_audio_that_nobody_hears_of_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    em = emitter()
    em.expect_listeners()
    em.emit("audio_gap", AudioGapEvent(direction="out", ms=40.0, reason="slow"))
    assert [record.getMessage() for record in caplog.records] == ["40 ms of audio out were lost: slow"]


async def test_a_branch_reports_to_its_trunk() -> None:
    trunk = emitter()
    elsewhere = errors(trunk)
    em = Emitter(None, trunk=trunk)
    em.on("error", lambda event: 1 / 0)
    em.emit("error", "a server event that is called error")
    em.emit("other", "nobody hears it")
    em.off("error", print)
    assert [type(error) for error in elsewhere] == [ListenerError]
    em.emit("error", 2)
    assert len(elsewhere) == 2


async def test_an_unheard_event_called_error_is_nothing_special_in_a_branch(caplog: pytest.LogCaptureFixture) -> None:
    Emitter(None, trunk=emitter()).emit("error", 1)
    assert caplog.records == []


class Unspeakable(Exception):
    """What cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError


class Mute:
    """An object that can be called and not printed."""

    def __call__(self, event: object) -> None:
        raise Unspeakable

    def __repr__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("listener", "label"),
    [
        (list[int]().index, "list.index"),  # of no module
        (str.upper, "str.upper"),  # without even the attribute
        (functools.partial(str.upper), "str.upper"),
        (Mute(), "tests.test_emitter.Mute"),
        (functools.partial(Mute()), "tests.test_emitter.Mute"),
        (functools.partial(int, base=0), "builtins.int"),
    ],
)
async def test_fm68_every_listener_and_every_error_has_a_name(listener: Callable[[Any], object], label: str) -> None:
    em = emitter()
    found = errors(em)
    em.on("audio", listener)
    em.emit("audio", 1.5)
    (error,) = found
    assert isinstance(error, ListenerError)
    assert error.listener == label
    assert type(error.__cause__).__name__ in str(error)


@pytest.mark.parametrize("kind", [GeneratorExit, type("Outcome", (BaseException,), {})])
async def test_fm71_what_is_no_exception_in_a_coroutine_listener_is_told_and_the_rest_is_served(
    kind: type[BaseException],
) -> None:
    em, heard = emitter(), list[int]()
    found = errors(em)

    async def leaves(event: int) -> None:
        heard.append(event)
        if event == 0:
            raise kind

    em.on("turn_done", leaves)
    for n in range(3):
        em.emit("turn_done", n)
    await idle()
    assert heard == [0, 1, 2]
    (error,) = found
    assert type(error.__cause__) is kind


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
@HOT_AND_COLD
async def test_fm71_what_is_no_exception_passes(name: str, kind: type[BaseException]) -> None:
    em = emitter()

    def stop(event: object) -> None:
        raise kind

    em.on(name, stop)
    with pytest.raises(kind):
        em.emit(name, 1)


async def test_a_listener_that_awaits_something_cancelled_is_reported_and_goes_on() -> None:
    em, heard = emitter(), list[int]()
    found = errors(em)

    async def waits(event: int) -> None:
        if event == 0:
            raise asyncio.CancelledError
        heard.append(event)

    em.on("turn_done", waits)
    em.emit("turn_done", 0)
    em.emit("turn_done", 1)
    await idle()
    assert heard == [1]
    assert isinstance(found[0].__cause__, asyncio.CancelledError)


# --- coroutine listeners (FM-73, FM-74) --------------------------------------------------------------------------


async def test_fm74_order_over_100_000_events() -> None:
    em, one, two = emitter(), list[int](), list[int]()

    async def slow(event: int) -> None:
        if event % 1000 == 0:
            await asyncio.sleep(0.001)
        one.append(event)

    async def quick(event: int) -> None:
        two.append(event)

    em.on("turn_done", slow, overflow="block")
    em.on("turn_done", quick, overflow="block")
    for n in range(100_000):
        em.emit("turn_done", n)
        if em.congested:
            await em.room()
    await em.drain(10)
    assert one == two == list(range(100_000))


async def test_one_event_at_a_time_and_no_task_when_idle() -> None:
    em, running, most = emitter(), 0, 0

    async def careful(event: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1

    before = asyncio.all_tasks()
    em.on("turn_done", careful)
    for n in range(5):
        em.emit("turn_done", n)
    await asyncio.sleep(6)
    assert most == 1
    assert asyncio.all_tasks() == before


async def test_an_event_in_the_moment_when_the_listener_has_just_finished_is_served_at_once() -> None:
    em, heard = emitter(), list[int]()

    async def listener(n: int) -> None:
        heard.append(n)

    em.on("speech_started", listener)
    em.emit("speech_started", 1)
    # After the task's only step, and before anybody is told that it has ended.
    asyncio.get_running_loop().call_soon(em.emit, "speech_started", 2)
    await idle()
    assert heard == [1, 2]


async def test_a_lambda_that_calls_a_coroutine_function_is_served_in_order_too() -> None:
    em, heard = emitter(), list[int]()

    async def handle(event: int) -> None:
        await asyncio.sleep(0 if event % 2 else 0.01)
        heard.append(event)

    em.on("turn_done", lambda event: handle(event))
    for n in range(10):
        em.emit("turn_done", n)
    await em.drain(1)
    assert heard == list(range(10))


async def test_coroutine_functions_in_disguise() -> None:
    em, heard = emitter(), list[tuple[str, int]]()

    async def named(name: str, event: int) -> None:
        heard.append((name, event))

    class Callable:
        async def __call__(self, event: int) -> None:
            heard.append(("object", event))

    async def fails(name: str, event: int) -> None:
        raise ValueError

    em.on("turn_done", functools.partial(named, "partial"))
    em.on("turn_done", Callable())
    em.emit("turn_done", 1)
    await idle()
    assert sorted(heard) == [("object", 1), ("partial", 1)]
    found = errors(em)
    em.on("audio", functools.partial(fails, "x"))
    em.emit("audio", 1)
    await idle()
    assert isinstance(found[0], ListenerError)
    assert "fails" in found[0].listener


async def test_off_forgets_what_waits_for_a_coroutine_function() -> None:
    em, heard = emitter(), list[int]()

    async def slow(event: int) -> None:
        await asyncio.sleep(1)
        heard.append(event)

    em.on("turn_done", slow)
    em.on("turn_done", lambda event: slow(event))
    for n in range(3):
        em.emit("turn_done", n)
    await idle()
    em.off("turn_done", slow)
    await asyncio.sleep(10)
    assert heard.count(0) == 2
    assert heard.count(2) == 1


async def test_a_task_that_a_plain_function_returns_stays_its_own() -> None:
    em = emitter()
    found = errors(em)
    begun: list[asyncio.Task[str]] = []

    async def work(event: int) -> str:
        await asyncio.sleep(10)
        return "done"

    def begin(event: int) -> asyncio.Task[str]:
        begun.append(asyncio.ensure_future(work(event)))
        return begun[-1]

    em.on("turn_done", begin)
    em.emit("turn_done", 1)
    await em.drain(1)
    assert await begun[0] == "done"
    assert found == []


async def test_off_inside_a_listener_reaches_a_coroutine_function_at_once() -> None:
    em, heard = emitter(), list[int]()

    async def later(event: int) -> None:
        heard.append(event)

    em.on("turn_done", lambda event: em.off("turn_done", later))
    em.on("turn_done", later)
    em.emit("turn_done", 1)
    await idle()
    assert heard == []


async def test_once_with_a_coroutine_function() -> None:
    em, heard = emitter(), list[int]()

    async def first(event: int) -> None:
        heard.append(event)

    em.once("turn_done", first)
    em.emit("turn_done", 1)
    em.emit("turn_done", 2)
    await idle()
    assert heard == [1]


def test_keyboard_interrupt_in_a_coroutine_listener_stops_the_loop_and_is_no_unretrieved_exception() -> None:
    async def stop(event: int) -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        em = emitter()
        em.on("turn_done", stop)
        em.emit("turn_done", 1)
        await asyncio.sleep(1)

    loop = VirtualTimeLoop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    gc.collect()
    assert complaints == []


# --- back-pressure -----------------------------------------------------------------------------------------------


async def test_fm73_a_full_listener_is_taken_off_and_named() -> None:
    em, heard = emitter(), list[int]()
    found = errors(em)
    gate = asyncio.Event()

    async def stuck(event: int) -> None:
        await gate.wait()
        heard.append(event)

    em.on("turn_done", stuck)
    for n in range(300):
        em.emit("turn_done", n)
    (error,) = found
    assert isinstance(error, SlowConsumer)
    assert "stuck" in error.listener
    assert "was taken off: 256 events" in str(error)
    assert error.dropped is None
    assert not em.listens("turn_done")
    gate.set()
    await idle()
    assert heard == list(range(256))


async def test_fm73_audio_forgets_the_oldest_and_says_how_much() -> None:
    em, heard, gaps = emitter(audio_ms=lambda event: 20.0), list[int](), list[AudioGapEvent]()
    em.on("audio_gap", gaps.append)
    gate = asyncio.Event()

    async def stuck(event: int) -> None:
        await gate.wait()
        heard.append(event)

    em.on("audio", stuck)
    for n in range(300):
        em.emit("audio", n)
    gate.set()
    await em.drain(1)
    assert heard == list(range(44, 300))
    assert sum(gap.ms for gap in gaps) == 44 * 20
    assert len(gaps) == 1
    assert gaps[0].direction == "in"
    assert "stuck" in gaps[0].reason


async def test_a_listener_that_is_stuck_for_good_is_reported_now_and_then() -> None:
    em, gaps = emitter(audio_ms=lambda event: 20.0), list[AudioGapEvent]()
    em.on("audio_gap", gaps.append)
    em.on("audio", lambda event: asyncio.Event().wait())
    for n in range(256 * 3):
        em.emit("audio", n)
    await idle()
    for n in range(256 * 3):
        em.emit("audio", n)
    assert sum(gap.ms for gap in gaps) >= 256 * 20 * 4
    assert len(gaps) <= 6
    await em.drain(0.1)


async def test_missed_events_without_audio_are_an_error() -> None:
    em = emitter()
    found = errors(em)

    async def stuck(event: int) -> None:
        await asyncio.sleep(1)

    em.on("turn_done", stuck, overflow="drop_oldest")
    for n in range(258):
        em.emit("turn_done", n)
    await em.drain(1000)
    (error,) = found
    assert isinstance(error, SlowConsumer)
    assert error.dropped == 2
    assert "missed 2" in str(error)


async def test_readers_without_room_for_the_report_are_not_told_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    em = emitter()
    slow = [em.events(limit=2, overflow="drop_oldest") for _ in range(4)]
    for n in range(12):
        em.emit("turn_done", n)
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "missed 2" in told[0].message
    for stream in slow:
        stream.close()


async def test_block_makes_room_again() -> None:
    em, heard = emitter(), list[int]()

    async def slow(event: int) -> None:
        await asyncio.sleep(0.01)
        heard.append(event)

    assert not em.congested
    em.on("turn_done", slow, overflow="block")
    for n in range(256):
        em.emit("turn_done", n)
    assert em.congested
    two = asyncio.gather(em.room(), em.room())
    await two
    assert not em.congested
    await em.drain(10)
    assert heard == list(range(256))


async def test_block_ends_like_disconnect_when_the_driver_reads_on() -> None:
    em = emitter()
    found = errors(em)
    em.on("turn_done", lambda event: asyncio.sleep(1), overflow="block")
    for n in range(600):
        em.emit("turn_done", n)
    assert [type(error) for error in found] == [SlowConsumer]
    assert not em.congested
    await em.drain(0)


async def blocked_by(em: Emitter, listener: Callable[[int], Awaitable[None]]) -> asyncio.Task[None]:
    """A driver that waits for this listener."""
    em.on("turn_done", listener, overflow="block")
    for n in range(300):
        em.emit("turn_done", n)
    await idle()
    room = asyncio.ensure_future(em.room())
    await idle()
    assert not room.done()
    return room


async def test_fm73_taking_off_who_blocks_lets_the_driver_read_on() -> None:
    em = emitter()

    async def stuck(event: int) -> None:
        await asyncio.sleep(3600)

    room = await blocked_by(em, stuck)
    em.off("turn_done", stuck)
    async with asyncio.timeout(1):
        await room
    await em.drain(0)


async def test_fm73_who_blocks_for_good_is_taken_off_and_the_driver_reads_on() -> None:
    em = emitter()
    found = errors(em)

    async def stuck(event: int) -> None:
        await asyncio.sleep(3600)

    room = await blocked_by(em, stuck)
    for n in range(300):
        em.emit("turn_done", n)
    assert [type(error) for error in found] == [SlowConsumer]
    async with asyncio.timeout(1):
        await room
    await em.drain(0)


async def test_a_blocking_listener_that_is_cancelled_lets_the_driver_read_on() -> None:
    em = emitter()
    serving: list[asyncio.Task[Any] | None] = []

    async def stuck(event: int) -> None:
        serving.append(asyncio.current_task())
        await asyncio.sleep(3600)

    room = await blocked_by(em, stuck)
    (task,) = serving
    assert task is not None
    task.cancel()
    async with asyncio.timeout(1):
        await room


async def test_a_blocking_stream_that_nobody_holds_any_more_lets_the_driver_read_on() -> None:
    em = emitter()
    stream = em.events(limit=2, overflow="block")
    em.emit("turn_done", 1)
    em.emit("turn_done", 2)
    room = asyncio.ensure_future(em.room())
    await idle()
    assert not room.done()
    del stream
    gc.collect()
    async with asyncio.timeout(1):
        await room


async def test_a_branch_congests_its_trunk_and_makes_room() -> None:
    trunk = emitter()
    branch = Emitter(None, trunk=trunk)
    stream = branch.events(limit=1, overflow="block")
    branch.emit("anything", 1)
    assert (trunk.congested, branch.congested) == (True, True)
    room = asyncio.ensure_future(trunk.room())
    await idle()
    assert await anext(stream) == 1
    async with asyncio.timeout(1):
        await room


async def test_draining_waits_for_a_branch_too() -> None:
    trunk, heard = emitter(), list[int]()
    branch = Emitter(None, trunk=trunk)

    async def slow(event: int) -> None:
        await asyncio.sleep(0.5)
        heard.append(event)

    branch.on("anything", slow)
    branch.emit("anything", 1)
    await trunk.drain(1)
    assert heard == [1]


async def test_cancelling_room_leaves_the_others_waiting() -> None:
    em = emitter()
    em.on("turn_done", lambda event: asyncio.sleep(1), overflow="block")
    for n in range(258):
        em.emit("turn_done", n)
    one, two = asyncio.ensure_future(em.room()), asyncio.ensure_future(em.room())
    await idle()
    one.cancel()
    await two
    assert one.cancelled()
    await em.drain(0)


async def test_a_blocking_stream_congests_too() -> None:
    em = emitter()
    stream = em.events("turn_done", limit=2, overflow="block")
    em.emit("turn_done", 1)
    em.emit("turn_done", 2)
    assert em.congested
    room = asyncio.ensure_future(em.room())
    await idle()
    assert await anext(stream) == 1
    await room
    em.emit("turn_done", 3)
    room = asyncio.ensure_future(em.room())
    await idle()
    stream.close()
    await room


async def test_fm72_a_slow_plain_listener_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    em, loop = emitter(), asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)

    def heavy(event: float) -> None:
        loop.advance(event)

    em.on("audio", heavy)
    em.emit("audio", 0.05)
    assert caplog.records == []
    em.emit("audio", 0.2)
    em.emit("audio", 0.2)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "heavy" in record.getMessage()
    assert "200 ms" in record.getMessage()


# --- waiting -----------------------------------------------------------------------------------------------------


async def test_wait_for_a_name_takes_the_next_one_only() -> None:
    em = emitter()
    em.emit("turn_done", 1)
    asyncio.get_running_loop().call_later(1, em.emit, "turn_started", "other")
    asyncio.get_running_loop().call_later(2, em.emit, "turn_done", 2)
    asyncio.get_running_loop().call_later(2, em.emit, "turn_done", 3)
    assert await em.wait_for("turn_done", 5) == 2
    assert not em.listens("turn_done")


async def test_wait_for_a_predicate_looks_at_all() -> None:
    em = emitter()
    asyncio.get_running_loop().call_later(1, em.emit, "turn_started", 5)
    asyncio.get_running_loop().call_later(2, em.emit, "turn_done", 50)
    assert await em.wait_for(lambda event: event > 10) == 50


async def test_wait_for_gives_up() -> None:
    em, loop = emitter(), asyncio.get_running_loop()
    with pytest.raises(RequestTimeout, match="no turn_done within 3 s"):
        await em.wait_for("turn_done", 3)
    assert loop.time() == 3
    with pytest.raises(RequestTimeout, match="no such event"):
        await em.wait_for(lambda event: False, 1)


async def test_a_predicate_that_raises_tells_its_caller_only() -> None:
    em, heard = emitter(), list[int]()
    em.on("turn_done", heard.append)

    def wrong(event: object) -> bool:
        raise TimeoutError("mine")

    asyncio.get_running_loop().call_soon(em.emit, "turn_done", 1)
    with pytest.raises(TimeoutError, match="mine"):
        await em.wait_for(wrong, 10)
    assert heard == [1]


async def test_a_stream_hears_the_names_it_asked_for() -> None:
    em = emitter()
    some, every = em.events("turn_done"), em.events()
    em.emit("turn_started", 1)
    em.emit("turn_done", 2)
    assert await anext(some) == 2
    assert [await anext(every), await anext(every)] == [1, 2]


async def test_finish_ends_streams() -> None:
    em = emitter()
    stream = em.events("turn_done")
    em.emit("turn_done", 1)
    em.finish()
    em.emit("turn_done", 2)
    assert [event async for event in stream] == [1]


async def test_finish_ends_waits_with_the_reason() -> None:
    em = emitter()
    asyncio.get_running_loop().call_soon(em.finish, ConnectionLost("gone"))
    with pytest.raises(ConnectionLost):
        await em.wait_for("turn_done")
    asyncio.get_running_loop().call_soon(em.finish)
    with pytest.raises(StateError, match="closed while waiting for turn_done"):
        await em.wait_for("turn_done")
    asyncio.get_running_loop().call_soon(em.finish)
    with pytest.raises(StateError, match="waiting for an event"):
        await em.wait_for(lambda event: True)


async def test_an_event_and_the_end_in_one_moment() -> None:
    em = emitter()

    def both() -> None:
        em.emit("turn_done", 1)
        em.emit("turn_done", 2)
        em.finish(ConnectionLost("gone"))

    asyncio.get_running_loop().call_soon(both)
    assert await em.wait_for("turn_done") == 1


async def test_a_wait_cancelled_as_it_fails_leaves_no_unretrieved_exception() -> None:
    em = emitter()
    waiting = asyncio.ensure_future(em.wait_for("turn_done"))
    await idle()
    em.finish(ConnectionLost("gone"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# --- early events ------------------------------------------------------------------------------------------------


async def test_early_events_wait_for_their_first_listener_in_order() -> None:
    em, heard = emitter(), list[object]()
    em.expect_listeners()
    for n in range(3):
        em.emit("turn_started", f"started {n}")
        em.emit("turn_done", f"done {n}")
    em.on("turn_done", heard.append)
    em.on("turn_started", heard.append)
    em.emit("turn_done", "live")
    assert heard == []
    await idle()
    assert heard == ["started 0", "done 0", "started 1", "done 1", "started 2", "done 2", "live"]
    em.emit("turn_done", "later")
    assert heard[-1] == "later"


async def test_early_events_of_other_names_go_on_waiting() -> None:
    em, heard = emitter(), list[object]()
    em.expect_listeners()
    em.emit("turn_started", 1)
    em.emit("turn_done", 2)
    em.on("turn_done", heard.append)
    await idle()
    assert heard == [2]
    em.on("turn_started", heard.append)
    await idle()
    assert heard == [2, 1]


async def test_all_listeners_of_one_tick_hear_early_events() -> None:
    em, one, two, late = emitter(), list[int](), list[int](), list[int]()
    em.expect_listeners()
    em.emit("turn_done", 1)
    em.on("turn_done", one.append)
    em.on("turn_done", two.append)
    await idle()
    em.on("turn_done", late.append)
    await idle()
    assert (one, two, late) == ([1], [1], [])


async def test_early_is_over_after_a_while() -> None:
    em, heard = emitter(), list[int]()
    em.expect_listeners(5)
    em.emit("turn_done", 1)
    await asyncio.sleep(6)
    em.on("turn_done", heard.append)
    await idle()
    assert heard == []
    em.emit("turn_done", 2)
    assert heard == [2]


async def test_early_is_over_for_the_emitter_too() -> None:
    em = emitter()
    em.expect_listeners(5)
    assert em.listens("turn_done")
    await asyncio.sleep(6)
    em.emit("turn_done", 1)
    assert not em.listens("turn_done")


@pytest.mark.parametrize("closed", [True, False])
def test_early_events_end_with_their_loop(closed: bool) -> None:
    em, heard = emitter(), list[int]()

    async def connect(event: int) -> None:
        em.expect_listeners()
        em.emit("turn_done", event)

    first = VirtualTimeLoop()
    first.run_until_complete(connect(1))
    if closed:
        first.close()
    em.on("turn_done", heard.append)
    second = VirtualTimeLoop()
    second.run_until_complete(connect(2))
    second.close()
    first.close()
    assert heard == [2]


async def test_early_events_are_bounded_and_the_oldest_go() -> None:
    em, heard = emitter(), list[int]()
    em.expect_listeners()
    for n in range(1000):
        em.emit("turn_done", n)
    em.on("turn_done", heard.append)
    await idle()
    assert heard == list(range(744, 1000))


async def test_an_early_error_is_logged_now(caplog: pytest.LogCaptureFixture) -> None:
    em = emitter()
    em.expect_listeners()
    em.report(ConnectionLost("gone"))
    assert len(caplog.records) == 1


async def test_early_events_that_weigh_less_while_they_wait_are_what_they_were() -> None:
    em, heard = emitter(), list[object]()
    em.fold_early(lambda event: Folded(1, str))  # nothing is early yet, and nothing is done
    em.expect_listeners()
    em.emit("turn_started", "one")
    em.emit("turn_done", "two")
    em.fold_early(lambda event: Folded(2, lambda rest: f"unfolded {rest}") if event == "two" else event)
    assert await anext(em.events("turn_done")) == "unfolded 2"
    em.on("turn_started", heard.append)
    em.on("turn_done", heard.append)
    await idle()
    assert heard == ["one", "unfolded 2"]


async def test_a_table_of_listeners_hears_ahead_of_the_others_and_what_was_early() -> None:
    em, heard = emitter(), list[object]()
    em.expect_listeners()
    early, late = (SpeechStartedEvent(item_id=item_id, audio_start_ms=0) for item_id in ("one", "two"))
    em.emit("speech_started", early)
    em.on("speech_started", lambda event: heard.append(("listener", event)))
    em.relay({"speech_started": ((lambda owner: owner, lambda owner, event: heard.append((owner, event))),)}, "owner")
    await idle()
    em.emit("speech_started", late)
    assert heard == [(who, event) for event in (early, late) for who in ("owner", "listener")]


async def test_early_events_for_streams_and_waits() -> None:
    em = emitter()
    em.expect_listeners()
    em.emit("turn_started", 1)
    em.emit("turn_done", 2)
    stream = em.events("turn_done")
    assert await anext(stream) == 2
    asyncio.get_running_loop().call_soon(em.emit, "turn_done", 3)
    assert await em.wait_for("turn_done", 1) == 3
    assert await anext(stream) == 3


async def test_a_listener_that_emits_while_early_events_are_delivered() -> None:
    em, heard = emitter(), list[object]()
    em.expect_listeners()
    em.emit("turn_done", 1)
    em.emit("turn_done", 2)
    em.on("turn_done", heard.append)
    em.on("turn_done", lambda event: em.emit("turn_done", "nested") if event == 1 else None)
    await idle()
    assert heard == [1, 2, "nested"]


# --- the end -----------------------------------------------------------------------------------------------------


async def test_drain_lets_listeners_finish_and_then_cancels_them() -> None:
    em, ended = emitter(), list[str]()

    async def quick(event: int) -> None:
        await asyncio.sleep(0.5)
        ended.append("quick")

    async def endless(event: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    em.on("turn_done", quick)
    em.on("turn_done", endless)
    em.emit("turn_done", 1)
    em.emit("turn_done", 2)
    await em.drain(2)
    assert ended == ["quick", "quick", "cancelled"]
    assert asyncio.get_running_loop().time() == 2
    await em.drain(1)
    assert asyncio.get_running_loop().time() == 2


async def test_a_listener_that_waits_for_the_end_is_not_waited_for() -> None:
    em, ended = emitter(), list[str]()

    async def closes(event: int) -> None:
        await asyncio.sleep(0.5)
        with em.caller_not_awaited():
            await draining
        ended.append("closed")

    em.on("turn_done", closes)
    em.emit("turn_done", 1)
    draining: Awaitable[None] = asyncio.ensure_future(em.drain(10))
    await draining
    await idle()
    assert ended == ["closed"]
    assert asyncio.get_running_loop().time() == 0.5


async def in_a_task_group(*ends: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for end in ends:
            group.create_task(end)


@pytest.mark.parametrize("together", [asyncio.gather, in_a_task_group])
async def test_fm75_a_listener_may_wait_for_the_end_in_tasks_of_its_own(together: Any) -> None:
    em, ended = emitter(), list[float]()
    clock = asyncio.get_running_loop().time

    async def close(seconds: float) -> None:
        with em.caller_not_awaited():
            await asyncio.sleep(seconds)
            await em.drain(10)

    async def closes(event: int) -> None:
        await together(close(0), close(1))
        ended.append(clock())
        await asyncio.sleep(1)
        ended.append(clock())

    em.on("turn_done", closes)
    em.emit("turn_done", 1)
    await asyncio.sleep(1.5)
    await em.drain(10)
    assert ended == [1, 2]


async def test_a_task_that_outlives_its_listener_may_wait_for_the_end() -> None:
    em, ended, left = emitter(), list[float](), list[asyncio.Task[None]]()

    async def close() -> None:
        with em.caller_not_awaited():
            await asyncio.sleep(1)
        with em.caller_not_awaited():
            await em.drain(10)
        ended.append(asyncio.get_running_loop().time())

    async def begins(event: int) -> None:
        left.append(asyncio.ensure_future(close()))
        await asyncio.sleep(0.5)

    em.on("turn_done", begins)
    em.emit("turn_done", 1)
    await asyncio.sleep(1)
    await em.drain(10)
    await left[0]
    assert ended == [1]


async def test_a_listener_may_say_so_before_the_end_begins() -> None:
    em, done = emitter(), asyncio.Event()

    async def closes(event: int) -> None:
        with em.caller_not_awaited():
            await done.wait()

    em.on("turn_done", closes)
    em.emit("turn_done", 1)
    await idle()
    await em.drain(10)
    done.set()
    await idle()
    assert asyncio.get_running_loop().time() == 0


async def test_callers_that_are_no_listeners_change_nothing() -> None:
    em = emitter()
    with em.caller_not_awaited():
        await em.drain(1)


# --- anything at all ---------------------------------------------------------------------------------------------

CALLS = st.lists(
    st.tuples(
        st.sampled_from(["on", "once", "off", "emit"]),
        st.sampled_from(["audio", "turn_done"]),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(CALLS)
def test_any_calls_deliver_what_a_simple_model_says(calls: list[tuple[str, str, int]]) -> None:
    """The model: for each name an ordered dict of listeners; registering again moves to the end."""

    async def main() -> None:
        em, heard, expected = emitter(), list[tuple[int, int]](), list[tuple[int, int]]()
        model: dict[str, dict[int, bool]] = {"audio": {}, "turn_done": {}}

        def listener(who: int) -> Any:
            return lambda event: heard.append((who, event))

        listeners = [listener(who) for who in range(4)]
        for number, (verb, name, who) in enumerate(calls):
            if verb == "emit":
                em.emit(name, number)
                expected += [(each, number) for each in model[name]]
                model[name] = {each: once for each, once in model[name].items() if not once}
            elif verb == "off":
                em.off(name, listeners[who])
                model[name].pop(who, None)
            else:
                getattr(em, verb)(name, listeners[who])
                model[name].pop(who, None)
                model[name][who] = verb == "once"
            assert em.listens(name) == bool(model[name])
        assert heard == expected

    virtual_time.run(main())
