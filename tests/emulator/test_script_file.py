"""Scripts in files: every kind of step by a real conversation, and errors that say where and what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realtime_transport.conversation.brain import CallTool, Output, Say, Write
from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import AsyncBrain, Emulator, Spoken, behaviour, library
from realtime_transport.emulator.faults import Faults
from realtime_transport.emulator.script_file import read_script
from realtime_transport.exceptions import InvalidArgument
from tests.conversation.test_brain import CALL, output, request, spoken, user
from tests.emulator.calling import calling


def written(tmp_path: Path, text: str, name: str = "script.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


async def answered(path: Path, *items: Any, modality: Any = "text", heard: tuple[Any, ...] = ()) -> list[Output]:
    brain = read_script(path).brain()
    assert isinstance(brain, AsyncBrain)
    return [output async for output in brain.answer(request(*items, modality=modality, heard=heard))]


STEPS = """
rules:
  - says: "open|close"
    delay_ms: 250
    rate: 2
    answer:
      - Let me see.
      - pause_ms: 100
      - call: opening_hours
        arguments: {day: Sunday}
        call_id: call_mine
  - text: weather!
    answer: {call: get_weather, arguments: "{broken"}
  - after: any
    answer: "We are {output} on Sundays, {fields[why]}."
    times: 1
  - by: speech
    answer: {clip: agent_hello}
  - turn: 1
    says: quota
    answer: {fail: insufficient_quota, message: Pay first.}
  - says: filter
    answer: [{write: Well}, {rate: 1}, {incomplete: content_filter}]
  - says: bye
    answer: {hang_up: 1013, reason: Enough.}
otherwise: Pardon?
"""


async def test_every_kind_of_step(tmp_path: Path) -> None:
    path = written(tmp_path, STEPS)
    said = [str(output) for output in await answered(path, user("When do you OPEN?"))]
    assert [text.partition("(")[0] for text in said] == ["Pause", "Pace", "Reply", "Pause", "CallTool"]
    assert "Sunday" in said[-1]
    assert "call_mine" in said[-1]
    assert await answered(path, user(" Weather! ")) == [CallTool(name="get_weather", arguments="{broken")]
    (reply,) = await answered(path, user("?"), CALL, output('{"why": "sadly"}'))
    assert reply.text == 'We are {"why": "sadly"} on Sundays, sadly.'  # type: ignore[union-attr]
    (failed,) = await answered(path, user("quota"))
    assert (failed.code, failed.message) == ("insufficient_quota", "Pay first.")  # type: ignore[union-attr]
    well, _, cut = await answered(path, user("filter"))
    assert (well, cut.status, cut.reason) == (Write(text="Well"), "incomplete", "content_filter")  # type: ignore[union-attr]
    (over,) = await answered(path, user("bye"))
    assert (over.code, over.reason) == (1013, "Enough.")  # type: ignore[union-attr]
    assert [str(o) for o in await answered(path, user("?"))] == [str(o) for o in await answered(path, user("!"))]


async def test_speech_of_any_words(tmp_path: Path) -> None:
    item, heard = spoken("a")
    (say,) = await answered(written(tmp_path, STEPS), item, modality="audio", heard=(heard,))
    assert isinstance(say, Say)
    assert say.audio == library().audio("agent_hello")


async def test_over_a_socket_with_the_words_of_known_speech(tmp_path: Path) -> None:
    script = "rules:\n- says: weather like\n  answer:\n  - It is sunny.\n  - hang_up: 4001\n    reason: done\n"
    async with Emulator(f"script={written(tmp_path, script)}") as server, calling(server) as caller:
        await caller.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await caller.speak(library().audio("caller_weather") + bytes(48_000))
        text = ""
        while "sunny" not in text:
            text += (await caller.until("response.output_audio_transcript.delta"))["delta"]
        assert await caller.closed() == (4001, "done")


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("rules: [", 1, "no YAML"),
        ("rules:\n- says: a\n  anser: b", 3, "did you mean 'answer'?"),
        ("rulez: []", 1, "did you mean 'rules'?"),
        ("zzz: 1", 1, "there are: rules, otherwise, faults, mcp"),
        ("- a", 1, "for example"),
        ("rules: 3", 1, "must be a list"),
        ("rules:\n- hello", 2, "must be a mapping"),
        ("rules:\n- says: a", 2, "needs an answer"),
        ("rules:\n- says: '('\n  answer: b", 2, "regular expression"),
        ("rules:\n- says: yes\n  answer: b", 2, "in quotes: says: 'True'"),
        ("rules:\n- by: mail\n  answer: b", 2, "speech, writing"),
        ("rules:\n- turn: 0\n  answer: b", 2, "whole number, 1 or more"),
        ("rules:\n- delay_ms: soon\n  answer: b", 2, "must be a number"),
        ("rules:\n- says: a\n  says: b\n  answer: c", 3, "twice"),
        ("rules:\n- answer:\n  - say: a\n    call: b", 3, "exactly one of"),
        ("rules:\n- answer:\n  - pause_ms: 1\n    arguments: {}", 4, "does not belong to 'pause_ms'"),
        ("rules:\n- answer: {clip: agent_nobody}", 2, "agent_hello"),
        ("rules:\n- answer: 'Hello {name}'", 2, "{words}, {output}"),
        ("rules:\n- answer: 'Hello {'", 2, "braces that are meant"),
        ("rules:\n- answer: {hang_up: 12}", 2, "1000 or more"),
        ("rules:\n- answer: {hang_up: 1006}", 2, "may be sent"),
        ("faults: {latency: 4}", 1, "did you mean 'latency_ms'?"),
        ("faults: {latency_ms: -4}", 1, "must not be negative, nor without end"),
        ("faults: {close_after: 1.5}", 1, "whole number"),
        ("faults: {connections: [1]}", 1, "must be a mapping"),
        ("rules:\n- answer: {call_mcp: a}", 2, "server: weather"),
        ("mcp: [a]", 1, "from labels to tools"),
        ("mcp: {weather: 1}", 1, "must be a list"),
        ("mcp:\n  weather:\n  - output: a", 3, "needs a name"),
        ("mcp:\n  weather:\n  - name: a\n    input_schema: 1", 4, "JSON schema"),
        ("faults:\n  connections:\n    first: {lose: 1}", 3, "'first' is no number"),
    ],
)
def test_errors_name_file_line_and_remedy(tmp_path: Path, text: str, where: int, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidArgument) as raised:
        read_script(path)
    assert str(raised.value).startswith(f"{path}:{where}: ")
    assert says in str(raised.value)


async def test_an_empty_script_answers_too(tmp_path: Path) -> None:
    assert [str(said) for said in await answered(written(tmp_path, ""), user("a"))] != []


def test_faults_by_connection(tmp_path: Path) -> None:
    path = written(tmp_path, "faults:\n  seed: 3\n  connections:\n    2: {close_code: 1011, close_after: 1}\n")
    faults = read_script(path).faults
    assert callable(faults)
    assert faults(1) == Faults(seed=3)
    assert faults(2) == Faults(seed=3, close_code=1011, close_after=1)
    assert read_script(written(tmp_path, "faults: {lose: 1}")).faults == Faults(lose=1)
    assert read_script(written(tmp_path, "")).faults is None


async def test_mcp_servers_on_paper(tmp_path: Path) -> None:
    script = """
