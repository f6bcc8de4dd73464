"""Every dialect by its path: a spoken turn, a call of a function and an error, in the names of that dialect."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_transport.conversation.brain import CallTool
from realtime_transport.conversation.brains import Script, after, when
from realtime_transport.emulator import Emulator, library
from tests.emulator.calling import Caller

SCRIPT = Script(
    when("weather", "Let me look.", CallTool(name="get_weather", arguments='{"city": "Lisbon"}')),
    after("get_weather", "It is {output}."),
)

GA = frozenset({"response.output_audio.delta", "response.output_audio_transcript.done", "conversation.item.added"})
BETA = frozenset({"response.audio.delta", "response.audio_transcript.done", "conversation.item.created"})
NO_LIMITS = frozenset({"rate_limits.updated"})
FLAT = frozenset({"voice", "turn_detection", "input_audio_format"})
TYPED = {"type": "realtime"}


@attrs.frozen(kw_only=True)
class Way:
    """One way to connect, and what has to come of it."""

    path: str
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    protocols: tuple[str, ...] = ()
    update: dict[str, Any]
    names: frozenset[str]
    never: frozenset[str]
    session: frozenset[str]


GA_INPUT = {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}
FLAT_INPUT = {"input_audio_transcription": {"model": "gpt-4o-transcribe"}}
KEY = {"api-key": "k"}
BEARER = {"Authorization": "Bearer k"}

WAYS = {
    "openai": Way(
        path="/v1/realtime?model=gpt-realtime",
        headers=BEARER,
        update={**TYPED, **GA_INPUT},
        names=GA | NO_LIMITS,
        never=BETA,
        session=frozenset({"type", "audio", "output_modalities"}),
    ),
    "openai in a browser": Way(
        path="/v1/realtime?model=gpt-realtime",
        protocols=("realtime", "openai-insecure-api-key.k", "openai-organization.o"),
        update={**TYPED, **GA_INPUT},
        names=GA,
        never=BETA,
        session=frozenset({"type", "audio"}),
    ),
    "beta": Way(
        path="/v1/realtime?model=gpt-4o-realtime-preview",
        headers={**BEARER, "OpenAI-Beta": "realtime=v1"},
        update=FLAT_INPUT,
        names=BETA | {"conversation.item.input_audio_transcription.delta"},
        never=GA,
        session=FLAT,
    ),
    "azure": Way(
        path="/openai/v1/realtime?model=my-deployment",
        headers=KEY,
        update={**TYPED, **GA_INPUT},
        names=GA,
        never=BETA | NO_LIMITS,
        session=frozenset({"type", "audio"}),
    ),
    "azure dated": Way(
        path="/openai/realtime?api-version=2024-10-01-preview&deployment=d&api-key=k",
        update=FLAT_INPUT,
        names=BETA,
        never=GA | {"conversation.item.input_audio_transcription.delta"},
        session=FLAT,
    ),
    "voice live": Way(
        path="/voice-live/realtime?api-version=2026-04-10&model=gpt-realtime&api-key=k",
        update=FLAT_INPUT,
        names=BETA,
        never=GA | NO_LIMITS,
        session=FLAT,
    ),
    "qwen": Way(
        path="/api-ws/v1/realtime?model=qwen3-omni",
        headers=BEARER,
        update={"voice": "Cherry", **FLAT_INPUT},
        names=BETA,
        never=GA | NO_LIMITS,
        session=frozenset({"voice", "turn_detection"}),
    ),
    "elevenlabs": Way(
        path="/v1/convai/realtime",
        headers={"xi-api-key": "k"},
        update={**TYPED, **GA_INPUT},
        names=GA,
        never=BETA | NO_LIMITS,
        session=frozenset({"type", "audio"}),
    ),
}


@pytest.mark.parametrize("name", WAYS)
async def test_a_dialect_by_its_path(name: str) -> None:
    way = WAYS[name]
    async with (
        Emulator(SCRIPT, token="k", beta=True, pace=None) as server,
        connect(
            f"ws://127.0.0.1:{server.port}{way.path}",
            additional_headers=way.headers,
            subprotocols=list(way.protocols) or None,  # type: ignore[arg-type]
        ) as socket,
    ):
        caller = Caller(socket)
        assert way.session <= (await caller.next())["session"].keys()
        await caller.send("session.update", session=way.update)
        assert way.session <= (await caller.until("session.updated"))["session"].keys()
        words = library().audio("caller_weather")
        spoken = words if name != "qwen" else downsampled(words)
        await caller.speak(spoken + bytes(64_000))
        call = await caller.until("response.function_call_arguments.done")
        await caller.until("response.done")
        done = await caller.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"] == "What is the weather like in Lisbon today?"
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        await caller.send("conversation.item.create", item=item)
        await caller.send("response.create")
        await caller.until("response.done")
        await caller.send("nonsense.event", event_id="mine")
        error = (await caller.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("invalid_value", "mine")
    seen = frozenset(caller.types)
    assert way.names - seen == frozenset()
    assert way.never & seen == frozenset()


def downsampled(audio: bytes) -> bytes:
    """24 kHz as 16 kHz."""
    from realtime_transport.audio.resample import Resampler

    resampler = Resampler(24_000, 16_000)
    return resampler.push(audio) + resampler.flush()


async def test_voice_live_speaks_three_rates() -> None:
    async with Emulator(SCRIPT) as server:
        url = f"ws://127.0.0.1:{server.port}/voice-live/realtime?model=gpt-realtime"
        async with connect(url) as socket:
            caller = Caller(socket)
            for rate in (8_000, 16_000, 24_000):
                update = {"input_audio_format": "pcm16", "input_audio_sampling_rate": rate}
                await caller.send("session.update", session=update)
                assert (await caller.until("session.updated"))["session"]["input_audio_format"]
            for rate, code in (
                (4_000, "integer_below_min_value"),
                (48_000, "integer_above_max_value"),
                (22_050, "invalid_value"),
            ):
                update = {"input_audio_format": "pcm16", "input_audio_sampling_rate": rate}
                await caller.send("session.update", session=update)
                error = (await caller.until("error"))["error"]
                assert (error["code"], error["param"]) == (code, "session.audio.input.format.rate")


async def test_openai_speaks_one_rate() -> None:
    async with Emulator(SCRIPT) as server, connect(server.url) as socket:
        caller = Caller(socket)
        slow = {"format": {"type": "audio/pcm", "rate": 16_000}}
        await caller.send("session.update", session={"type": "realtime", "audio": {"input": slow}})
        error = (await caller.until("error"))["error"]
        assert (error["code"], error["param"]) == ("integer_below_min_value", "session.audio.input.format.rate")
        await caller.send("response.create", response={"audio": {"output": slow}})
        error = (await caller.until("error"))["error"]
        assert (error["code"], error["param"]) == ("integer_below_min_value", "response.audio.output.format.rate")


@pytest.mark.parametrize(
    ("query", "status"), [("model=whisper-1", 400), ("model=gpt-4o-transcribe&intent=transcription", 101)]
)
async def test_azure_holds_no_conversation_with_a_model_that_only_listens(query: str, status: int) -> None:
    async with Emulator(SCRIPT) as server:
        url = f"ws://127.0.0.1:{server.port}/openai/v1/realtime?{query}"
        try:
            async with connect(url):
                got = 101
        except InvalidStatus as error:
            got = error.response.status_code
        assert got == status


async def test_qwen_says_farewell() -> None:
    async with Emulator(SCRIPT) as server:
        for path, answer in (("/api-ws/v1/realtime", "session.finished"), ("/v1/realtime", "error")):
            async with connect(f"ws://127.0.0.1:{server.port}{path}") as socket:
                caller = Caller(socket)
                await caller.next()
                await caller.send("session.finish")
                frame = await caller.next()
                assert frame["type"] == answer
                assert frame["event_id"]
                if answer == "session.finished":
                    assert await caller.closed() == (1000, "")
