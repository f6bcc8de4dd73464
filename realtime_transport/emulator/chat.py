"""A language model behind the emulator: any endpoint that speaks OpenAI's chat completions, streamed into speech.

The model hears words, not sound: what the transcriber knows of the caller's speech. Everything else a voice agent needs
of a model is there: tools, turns, interruptions, real latency.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import attrs
import msgspec

from realtime_transport.conversation.brain import CallTool, GenerationRequest, Output, Say, Stop, Write
from realtime_transport.emulator.access import is_loopback
from realtime_transport.emulator.brains import AsyncBrain
from realtime_transport.emulator.voices import AsyncVoice, EspeakVoice
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputTextPart,
    Item,
    OutputTextPart,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.events.tools import FunctionTool, ToolChoiceFunction
from realtime_transport.exceptions import InsecureTransportError, InvalidArgument, MissingExtra

if TYPE_CHECKING:
    import httpx2

MODEL: Final = "gpt-4o-mini"
KEY_VARIABLE: Final = "CHAT_API_KEY"
"""Where the key is looked for; not ``OPENAI_API_KEY``, which is not meant for whatever URL this is pointed at."""

CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 30.0
"""How long a model may say nothing, before its first word and between words: a local one loads from disk."""
MAX_ANSWER_CHARACTERS: Final = 20_000
"""What is taken of one answer: twenty minutes of speech. A model that never stops is stopped here."""
MAX_LINE_BYTES: Final = 1024 * 1024
"""Of one line of the stream; a chunk is some hundred bytes."""
_ERROR_BYTES: Final = 300
"""Of an error's body that are passed on."""

_SENTENCE: Final = re.compile(r".+?[.?!:;]+[\"')\]]*\s+|.+?\n+", re.DOTALL)
"""What can be spoken while the rest is being made."""
_UNHEARD: Final = "(something was said that could not be understood)"


