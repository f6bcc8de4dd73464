"""The brains that need nothing else, scripts by rule, and the outputs that steer time and the connection."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.vad import EnergyVad
from realtime_transport.conversation.brain import CallTool, GenerationRequest, HangUp, Output, Pace, Reply, Say
from realtime_transport.conversation.brains import Echo, Rule, Script, after, hum, when
from realtime_transport.conversation.server import Close, ServerLimits
from realtime_transport.events import FunctionCallItem, ResponseCancel, ResponseDone
from realtime_transport.exceptions import InvalidArgument
from tests.conversation.serving import Canned, Served, types
from tests.conversation.test_brain import CALL, output, request, spoken, user

SECOND = Say(transcript="One second.", audio=PCM16_24K.silence(1000))


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"text": " WHAT is it? "}, True),
        ({"text": "What"}, False),
        ({"says": "what"}, True),
        ({"by": "writing"}, True),
        ({"by": "speech"}, False),
        ({}, True),
    ],
)
def test_conditions_on_what_was_written(rule: dict[str, Any], holds: bool) -> None:
    assert Rule(outputs=(), **rule).holds(request(user("What is it?"))) is holds


def test_speech_counts_without_words() -> None:
    item, heard = spoken("a")
    said = request(item, heard=(heard,))
    assert Rule(outputs=(), by="speech").holds(said)
    assert not Rule(outputs=(), by="writing").holds(said)
    assert not Rule(outputs=(), text="a").holds(said)


def test_a_pace_holds_for_the_rest_of_its_response() -> None:
    served = Served(Script(Rule(outputs=(SECOND, Pace(times=1), SECOND))), pace=10)
    served.respond()
    served.wait(0.15)
    assert served.conversation.active_response_id is not None
    served.wait(0.9)
    assert served.conversation.active_response_id is not None
    served.wait(0.1)
    assert served.at(ResponseDone) == pytest.approx(1.1)


def test_hanging_up_in_the_middle() -> None:
    served = Served(Canned([SECOND, HangUp(code=1013, reason="Enough."), SECOND]))
    sent = types(served.respond())
    assert served.conversation.closing == Close(1013, "Enough.")
    assert "response.done" not in sent
    assert served.respond() == []


def test_nobody_hangs_up_for_a_response_that_is_over() -> None:
    served = Served(Canned([SECOND, HangUp()]), pace=1)
    served.respond()
    served.send(ResponseCancel())
    served.wait(5)
    assert served.conversation.closing is None


# --- what an account may spend -----------------------------------------------------------------------------------


def test_responses_fail_once_the_tokens_are_spent() -> None:
    long = Say(transcript="word " * 400)
    served = Served(Canned([long], [long], [long]), limits=ServerLimits(tokens_per_minute=300))
    served.respond()
    assert served.last(ResponseDone).response.status == "completed"
    sent = types(served.respond())
    assert sent == ["response.created", "response.done"]
    failed = served.last(ResponseDone).response
    assert failed.status == "failed"
    assert failed.status_details
    assert failed.status_details.error
    assert (failed.status_details.error.type, failed.status_details.error.code) == ("tokens", "rate_limit_exceeded")
    assert "try again in" in str(failed.status_details.error.message)
    served.wait(1)
    served.respond()
    assert served.last(ResponseDone).response.status == "completed"


def test_without_a_number_nobody_is_refused() -> None:
    long = Say(transcript="word " * 40_000)
    served = Served(Canned([long], [long], [long]))
    for _ in range(3):
        served.respond()
        assert served.last(ResponseDone).response.status == "completed"


# --- hum -------------------------------------------------------------------------------------------------------------


def test_a_hum_is_as_long_as_its_words() -> None:
    assert PCM16_24K.ms(len(hum("hello there"))) == 10 * 60 + 2 * 80
    assert hum("") == b""


def test_turn_detection_takes_it_for_speech() -> None:
    vad = EnergyVad(24_000)
    events = vad.push(bytes(24_000) + hum("this is quite a long sentence for a hum") + bytes(48_000))
    assert [type(event).__name__ for event in events] == ["SpeechStarted", "SpeechStopped"]


# --- echo ------------------------------------------------------------------------------------------------------------


def test_echo_says_back_the_callers_own_sound() -> None:
    item, heard = spoken("a", "My words.", b"\5\0")
    assert list(Echo().answer(request(item, heard=(heard,)))) == [Say(transcript="My words.", audio=b"\5\0")]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (request(user("Hi.")), "Hi."),
        (request(CALL, output("21")), "21"),
        (request(CALL, attrs.evolve(CALL, call_id="c2"), output("21"), output("22", "c2")), "21 22"),
        (request(), "I heard nothing."),
    ],
)
def test_echo_without_sound(asked: GenerationRequest, text: str) -> None:
    assert list(Echo().answer(asked)) == [Reply(text=text)]


def test_echo_in_writing() -> None:
    item, heard = spoken("a", "My words.")
    assert list(Echo().answer(request(item, heard=(heard,), modality="text"))) == [Reply(text="My words.")]


# --- script ----------------------------------------------------------------------------------------------------------

SCRIPT = (
    when(None, "Welcome.", turn=1),
    when(r"weather|forecast", CallTool(name="get_weather"), times=1),
    after("get_weather", "It is {output} degrees, and you said {words}."),
    when("echo", "{words}"),
)


def answer(script: Script, asked: GenerationRequest) -> list[Output]:
    return list(script.answer(asked))


def test_the_first_rule_that_holds() -> None:
    script = Script(*SCRIPT, otherwise="What?")
    assert answer(script, request(user("Weather!"))) == [Reply(text="Welcome.")]
    assert answer(script, request(user("The WEATHER?"), turn=2)) == [CallTool(name="get_weather")]
    assert answer(script, request(user("The weather?"), turn=3)) == [Reply(text="What?")]
    assert answer(script, request(user("echo this"), turn=4)) == [Reply(text="echo this")]


def test_conditions_of_a_rule_count_each() -> None:
    script = Script(
        when(None, "Welcome.", turn=1),
        when("hello", "Hello.", times=2),
        after("get_weather", "Warm.", times=1),
    )
    said = [answer(script, request(user("hello"), turn=turn)) for turn in (1, 2, 3, 4)]
    nothing = [Reply(text="I have nothing to say to that.")]
    assert said == [[Reply(text="Welcome.")], [Reply(text="Hello.")], [Reply(text="Hello.")], nothing]
    returned = [answer(script, request(CALL, output("21"), turn=turn)) for turn in (5, 6)]
    assert returned == [[Reply(text="Warm.")], nothing]


def test_without_a_function_its_output_is_nothing() -> None:
    assert answer(Script(when("x", "<{output}>")), request(user("x"))) == [Reply(text="<>")]


def test_a_functions_output_is_a_turn_of_its_own() -> None:
    script = Script(*SCRIPT, otherwise="What?")
    asked = request(user("weather"), CALL, output("21"), turn=3)
    assert answer(script, asked) == [Reply(text="It is 21 degrees, and you said .")]
    other = FunctionCallItem(name="other", call_id="c1", arguments="{}")
    assert answer(script, request(other, output("21"), turn=3)) == [Reply(text="What?")]
    any_tool = Script(when(None, "Done.", tool=""))
    assert answer(any_tool, request(other, output("21"))) == [Reply(text="Done.")]
    assert answer(any_tool, request(user("Hi."))) != [Reply(text="Done.")]


@pytest.mark.parametrize(("returned", "said"), [('{"celsius": 21}', "21 or"), ("[1]", "KeyError"), ("21", "KeyError")])
def test_fields_of_an_output(returned: str, said: str) -> None:
    script = Script(after("get_weather", "{fields[celsius]} or"))
    try:
        outputs = answer(script, request(CALL, output(returned)))
    except KeyError:
        assert said == "KeyError"
    else:
        assert outputs == [Reply(text=said)]


def test_a_rule_may_say_several_things() -> None:
    rule = when("x", "One moment.", CallTool(name="f"))
    assert answer(Script(rule), request(user("x"))) == [Reply(text="One moment."), CallTool(name="f")]


def test_words_for_an_expression_that_is_none() -> None:
    with pytest.raises(InvalidArgument, match="not a regular expression: missing") as raised:
        when("(", "never")
    assert raised.value.path == "says"
