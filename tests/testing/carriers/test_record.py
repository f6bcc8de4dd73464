"""What a call gives back: audio, timeline, marks, and a file to listen to."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from realtime_transport.audio import PCMU
from realtime_transport.conversation.brains import hum
from realtime_transport.testing.carriers import CallRecord, FakeTwilio, Press, Speak, Wait
from realtime_transport.testing.carriers.record import Happening, track
from tests.testing.carriers.line import Application
from tests.testing.carriers.test_carrier import CLEAR, mark, media

pytestmark = pytest.mark.virtual_time


async def call() -> CallRecord:
    plan = [0.1, media(300), mark("a"), 0.4, media(1000), mark("b"), 0.2345, CLEAR, 0.2]
    return await FakeTwilio(Application(plan)).call(Wait(0.2), Speak(hum("hello")), Press("5"), Wait(0.5))


async def test_the_story_is_what_happened_in_order() -> None:
    record = await call()
    assert [line.split("ms", 1)[0].strip() for line in record.story().splitlines()] == [
        "100.0",
        "200.0",
        "500.0",
        "580.0",
        "734.5",
        "734.5",
        "1080.0",
    ]
    assert "a played" in "".join(each.detail for each in record.timeline)
    kinds = [each.kind for each in record.timeline]
    assert kinds == ["heard", "said", "mark", "heard", "digit", "cleared", "mark", "end"]
    assert "cleared    765.5 ms" in record.story()
    assert "mark       b returned" in record.story()


async def test_marks_tell_their_fate() -> None:
    record = await call()
    assert [(each.name, each.fate, each.set_ms, each.at_ms) for each in record.marks] == [
        ("a", "played", pytest.approx(100), pytest.approx(400)),
        ("b", "returned", pytest.approx(500), pytest.approx(734.5)),
    ]
    assert record.clears == 1
    assert record.cleared_ms == pytest.approx(765.5)
    assert record.spoken_ms == pytest.approx(534.5)


async def test_it_is_saved_with_the_caller_on_the_left(tmp_path: Path) -> None:
    record = await call()
    frames, rate = soundfile.read(record.save(tmp_path / "call.wav"))
    assert rate == 24_000
    left, right = abs(frames[:, 0]), abs(frames[:, 1])
    assert left[: 24 * 190].max() < 0.01 < left[24 * 210 : 24 * 500].max()
    # The agent said zeros in mu-law, which is as loud as it gets.
    assert right[: 24 * 95].max() < 0.01
    assert right[24 * 105 : 24 * 395].min() > 0.9
    assert len(frames) == 24 * 734.5


def test_a_track_keeps_its_time() -> None:
    assert track(PCMU, [(1.0, b"ab"), (2.0, b"c")]) == b"\xff" * 8 + b"ab" + b"\xff" * 6 + b"c"
    assert track(PCMU, []) == b""


def test_a_line_of_the_story_says_when_and_what() -> None:
    assert str(Happening(at_ms=12.34, kind="fault", detail="bad")) == "     12.3 ms  fault      bad"
