"""What answers: the interface between a server's conversation and whatever makes the words.

A brain is given a ``GenerationRequest`` and says what to answer as a series of outputs. Timing is data (``Pause``): a
brain never sleeps. Brains here are pure; those that wait for a process or a network belong to the emulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, Protocol, TypeAlias

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    InputTextPart,
    Item,
    McpApprovalRequestItem,
    McpCallItem,
    McpError,
    McpListToolsItem,
    McpToolInfo,
    UserMessageItem,
)
from realtime_transport.events.objects import size_only
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.session import RealtimeSessionConfig
from realtime_transport.exceptions import ServerError

# --- what a brain says -------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Say:
    """Speak. Several in a row are one message; ``audio`` may be empty where only words are known."""

    transcript: str
    audio: bytes = attrs.field(default=b"", repr=size_only)
    format: AudioFormat = PCM16_24K
    """Of ``audio``; it is converted to what the session asks for."""
    phase: Maybe[Literal["commentary", "final_answer"] | str] = UNSET
    """Reasoning models mark talk on the way to a tool call. Given with the first output of a message."""


@attrs.frozen(kw_only=True)
class Write:
    """Write. Several in a row are one message. In an audio response it is a transcript without sound."""

    text: str
    phase: Maybe[Literal["commentary", "final_answer"] | str] = UNSET


@attrs.frozen(kw_only=True)
class Reply:
    """Speak where the response has audio, write where it has text: what most brains want to say."""

    text: str
    phase: Maybe[Literal["commentary", "final_answer"] | str] = UNSET


@attrs.frozen(kw_only=True)
class CallTool:
    """Call a function of the client."""

    name: str
    arguments: str = "{}"
    """JSON text; sent as it is, so that a broken call can be tested."""
    call_id: str | None = None
    """Made by the server unless given."""


@attrs.frozen(kw_only=True)
class CallMcp:
    """Call a tool of one of the session's MCP servers; where the session wants that, the client is asked first."""

    server_label: str
    name: str
    arguments: str = "{}"
    """JSON text."""


@attrs.frozen(kw_only=True)
class Pause:
    """Think for a while."""

    ms: float


@attrs.frozen(kw_only=True)
class Stop:
    """End the response early, and not well. What follows is not said."""

    status: Literal["failed", "incomplete"] = "failed"
    reason: str = "max_output_tokens"
    """Of an incomplete one: ``max_output_tokens`` or ``content_filter``."""
    error_type: str = "server_error"
    code: str = "server_error"
    """Of a failed one: ``rate_limit_exceeded``, ``insufficient_quota``, ..."""
    message: str = "The model failed to answer."


@attrs.frozen(kw_only=True)
class Pace:
    """Speak and write so many times faster than real time from here on, in this response."""

    times: float
    """8 is what a live service does, 1 keeps the client waiting for every word."""


@attrs.frozen(kw_only=True)
class HangUp:
    """Close the connection in the middle of whatever is being said."""

    code: int = 1011
    reason: str = ""


Output: TypeAlias = Say | Write | Reply | CallTool | CallMcp | Pause | Pace | HangUp | Stop

# --- what a brain is asked ---------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Heard:
    """Something the caller said aloud."""

    item_id: str
    audio: bytes = attrs.field(repr=size_only)
    """PCM16, 24 kHz, mono."""
    words: str
    """What it says, as far as the server's transcriber knows; empty when it does not."""


@attrs.frozen(kw_only=True)
class GenerationRequest:
    """One response to be made."""

    response_id: str
    turn: int
    """1 for the first response of the conversation; 0 for one outside it."""
    modality: Literal["audio", "text"]
    session: RealtimeSessionConfig
    """In force, with the overrides of this response laid over it where a session has such a field."""
    options: ResponseOptions
    """What ``response.create`` asked for; empty for a response that turn detection began."""
    items: tuple[Item, ...]
    """The context: the conversation so far, or the ``input`` of an out-of-band response."""
    heard: tuple[Heard, ...] = ()
    """The caller's speech in ``items``, in order."""

    @property
    def news(self) -> tuple[Item, ...]:
        """What came after the last thing the model said or called."""
        for index in range(len(self.items) - 1, -1, -1):
            if _is_the_models(self.items[index]):
                return self.items[index + 1 :]
        return self.items

    @property
    def words(self) -> str:
        """What the caller said or wrote since then."""
        spoken = {heard.item_id: heard.words for heard in self.heard}
        said: list[str] = []
        for item in self.news:
            if isinstance(item, UserMessageItem):
                said += [part.text or "" for part in item.content if isinstance(part, InputTextPart)]
                if any(isinstance(part, InputAudioPart) for part in item.content):
                    said.append(spoken.get(item.id or "", ""))
        return " ".join(words for words in said if words)

    @property
    def speech(self) -> bytes:
        """What the caller said aloud since then: PCM16, 24 kHz, mono."""
        new = {item.id for item in self.news if isinstance(item, UserMessageItem)}
        return b"".join(heard.audio for heard in self.heard if heard.item_id in new)

    @property
    def tool_outputs(self) -> tuple[tuple[str, str], ...]:
        """Name and output of the calls, of functions and of MCP tools, that were answered since then."""
        names = {item.call_id: item.name for item in self.items if isinstance(item, FunctionCallItem)}
        found: list[tuple[str, str]] = []
        for item in self.news:
            if isinstance(item, FunctionCallOutputItem):
                found.append((names.get(item.call_id, ""), item.output))
            elif isinstance(item, McpCallItem):
                failure = item.error.message if isinstance(item.error, McpError) else item.error
                found.append((item.name, item.output or failure or ""))
        return tuple(found)

    @property
    def mcp_tools(self) -> tuple[tuple[str, McpToolInfo], ...]:
        """The tools that may be called of MCP servers: label of the server, and the tool."""
        listed = {item.server_label: item.tools for item in self.items if isinstance(item, McpListToolsItem)}
        return tuple((label, tool) for label, tools in listed.items() for tool in tools)


def _is_the_models(item: Item) -> bool:
    """Tell whether the model said or asked this; an MCP call that has run is news to it."""
    if isinstance(item, McpCallItem):
        return not item.output and not item.error
    return isinstance(item, AssistantMessageItem | FunctionCallItem | McpApprovalRequestItem)


class Brain(Protocol):
    """Makes answers. Pure: the same requests in the same order get the same outputs."""

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        """Say what to answer. Outputs are taken one by one, each when the one before has been sent."""
        ...


class Transcriber(Protocol):
    """Knows the words of speech."""

    def transcribe(self, audio: bytes) -> str:
        """Return the words of ``audio`` (PCM16, 24 kHz, mono), empty when they are not known.

        May raise ``ServerError``: its code is what the client is told of the failure.
        """
        ...


class DeafTranscriber:
    """Understands nothing: what a server is without anything that recognises speech."""

    def transcribe(self, audio: bytes) -> str:
        """Return no words."""
        del audio
        return ""


def words_in(audio: bytes, transcriber: Transcriber) -> str:
    """Return the words of ``audio``; none where transcribing fails, for whoever has nobody to tell of it."""
    try:
        return transcriber.transcribe(audio)
    except ServerError:
        return ""


Voice: TypeAlias = Callable[[str], bytes]
"""Words -> speech: PCM16, 24 kHz, mono."""
