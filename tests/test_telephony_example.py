"""The gateway of the examples, called as Twilio would call it: signed requests, a real socket, mu-law both ways."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websockets

from realtime_transport.audio.g711 import pcmu_to_pcm16
from realtime_transport.emulator import Emulator
from realtime_transport.telephony.signatures.twilio import twilio_signature

EXAMPLE = Path(__file__).parent.parent / "examples" / "telephony_gateway.py"
TOKEN, PUBLIC = "12345", "https://calls.example.com"


@contextmanager
def gateway(model_url: str, tmp_path: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    script = tmp_path / "gateway.py"
    script.write_text(EXAMPLE.read_text().replace("ws://127.0.0.1:8080/v1/realtime", model_url))
    environment = {
        **os.environ,
        "PUBLIC_URL": PUBLIC,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "PYTHONPATH": str(EXAMPLE.parents[1]),
    }
    with subprocess.Popen(
        [sys.executable, "-u", str(script), str(port)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert any("answering on" in line for line in process.stdout)
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=15)


def post(port: int, signature: str) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/answer", data=b"", method="POST", headers={"X-Twilio-Signature": signature}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_a_call_is_answered_and_greeted(tmp_path: Path) -> None:
    async with Emulator("improvise") as server:
        with gateway(server.url, tmp_path) as port:
            status, xml = await asyncio.to_thread(post, port, twilio_signature(TOKEN, f"{PUBLIC}/answer"))
            stream_url = xml.partition('url="')[2].partition('"')[0]
            assert (status, stream_url.rpartition("/")[0]) == (200, "wss://calls.example.com/stream")
            signed = {"X-Twilio-Signature": twilio_signature(TOKEN, stream_url)}
            url = f"ws://127.0.0.1:{port}{urlsplit(stream_url).path}"
            async with asyncio.timeout(30), websockets.connect(url, additional_headers=signed) as phone:
                await phone.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
                fmt = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
                start = {"streamSid": "MZ1", "accountSid": "AC1", "callSid": "CA1", "tracks": ["inbound"]}
                start |= {"customParameters": {}, "mediaFormat": fmt}
                event = {"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start}
                await phone.send(json.dumps(event))
                heard = b""
                while len(heard) < 4000:  # half a second of the greeting
                    frame = json.loads(await phone.recv())
                    if frame["event"] == "media":
                        assert frame["streamSid"] == "MZ1"
                        heard += base64.b64decode(frame["media"]["payload"])
    assert max(abs(sample) for sample in memoryview(pcmu_to_pcm16(heard)).cast("h")) > 1000


async def test_whoever_is_not_twilio_is_turned_away(tmp_path: Path) -> None:
    async with Emulator("improvise") as server:
        with gateway(server.url, tmp_path) as port:
            status, _ = await asyncio.to_thread(post, port, "bm90IHNpZ25lZA==")
            assert status == 401
            with pytest.raises(websockets.InvalidStatus, match="401"):
                await websockets.connect(f"ws://127.0.0.1:{port}/stream")
