"""The contract of a transport, as checks that anybody can run on a transport of their own.

    async def test_my_transport() -> None:
        async with Emulator() as server:
            await check_transport(MyTransport, url=server.url)

The other end has to be a working server: the emulator, a ``ServerPeer``, the real service. Each check makes transports
of its own. What fails is reported together, with what the check holds; ``CHECKS`` has them one by one, for
``pytest.mark.parametrize``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from realtime_transport.events.items import InputTextPart, UserMessageItem
from realtime_transport.events.transport import DisconnectedEvent
from realtime_transport.exceptions import ListenerError, RealtimeError, ServerError, StateError
from realtime_transport.testing.subject import (
    CHECK_TIMEOUT,
    Subject,
    descriptors,
    heard,
    hold,
    raised_by,
    settle,
    soon,
    watch_threads,
)
from realtime_transport.testing.sweep import at_await
from realtime_transport.transports.base import RealtimeTransportLayer

CLOSE_SECONDS: Final = 4.5
"""Nobody is so slow to close; after ``close_timeout``, by default 5 s, a medium is dropped by force."""

MOST_AWAITS: Final = 2_000
"""Where the cancel sweep stops: no connection takes so many steps to open."""


class ContractBroken(AssertionError):
    """A transport does not keep the contract. ``failures`` maps the check's name to what went wrong."""

    def __init__(self, failures: Mapping[str, BaseException]) -> None:
        lines = [
            "\n    ".join((f"{name}: {inspect.getdoc(CHECKS[name])}", *_told(error)))
            for name, error in failures.items()
        ]
        super().__init__(f"{len(failures)} of {len(CHECKS)} checks failed\n" + "\n".join(lines))
        self.failures: dict[str, BaseException] = dict(failures)


def _told(error: BaseException) -> list[str]:
    return [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]


Check: TypeAlias = Callable[[Subject], Awaitable[None]]


async def check_transport(make: Callable[[], RealtimeTransportLayer], **connect: Any) -> None:
    """Run every check on transports from ``make()``, connected with ``connect(**connect)``.

    Raises ``ContractBroken`` with everything that failed.
    """
    failures: dict[str, BaseException] = {}
    for name, check in CHECKS.items():
        try:
            await run_check(check, make, **connect)
        except Exception as error:  # noqa: BLE001 - all of them are reported together
            failures[name] = error
    if failures:
        raise ContractBroken(failures)


async def run_check(check: Check, make: Callable[[], RealtimeTransportLayer], **connect: Any) -> None:
    """Run one check, and hold it to leave no task behind and to be fed by one thread.

    What a check that fails has made is closed. Notes on what it raises tell how connections ended that the check did
    not close, and which other threads fed them.
    """
    before = asyncio.all_tasks()
    made: list[RealtimeTransportLayer] = []
    ends: list[DisconnectedEvent] = []
    threads: set[str] = set()

    def make_and_watch() -> RealtimeTransportLayer:
        transport = make()
        transport.on("disconnected", ends.append)
        watch_threads(transport, threads)
        made.append(transport)
        return transport

    limit = asyncio.timeout(CHECK_TIMEOUT)
    try:
        async with limit:
            await check(Subject(make_and_watch, connect))
    except Exception as raised:  # noqa: BLE001 - raised again, or told better
        error = AssertionError(f"it took longer than {CHECK_TIMEOUT:g} s") if limit.expired() else raised
        for end in ends:
            if not end.clean:
                error.add_note(f"a connection had ended: {end.reason or end.code}")
        if threads:
            error.add_note(_fed_by(threads))
        await asyncio.gather(*(transport.close() for transport in made), return_exceptions=True)
        raise error from raised.__cause__
    await settle()
    left = asyncio.all_tasks() - before
    hold(not left, f"tasks are left behind: {[task.get_name() for task in left]}")
    hold(not threads, _fed_by(threads))


def _fed_by(threads: set[str]) -> str:
    return f"feed was called on another thread ({', '.join(sorted(threads))}): hand over with loop.call_soon_threadsafe"


