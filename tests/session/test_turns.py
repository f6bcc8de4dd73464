"""Speech: who said it, when it was heard, what cut it, what guarded it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import Pause, Reply, Say, Stop
from realtime_transport.conversation.brains import hum, when
from realtime_transport.events import (
    AssistantMessageItem,
    FunctionCallItem,
    InputTextPart,
    OutputAudioPart,
    OutputTextPart,
    UserMessageItem,
)
from realtime_transport.exceptions import ServerError
from realtime_transport.session.agent import AgentHooks, RealtimeAgent
from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import GuardrailSettings, OutputGuardrail, Verdict
from realtime_transport.session.turns import spoken_text
from tests.session.line import Talk, talking

pytestmark = pytest.mark.virtual_time

TEXT = {"output_modalities": ["text"]}
STORY = "Once upon a time there was a very long answer that nobody wanted to hear to its end."


def desk(**options: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="desk", **options)


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def audio(talk: Talk) -> bytes:
    return b"".join(event.data for event in talk.heard("audio"))


# --- turns -----------------------------------------------------------------------------------------------------------


async def test_a_spoken_answer_is_heard_whole_and_in_order() -> None:
    agent = desk()
    async with talking(agent, when("hello", "Good morning."), context="ann") as talk:
        talk.session.send_message("hello")
        await talk.ends()
        assert audio(talk) == hum("Good morning.")
        names = [
            event.name for event in talk.told if event.name in {"agent_start", "agent_end"} or "audio" in event.name
        ]
        assert list(dict.fromkeys(names)) == ["agent_start", "audio_start", "audio", "audio_stopped", "agent_end"]
        assert names.count("audio_start") == names.count("audio_stopped") == 1
        (end,) = talk.heard("agent_end")
        assert (end.output, end.status, end.reason, end.error) == ("Good morning.", "completed", None, None)
        assert end.usage is not None
        assert {event.response_id for event in talk.heard("agent_start", "audio_start", "audio")} == {end.response_id}
        assert {event.context for event in talk.told} == {"ann"}
        assert {event.agent for event in talk.told} == {agent}


async def test_a_written_answer_has_no_audio() -> None:
    async with talking(desk(), when("hello", "Good morning."), config=TEXT) as talk:
        talk.session.send_message("hello")
        (end,) = await talk.ends()
        assert end.output == "Good morning."
        assert talk.heard("audio_start", "audio", "audio_stopped", "latency") == []


async def test_a_failed_answer_is_not_taken_for_an_empty_one() -> None:
    async with talking(desk(), when("hello", Stop(code="rate_limit_exceeded", message="Slow down."))) as talk:
        talk.session.send_message("hello")
        (end,) = await talk.ends()
        assert (end.output, end.status) == ("", "failed")
        assert isinstance(end.error, ServerError)
        assert end.error.code == "rate_limit_exceeded"


async def test_hooks_are_really_called() -> None:
    heard: list[str] = []

    class Hooks(AgentHooks[Any]):
        def on_start(self, context: RunContext[Any]) -> None:
            heard.append(f"start {context.agent.name} for {context.context}")

        async def on_end(self, context: RunContext[Any], output: str) -> None:
            await asyncio.sleep(0)
            heard.append(f"end {output}")

    async with talking(desk(hooks=Hooks()), when("hello", "Hi."), context="ann") as talk:
        talk.session.send_message("hello")
        await talk.ends()
        await asyncio.sleep(0.1)
        assert heard == ["start desk for ann", "end Hi."]


async def test_a_hook_that_raises_is_an_error_event_and_stops_nothing() -> None:
    class Hooks(AgentHooks[Any]):
        def on_start(self, context: RunContext[Any]) -> None:
            raise KeyError("hook")

    async with talking(desk(hooks=Hooks()), when("hello", "Hi.")) as talk:
        talk.session.send_message("hello")
        (end,) = await talk.ends()
        assert end.output == "Hi."
        (error,) = talk.heard("error")
        assert isinstance(error.error.__cause__, KeyError)


# --- interrupting and latency ----------------------------------------------------------------------------------------


async def test_interrupt_really_cancels_and_keeps_only_what_was_heard() -> None:
    async with talking(desk(), when("tell", STORY), pace=2.0) as talk:
        talk.session.send_message("tell")
        await talk.session.wait_for("audio_start")
        await asyncio.sleep(1.0)
        talk.session.interrupt()
        (end,) = await talk.ends()
        assert end.status == "cancelled"
        (cut,) = talk.heard("audio_interrupted")
        assert cut.by == "application"
        (part,) = cut.cuts
        assert 900 <= part.heard_ms <= 1100
        assert part.heard_ms < part.received_ms
        (truncate,) = talk.sent("conversation.item.truncate")
        assert truncate.audio_end_ms == part.heard_ms
        assert len(talk.sent("response.cancel")) == 1
        heard = len(audio(talk))
        await asyncio.sleep(10)
        assert len(audio(talk)) == heard
        assert talk.heard("error") == []


async def test_interrupt_works_after_generation_is_over() -> None:
    async with talking(desk(), when("tell", STORY), pace=None) as talk:
        talk.session.send_message("tell")
        await talk.ends()
        await asyncio.sleep(1.0)
        talk.session.interrupt()
        await asyncio.sleep(1.0)
        assert talk.sent("response.cancel") == []
        (truncate,) = talk.sent("conversation.item.truncate")
        assert 900 <= truncate.audio_end_ms <= 1100


async def test_a_spoken_question_is_measured_from_its_end() -> None:
    rules = (when("time", Pause(ms=500), Reply(text="Noon.")),)
    async with talking(desk(), *rules) as talk:
        await talk.speak("what time is it")
        await talk.ends()
        (turn,) = talk.session.latency.turns
        assert turn.to_created == 0.0
        assert turn.to_first_audio == turn.to_first_heard == 0.5
        (event,) = talk.heard("latency")
        assert event.turn.to_first_heard == 0.5
        assert talk.session.latency.summary().turns == 1


async def test_a_barge_in_silences_at_once() -> None:
    rules = (when("tell", STORY), when("stop", "All right."))
    async with talking(desk(), *rules) as talk:
        talk.session.send_message("tell")
        await talk.session.wait_for("audio_start")
        await asyncio.sleep(1.0)
        await talk.speak("stop it please")
        ends = await talk.ends(2)
        assert [end.output for end in ends][1] == "All right."
        (cut,) = talk.heard("audio_interrupted")
        assert cut.by == "caller"
        assert talk.session.latency.barge_ins == (0.0,)


# --- output guardrails -----------------------------------------------------------------------------------------------


def no(word: str, **options: Any) -> OutputGuardrail:
    return OutputGuardrail(name=f"no {word}", check=lambda _, text: word in text, hint=f"Never say {word}.", **options)


async def test_a_short_answer_is_guarded_and_the_model_told() -> None:
    rules = (when("price", "It is $5."), when(None, "Ask the desk."))
    async with talking(desk(output_guardrails=[no("$")]), *rules) as talk:
        talk.session.send_message("price")
        await talk.session.wait_for("guardrail_tripped")
        await talk.ends(2)
        (trip,) = talk.heard("guardrail_tripped")
        assert (trip.guardrail, trip.kind, trip.message, trip.text) == ("no $", "output", "Never say $.", "It is $5.")
        assert (trip.reaction, trip.response_id) == ("tell", talk.heard("agent_end")[0].response_id)
        feedback = talk.sent("conversation.item.create")[-1].item
        assert feedback.role == "system"
        assert "'no $'" in feedback.content[0].text
        assert talk.heard("agent_end")[1].output == "Ask the desk."
        assert len(talk.heard("audio_interrupted")) == 1


async def test_a_long_answer_is_cut_while_it_is_said() -> None:
    rules = (when("price", "The secret is 42. " + STORY * 3), when(None, "Sorry."))
    settings = GuardrailSettings(every=5, unit="words", feedback_role="user", feedback=lambda name, _: f"stop: {name}")
    async with talking(desk(), *rules, output_guardrails=[no("secret")], guardrails=settings) as talk:
        talk.session.send_message("price")
        ends = await talk.ends(2)
        assert [end.status for end in ends] == ["cancelled", "completed"]
        (trip,) = talk.heard("guardrail_tripped")
        assert len(trip.text) < 60
        feedback = talk.sent("conversation.item.create")[-1].item
        assert (feedback.role, feedback.content[0].text) == ("user", "stop: no secret")


@pytest.mark.parametrize(("reaction", "interrupts", "tells"), [("cut", 1, 0), ("report", 0, 0)])
async def test_other_reactions(reaction: Any, interrupts: int, tells: int) -> None:
    guardrail = no("$", reaction=reaction)
    async with talking(desk(), when("price", "It is $5."), output_guardrails=[guardrail]) as talk:
        talk.session.send_message("price")
        await talk.session.wait_for("guardrail_tripped")
        await asyncio.sleep(30)
        assert len(talk.heard("audio_interrupted")) == interrupts
        assert len(talk.sent("response.create")) == 1 + tells
        assert talk.heard("guardrail_tripped")[0].reaction == reaction


async def test_the_pace_may_be_milliseconds_of_speech() -> None:
    seen: list[str] = []

    def watch(_: RunContext[Any], text: str) -> Verdict:
        seen.append(text)
        return Verdict(tripped=False)

    settings = GuardrailSettings(every=1000, unit="ms")
    guardrail = OutputGuardrail(name="watch", check=watch)
    async with talking(desk(), when("tell", STORY), output_guardrails=[guardrail], guardrails=settings) as talk:
        talk.session.send_message("tell")
        await talk.ends()
        await asyncio.sleep(1)
        assert len(seen) == pytest.approx(PCM16_24K.ms(len(hum(STORY))) / 1000, abs=1.5)
        assert seen[-1] == STORY


async def test_a_check_that_fails_lets_the_words_through_and_is_reported() -> None:
    def broken(_: RunContext[Any], __: str) -> bool:
        raise KeyError("x")

    guardrail = OutputGuardrail(name="broken", check=broken)
    async with talking(desk(), when("hello", "Hi."), output_guardrails=[guardrail]) as talk:
        talk.session.send_message("hello")
        await talk.session.wait_for("error")
        assert isinstance(talk.heard("error")[0].error.__cause__, KeyError)
        assert talk.heard("guardrail_tripped") == []


async def test_words_outside_the_conversation_are_not_guarded() -> None:
    async with talking(desk(), when(None, "It is $5."), output_guardrails=[no("$")]) as talk:
        talk.session.request_response({"conversation": "none"})
        await talk.session.wait_for("turn_done")
        await asyncio.sleep(5)
        assert talk.heard("guardrail_tripped", "agent_start") == []


# --- holding audio back ----------------------------------------------------------------------------------------------


async def test_held_audio_is_heard_after_its_words_passed() -> None:
    settings = GuardrailSettings(every=20, hold_ms=60_000)
    async with talking(desk(), when("tell", STORY), output_guardrails=[no("$")], guardrails=settings) as talk:
        talk.session.send_message("tell")
        await talk.ends()
        await asyncio.sleep(1)
        assert audio(talk) == hum(STORY)
        assert talk.told.index(talk.heard("audio_stopped")[0]) > talk.told.index(talk.heard("audio")[-1])
        start = talk.heard("latency")[0].turn
        assert start.first_heard > start.first_audio


async def test_held_audio_of_a_tripped_answer_is_never_heard() -> None:
    rules = (when("price", "It is $5."), when(None, "Ask."))
    settings = GuardrailSettings(hold_ms=60_000)
    async with talking(desk(), *rules, output_guardrails=[no("$")], guardrails=settings) as talk:
        talk.session.send_message("price")
        await talk.ends(2)
        await asyncio.sleep(5)
        assert audio(talk) == hum("Ask.")


@pytest.mark.parametrize("fail_closed", [True, False])
async def test_time_releases_unless_failing_closed(fail_closed: bool) -> None:
    settings = GuardrailSettings(every=10_000, hold_ms=300, fail_closed=fail_closed)
    rules = (when("tell", Reply(text=STORY), Pause(ms=20_000)),)
    async with talking(desk(), *rules, output_guardrails=[no("$")], guardrails=settings) as talk:
        talk.session.send_message("tell")
        await asyncio.sleep(10)
        assert bool(audio(talk)) is not fail_closed
        await talk.ends()
        await asyncio.sleep(1)
        assert audio(talk) == hum(STORY)


async def test_what_is_held_when_the_caller_barges_in_is_dropped() -> None:
    settings = GuardrailSettings(every=10_000, hold_ms=60_000)
    rules = (when("tell", Reply(text=STORY), Pause(ms=60_000)),)
    async with talking(desk(), *rules, output_guardrails=[no("$")], guardrails=settings) as talk:
        talk.session.send_message("tell")
        await asyncio.sleep(3)
        talk.session.interrupt()
        await asyncio.sleep(30)
        assert audio(talk) == b""


async def test_a_reported_trip_lets_the_rest_through() -> None:
    settings = GuardrailSettings(every=5, hold_ms=60_000, reaction="report")
    rules = (when("price", Reply(text="It is $5."), Pause(ms=1000), Say(transcript=" Cheap.", audio=hum("Cheap."))),)
    async with talking(desk(), *rules, output_guardrails=[no("$")], guardrails=settings) as talk:
        talk.session.send_message("price")
        await talk.ends()
        await asyncio.sleep(5)
        assert audio(talk) == hum("It is $5.") + hum("Cheap.")
        assert len(talk.heard("guardrail_tripped")) == len(talk.heard("audio_stopped")) == 1


async def test_late_audio_of_a_tripped_answer_is_not_even_held() -> None:
    settings = GuardrailSettings(every=3, hold_ms=60_000, reaction="cut")
    quiet_line = Say(transcript="", audio=hum("more and more"))
    rules = (when("price", Say(transcript="$5 ", audio=hum("five")), Pause(ms=1000), quiet_line),)
    async with talking(desk(), *rules, output_guardrails=[no("$")], guardrails=settings) as talk:
        talk.session.send_message("price")
        await talk.ends()
        await asyncio.sleep(5)
        assert audio(talk) == b""
        assert talk.heard("audio_stopped") == []


# --- words -----------------------------------------------------------------------------------------------------------


def test_spoken_text_joins_what_was_said_and_written() -> None:
    items = (
        AssistantMessageItem(content=(OutputAudioPart(transcript="One."), OutputAudioPart(transcript=None))),
        FunctionCallItem(name="f"),
        AssistantMessageItem(content=(OutputTextPart(text="Two."), InputTextPart(text="odd"))),
        UserMessageItem(content=(InputTextPart(text="mine"),)),
    )
    assert spoken_text(items) == "One.\nTwo."
