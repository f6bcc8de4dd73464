"""Genesys: a session has a beginning and an end that both sides say, and every message has its number."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from realtime_transport.audio import PCM16_8K
from realtime_transport.telephony.signatures import GenesysVerifier, SignedRequest
from realtime_transport.testing.carriers import Drop, FakeGenesys, FakeSocket, Press, Wait
from tests.testing.carriers.line import Application

pytestmark = pytest.mark.virtual_time

URL = "wss://agent.example:8443/hook?x=1"
SESSION = FakeGenesys().message("x")
EXTERNAL = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}


def message(seq: int, kind: str, **parameters: Any) -> str:
    return json.dumps(
        {"version": "2", "id": json.loads(SESSION)["id"], "type": kind, "seq": seq, "clientseq": 1}
        | {"parameters": parameters}
    )


OPENED = message(1, "opened", media=[EXTERNAL], startPaused=False)


async def test_no_audio_before_the_session_is_open() -> None:
    application = Application([0.1, bytes(160), OPENED, 0.1])
    record = await FakeGenesys(application).call(Wait(0.2))
    binary = [at for at, sent in application.heard if isinstance(sent, bytes)]
    assert binary == pytest.approx([0.1, 0.12, 0.14, 0.16, 0.18, 0.2])
    assert record.faults[0] == "audio before the session is open"


async def test_a_session_that_is_not_opened_is_just_left() -> None:
    record = await FakeGenesys(Application([])).call(Wait(0.5))
    assert record.faults == ()


async def test_it_pings_and_counts() -> None:
    application = Application([OPENED])
    await FakeGenesys(application).call(Wait(5.1))
    messages = [json.loads(text) for text in application.texts()]
    assert [each["type"] for each in messages] == ["open", "ping", "ping", "close"]
    assert [each["seq"] for each in messages] == [1, 2, 3, 4]
    assert [each["serverseq"] for each in messages] == [0, 1, 1, 1]
    assert [each["position"] for each in messages] == ["PT0S", "PT0S", "PT5S", "PT5.1S"]


async def test_a_caller_who_hangs_up_waits_for_closed() -> None:
    async def answer(phone: FakeSocket) -> None:
        await phone.send(OPENED)
        while (said := await phone.receive()) is not None:
            if isinstance(said, str) and '"close"' in said:
                await phone.send(message(2, "closed"))

    record = await FakeGenesys(answer).call(Wait(0.5))
    assert (record.faults, record.ended_by) == ((), "caller")
    record = await FakeGenesys(Application([OPENED])).call(Wait(0.5))
    assert record.faults == ("no closed came after close",)


async def test_it_closes_the_socket_itself() -> None:
    async def answer(phone: FakeSocket) -> None:
        await phone.send(OPENED)
        await phone.send(message(2, "disconnect", reason="completed"))
        while (said := await phone.receive()) is not None:
            if isinstance(said, str) and '"close"' in said:
                await phone.send(message(3, "closed"))

    record = await FakeGenesys(answer).call(Wait(0.5))
    assert (record.faults, record.ended_by, record.seconds) == ((), "agent", 0)
    record = await FakeGenesys(Application([OPENED], closes=(1000, ""))).call(Wait(0.5))
    assert record.faults == ("the socket was closed without disconnect, close and closed",)
    record = await FakeGenesys(Application([OPENED], closes=(1008, ""))).call(Wait(0.5))
    assert record.faults == ()


@pytest.mark.parametrize(
    "wrong",
    [
        message(7, "pong"),
        json.dumps({**json.loads(message(2, "pong")), "clientseq": 99}),
        json.dumps({**json.loads(message(2, "pong")), "id": "another"}),
    ],
)
async def test_numbers_and_sessions_have_to_fit(wrong: str) -> None:
    record = await FakeGenesys(Application([OPENED, wrong], closes=(1008, ""))).call(Wait(0.1))
    (fault,) = record.faults
    assert "after 1, of session" in fault


async def test_the_medium_has_to_be_one_channel_for_one_caller() -> None:
    both = {**EXTERNAL, "channels": ["external", "internal"]}
    for media in ([both], [], [EXTERNAL, EXTERNAL]):
        record = await FakeGenesys(Application([message(1, "opened", media=media)], closes=(1008, ""))).call(Wait(0.1))
        assert len(record.faults) == 1


async def test_it_offers_what_the_call_has() -> None:
    offered = json.loads(str(FakeGenesys(fmt=PCM16_8K).opening()[0]))["parameters"]["media"]
    assert [(each["format"], each["channels"]) for each in offered] == [
        ("L16", ["external", "internal"]),
        ("L16", ["external"]),
    ]


async def test_our_pause_stops_its_audio() -> None:
    plan = [message(1, "opened", media=[EXTERNAL], startPaused=True), 0.1, message(2, "pause"), message(3, "resume")]
    application = Application([*plan, message(4, "resume"), message(5, "updated")], closes=None)
    await FakeGenesys(application).call(Wait(0.2))
    assert [at for at, _ in application.events("paused", "type")] == [0.0]
    ((at, resumed),) = application.events("resumed", "type")
    assert (at, resumed["parameters"]) == (0.1, {"start": "PT0S", "discarded": "PT0.1S"})
    assert next(at for at, sent in application.heard if isinstance(sent, bytes)) == pytest.approx(0.1)


async def test_a_drop_is_a_hold() -> None:
    application = Application([OPENED])
    await FakeGenesys(application).call(Wait(0.1), Drop(1), Press("5"), Wait(0.1))
    assert [at for at, _ in application.events("paused", "type")] == [0.1]
    ((at, resumed),) = application.events("resumed", "type")
    assert (at, resumed["parameters"]) == (1.1, {"start": "PT0.1S", "discarded": "PT1S"})
    assert application.events("dtmf", "type")[0][1]["parameters"] == {"digit": "5"}


async def test_playback_is_told_and_a_barge_in_ends_it() -> None:
    barge_in = message(2, "event", entities=[{"type": "transcript"}, {"type": "barge_in", "data": {}}])
    application = Application([OPENED, bytes(1600), bytes(1600), 0.3, barge_in])
    record = await FakeGenesys(application).call(Wait(0.5))
    assert [at for at, _ in application.events("playback_started", "type")] == [0.0]
    assert [at for at, _ in application.events("playback_completed", "type")] == [0.3]
    assert (record.spoken_ms, record.cleared_ms) == (pytest.approx(300), pytest.approx(100))


async def test_too_many_messages_are_complained_about() -> None:
    application = Application([OPENED, [bytes(160)] * 16])
    record = await FakeGenesys(application).call(Wait(0.5))
    assert record.faults[0] == "more than 15 messages of audio in a second"
    assert application.events("error", "type")[0][1]["parameters"]["code"] == 429


async def test_the_upgrade_is_signed() -> None:
    secret = base64.b64encode(b"secret").decode()
    fake = FakeGenesys(secret=secret, wall_clock=lambda: 1000.0)
    headers = {**fake.upgrade_headers(URL), "Host": "agent.example:8443"}
    GenesysVerifier({"fake-key": secret}).verify(SignedRequest(url=URL, headers=headers), 1001.0)
    assert "Signature" not in FakeGenesys().upgrade_headers(URL)
