"""What a brain is asked, and the brains that need nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.vad import EnergyVad
from realtime_transport.conversation.brain import (
    CallTool,
    DeafTranscriber,
    GenerationRequest,
    Heard,
    Output,
    Reply,
    Say,
)
from realtime_transport.conversation.brains import Echo, Script, after, hum, when
from realtime_transport.events import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    InputTextPart,
    Item,
    OutputTextPart,
    RealtimeSessionConfig,
    ResponseOptions,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.exceptions import InvalidArgument


def user(text: str) -> UserMessageItem:
    return UserMessageItem(content=(InputTextPart(text=text),))


def assistant(text: str) -> AssistantMessageItem:
    return AssistantMessageItem(content=(OutputTextPart(text=text),))


def spoken(item_id: str, words: str = "", audio: bytes = b"\1\0") -> tuple[UserMessageItem, Heard]:
    item = UserMessageItem(id=item_id, content=(InputAudioPart(transcript=None),))
    return item, Heard(item_id=item_id, audio=audio, words=words)


def request(*items: Item, heard: tuple[Heard, ...] = (), turn: int = 1, modality: Any = "audio") -> GenerationRequest:
    return GenerationRequest(
        response_id="resp_1",
        turn=turn,
        modality=modality,
        session=RealtimeSessionConfig(),
        options=ResponseOptions(),
        items=items,
        heard=heard,
    )


CALL = FunctionCallItem(name="get_weather", call_id="c1", arguments="{}")


def output(text: str) -> FunctionCallOutputItem:
    return FunctionCallOutputItem(call_id="c1", output=text)


# --- requests --------------------------------------------------------------------------------------------------------


def test_news_is_what_came_after_the_models_last_word() -> None:
    last = user("And now?")
    asked = request(user("Hi."), assistant("Hello."), SystemMessageItem(), last)
    assert asked.news[-1] is last
    assert len(asked.news) == 2
    assert request(user("Hi.")).words == "Hi."
    assert request().news == ()


def test_words_are_written_and_spoken() -> None:
    old, old_heard = spoken("a", "Old words.")
    new, new_heard = spoken("b", "New words.", b"\2\0")
    asked = request(old, assistant("Hello."), user("Look:"), new, heard=(old_heard, new_heard))
    assert asked.words == "Look: New words."
    assert asked.speech == b"\2\0"


def test_speech_without_known_words() -> None:
    item, heard = spoken("a")
    assert request(item, heard=(heard,)).words == ""
    assert request(item).words == ""


def test_outputs_have_the_names_of_their_functions() -> None:
    stray = FunctionCallOutputItem(call_id="other", output="?")
    assert request(CALL, output("21"), stray).tool_outputs == (("get_weather", "21"), ("", "?"))


def test_a_deaf_server() -> None:
    assert DeafTranscriber().transcribe(b"\1\0") == ""


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
    with pytest.raises(InvalidArgument) as raised:
        when("(", "never")
    assert raised.value.path == "says"
