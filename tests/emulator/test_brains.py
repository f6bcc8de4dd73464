"""The brain that answers anything, and the one that speaks with a synthesiser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_transport.conversation.brain import CallMcp, CallTool, GenerationRequest, Output, Pause, Reply, Say
from realtime_transport.conversation.brains import Script
from realtime_transport.emulator import Improviser, Recorded, Spoken, library
from realtime_transport.events import (
    FunctionTool,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpListToolsItem,
    McpTool,
    McpToolInfo,
    RealtimeSessionConfig,
    ToolChoiceFunction,
    ToolChoiceMcp,
)
from tests.conversation.test_brain import CALL, output, request, spoken, user

WEATHER = FunctionTool(
    name="get_weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
STOCKS = FunctionTool(name="lookupStocks")


def asked(text: str, *tools: Any, choice: Any = "auto") -> GenerationRequest:
    from attrs import evolve

    return evolve(request(user(text)), session=RealtimeSessionConfig(tools=tools, tool_choice=choice))


def answer(request: GenerationRequest) -> list[Output]:
    return list(Improviser().answer(request))


def test_what_was_understood_is_repeated() -> None:
    assert answer(asked("Good morning.")) == [Reply(text="You said: Good morning.")]


def test_what_was_not_understood_is_asked_again() -> None:
    item, heard = spoken("a")
    assert answer(request(item, heard=(heard,))) == [Reply(text="Sorry, could you say that again?")]
    assert answer(request()) == [Reply(text="Hello! How can I help you?")]


def test_a_story_is_long_enough_to_be_interrupted() -> None:
    (told,) = answer(asked("Tell me a long story!"))
    assert isinstance(told, Reply)
    assert len(told.text.split()) > 60


def test_a_function_is_called_by_a_word_of_its_name() -> None:
    (call,) = answer(asked("What is the weather?", STOCKS, WEATHER))
    assert isinstance(call, CallTool)
    assert (call.name, list(json.loads(call.arguments))) == ("get_weather", ["city"])
    assert answer(asked("Get up.", WEATHER)) == [Reply(text="You said: Get up.")]


def test_tool_choice_is_obeyed() -> None:
    assert [call.name for call in answer(asked("Hm.", WEATHER, choice="required")) if isinstance(call, CallTool)] == [
        "get_weather"
    ]
    named = ToolChoiceFunction(name="lookupStocks")
    assert [
        call.name for call in answer(asked("Hm.", WEATHER, STOCKS, choice=named)) if isinstance(call, CallTool)
    ] == ["lookupStocks"]
    for choice, tools in (
        ("none", (WEATHER,)),
        ("required", ()),
        (named, (WEATHER,)),
        ("auto", (McpTool(server_label="w"),)),
    ):
        assert answer(asked("The weather!", *tools, choice=choice)) == [Reply(text="You said: The weather!")]


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({}, {}),
        ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "number"}}}, {"a": 1, "b": 1.0}),
        ({"properties": {"a": {"type": "boolean"}, "b": {}}, "required": ["a"]}, {"a": True}),
        ({"properties": {}, "required": ["mystery"]}, {"mystery": "Lisbon"}),
        (
            {"properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 7}, "c": {"default": 8}}},
            {"a": "x", "b": 7, "c": 8},
        ),
        ({"properties": {"a": {"anyOf": [{"type": "null"}, {"type": "string"}]}}}, {"a": None}),
        ({"properties": {"a": {"oneOf": [{"type": "string"}]}}}, {"a": "Lisbon"}),
        ({"properties": {"a": {"type": "array", "items": {"type": "integer"}}}}, {"a": [1]}),
        ({"properties": {"a": {"type": "array"}, "b": {"type": "object"}}}, {"a": ["Lisbon"], "b": {}}),
    ],
)
def test_arguments_are_made_up_from_the_schema(schema: dict[str, Any], made: Any) -> None:
    (call,) = answer(asked("f", FunctionTool(name="f", parameters=schema)))
    assert isinstance(call, CallTool)
    assert json.loads(call.arguments) == made


def hosted(words: str, **session: Any) -> GenerationRequest:
    from attrs import evolve

    tools = (McpToolInfo(name="rent_car"), McpToolInfo(name="get_weather", input_schema=WEATHER.parameters))
    listed = McpListToolsItem(id="mcpl_1", server_label="w", tools=tools)
    return evolve(request(listed, user(words)), session=RealtimeSessionConfig(**session))


def test_a_hosted_tool_is_called_by_a_word_of_its_name_or_by_choice() -> None:
    call = CallMcp(server_label="w", name="get_weather", arguments='{"city": "Lisbon"}')
    assert answer(hosted("The weather?")) == [call]
    assert answer(hosted("Hm.", tool_choice=ToolChoiceMcp(server_label="w", name="get_weather"))) == [call]
    (first,) = answer(hosted("Hm.", tool_choice=ToolChoiceMcp(server_label="w")))
    assert isinstance(first, CallMcp)
    assert first.name == "rent_car"
    for choice in (ToolChoiceMcp(server_label="x"), "none"):
        assert answer(hosted("The weather?" if choice == "none" else "Hm.", tool_choice=choice)) == [
            Reply(text="You said: The weather?" if choice == "none" else "You said: Hm.")
        ]


def test_a_hosted_tool_that_was_denied() -> None:
    asked_for = McpApprovalRequestItem(id="mcpr_1", server_label="w", name="f")
    denied = McpApprovalResponseItem(approval_request_id="mcpr_1", approve=False)
    assert answer(request(user("f"), asked_for, denied)) == [Reply(text="All right, I will not.")]


def test_a_functions_output_is_read_out() -> None:
    assert answer(request(user("weather"), CALL, output("21"))) == [Reply(text="get_weather says: 21")]


# --- speech --------------------------------------------------------------------------------------------------------


async def voice(text: str) -> bytes:
    return text.encode()


async def said(brain: Spoken, request: GenerationRequest) -> list[Output]:
    return [output async for output in brain.answer(request)]


async def test_sentences_are_spoken_one_by_one() -> None:
    script = Script(otherwise="One. Two? And three")
    assert await said(Spoken(script, voice), request(user("Hi."))) == [
        Say(transcript="One. ", audio=b"One. "),
        Say(transcript="Two? ", audio=b"Two? "),
        Say(transcript="And three", audio=b"And three"),
    ]


async def test_everything_else_passes() -> None:
    call = CallTool(name="f")
    assert await said(Spoken(Script(otherwise=call), voice), request(user("Hi."))) == [call]
    assert await said(Spoken(Script(otherwise=Pause(ms=1)), voice), request()) == [Pause(ms=1)]
    written = await said(Spoken(Script(otherwise="One. Two."), voice), request(modality="text"))
    assert written == [Reply(text="One. Two.")]


# --- recorded sentences --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("What is the weather like in Lisbon today?", "agent_weather"),
        ("Tell me something about the city.", "agent_city"),
        ("Sorry, which month is the driest?", "agent_driest"),
        ("Thank you, goodbye!", "agent_goodbye"),
        ("Quantum chromodynamics?", "agent_fallback"),
    ],
)
def test_the_recorded_sentence_that_fits_best(said: str, heard: str) -> None:
    clips = library()
    assert list(Recorded().answer(request(user(said), modality="audio"))) == [
        Say(transcript=clips.words(heard), audio=clips.audio(heard))
    ]


def test_recorded_sentences_without_words() -> None:
    item, heard = spoken("a")
    assert list(Recorded().answer(request(item, heard=(heard,), modality="text"))) == [
        Reply(text="Sorry, could you say that again?")
    ]
    assert list(Recorded().answer(request(modality="text"))) == [Reply(text="Hello! How can I help you?")]
    assert list(Recorded().answer(request(user("weather"), CALL, output("21"), modality="text"))) == [
        Reply(text="All right.")
    ]
    (call,) = Recorded().answer(asked("The weather?", WEATHER))
    assert isinstance(call, CallTool)
