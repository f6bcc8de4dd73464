"""The sideband of a call: it steers and carries no audio."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.server import ServerConnection, serve

from realtime_transport.events.session import RealtimeSessionConfig
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation
from realtime_transport.transports import SIPTransport


async def test_it_joins_by_call_id_and_steers() -> None:
    paths: list[str] = []
    received: list[str] = []

    async def handler(ws: ServerConnection) -> None:
        assert ws.request is not None
        paths.append(ws.request.path)
        async for message in ws:
            event = json.loads(message)
            received.append(event["type"])
            if event["type"] == "session.update":
                await ws.send(json.dumps({"type": "session.updated", "session": event["session"]}))
                await ws.send(json.dumps({"type": "response.created", "response": {"id": "resp_1"}}))
                await ws.send(json.dumps({"type": "output_audio_buffer.started", "response_id": "resp_1"}))

    async with serve(handler, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        transport = SIPTransport("rtc_1")
        started = asyncio.ensure_future(transport.wait_for("turn_started", 5))
        await asyncio.sleep(0)
        await transport.connect(url=f"ws://{host}:{port}/v1/realtime", session={"instructions": "Be brief."})
        await started
        await asyncio.sleep(0.02)
        with pytest.raises(UnsupportedOperation, match="medium"):
            transport.send_audio(b"\0\0")
        transport.interrupt()
        await transport.close()
    assert paths == ["/v1/realtime?call_id=rtc_1"]
    assert set(received) == {"session.update", "response.cancel", "output_audio_buffer.clear"}


def test_a_call_is_joined_by_its_id() -> None:
    with pytest.raises(InvalidArgument, match="call_id"):
        SIPTransport("")


def test_the_config_for_accepting() -> None:
    assert SIPTransport.accept_config() == {"type": "realtime", "model": "gpt-realtime-2"}
    assert SIPTransport.accept_config({"instructions": "Hi.", "voice": "marin"}, model="m") == {
        "type": "realtime",
        "instructions": "Hi.",
        "model": "m",
        "audio": {"output": {"voice": "marin"}},
    }
    assert SIPTransport.accept_config(RealtimeSessionConfig(model="mine"))["model"] == "mine"
    with pytest.raises(InvalidArgument, match="instructions"):
        SIPTransport.accept_config({"instructions": 5})
    with pytest.raises(UnsupportedOperation, match="transcription"):
        SIPTransport.accept_config({"type": "transcription"})
