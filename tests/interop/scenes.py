"""Conversations of our client with our server over a real socket: together they make the server say all it can say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from realtime_transport import SIPTransport, WebSocketTransport, record
from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import CallMcp, CallTool, Reply, Stop
from realtime_transport.conversation.brains import Script, when
from realtime_transport.conversation.mcp_script import ScriptedTool
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import ServerLimits, ServerTraits
from realtime_transport.emulator import Emulator, library
from realtime_transport.events.transport import RawEvent
from realtime_transport.exceptions import ServerError
from realtime_transport.http import RealtimeHTTP
from realtime_transport.transports import LoopbackTransport, TranslationTransport

Play: TypeAlias = Callable[[Path], Coroutine[Any, Any, None]]

SECONDS: Final = 20.0
QUIET: Final = PCM16_24K.silence(800)
TEXT: Final[dict[str, Any]] = {"output_modalities": ["text"]}
HEARING: Final[dict[str, Any]] = {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}
BY_HAND: Final[dict[str, Any]] = {"audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}}
WEATHER: Final[dict[str, Any]] = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
DESK: Final = {
    "desk": (
        ScriptedTool(name="find_order", description="Finds an order.", output='{"state": "sent"}'),
        ScriptedTool(name="lose_order", error="It is gone."),
    )
}


@asynccontextmanager
async def talking(
    folder: Path, session: dict[str, Any] | None = None, *, brain: Any = "improvise", **options: Any
) -> AsyncIterator[WebSocketTransport]:
    async with (
        Emulator(brain, **{"pace": None, **options}) as server,
        WebSocketTransport() as transport,
        record(transport, folder),
    ):
        await transport.connect(url=server.url, model="gpt-realtime", session=session)
        yield transport


async def speak(transport: WebSocketTransport | TranslationTransport, clip: str) -> None:
    audio = QUIET + library().audio(clip) + QUIET
    for at in range(0, len(audio), 9600):
        await transport.send_audio(audio[at : at + 9600])


async def ended(transport: WebSocketTransport, status: str = "completed") -> Any:
    """Wait for the end of the next response."""
    turn = await transport.wait_for("turn_done", timeout=SECONDS)
    assert turn.status == status, turn
    return turn


async def frame(transport: WebSocketTransport, kind: str) -> Any:
    """Wait for the next server event of a type."""
    heard = await transport.wait_for(lambda event: isinstance(event, RawEvent) and event.event.type == kind, SECONDS)
    return heard.event


# --- turns -----------------------------------------------------------------------------------------------------------


async def text(folder: Path) -> None:
    async with talking(folder, TEXT, traits=ServerTraits(padding=lambda text: "x" * len(text))) as transport:
        transport.send_message("Good morning.")
        await ended(transport)
        transport.send_message("Be brief.", role="system", respond=False)
        transport.send_message("And good night.")
        await ended(transport)


async def audio_by_hand(folder: Path) -> None:
    async with talking(folder, BY_HAND) as transport:
        await speak(transport, "caller_stop")
        await transport.clear_audio().acknowledged()
        await speak(transport, "caller_hello")
        transport.commit_audio()
        heard = asyncio.create_task(transport.wait_for("input_transcript_done", timeout=SECONDS))
        transport.request_response()
        await ended(transport)
        assert (await heard).transcript
        item_id = transport.history[0].id
        assert isinstance(item_id, str)
        await transport.retrieve_item(item_id).acknowledged()
        await transport.delete_item(item_id).acknowledged()


async def turn_detection(folder: Path) -> None:
    async with talking(folder, HEARING) as transport:
        heard = asyncio.create_task(transport.wait_for("input_transcript_done", timeout=SECONDS))
        await speak(transport, "caller_hello")
        await ended(transport)
        assert (await heard).transcript


async def semantic_turn_detection(folder: Path) -> None:
    eager = {"type": "semantic_vad", "eagerness": "high"}
    async with talking(folder, {"audio": {"input": {"turn_detection": eager}}}) as transport:
        speaking = asyncio.create_task(speak(transport, "caller_weather"))
        await ended(transport)
        await speaking


async def telephone_sound(folder: Path) -> None:
    g711 = {"format": {"type": "audio/pcmu"}}
    async with talking(folder, {"audio": {"input": g711, "output": {**g711, "speed": 1.2}}}) as transport:
        transport.send_message("Good morning.")
        await ended(transport)


async def silence(folder: Path) -> None:
    """Be silent until the server asks whether anybody is there. In memory: its five seconds are too long to wait."""
    patient = {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}}
    transport = LoopbackTransport(lambda: ServerPeer(Script(otherwise="Hello?"), pace=None))
    async with transport, record(transport, folder):
        await transport.connect(session=patient)
        transport.send_message("Good morning.")
        await transport.wait_for("turn_done", timeout=SECONDS)
        transport.send_audio(PCM16_24K.silence(8000))
        await transport.wait_for("input_timeout", timeout=600.0)
        await transport.wait_for("turn_done", timeout=SECONDS)


async def interruption(folder: Path) -> None:
    async with talking(folder, HEARING, pace=4.0) as transport:
        transport.send_message("Tell me a long story.")
        await transport.wait_for("audio", timeout=SECONDS)
        await asyncio.sleep(0.1)  # something has to be heard before it can be cut
        truncated = asyncio.create_task(frame(transport, "conversation.item.truncated"))
        turn = asyncio.create_task(ended(transport, "cancelled"))
        await speak(transport, "caller_stop")
        assert (await turn).reason == "turn_detected"
        item_id = (await truncated).item_id
        await ended(transport)
        await transport.retrieve_item(item_id).acknowledged()


async def cancelled(folder: Path) -> None:
    async with talking(folder, pace=4.0) as transport:
        transport.send_message("Tell me a long story.")
        await transport.wait_for("transcript_delta", timeout=SECONDS)
        transport.cancel_response()
        assert (await ended(transport, "cancelled")).reason == "client_cancelled"


# --- tools -----------------------------------------------------------------------------------------------------------


async def tools(folder: Path) -> None:
    brain = Script(
        when("both", Reply(text="A moment."), CallTool(name="get_weather"), CallTool(name="get_weather")),
        otherwise=Reply(text="It is sunny.", phase="final_answer"),
    )
    session = {**TEXT, "tools": [WEATHER], "tool_choice": "auto", "parallel_tool_calls": True}
    async with talking(folder, session, brain=brain) as transport:
        transport.send_message("The weather in both cities?")
        turn = await ended(transport)
        for item in turn.output[1:]:
            transport.send_function_call_output(item.call_id, "sunny", respond=item is turn.output[-1])
        await ended(transport)


async def hosted_tools(folder: Path) -> None:
    brain = Script(
        when("find", CallMcp(server_label="desk", name="find_order", arguments='{"number": 7}')),
        when("lose", CallMcp(server_label="desk", name="lose_order")),
        when("miss", CallMcp(server_label="desk", name="no_such_tool")),
        otherwise="So it is.",
    )
    hosted = {"type": "mcp", "server_label": "desk", "server_url": "https://mcp.example.com"}
    missing = {**hosted, "server_label": "missing", "server_url": "http://127.0.0.1:1/mcp", "require_approval": "never"}
    async with talking(folder, TEXT, brain=brain, mcp=DESK) as transport:
        listed = asyncio.create_task(transport.wait_for("mcp_tools_listed", timeout=SECONDS))
        failed = asyncio.create_task(transport.wait_for("mcp_tools_failed", timeout=SECONDS))
        await transport.update_session(tools=[hosted, missing]).acknowledged()
        await asyncio.gather(listed, failed)
        for request, approve in (("find it", True), ("lose it", True), ("miss it", True), ("find it", False)):
            asked = asyncio.create_task(transport.wait_for("mcp_approval_request", timeout=SECONDS))
            transport.send_message(request)
            turn = asyncio.create_task(ended(transport))
            approval = await asked
            await turn
            called = asyncio.create_task(transport.wait_for("mcp_tool_call_completed", timeout=SECONDS))
            transport.send_mcp_response(approval, approve, reason=None if approve else "not now")
            if approve:
                await called
            else:
                called.cancel()
            transport.request_response()
            await ended(transport)


# --- other responses -------------------------------------------------------------------------------------------------


async def out_of_band(folder: Path) -> None:
    async with talking(folder, TEXT) as transport:
        beside = {
            "conversation": "none",
            "metadata": {"purpose": "summary"},
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Sum it up."}]}],
            "max_output_tokens": 500,
        }
        transport.request_response(beside)
        await ended(transport)


async def unhappy_ends(folder: Path) -> None:
    brain = Script(
        when(None, Stop(code="insufficient_quota", error_type="insufficient_quota", message="No money left."), turn=1),
        when(None, Reply(text="What I"), Stop(status="incomplete", reason="content_filter"), turn=2),
        when(None, Reply(text="So much to say"), Stop(status="incomplete"), turn=3),
    )
    async with talking(folder, brain=brain) as transport:
        for status in ("failed", "incomplete", "incomplete"):
            transport.send_message("Go on.")
            await ended(transport, status)


class Deaf:
    """Fails to understand."""

    def transcribe(self, audio: bytes) -> str:
        raise ServerError("The audio could not be understood.", type="transcription_error", code="audio_unintelligible")


async def words_that_fail(folder: Path) -> None:
    async with talking(folder, BY_HAND, transcriber=Deaf()) as transport:
        await speak(transport, "caller_stop")
        transport.commit_audio()
        await transport.wait_for("input_transcript_failed", timeout=SECONDS)


# --- other sessions --------------------------------------------------------------------------------------------------


async def whole_configuration(folder: Path) -> None:
    """Set everything that can be set: the echo names it all."""
    transcription = {"model": "gpt-4o-transcribe", "language": "en", "prompt": "names of ships"}
    everything: dict[str, Any] = {
        "output_modalities": ["audio"],
        "instructions": "Be kind.",
        "max_output_tokens": 1000,
        "parallel_tool_calls": False,
        "tool_choice": {"type": "function", "name": "get_weather"},
        "tools": [
            WEATHER,
            {
                "type": "mcp",
                "server_label": "desk",
                "server_url": "https://mcp.example.com",
                "allowed_tools": ["find_order"],
                "headers": {"x-tenant": "a"},
                "require_approval": {"never": {"tool_names": ["find_order"]}},
            },
        ],
        "tracing": {"workflow_name": "call", "group_id": "1", "metadata": {"a": "b"}},
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
        "include": ["item.input_audio_transcription.logprobs"],
        "prompt": {"id": "pmpt_1", "version": "2", "variables": {"city": "Lisbon"}},
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "near_field"},
                "transcription": transcription,
                "turn_detection": {"type": "semantic_vad", "eagerness": "low", "interrupt_response": False},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "cedar", "speed": 1.1},
        },
    }
    async with talking(folder, everything, mcp=DESK) as transport:
        transport.request_response({"output_modalities": ["text"], "instructions": "Be brief.", "tool_choice": "none"})
        await ended(transport)


async def transcription(folder: Path) -> None:
    session = {"type": "transcription", **HEARING, "include": ["item.input_audio_transcription.logprobs"]}
    async with talking(folder, session) as transport:
        heard = asyncio.create_task(transport.wait_for("input_transcript_done", timeout=SECONDS))
        await speak(transport, "caller_weather")
        assert (await heard).transcript


async def translation(folder: Path) -> None:
    spanish = {"audio": {"output": {"language": "es"}, "input": {"transcription": {"model": "whisper-1"}}}}
    async with Emulator() as server, TranslationTransport() as transport, record(transport, folder):
        await transport.connect(url=server.url, session=spanish)
        transport.send_event({"type": "session.surprise"})
        await speak(transport, "caller_weather")
        await transport.finish(timeout=SECONDS)


async def telephone_call(folder: Path) -> None:
    """A call over SIP: the sound goes another way, and the socket is told when it plays."""
    async with Emulator(pace=None) as server, RealtimeHTTP("k", base_url=server.http_url) as http:
        call = server.ring([("From", "sip:+15550100@example.com")])
        await http.calls.accept(call.id, SIPTransport.accept_config(HEARING))
        transport = SIPTransport(call.id)
        async with transport, record(transport, folder):
            await transport.connect(url=f"{server.url}?call_id={call.id}", api_key="k")
            stopped = asyncio.create_task(frame(transport, "output_audio_buffer.stopped"))
            await call.speak(library().audio("caller_stop"), pace=None)
            await stopped
            cleared = asyncio.create_task(frame(transport, "output_audio_buffer.cleared"))
            transport.request_response()
            await frame(transport, "output_audio_buffer.started")
            transport.clear_output()
            await cleared
            call.hang_up()
            await transport.wait_for("disconnected", timeout=SECONDS)


# --- ends ------------------------------------------------------------------------------------------------------------


async def expiry(folder: Path) -> None:
    async with talking(folder, limits=ServerLimits(session_seconds=0.2)) as transport:
        lost = await transport.wait_for("disconnected", timeout=SECONDS)
        assert lost.code == 1001


PLAYS: Final[tuple[Play, ...]] = (
    text,
    audio_by_hand,
    turn_detection,
    semantic_turn_detection,
    telephone_sound,
    silence,
    interruption,
    cancelled,
    tools,
    hosted_tools,
    out_of_band,
    unhappy_ends,
    words_that_fail,
    whole_configuration,
    transcription,
    translation,
    telephone_call,
    expiry,
)
