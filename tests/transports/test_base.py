"""What a transport says of itself."""

from __future__ import annotations

import pytest

from realtime_transport.audio import PCM16_24K, PCMU
from realtime_transport.events.transport import AudioEvent, AudioGapEvent
from realtime_transport.transports import ConnectionInfo
from tests.transports.bare import Bare, idle

pytestmark = pytest.mark.virtual_time


async def test_before_during_and_after() -> None:
    transport = Bare()
    assert (transport.status, transport.session, transport.current_model) == ("disconnected", None, None)
    assert transport.history == ()
    assert transport.usage.total_tokens in (0, None) or not transport.usage.total_tokens
    assert transport.input_format == PCM16_24K
    await transport.connect()
    assert transport.connection_state == ConnectionInfo(
        status="connected", epoch=1, session_id="sess_1", dialect="openai"
    )
    assert repr(transport) == "<Bare connected epoch=1>"
    assert transport.current_model == "gpt-test"
    await transport.close()
    assert transport.connection_state.session_id == "sess_1"
    assert transport.capabilities.carries_audio


async def test_formats_are_the_sessions() -> None:
    transport = Bare()
    transport.greeting = {
        "type": "realtime",
        "audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}}},
    }
    async with transport:
        await transport.connect()
        assert transport.input_format == PCMU
        assert transport.output_format == PCMU


async def test_a_slow_audio_listener_is_told_in_the_sessions_format() -> None:
    async with Bare() as transport:
        await transport.connect()
        gaps: list[AudioGapEvent] = []
        transport.on("audio_gap", gaps.append)

        async def slow(event: AudioEvent) -> None:
            await idle()

        transport.on("audio", slow)
        for _ in range(300):
            transport.emit(AudioEvent(data=b"\0\0" * 480, response_id="r", item_id="i", content_index=0))
        await idle()
        assert [gap.ms for gap in gaps] == [44 * 20.0]


async def test_a_text_frame_of_str_or_bytes() -> None:
    async with Bare() as transport:
        await transport.connect()
        seen: list[object] = []
        transport.on_server_event("x", seen.append)
        transport.feed('{"type": "x"}')
        transport.feed(b'{"type": "x"}')
        assert len(seen) == 2