# --- connecting --------------------------------------------------------------------------------------------------


async def connects_and_configures(subject: Subject) -> None:
    """``connect`` returns when the session is there and the config is in force; its events can be heard afterwards."""
    transport = subject.make()
    hold(transport.status == "disconnected", f"a new transport is {transport.status}")
    how: dict[str, Any] = {**subject.connect, "session": {"instructions": "Say little."}}
    await transport.connect(**how)
    hold(transport.status == "connected", f"after connect() it is {transport.status}")
    hold(getattr(transport.session, "instructions", None) == "Say little.", "the config is not in force")
    events = heard(transport, "session_updated", "connected")
    await settle()
    hold(events, "what happened while connecting cannot be heard afterwards")
    await transport.close()


async def connects_once_at_a_time(subject: Subject) -> None:
    """A second ``connect`` raises, while connecting and when connected, and harms nothing."""
    transport = subject.make()
    first = asyncio.ensure_future(transport.connect(**subject.connect))
    await asyncio.sleep(0)
    hold(isinstance(await raised_by(transport.connect(**subject.connect)), StateError), "connecting twice at once")
    await first
    hold(isinstance(await raised_by(transport.connect(**subject.connect)), StateError), "connecting when connected")
    hold(transport.status == "connected", "the connection did not survive that")
    await transport.close()


async def connects_again(subject: Subject) -> None:
    """After ``close`` it connects anew, with the same listeners."""
    transport = subject.make()
    events = heard(transport, "connected")
    for _ in range(2):
        await transport.connect(**subject.connect)
        await transport.close()
    hold(len(events) == 2, f"{len(events)} of 2 connections were told")
    hold(transport.connection_state.epoch == 2, "the epoch does not count connections")


async def close_ends_connecting(subject: Subject) -> None:
    """``close`` while connecting ends the attempt, which raises ``StateError``."""
    transport = subject.make()
    connecting = asyncio.ensure_future(transport.connect(**subject.connect))
    await asyncio.sleep(0)
    await transport.close()
    hold(isinstance(await raised_by(connecting), StateError), "connect() did not raise StateError")
    hold(transport.status == "disconnected", f"it is {transport.status}")


async def connect_can_be_cancelled_anywhere(subject: Subject) -> None:
    """Cancelled at any of its awaits, ``connect`` leaves no task, and the transport connects afterwards."""
    await _sweep(subject, lambda transport, connecting: connecting.cancel())


async def connect_can_be_closed_anywhere(subject: Subject) -> None:
    """``close()`` at any await of ``connect`` ends it, leaves no task, and the transport connects afterwards."""
    closing: list[asyncio.Future[None]] = []
    await _sweep(subject, lambda transport, _: closing.append(asyncio.ensure_future(transport.close())))
    await asyncio.gather(*closing)


async def _sweep(subject: Subject, interfere: Callable[[RealtimeTransportLayer, asyncio.Task[None]], object]) -> None:
    transport = subject.make()
    for at in range(1, MOST_AWAITS):
        before = asyncio.all_tasks()
        reached, connecting = await at_await(
            at, lambda: transport.connect(**subject.connect), lambda task: interfere(transport, task)
        )
        if not reached:
            connecting.result()
            break
        await settle()
        left = asyncio.all_tasks() - before
        failure = None if connecting.cancelled() else connecting.exception()
        hold(not left, f"at await {at} it leaves {[task.get_name() for task in left]}")
        hold(transport.status == "disconnected", f"at await {at} it is {transport.status}")
        hold(failure is None or isinstance(failure, StateError), f"at await {at} it raises {failure!r}")
    hold(transport.status == "connected", "it never connected")
    await transport.send_message("hello", respond=False).acknowledged()
    await transport.close()


# --- talking -----------------------------------------------------------------------------------------------------


