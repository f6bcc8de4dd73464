"""jambonz: samples, and marks that tell how they came back."""

from __future__ import annotations

import json

import pytest

from realtime_transport.testing.carriers import FakeJambonz, Press, Wait
from tests.testing.carriers.line import Application

pytestmark = pytest.mark.virtual_time


def command(kind: str, **data: object) -> str:
    return json.dumps({"type": kind, "data": data})


async def test_marks_are_played_or_cleared() -> None:
    plan = [bytes(320), command("mark", name="a"), 0.1, bytes(3200), command("mark", name="b"), command("killAudio")]
    application = Application(plan)
    record = await FakeJambonz(application).call(Press("5"), Wait(0.5))
    told = [(at, said["data"]["event"]) for at, said in application.events("mark", "type")]
    assert told == [(0.02, "playout"), (0.1, "cleared")]
    assert application.events("dtmf")[0][1]["dtmf"] == "5"
    assert record.faults == ()


async def test_it_hangs_up_and_wants_whole_samples() -> None:
    record = await FakeJambonz(Application([b"abc", 0.1, command("disconnect")])).call(Wait(1))
    assert record.faults == ("3 bytes are no whole samples",)
    assert (record.ended_by, record.seconds) == ("agent", pytest.approx(0.1))
