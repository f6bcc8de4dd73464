"""Padding of deltas: random, and of a length that follows the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.conversation.brain import CallTool, Reply
from realtime_transport.conversation.brains import Script
from realtime_transport.conversation.server import ServerTraits
from realtime_transport.emulator import Emulator
from realtime_transport.emulator.padding import BLOCK, obfuscation
from tests.emulator.calling import calling


@given(st.text())
def test_a_delta_and_its_padding_fill_whole_blocks(text: str) -> None:
    padding = obfuscation(text)
    assert (len(text) + len(padding)) % BLOCK == 0
    assert padding.isascii()
    assert padding.isalnum()


async def test_deltas_of_text_are_padded_and_sound_is_not() -> None:
    script = Script(otherwise=Reply(text="Hello."))
    async with Emulator(script) as server, calling(server) as caller:
        await caller.send("response.create")
        await caller.until("response.done")
    deltas = {frame["type"]: frame for frame in caller.frames if frame["type"].endswith(".delta")}
    assert "obfuscation" in deltas["response.output_audio_transcript.delta"]
    assert "obfuscation" not in deltas["response.output_audio.delta"]


async def test_not_where_it_is_not_wanted_nor_known() -> None:
    script = Script(otherwise=CallTool(name="f", arguments='{"a": 1}'))
    kind = "response.function_call_arguments.delta"
    async with Emulator(script, traits=ServerTraits()) as server, calling(server) as caller:
        await caller.send("response.create")
        assert "obfuscation" not in await caller.until(kind)
    beta = {"OpenAI-Beta": "realtime=v1"}
    async with Emulator(script, beta=True) as server, calling(server, additional_headers=beta) as caller:
        await caller.send("response.create")
        assert "obfuscation" not in await caller.until(kind)
