"""The chat brain against a real HTTP server: words, calls, interruptions, and everything an endpoint gets wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from realtime_transport.conversation.brain import CallTool, GenerationRequest, Output, Say, Stop, Write
from realtime_transport.emulator import ChatBrain, Emulator
from realtime_transport.emulator import chat as chat_module
from realtime_transport.emulator.chat import body
from realtime_transport.events import FunctionTool, McpListToolsItem, RealtimeSessionConfig, ToolChoiceFunction
from realtime_transport.exceptions import InsecureTransportError, InvalidArgument, MissingExtra
from tests.conversation.test_brain import CALL, assistant, output, request, spoken, user
from tests.emulator.calling import calling

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Endpoint:
    """One chat endpoint: keeps what it was asked, answers as it is told."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heads: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.broken_off = asyncio.Event()
        self.url = ""
        self.serving: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        current = asyncio.current_task()
        assert current is not None
        self.serving.append(current)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        self.asked.append(json.loads(await reader.readexactly(length)))
        gone = asyncio.ensure_future(reader.read())
        try:
            await self.script(writer)
            await gone
            self.broken_off.set()
        finally:
            gone.cancel()
            writer.close()


@asynccontextmanager
async def endpoint(script: Script) -> AsyncIterator[Endpoint]:
    kept = Endpoint(script)
    server = await asyncio.start_server(kept.serve, "127.0.0.1", 0)
    kept.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield kept
    async with asyncio.timeout(5):
        await asyncio.gather(*kept.serving)


def streamed(*choices: dict[str, Any], end: bool = True) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: hello\n\n")
        for choice in choices:
            writer.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        if end:
            writer.write(b'data: {"choices": []}\n\ndata: [DONE]\n\n')
            writer.write_eof()
        await writer.drain()

    return script


def raw(answer: bytes) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.write_eof()
        await writer.drain()

    return script


def words(*texts: str) -> list[dict[str, Any]]:
    return [{"delta": {"content": text}} for text in texts]


async def voice(text: str) -> bytes:
    return text.encode()


async def answers(url: str, asked: GenerationRequest, **options: Any) -> list[Output]:
    return [output async for output in ChatBrain(url, voice=voice, **options).answer(asked)]


async def test_words_become_speech_sentence_by_sentence() -> None:
    async with endpoint(streamed(*words("Hel", "lo there. How", " are you"))) as chat:
        assert await answers(chat.url, request(user("Hi"), modality="audio"), key="k", model="m") == [
            Say(transcript="Hello there. ", audio=b"Hello there. "),
            Say(transcript="How are you", audio=b"How are you"),
        ]
    assert chat.asked[0]["model"] == "m"
    assert chat.heads[0].startswith("POST /v1/chat/completions ")
    assert "authorization: bearer k" in chat.heads[0].lower()


async def test_words_stay_words_in_a_text_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAT_API_KEY", raising=False)
    async with endpoint(streamed(*words("Hel", "", "lo. "))) as chat:
        told = await answers(f"{chat.url}/chat/completions", request(user("Hi"), modality="text"))
    assert told == [Write(text="Hel"), Write(text="lo. ")]
    assert "authorization" not in chat.heads[0].lower()


async def test_calls_come_in_pieces() -> None:
    pieces = [
        {"delta": {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "a", "arguments": '{"x"'}}]}},
        {"delta": {"tool_calls": [{"index": 1, "id": "c" * 40, "function": {"name": "b"}}]}},
        {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}, "finish_reason": "tool_calls"},
    ]
    async with endpoint(streamed(*pieces)) as chat:
        assert await answers(chat.url, request(user("Hi"), modality="audio")) == [
            CallTool(name="a", arguments='{"x": 1}', call_id="call_1"),
            CallTool(name="b", arguments="{}", call_id="c" * 32),
        ]


