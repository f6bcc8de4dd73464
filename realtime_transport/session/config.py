"""What the server is configured with: session and agent settings, merged once, in one order.

From the ground up, the later one winning field by field, however deep:

1. the server's own defaults: what nobody names is not sent;
2. ``RealtimeSession(config=...)``: how this call sounds and listens, whoever speaks;
3. the agent: instructions, prompt, voice, and its tools and handoffs after those of the session;
4. what the session needs for its own work: with input guardrails the server must not answer by itself.

The same function serves connecting, ``update_agent`` and handoffs; the transport sends only what changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from realtime_transport.conversation.session_config import merge
from realtime_transport.events import (
    UNSET,
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    FunctionTool,
    Maybe,
    McpTool,
    RealtimeSessionConfig,
    SemanticVad,
    ServerVad,
    TurnDetection,
)
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.agent import RealtimeAgent, is_enabled, refuse_duplicates
from realtime_transport.session.context import RunContext
from realtime_transport.session.handoffs import Handoff
from realtime_transport.session.tools import LocalTool


@attrs.frozen(kw_only=True)
class Prepared:
    """An agent ready to speak: what to configure, and what its calls resolve to."""

    agent: RealtimeAgent[Any]
    config: RealtimeSessionConfig
    callables: Mapping[str, LocalTool | Handoff]
    """By the name that the model uses. A response keeps the one it began with."""


async def prepare(
    agent: RealtimeAgent[Any],
    context: RunContext[Any],
    *,
    ground: RealtimeSessionConfig,
    local_tools: tuple[LocalTool, ...] = (),
    gated: bool = False,
) -> Prepared:
    """Ask ``agent`` for everything it brings, without changing anything yet.

    :param ground: the session's own config.
    :param local_tools: tools found on the agent's MCP servers.
    :param gated: input guardrails decide when a response is asked for.
    :raises InvalidArgument: for two tools of one name, and for a gate that has no transcript to read.
    """
    offered = [tool for tool in (*agent.local_tools, *local_tools) if await is_enabled(tool.enabled, context)]
    ways_out = [way for way in agent.ways_out() if await is_enabled(way.enabled, context)]
    callables: list[LocalTool | Handoff] = [*offered, *ways_out]
    refuse_duplicates(callables, f"agent {agent.name!r}")
    instructions = await agent.render_instructions(context)
    over = RealtimeSessionConfig(
        instructions=UNSET if instructions is None else instructions,
        prompt=agent.prompt,
        audio=AudioConfig(output=AudioOutputConfig(voice=agent.voice)) if agent.voice else UNSET,
        tools=(
            *_hosted(ground),
            *agent.hosted_tools,
            *(tool.definition() for tool in offered),
            *(way.definition() for way in ways_out),
        ),
    )
    config = merge(ground, over)
    return Prepared(
        agent=agent,
        config=_gate(config) if gated else config,
        callables={each.name: each for each in callables},
    )


def voice_of(config: RealtimeSessionConfig) -> object:
    """Return the configured voice, UNSET where there is none."""
    return config.audio.output.voice if config.audio and config.audio.output else UNSET


def without_voice(config: RealtimeSessionConfig) -> RealtimeSessionConfig:
    """Leave the voice as it is on the server: it cannot change once the session has produced audio."""
    if not config.audio or not config.audio.output:
        return config
    output = attrs.evolve(config.audio.output, voice=UNSET)
    return attrs.evolve(config, audio=attrs.evolve(config.audio, output=output))


def replacing(config: RealtimeSessionConfig, previous: RealtimeSessionConfig) -> RealtimeSessionConfig:
    """Take back what ``previous`` had set and ``config`` does not mention: one agent's words must not outlive it."""
    taken_back: dict[str, Any] = {}
    if config.instructions is UNSET and previous.instructions:
        taken_back["instructions"] = ""
    if config.prompt is UNSET and previous.prompt:
        taken_back["prompt"] = None
    before, now = _detection(previous), _detection(config)
    if isinstance(before, ServerVad | SemanticVad) and before.create_response is False:
        answering = now.create_response if isinstance(now, ServerVad | SemanticVad) else UNSET
        if now is UNSET or (now and answering is UNSET):  # a gate is gone: the server answers again
            opened = attrs.evolve(now if isinstance(now, type(before)) else before, create_response=True)
            audio = AudioConfig(input=AudioInputConfig(turn_detection=opened))
            taken_back["audio"] = merge(config.audio or AudioConfig(), audio)
    return attrs.evolve(config, **taken_back)


def _detection(config: RealtimeSessionConfig) -> Maybe[TurnDetection]:
    return config.audio.input.turn_detection if config.audio and config.audio.input else UNSET


def _hosted(ground: RealtimeSessionConfig) -> tuple[McpTool, ...]:
    for tool in ground.tools or ():
        if isinstance(tool, FunctionTool):
            raise InvalidArgument(
                f"{tool.name!r} has no function to run: give it to the agent as a function_tool", path="config.tools"
            )
    return cast("tuple[McpTool, ...]", ground.tools or ())


def _gate(config: RealtimeSessionConfig) -> RealtimeSessionConfig:
    """Keep the server from answering by itself, so that the session can look at the words first."""
    listening = (config.audio or AudioConfig()).input or AudioInputConfig()
    if not listening.transcription:
        raise InvalidArgument("input guardrails read the transcript: configure one", path="audio.input.transcription")
    detection = ServerVad() if listening.turn_detection is UNSET else listening.turn_detection
    if isinstance(detection, ServerVad | SemanticVad):
        detection = attrs.evolve(detection, create_response=False)
    gated = AudioConfig(input=attrs.evolve(listening, turn_detection=detection))
    return attrs.evolve(config, audio=merge(config.audio or AudioConfig(), gated))