async def a_turn(subject: Subject) -> None:
    """A message is answered: the response begins and ends, and the history holds both sides."""
    transport = await subject.connected(session={"output_modalities": ["text"]})
    events = heard(transport, "turn_started", "turn_done")
    pieces, texts = heard(transport, "text_delta"), heard(transport, "text_done")
    transport.send_message("Hello, how are you?")
    await soon(lambda: len(events) == 2, "turn_started and turn_done")
    status = getattr(events[1], "status", None)
    hold(status == "completed", f"the turn ended {status}")
    hold([item.type for item in transport.history] == ["message", "message"], f"the history is {transport.history}")
    said, came = ("".join(getattr(e, what) for e in es) for what, es in (("text", texts), ("delta", pieces)))
    hold(said == came, f"of {said!r} there came {came!r}: frames were lost or changed their order")
    await transport.close()


async def calls_act_in_order(subject: Subject) -> None:
    """What is sent without waiting arrives whole and in the order of the calls, also from several tasks."""
    transport = await subject.connected()
    texts = [f"message {n}" for n in range(100)]

    async def send(some: list[str]) -> None:
        for text in some:
            await transport.send_message(text, respond=False)

    await asyncio.gather(send(texts[::2]), send(texts[1::2]))
    await transport.send_message("the last", respond=False).acknowledged()
    arrived = [_text(item) for item in transport.history if _text(item) != "the last"]
    lost = sorted(set(texts) - set(arrived))
    hold(not lost, f"{len(lost)} of 100 messages never arrived: {lost[:3]}")
    hold(len(arrived) == len(texts), f"100 messages arrived as {len(arrived)}")
    for mine in (texts[::2], texts[1::2]):
        hold([text for text in arrived if text in mine] == mine, "the messages of one task changed their order")
    await transport.close()


async def every_frame_arrives_in_its_order(subject: Subject) -> None:
    """Every frame of the server's arrives, once, and none before one that was sent earlier."""
    transport = await subject.connected()
    frames = heard(transport, "*")
    for n in range(50):
        transport.send_message(f"message {n}", respond=False)
    await transport.send_message("the last", respond=False).acknowledged()
    ids = [item.id for item in transport.history]
    asked = [transport.retrieve_item(str(item_id)) for item_id in ids]
    await asked[-1].acknowledged()
    came: dict[str, list[object]] = {}
    for frame in frames:
        event = getattr(frame, "event", None)
        if (item := getattr(event, "item", None)) is not None:
            came.setdefault(str(getattr(event, "type", "")), []).append(item.id)
    for wire_type, of in came.items():
        hold(len(of) == len(ids), f"of {len(ids)} frames {wire_type!r} there came {len(of)}")
        hold(of == ids, f"the frames {wire_type!r} changed their order")
    await transport.close()


def _text(item: object) -> str:
    if isinstance(item, UserMessageItem) and isinstance(item.content[0], InputTextPart):
        return str(item.content[0].text)
    return ""


async def receipts_tell_what_became_of_a_call(subject: Subject) -> None:
    """``acknowledged`` returns the server's answer or raises its error; a failure that nobody awaits is told once."""
    transport = await subject.connected()
    errors = heard(transport, "error")
    answer = await transport.send_message("hello", respond=False).acknowledged()
    hold(answer is not None, "the server's answer was lost")
    refusal = await raised_by(transport.delete_item("item_that_is_not").acknowledged())
    hold(isinstance(refusal, ServerError), f"a refusal came as {refusal!r}")
    errors.clear()
    transport.delete_item("item_that_is_not_either")
    await soon(lambda: errors, "the error of a call that nobody awaited")
    await settle()
    hold(len(errors) == 1, f"it was told {len(errors)} times")
    await transport.close()


async def listeners_may_call(subject: Subject) -> None:
    """A listener may send and interrupt; one that raises harms no other and ends nothing."""
    transport = await subject.connected(session={"output_modalities": ["text"]})
    errors, done = heard(transport, "error"), heard(transport, "turn_done")

    def again(event: object) -> None:
        if len(done) == 1:
            transport.send_message("And again.")
            transport.interrupt()
        raise ValueError("a listener's own trouble")

    transport.on("turn_done", again)
    transport.send_message("Hello")
    await soon(lambda: len(done) == 2, "two turns")
    await soon(lambda: len(errors) == 2, "two reports of the listener's error")
    hold(all(isinstance(getattr(event, "error", None), ListenerError) for event in errors), f"errors: {errors}")
    hold(transport.status == "connected", f"it is {transport.status}")
    await transport.close()


