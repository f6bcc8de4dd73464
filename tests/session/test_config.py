from typing import Any

import pytest

from realtime_transport.conversation.session_config import merge
from realtime_transport.events import (
    UNSET,
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    FunctionTool,
    InputTranscription,
    McpTool,
    Prompt,
    RealtimeSessionConfig,
    SemanticVad,
    ServerVad,
)
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.config import prepare, replacing, voice_of, without_voice
from realtime_transport.session.context import RunContext
from realtime_transport.session.handoffs import handoff
from realtime_transport.session.tools import LocalTool, function_tool


def tool(name: str, **options: Any) -> LocalTool:
    async def nothing() -> None: ...

    return function_tool(name=name, **options)(nothing)


async def test_the_order_is_session_then_agent(run_context: RunContext[Any]) -> None:
    ground = RealtimeSessionConfig(
        instructions="session",
        tools=(McpTool(server_label="wiki"),),
        audio=AudioConfig(output=AudioOutputConfig(voice="marin", speed=1.1)),
    )
    other: RealtimeAgent[Any] = RealtimeAgent(name="other")
    agent: RealtimeAgent[Any] = RealtimeAgent(
        name="a",
        instructions=lambda context: f"agent of {context.context}",
        voice="cedar",
        prompt=Prompt(id="p"),
        tools=[
            tool("one"),
            McpTool(server_label="docs"),
            tool("off", enabled=lambda context: context.context != "ann"),
        ],
        handoffs=[other, handoff(other, name="never", enabled=lambda context: context.context != "ann")],
    )
    prepared = await prepare(agent, run_context, ground=ground, local_tools=(tool("mcp_one"),))
    assert prepared.agent is agent
    assert prepared.config.instructions == "agent of ann"
    assert prepared.config.prompt == Prompt(id="p")
    assert prepared.config.audio == AudioConfig(output=AudioOutputConfig(voice="cedar", speed=1.1))
    names = [getattr(each, "name", getattr(each, "server_label", None)) for each in prepared.config.tools or ()]
    assert names == ["wiki", "docs", "one", "mcp_one", "transfer_to_other"]
    assert list(prepared.callables) == ["one", "mcp_one", "transfer_to_other"]


async def test_a_plain_agent_adds_nothing_and_takes_all_tools_away(run_context: RunContext[Any]) -> None:
    prepared = await prepare(RealtimeAgent(name="a"), run_context, ground=RealtimeSessionConfig(instructions="session"))
    assert prepared.config == RealtimeSessionConfig(instructions="session", tools=())
    assert prepared.callables == {}


async def test_names_must_be_unique_across_all_sources(run_context: RunContext[Any]) -> None:
    with pytest.raises(InvalidArgument, match="agent 'a' has more than one tool named one"):
        await prepare(
            RealtimeAgent(name="a", tools=[tool("one")]),
            run_context,
            ground=RealtimeSessionConfig(),
            local_tools=(tool("one"),),
        )


async def test_a_bare_function_in_the_session_config_is_refused(run_context: RunContext[Any]) -> None:
    ground = RealtimeSessionConfig(tools=(FunctionTool(name="f"),))
    with pytest.raises(InvalidArgument, match="'f' has no function") as caught:
        await prepare(RealtimeAgent(name="a"), run_context, ground=ground)
    assert caught.value.path == "config.tools"


def _listening(**options: Any) -> RealtimeSessionConfig:
    return RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(**options)))


@pytest.mark.parametrize(
    ("detection", "gated"),
    [
        (UNSET, ServerVad(create_response=False)),
        (ServerVad(threshold=0.4), ServerVad(threshold=0.4, create_response=False)),
        (SemanticVad(eagerness="low"), SemanticVad(eagerness="low", create_response=False)),
        (None, None),
    ],
)
async def test_a_gate_keeps_the_server_from_answering(run_context: RunContext[Any], detection: Any, gated: Any) -> None:
    listening = _listening(transcription=InputTranscription(model="whisper-1"), turn_detection=detection)
    ground = merge(listening, RealtimeSessionConfig(audio=AudioConfig(output=AudioOutputConfig(voice="cedar"))))
    prepared = await prepare(RealtimeAgent(name="a"), run_context, ground=ground, gated=True)
    assert prepared.config.audio
    assert prepared.config.audio.input
    assert prepared.config.audio.input.turn_detection == gated
    assert prepared.config.audio.input.transcription == InputTranscription(model="whisper-1")
    assert prepared.config.audio.output == AudioOutputConfig(voice="cedar")


@pytest.mark.parametrize("ground", [RealtimeSessionConfig(), _listening(transcription=None)])
async def test_a_gate_without_transcript_is_refused(
    run_context: RunContext[Any], ground: RealtimeSessionConfig
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await prepare(RealtimeAgent(name="a"), run_context, ground=ground, gated=True)
    assert caught.value.path == "audio.input.transcription"


def test_the_voice_can_be_read_and_left_out() -> None:
    spoken = RealtimeSessionConfig(audio=AudioConfig(output=AudioOutputConfig(voice="cedar", speed=1.1)))
    assert voice_of(spoken) == "cedar"
    assert without_voice(spoken).audio == AudioConfig(output=AudioOutputConfig(speed=1.1))
    for silent in (RealtimeSessionConfig(), RealtimeSessionConfig(audio=AudioConfig())):
        assert voice_of(silent) is UNSET
        assert without_voice(silent) is silent


def test_one_agents_words_do_not_outlive_it() -> None:
    previous = RealtimeSessionConfig(instructions="Sell!", prompt=Prompt(id="p"))
    assert replacing(RealtimeSessionConfig(), previous) == RealtimeSessionConfig(instructions="", prompt=None)
    kept = RealtimeSessionConfig(instructions="Help.", prompt=Prompt(id="q"))
    assert replacing(kept, previous) == kept
    assert replacing(RealtimeSessionConfig(), RealtimeSessionConfig()) == RealtimeSessionConfig()


GATED = RealtimeSessionConfig(
    audio=AudioConfig(input=AudioInputConfig(turn_detection=SemanticVad(eagerness="low", create_response=False)))
)


@pytest.mark.parametrize(
    ("detection", "sent"),
    [
        (UNSET, SemanticVad(eagerness="low", create_response=True)),
        (SemanticVad(eagerness="high"), SemanticVad(eagerness="high", create_response=True)),
        (SemanticVad(create_response=False), SemanticVad(create_response=False)),
        (ServerVad(create_response=True), ServerVad(create_response=True)),
        (None, None),
    ],
)
def test_without_a_gate_the_server_answers_again(detection: Any, sent: Any) -> None:
    audio = AudioConfig(input=AudioInputConfig(turn_detection=detection))
    for config in (RealtimeSessionConfig(audio=audio), *([RealtimeSessionConfig()] if detection is UNSET else [])):
        replaced = replacing(config, GATED)
        assert replaced.audio
        assert replaced.audio.input
        assert replaced.audio.input.turn_detection == sent


def test_where_nothing_was_gated_nothing_is_opened() -> None:
    assert replacing(RealtimeSessionConfig(), _listening(turn_detection=ServerVad())) == RealtimeSessionConfig()
    assert replacing(RealtimeSessionConfig(), _listening(turn_detection=None)) == RealtimeSessionConfig()
