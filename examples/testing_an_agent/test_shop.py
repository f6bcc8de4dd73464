"""A test suite for an agent: no key, no network, no waiting. Run it with ``pytest examples/testing_an_agent``.

The fixtures come with the library. A script plays the model, so that the tests are about the agent and not about luck.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from shop import agent

from realtime_transport import RealtimeSession
from realtime_transport.conversation.brain import CallTool
from realtime_transport.conversation.brains import Script, after, when
from realtime_transport.testing import assert_dialogue

MODEL = Script(
    when("sunday", CallTool(name="opening_hours", arguments='{"day": "Sunday"}')),
    when("opening", CallTool(name="opening_hours", arguments='{"weekday": 7}')),  # what models do on a bad day
    when("story", "There was once a baker who counted his rolls every morning, and every morning one was missing."),
    after("opening_hours", "We are {output}."),
)


def test_the_hours_of_a_day(realtime_loopback: Callable[..., Any], fake_clock: Callable[..., Any]) -> None:
    async def call() -> None:
        async with RealtimeSession(agent(), realtime_loopback(MODEL, pace=None)) as session:
            session.send_message("Are you open on Sunday?")
            await session.wait_for(lambda event: getattr(event, "output", "") == "We are closed.", timeout=10)
            assert_dialogue(
                session,
                """
                caller: Are you open on Sunday?
                agent calls opening_hours({"day": "Sunday"})
                opening_hours answers: closed
                agent: We are closed.
                """,
            )

    fake_clock(call())


def test_arguments_that_do_not_fit_are_answered(
    realtime_loopback: Callable[..., Any], fake_clock: Callable[..., Any]
) -> None:
    async def call() -> None:
        async with RealtimeSession(agent(), realtime_loopback(MODEL, pace=None)) as session:
            session.send_message("What are your opening times?")
            await asyncio.sleep(5)  # seconds of the fake clock: all there is to say has been said
            assert_dialogue(
                session,
                """
                caller: What are your opening times?
                agent calls opening_hours({"weekday": 7})
                opening_hours answers: {"error":"invalid_arguments"*}
                agent: *
                """,
            )

    fake_clock(call())


def test_a_caller_who_interrupts_is_heard(
    realtime_loopback: Callable[..., Any], spoken: Callable[[str], bytes], fake_clock: Callable[..., Any]
) -> None:
    """Half a minute of conversation takes a fraction of a second."""

    async def call() -> None:
        async with RealtimeSession(agent(), realtime_loopback(MODEL, pace=8.0)) as session:
            session.send_message("Tell me a story.")
            await session.transport.wait_for("audio", timeout=10)
            await asyncio.sleep(2)
            for chunk in blocks(spoken("Wait, stop.") + bytes(72_000)):
                session.send_audio(chunk)
                await asyncio.sleep(0.02)
            await asyncio.sleep(5)
            assert_dialogue(
                session, ["caller: Tell me a story.", "agent: There was once * (cut)", "caller: *", "agent*"]
            )

    fake_clock(call())


@pytest.mark.realtime_server("improvise", pace=None)
def test_over_a_real_socket(realtime_server: Any) -> None:
    async def call() -> None:
        async with RealtimeSession(agent(), url=realtime_server.url) as session:
            session.send_message("Good morning")
            assert (await session.wait_for("agent_end", timeout=10)).output == "You said: Good morning"

    asyncio.run(call())


def blocks(audio: bytes) -> list[bytes]:
    """Cut into what a microphone hands over: 20 ms."""
    return [audio[at : at + 960] for at in range(0, len(audio), 960)]