async def large_frames_pass(subject: Subject) -> None:
    """A frame of 1.5 MB goes out whole, and comes back whole, with letters that take more bytes than one."""
    transport = await subject.connected()
    text = "long, l\N{LATIN SMALL LETTER A WITH DIAERESIS}nger, \N{SPEECH BALLOON} " * 70_000
    answer: Any = await transport.send_message(text, respond=False).acknowledged()
    hold(_text(answer.item) == text, "the text did not come back as it was sent")
    await transport.close()


# --- ending ------------------------------------------------------------------------------------------------------


async def close_is_final_and_idempotent(subject: Subject) -> None:
    """``close`` any number of times, at once and from a listener; told once; afterwards every call raises."""
    transport = await subject.connected()
    ends = heard(transport, "disconnected")

    async def closes(event: object) -> None:
        await transport.close()

    transport.on("turn_started", closes)
    transport.on("disconnected", closes)
    pending = transport.request_response()
    await soon(lambda: transport.status == "disconnected", "the end, by a listener's close()")
    await asyncio.gather(transport.close(), transport.close())
    hold(isinstance(await raised_by(pending.acknowledged()), RealtimeError | None), "the receipt is never settled")
    hold(len(ends) == 1, f"the end was told {len(ends)} times")
    hold(isinstance(ends[0], DisconnectedEvent) and ends[0].clean, "it is not told as a clean end")
    try:
        transport.send_message("hello")
    except StateError:
        return
    raise AssertionError("a closed transport still takes messages")


async def nothing_stays_open(subject: Subject) -> None:
    """``close`` returns by itself, not by its time limit, and leaves no file descriptor: no socket, no pipe."""
    clock = asyncio.get_running_loop().time
    ended: list[RealtimeTransportLayer] = []  # held, so that nothing is closed for want of an owner
    before = descriptors()
    for _ in range(5):
        ended.append(await subject.connected())
        began = clock()
        await ended[-1].close()
        hold(clock() - began < CLOSE_SECONDS, f"close() took {clock() - began:.1f} s: does _close wait for too much?")
    await soon(lambda: len(descriptors() - before) < 5, "the closing of what 5 connections had opened")


async def the_end_of_a_block_closes(subject: Subject) -> None:
    """``async with`` closes and lets the block's own error through."""
    transport = subject.make()

    async def block() -> None:
        async with transport:
            await transport.connect(**subject.connect)
            raise KeyError("the block's own")

    hold(isinstance(await raised_by(block()), KeyError), "the error of the block was lost")
    hold(transport.status == "disconnected", f"it is {transport.status}")


async def what_waits_is_sent_before_the_end(subject: Subject) -> None:
    """What was sent before ``close`` still goes out."""
    transport = await subject.connected()
    sent = heard(transport, "sent")
    for n in range(50):
        transport.send_message(f"message {n}", respond=False)
    await transport.close()
    hold(len(sent) == 50, f"only {len(sent)} of 50 messages went out")


CHECKS: Final[Mapping[str, Check]] = {
    check.__name__: check
    for check in (
        connects_and_configures,
        connects_once_at_a_time,
        connects_again,
        close_ends_connecting,
        connect_can_be_cancelled_anywhere,
        connect_can_be_closed_anywhere,
        a_turn,
        calls_act_in_order,
        every_frame_arrives_in_its_order,
        receipts_tell_what_became_of_a_call,
        listeners_may_call,
        large_frames_pass,
        close_is_final_and_idempotent,
        nothing_stays_open,
        the_end_of_a_block_closes,
        what_waits_is_sent_before_the_end,
    )
}
"""Every check, by name."""