rules:
- answer: {call_mcp: get_weather, server: weather, arguments: {city: Lisbon}}
mcp:
  weather:
  - {name: get_weather, description: Tells it., input_schema: {type: object}, output: 21 degrees}
  - {name: set_weather, error: Nobody can.}
"""
    tool = {"type": "mcp", "server_label": "weather", "require_approval": "never", "connector_id": "connector_x"}
    async with Emulator(f"script={written(tmp_path, script)}") as server, calling(server) as caller:
        await caller.update(tools=[tool])
        listed = await caller.until("conversation.item.done")
        assert [info["name"] for info in listed["item"]["tools"]] == ["get_weather", "set_weather"]
        assert listed["item"]["tools"][0]["input_schema"] == {"type": "object"}
        await caller.send("response.create")
        await caller.until("response.mcp_call.completed")
        assert (await caller.until("conversation.item.done"))["item"]["output"] == "21 degrees"


# --- Python --------------------------------------------------------------------------------------------------------

PYTHON = """
from realtime_transport.conversation.brain import Reply
from realtime_transport.conversation.brains import Echo, when
from realtime_transport.emulator.faults import Faults
faults = Faults(seed=5)
"""


async def test_a_python_file_with_rules(tmp_path: Path) -> None:
    path = written(tmp_path, PYTHON + "rules = [when('hello', 'Hi!')]\notherwise = 'What?'\n", "script.py")
    acts = behaviour(f"script={path}")
    assert isinstance(acts.brain(), Spoken)
    assert acts.faults == Faults(seed=5)
    assert "Hi!" in str(await answered(path, user("Hello?")))
    assert "What?" in str(await answered(path, user("?")))


def test_a_python_file_with_a_brain(tmp_path: Path) -> None:
    for brain in ("Echo", "Echo()", "lambda: Echo()"):
        made = read_script(written(tmp_path, PYTHON + f"brain = {brain}", "script.py")).brain()
        assert type(made).__name__ == Echo.__name__


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [("\n\n1 / 0", 3, "ZeroDivisionError"), ("\nif", 2, "SyntaxError"), ("a = 1", 1, "defines 'brain' or")],
)
def test_errors_of_python_files(tmp_path: Path, text: str, where: int, says: str) -> None:
    path = written(tmp_path, text, "script.py")
    with pytest.raises(InvalidArgument) as raised:
        read_script(path)
    assert str(raised.value).startswith(f"{path}:{where}: ")
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["nowhere.yaml", "nowhere.py"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="nowhere"):
        read_script(tmp_path / name)


# --- the example -----------------------------------------------------------------------------------------------------

EXAMPLE = Path(__file__).parents[2] / "examples" / "opening_hours.yaml"


async def test_the_example_does_what_it_says() -> None:
    opening_hours = {"type": "function", "name": "opening_hours"}
    weather = {"type": "mcp", "server_label": "weather", "connector_id": "connector_x", "require_approval": "never"}
    async with Emulator(f"script={EXAMPLE}", pace=None) as server, calling(server) as caller:
        await caller.update(output_modalities=["text"], tools=[opening_hours, weather])
        await caller.until("mcp_list_tools.completed")

        async def told(words: str) -> str:
            await caller.write(words)
            await caller.send("response.create")
            await caller.until("response.done")
            return "".join(frame["text"] for frame in caller.frames if frame["type"] == "response.output_text.done")

        await told("When are you open?")
        call = next(frame for frame in caller.frames if frame["type"] == "response.function_call_arguments.done")
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"opens": "ten"}'}
        await caller.send("conversation.item.create", item=item)
        assert (await told(""))[-31:].endswith("We open at ten on Sundays.")
        await told("How is the weather?")
        await caller.until("response.mcp_call.completed")
        assert "The forecast says: sunny, twenty two degrees" in await told("")
        assert "You said: Who are you?" in await told("Who are you?")
        for words, status in (("The filter!", "incomplete"), ("My quota!", "failed")):
            await told(words)
            assert caller.frames[-1]["response"]["status"] == status
        await caller.write("hang up")
        await caller.send("response.create")
        assert await caller.closed() == (1013, "Try again later.")
