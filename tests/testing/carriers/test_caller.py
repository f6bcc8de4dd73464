"""The caller: a stream in real time, cut into the carrier's pieces, whatever the script."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pybase64
import pytest

from realtime_transport.conversation.brains import hum
from realtime_transport.testing.carriers import (
    Drop,
    FakeExotel,
    FakeSocket,
    FakeTwilio,
    Flood,
    Listen,
    Press,
    Restart,
    Send,
    Speak,
    Wait,
)
from tests.testing.carriers.line import Application

pytestmark = pytest.mark.virtual_time

BEEP = hum("a")


def pieces(application: Application) -> list[tuple[float, int]]:
    """When each piece came, and its time stamp."""
    return [(at, int(said["media"]["timestamp"])) for at, said in application.events("media")]


def audio(application: Application) -> bytes:
    return b"".join(pybase64.b64decode(said["media"]["payload"]) for _, said in application.events("media"))


async def test_each_piece_comes_when_it_has_been_spoken() -> None:
    application = Application([])
    record = await FakeTwilio(application).call(Wait(0.05), Speak(BEEP), Wait(0.021))
    size = len(record.said) // 8
    assert pieces(application) == [(round(0.02 * n + 0.02, 3), 20 * n) for n in range((50 + size - 50 + 21) // 20)]
    assert audio(application) == (record.said + b"\xff" * 160)[: len(audio(application))]
    assert record.seconds == pytest.approx(0.071 + len(BEEP) / 48_000, abs=0.001)
    assert next(str(each).split() for each in record.timeline if each.kind == "said")[:3] == ["50.0", "ms", "said"]


async def test_exotel_sends_a_tenth_of_a_second() -> None:
    application = Application([])
    await FakeExotel(application).call(Wait(0.35))
    assert pieces(application) == [(0.1, 0), (0.2, 100), (0.3, 200)]


async def test_time_stamps_go_on_over_what_is_left_out() -> None:
    application = Application([])
    record = await FakeTwilio(application).call(Wait(0.03), Drop(0.5), Wait(0.02))
    assert pieces(application) == [(0.02, 0), (0.03, 20), (0.55, 530)]
    assert [(each.at_ms, each.ms) for each in record.timeline if each.kind == "left out"] == [(30.0, 500.0)]


async def test_a_flood_comes_at_once() -> None:
    application = Application([])
    await FakeTwilio(application).call(Wait(0.02), Flood(1), Wait(0.02))
    assert [at for at, _ in pieces(application)] == [0.02] * 51 + [0.04]


async def test_swapped_pieces_keep_their_numbers() -> None:
    application = Application([])
    await FakeTwilio(application, swap=True).call(Wait(0.08))
    assert [said["media"]["chunk"] for _, said in application.events("media")] == ["2", "1", "4", "3"]


async def test_keys_messages_and_second_starts_are_sent_as_they_are() -> None:
    application = Application([])
    record = await FakeTwilio(application).call(Press("1#"), Send("what?"), Send(b"\x00"), Restart())
    words = [json.loads(text).get("event") for text in application.texts() if text != "what?"]
    assert words == ["connected", "start", "dtmf", "dtmf", "connected", "start", "stop"]
    assert [message for _, message in application.heard if message in ("what?", b"\x00")] == ["what?", b"\x00"]
    assert [each.detail for each in record.timeline if each.kind == "digit"] == ["1", "#"]


def speaking(*seconds: float) -> Any:
    """Speak for so long, pause for so long, and so on."""

    async def answer(phone: FakeSocket) -> None:
        fake_id = json.loads((await phone.receive(), await phone.receive())[1] or "")["streamSid"]
        for number, length in enumerate(seconds):
            if number % 2 == 0:
                payload = pybase64.b64encode(bytes(round(8000 * length))).decode()
                await phone.send(json.dumps({"event": "media", "streamSid": fake_id, "media": {"payload": payload}}))
            await asyncio.sleep(length)
        while await phone.receive() is not None:
            pass

    return answer


async def test_listening_ends_when_the_agent_has_ended() -> None:
    record = await FakeTwilio(speaking(1.0, 0.3, 1.0)).call(Listen())
    assert record.seconds == pytest.approx(2.8, abs=0.021)
    assert record.spoken_ms == 2000


async def test_listening_for_so_much_counts_what_is_heard_from_now_on() -> None:
    record = await FakeTwilio(speaking(1.0, 0.5, 5.0)).call(Wait(0.4), Listen(ms=800))
    assert record.seconds == pytest.approx(1.7, abs=0.021)


async def test_listening_to_nobody_is_given_up() -> None:
    with pytest.raises(TimeoutError, match="not heard so in 3 s"):
        await FakeTwilio(Application([])).call(Listen(timeout=3))
    with pytest.raises(TimeoutError):
        await FakeTwilio(speaking(0.2)).call(Listen(ms=500, timeout=3))


async def test_listening_ends_with_the_call() -> None:
    record = await FakeTwilio(Application([1.0], closes=(1000, "bye"))).call(Listen(), Wait(5))
    assert record.ended_by == "agent"
    assert record.seconds == pytest.approx(1.0)


async def test_leaving_out_ends_with_the_call_too() -> None:
    record = await FakeTwilio(Application([1.0], closes=(1000, "bye"))).call(Drop(5), Wait(5))
    assert record.seconds == pytest.approx(1.0)


async def test_what_is_no_step_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot 5"):
        await FakeTwilio(Application([])).call(5)  # type: ignore[arg-type]
