"""Brains of the emulator: one that answers anything, and the ones that have to wait for something."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, cast

from realtime_transport.conversation.brain import Brain, CallMcp, CallTool, GenerationRequest, Output, Reply, Say
from realtime_transport.emulator.clips import SpeechLibrary, library
from realtime_transport.emulator.voices import AsyncVoice, EspeakVoice
from realtime_transport.events.base import UNSET
from realtime_transport.events.items import McpApprovalResponseItem, McpToolInfo
from realtime_transport.events.tools import FunctionTool, ToolChoiceFunction, ToolChoiceMcp


class AsyncBrain(ABC):
    """Makes answers that have to be waited for. Subclass it to put a model of your own behind the emulator."""

    @abstractmethod
    def answer(self, request: GenerationRequest) -> AsyncIterator[Output]:
        """Say what to answer, output by output; write it as an ``async def`` with ``yield``.

        It is cancelled when the response is. An exception fails the response, never the session.
        """


# --- a brain that answers anything -------------------------------------------------------------------------------

_LONG: Final = (
    "There was once a lighthouse keeper who counted ships. Every evening she wrote down how many had passed, and every "
    "morning she read the number aloud to the gulls. One winter no ship came for forty days. She counted the waves "
    "instead, then the stars, and then the days themselves, until she had written a book. When spring came the first "
    "captain asked what the book was about. It is about waiting, she said, and it has a happy end."
)
"""Half a minute of speech: long enough to be interrupted."""

_WANTS_LENGTH: Final = re.compile(r"\b(story|long|count|everything|poem)\b", re.IGNORECASE)
_NOT_SAID: Final = frozenset({"get", "set", "find", "look", "lookup", "fetch", "make", "tool", "function", "the", "up"})
"""Words in the names of functions that say nothing about what they are for."""


class Improviser:
    """Answer anything: repeat what was understood, call the function that was asked for, tell a story on demand.

    A function or a tool of an MCP server is called when the caller uses a word of its name (``get_weather`` for "what
    is the weather"), or when ``tool_choice`` says so; its arguments are made up from its schema. When its output comes,
    that is read out.
    """

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        """Answer one request."""
        if request.tool_outputs:
            return [Reply(text=f"{name} says: {output}") for name, output in request.tool_outputs]
        tool = _asked_for(request)
        if tool is not None:
            return [CallTool(name=tool.name, arguments=json.dumps(_made_up(tool.parameters or {})))]
        hosted = _asked_for_hosted(request)
        if hosted is not None:
            label, info = hosted
            return [
                CallMcp(server_label=label, name=info.name, arguments=json.dumps(_made_up(info.input_schema or {})))
            ]
        if any(isinstance(item, McpApprovalResponseItem) for item in request.news):
            return [Reply(text="All right, I will not.")]
        if _WANTS_LENGTH.search(request.words):
            return [Reply(text=_LONG)]
        if request.words:
            return [Reply(text=f"You said: {request.words}")]
        return [Reply(text="Sorry, could you say that again?" if request.speech else "Hello! How can I help you?")]


def _asked_for(request: GenerationRequest) -> FunctionTool | None:
    """Find the function that the caller's words, or the session, ask for."""
    tools = [tool for tool in request.session.tools or () if isinstance(tool, FunctionTool)]
    choice = request.session.tool_choice
    if isinstance(choice, ToolChoiceFunction):
        return next((tool for tool in tools if tool.name == choice.name), None)
    if choice == "none":
        return None
    words = _words(request.words)
    named = next((tool for tool in tools if words & (_words(tool.name) - _NOT_SAID)), None)
    return named or (tools[0] if tools and choice == "required" else None)


def _asked_for_hosted(request: GenerationRequest) -> tuple[str, McpToolInfo] | None:
    """Find the tool of an MCP server that the caller's words, or the session, ask for."""
    choice = request.session.tool_choice
    if choice == "none":
        return None
    words = _words(request.words)
    for label, info in request.mcp_tools:
        chosen = (
            isinstance(choice, ToolChoiceMcp)
            and choice.server_label == label
            and choice.name in {None, UNSET, info.name}
        )
        if chosen or words & (_words(info.name) - _NOT_SAID):
            return label, info
    return None


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.casefold()))


_EXAMPLES: Final[Mapping[str, Any]] = {"integer": 1, "number": 1.0, "boolean": True, "null": None}


def _made_up(schema: Mapping[str, Any]) -> Any:
    """Make a value that a JSON schema allows, as far as its simple words go: what is required, and no more."""
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return _made_up(cast("list[Mapping[str, Any]]", schema[word])[0])
    kind = schema.get("type", "object")
    if kind == "object":
        properties: Mapping[str, Any] = schema.get("properties", {})
        return {name: _made_up(properties.get(name, {"type": "string"})) for name in schema.get("required", properties)}
    if kind == "array":
        return [_made_up(schema.get("items", {"type": "string"}))]
    return _EXAMPLES.get(str(kind), "Lisbon")


# --- recorded speech ---------------------------------------------------------------------------------------------

_SAYS_NOTHING: Final = frozenset({"agent", "i", "you", "is", "it", "a", "an", "the", "in", "on", "of", "and", "with"})


class Recorded:
    """Answer with the recorded sentence that has most words in common with what the caller said.

    What is heard is what the transcript says, without any synthesiser. Functions are called as ``Improviser`` does.
    """

    def __init__(self, clips: SpeechLibrary | None = None) -> None:
        self._clips = clips or library()

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        """Answer one request."""
        if request.tool_outputs:
            return [self._say("agent_ok", request)]
        calls = [output for output in Improviser().answer(request) if isinstance(output, CallTool | CallMcp)]
        return calls or [self._say(self._fitting(request), request)]

    def _fitting(self, request: GenerationRequest) -> str:
        if not request.words:
            return "agent_fallback" if request.speech else "agent_hello"
        said = _words(request.words) - _SAYS_NOTHING
        known = [
            (len(said & _words(f"{clip.name.replace('_', ' ')} {clip.words}")), clip.name)
            for clip in self._clips.clips
            if clip.role == "agent"
        ]
        count, name = max(known, key=lambda found: found[0])
        return name if count else "agent_fallback"

    def _say(self, name: str, request: GenerationRequest) -> Output:
        words = self._clips.words(name)
        return (
            Say(transcript=words, audio=self._clips.audio(name)) if request.modality == "audio" else Reply(text=words)
        )


# --- speech ------------------------------------------------------------------------------------------------------


class Spoken(AsyncBrain):
    """Let another brain find the words, and speak them with a synthesiser."""

    def __init__(self, brain: Brain | None = None, voice: AsyncVoice | None = None) -> None:
        self._brain = brain or Improviser()
        self._voice = voice or EspeakVoice()

    async def answer(self, request: GenerationRequest) -> AsyncIterator[Output]:
        """Answer sentence by sentence, so that the first is heard while the next is being made."""
        for output in self._brain.answer(request):
            if not isinstance(output, Reply) or request.modality == "text":
                yield output
                continue
            for sentence in re.findall(r".+?[.?!]+(?:\s+|$)|.+$", output.text, re.DOTALL):
                yield Say(transcript=sentence, audio=await self._voice(sentence), phase=output.phase)