@pytest.mark.parametrize(("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
async def test_an_answer_that_was_cut_short(reason: str, told: str) -> None:
    async with endpoint(streamed(*words("a"), {"delta": {}, "finish_reason": reason})) as chat:
        (*_, stop) = await answers(chat.url, request(user("Hi"), modality="text"))
        assert stop == Stop(status="incomplete", reason=told)


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (b"HTTP/1.1 429 Slow\r\ncontent-length: 4\r\n\r\nlate", "rate_limit_exceeded", "429: late"),
        (b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 9999, "model_refused", "500: xxx"),
        (b"HTTP/1.1 404 No\r\ncontent-length: 9\r\n\r\nno model!", "model_refused", "404: no model!"),
        (b"HTTP/1.1 200 OK\r\n\r\ndata: {no json\n\n", "model_unreachable", ""),
        (b"HTTP/1.1 200 OK\r\n\r\ndata: 12\n\n", "model_unreachable", ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\ndata: ", "model_unreachable", ""),
        (b"nonsense\r\n\r\n", "model_unreachable", ""),
    ],
)
async def test_an_endpoint_that_fails_fails_the_response(answer: bytes, code: str, says: str) -> None:
    async with endpoint(raw(answer)) as chat:
        (stop,) = await answers(chat.url, request(user("Hi"), modality="text"))
    assert isinstance(stop, Stop)
    assert stop.code == code
    assert says in stop.message


async def test_nobody_there() -> None:
    (stop,) = await answers("http://127.0.0.1:1/v1", request(user("Hi")))
    assert isinstance(stop, Stop)
    assert stop.code == "model_unreachable"


async def test_a_model_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_module, "SILENCE_SECONDS", 0.05)
    async with endpoint(streamed(end=False)) as chat:
        (stop,) = await answers(chat.url, request(user("Hi")))
    assert isinstance(stop, Stop)
    assert stop.code == "model_timeout"


async def test_a_model_that_never_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_module, "MAX_ANSWER_CHARACTERS", 40)
    async with endpoint(streamed(*words("0123456789", "0123456789", "x", "y"), end=False)) as chat:
        told = await answers(chat.url, request(user("Hi"), modality="text"))
    assert told == [Write(text="0123456789"), Write(text="0123456789")]


async def test_a_line_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_module, "MAX_LINE_BYTES", 40)
    async with endpoint(streamed(*words("x" * 60))) as chat:
        (stop,) = await answers(chat.url, request(user("Hi"), modality="text"))
    assert isinstance(stop, Stop)
    assert "too long" in stop.message


def test_wrong_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match="11434"):
        ChatBrain("localhost:11434")
    with pytest.raises(InsecureTransportError, match="clear text"):
        ChatBrain("http://example.com/v1", key="k")
    ChatBrain("http://localhost/v1", key="k")
    ChatBrain("https://example.com/v1", key="k")
    monkeypatch.setattr(chat_module, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="http"):
        ChatBrain("http://localhost/v1")


# --- the request ---------------------------------------------------------------------------------------------------


def test_a_conversation_as_chat_completions_have_it() -> None:
    item, heard = spoken("a")
    items = (user("Hi"), item, assistant("Hello."), CALL, CALL, output("21"))
    asked = body(request(*items, heard=(attrs.evolve(heard, words="What?"),)), "m")
    call = {"id": CALL.call_id, "type": "function", "function": {"name": CALL.name, "arguments": CALL.arguments}}
    assert asked == {
        "model": "m",
        "stream": True,
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "user", "content": "What?"},
            {"role": "assistant", "content": "Hello."},
            {"role": "assistant", "content": None, "tool_calls": [call, call]},
            {"role": "tool", "tool_call_id": CALL.call_id, "content": "21"},
        ],
    }
    unsaid = (assistant(""), McpListToolsItem(id="mcpl_1", server_label="w"))
    assert body(request(*unsaid), "m")["messages"] == []
    assert "understood" in body(request(item), "m")["messages"][0]["content"]


def test_the_session_of_a_request() -> None:
    tool = FunctionTool(name="f", description="Does.", parameters={"type": "object"})

    def asked(**session: Any) -> dict[str, Any]:
        return body(attrs.evolve(request(), session=RealtimeSessionConfig(**session)), "m")

    told = asked(
        instructions="Be brief.", tools=(tool, FunctionTool(name="g")), tool_choice="auto", max_output_tokens=7
    )
    assert told["messages"] == [{"role": "system", "content": "Be brief."}]
    assert told["tools"][0]["function"] == {"name": "f", "description": "Does.", "parameters": {"type": "object"}}
    assert told["tools"][1]["function"] == {"name": "g", "parameters": {"type": "object"}}
    assert (told["tool_choice"], told["max_tokens"]) == ("auto", 7)
    chosen = asked(tools=(tool,), tool_choice=ToolChoiceFunction(name="f"), max_output_tokens="inf")
    assert chosen["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert "max_tokens" not in chosen
    assert "tool_choice" not in asked(tools=(tool,))


# --- behind the emulator -------------------------------------------------------------------------------------------


async def test_a_cancelled_response_breaks_the_request_off() -> None:
    async with (
        endpoint(streamed(*words("One. ", "Two. "), end=False)) as chat,
        Emulator(ChatBrain(chat.url, voice=voice)) as server,
        calling(server) as caller,
    ):
        await caller.write("Count!")
        await caller.send("response.create")
        await caller.until("response.output_audio_transcript.delta")
        await caller.send("response.cancel")
        done = await caller.until("response.done")
        assert done["response"]["status"] == "cancelled"
        async with asyncio.timeout(5):
            await chat.broken_off.wait()
