"""Vonage: frames of 20 ms, and notifications with whatever payload."""

from __future__ import annotations

import json

import pytest

from realtime_transport.audio import PCM16_8K
from realtime_transport.exceptions import SignatureError
from realtime_transport.telephony.signatures import SignedRequest, VonageVerifier
from realtime_transport.testing.carriers import FakeVonage, Press, Wait
from tests.testing.carriers.line import Application

pytestmark = pytest.mark.virtual_time

URL = "wss://agent.example/stream"


def notify(payload: object) -> str:
    return json.dumps({"action": "notify", "payload": payload})


async def test_a_frame_has_twenty_milliseconds() -> None:
    record = await FakeVonage(Application([bytes(320), bytes(319)]), fmt=PCM16_8K).call(Wait(0.1))
    assert record.faults == ("a frame of 319 bytes: Vonage takes 20 ms, 320 bytes",)


async def test_a_notification_comes_back_as_it_was_given() -> None:
    payload = {"mark": "a", "more": [1, {"deep": None}]}
    application = Application([bytes(960), notify(payload)])
    await FakeVonage(application).call(Wait(0.1))
    assert application.events("websocket:notify") == [(0.02, {"event": "websocket:notify", "payload": payload})]


async def test_a_clear_is_acknowledged() -> None:
    application = Application([bytes(960), notify({"mark": "a"}), json.dumps({"action": "clear"})])
    record = await FakeVonage(application).call(Press("5"), Wait(0.1))
    assert len(application.events("websocket:cleared")) == 1
    assert application.events("websocket:notify") == []
    assert application.events("websocket:dtmf")[0][1]["digit"] == "5"
    assert (record.clears, record.cleared_ms, record.spoken_ms) == (1, 20, 0)


async def test_the_buffer_has_3072_frames() -> None:
    record = await FakeVonage(Application([[bytes(960)] * 3073])).call(Wait(0.1))
    assert len(record.faults) == 1


async def test_the_token_is_of_now() -> None:
    fake = FakeVonage(secret="s", wall_clock=lambda: 1000.0)
    request = SignedRequest(url=URL, headers=fake.upgrade_headers(URL))
    VonageVerifier("s").verify(request, 1100.0)
    with pytest.raises(SignatureError):
        VonageVerifier("s").verify(request, 2000.0)
    assert FakeVonage().upgrade_headers(URL) == {}
