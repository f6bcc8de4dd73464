"""The client against the package's own server: two independent readings of the same API."""

from __future__ import annotations

import pytest

from realtime_transport.emulator.server import Emulator
from realtime_transport.events import RealtimeSessionConfig, TranscriptionSessionConfig
from realtime_transport.exceptions import ApiError
from realtime_transport.http import RealtimeHTTP


async def test_mints_a_key_that_expires_when_it_was_told_to() -> None:
    async with (
        Emulator(wall_clock=lambda: 1_750_000_000.0) as server,
        RealtimeHTTP("sk-any", base_url=server.http_url) as http,
    ):
        secret = await http.client_secrets.create(RealtimeSessionConfig(instructions="be brief"), expires_after=60)
        transcription = await http.client_secrets.create({"type": "transcription"})
    assert secret.value.reveal().startswith("ek_")
    assert secret.expires_at == 1_750_000_060
    assert isinstance(secret.session, RealtimeSessionConfig)
    assert secret.session.instructions == "be brief"
    assert isinstance(transcription.session, TranscriptionSessionConfig)


async def test_hears_why_it_is_refused() -> None:
    async with Emulator(token="right") as server:
        async with RealtimeHTTP("wrong", base_url=server.http_url) as http:
            with pytest.raises(ApiError) as caught:
                await http.client_secrets.create()
        assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
        async with RealtimeHTTP("right", base_url=server.http_url) as http:
            with pytest.raises(ApiError) as caught:
                await http.client_secrets.create({"type": "dictation"})
    assert (caught.value.status, caught.value.param) == (400, "session.type")