class ChatBrain(AsyncBrain):
    """Answer with a chat model at ``url`` (``http://127.0.0.1:11434/v1``), word by word.

    ``key`` is sent as Bearer; without it, the environment variable ``CHAT_API_KEY``. ``voice`` speaks. When the caller
    interrupts, the request is broken off, so that the model stops too. A model that does not answer in time, or with an
    error, fails the response with what it said; the session lives.

    Raises ``InvalidArgument`` for what is no URL, ``InsecureTransportError`` for a key over plain HTTP to another
    machine, ``MissingExtra`` without the extra ``http``.
    """

    def __init__(
        self, url: str, *, model: str = MODEL, key: str | None = None, voice: AsyncVoice | None = None
    ) -> None:
        if find_spec("httpx2") is None:  # said here and not in the middle of the first conversation
            raise MissingExtra("httpx2", "http")
        self._key = key or os.environ.get(KEY_VARIABLE)
        self._url = _completions(url, with_key=self._key is not None)
        self._model = model
        self._voice = voice or EspeakVoice()

    async def answer(self, request: GenerationRequest) -> AsyncIterator[Output]:
        """Answer one request: speech sentence by sentence, text word by word, then the calls."""
        spoken = request.modality == "audio"
        pending, answer = "", _Answer()
        async with aclosing(self._deltas(request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Stop):
                    yield delta
                    return
                text = answer.take(delta)
                if not spoken and text:
                    yield Write(text=text)
                    continue
                pending += text
                while (sentence := _SENTENCE.match(pending)) is not None:
                    pending = pending[sentence.end() :]
                    yield Say(transcript=sentence.group(), audio=await self._voice(sentence.group()))
        if pending.strip():
            yield Say(transcript=pending, audio=await self._voice(pending))
        for call in answer.calls():
            yield call
        if answer.finish_reason in _CUT_SHORT:
            yield Stop(status="incomplete", reason=_CUT_SHORT[answer.finish_reason])

    async def _deltas(self, request: GenerationRequest) -> AsyncGenerator[Mapping[str, Any] | Stop]:
        """Ask, and hand over the choices of the stream, or the one thing that went wrong."""
        import httpx2

        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        patience = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        asked = body(request, self._model)
        try:
            async with (
                httpx2.AsyncClient(timeout=patience) as client,
                client.stream("POST", self._url, json=asked, headers=headers) as response,
            ):
                if response.status_code != 200:
                    yield await _refused(response)
                else:
                    async with aclosing(_choices(response)) as choices:
                        async for choice in choices:
                            yield choice
        except httpx2.TimeoutException:
            yield Stop(code="model_timeout", message=f"The chat model at {self._url} said nothing in time.")
        except (httpx2.HTTPError, ValueError) as error:
            yield Stop(code="model_unreachable", message=f"{type(error).__name__}: {error} ({self._url})")


_CUT_SHORT: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a chat model stops early -> how the Realtime protocol calls it."""


async def _choices(response: httpx2.Response) -> AsyncGenerator[Mapping[str, Any]]:
    """Read server-sent events; each holds one choice, as a rule."""
    taken = 0
    async with aclosing(cast("AsyncGenerator[str]", response.aiter_lines())) as lines:
        async for line in lines:
            if len(line) > MAX_LINE_BYTES:
                raise ValueError("a line of the stream is too long")
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or not data:
                continue
            if data == "[DONE]" or taken > MAX_ANSWER_CHARACTERS:
                return
            chunk = msgspec.json.decode(data, type=dict[str, Any])
            for choice in chunk.get("choices") or ():
                taken += len(str(choice.get("delta") or ""))
                yield choice


async def _refused(response: httpx2.Response) -> Stop:
    told = b""
    async with aclosing(response.aiter_bytes()) as pieces:
        async for piece in pieces:
            told += piece
            if len(told) > _ERROR_BYTES:
                break
    text = told[:_ERROR_BYTES].decode("utf-8", "replace")
    code = "rate_limit_exceeded" if response.status_code == 429 else "model_refused"
    return Stop(code=code, message=f"The chat model answered with status {response.status_code}: {text}")


@attrs.define
class _Answer:
    """What the model has said so far."""

    finish_reason: str = ""
    _calls: dict[int, list[str]] = attrs.field(factory=dict[int, list[str]])
    """Index -> id, name and arguments, the last of which come in pieces."""

    def take(self, choice: Mapping[str, Any]) -> str:
        """Take one choice of the stream; return its words."""
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        delta: Mapping[str, Any] = choice.get("delta") or {}
        for part in cast("list[Mapping[str, Any]]", delta.get("tool_calls") or []):
            function: Mapping[str, Any] = part.get("function") or {}
            call = self._calls.setdefault(part.get("index", len(self._calls)), ["", "", ""])
            call[0] = call[0] or str(part.get("id") or "")
            call[1] = call[1] or str(function.get("name") or "")
            call[2] += str(function.get("arguments") or "")
        return str(delta.get("content") or "")

    def calls(self) -> list[CallTool]:
        """Give the calls, whole."""
        return [
            CallTool(name=name, arguments=arguments or "{}", call_id=call_id[:32] or None)
            for call_id, name, arguments in self._calls.values()
        ]


# --- the request -------------------------------------------------------------------------------------------------


def body(request: GenerationRequest, model: str) -> dict[str, Any]:
    """Spell a request the way of chat completions."""
    session = request.session
    spoken = {heard.item_id: heard.words for heard in request.heard}
    messages: list[dict[str, Any]] = []
    if session.instructions:
        messages.append({"role": "system", "content": session.instructions})
    for item in request.items:
        _add(messages, item, spoken)
    asked: dict[str, Any] = {"model": model, "stream": True, "messages": messages}
    tools = [_tool(tool) for tool in session.tools or () if isinstance(tool, FunctionTool)]
    if tools:
        asked["tools"] = tools
        choice = session.tool_choice
        if isinstance(choice, ToolChoiceFunction):
            asked["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        elif isinstance(choice, str):
            asked["tool_choice"] = choice
    if isinstance(session.max_output_tokens, int):
        asked["max_tokens"] = session.max_output_tokens
    return asked


def _tool(tool: FunctionTool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters or {"type": "object"}}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _add(messages: list[dict[str, Any]], item: Item, spoken: Mapping[str, str]) -> None:
    """Add one item; calls of the same turn become one message, as chat completions want it."""
    if isinstance(item, SystemMessageItem | UserMessageItem | AssistantMessageItem):
        words = _written(item) or spoken.get(item.id or "", "") or (_UNHEARD if item.role == "user" else "")
        if words:
            messages.append({"role": item.role, "content": words})
    elif isinstance(item, FunctionCallItem):
        function = {"name": item.name, "arguments": item.arguments}
        call = {"id": item.call_id, "type": "function", "function": function}
        if not (messages and "tool_calls" in messages[-1]):
            messages.append({"role": "assistant", "content": None, "tool_calls": []})
        messages[-1]["tool_calls"].append(call)
    elif isinstance(item, FunctionCallOutputItem):
        messages.append({"role": "tool", "tool_call_id": item.call_id, "content": item.output})


def _written(item: SystemMessageItem | UserMessageItem | AssistantMessageItem) -> str:
    texts = (
        part.text if isinstance(part, InputTextPart | OutputTextPart) else getattr(part, "transcript", "")
        for part in item.content
    )
    return " ".join(text for text in texts if text)


def _completions(url: str, *, with_key: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidArgument(f"{url!r} is no URL of a chat endpoint; write http://127.0.0.1:11434/v1", path="chat")
    if with_key and parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InsecureTransportError(f"{KEY_VARIABLE} would travel in clear text to {parts.hostname}: use https://")
    path = url.rstrip("/")
    return path if path.endswith("/chat/completions") else f"{path}/chat/completions"
