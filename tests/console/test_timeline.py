"""Pictures: there, whole, the right size, and with everything on them in its colour at its place."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from realtime_transport.console import draw_timeline
from realtime_transport.exceptions import InvalidArgument, MissingExtra
from realtime_transport.transports.recording import read_recording
from tests.console.calls import Tape, short_call

BLUE, GREEN, RED, VIOLET, AMBER = (0x2F6FED, 0x0F9D7A, 0xE5484D, 0x8B5CF6, 0xE08A1E)
AXIS_LEFT, AXIS_RIGHT = 1.0 / 15, 14.75 / 15


@pytest.fixture(scope="module", autouse=True)
def fonts_are_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    """matplotlib keeps the fonts it has drawn with open: draw with each of them before descriptors are counted."""
    tape = Tape(tmp_path_factory.mktemp("fonts") / "call.jsonl")
    tape.turn(0, 10, "user_1", "你好")
    draw_timeline(tape.save(), tape.path.with_suffix(".png"))


def where(picture: Path, colour: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the pixels of a colour: their seconds on an axis of eight, and their height from the top, 0 to 1."""
    pixels = (matplotlib.image.imread(picture)[:, :, :3] * 255).round().astype(int)
    wanted = np.array([colour >> 16, colour >> 8 & 255, colour & 255])
    rows, columns = np.nonzero((np.abs(pixels - wanted) <= 2).all(axis=2))
    inside = (columns / pixels.shape[1] > AXIS_LEFT) & (columns / pixels.shape[1] < AXIS_RIGHT)
    seconds = (columns[inside] / pixels.shape[1] - AXIS_LEFT) / (AXIS_RIGHT - AXIS_LEFT) * 8
    return seconds, rows[inside] / pixels.shape[0]


def test_everything_is_on_the_picture_at_its_time(tmp_path: Path) -> None:
    short_call(tmp_path)
    picture = draw_timeline(tmp_path, tmp_path / "timeline.png", title="A test & more")
    assert picture == tmp_path / "timeline.png"
    for colour, first, last in ((BLUE, 0.4, 2.6), (GREEN, 3.4, 6.6), (VIOLET, 3.0, 4.2), (AMBER, 3.3, 5.5)):
        seconds, _ = where(picture, colour)
        assert seconds.min() == pytest.approx(first, abs=0.12)
        assert seconds.max() == pytest.approx(last, abs=0.25)
    seconds, _ = where(picture, RED)
    assert abs(seconds - 5.1).min() < 0.05
    heights = [where(picture, colour)[1].mean() for colour in (BLUE, GREEN, AMBER, VIOLET)]
    assert heights == sorted(heights)


def test_a_longer_call_has_more_rows(tmp_path: Path) -> None:
    sizes = []
    for minutes in (0.5, 2, 300):
        tape = Tape(tmp_path / "call.jsonl")
        tape.put(0, "local", "connection_change", state="connected", previous="connecting")
        for at in (1000, 30_000 * minutes, 60_000 * minutes - 50):
            tape.response(at, f"resp_{at}")
            tape.response(at + 20, f"resp_{at}", status="completed")
        tape.put(minutes * 60_000, "local", "connection_change", state="disconnected", previous="connected")
        sizes.append(matplotlib.image.imread(draw_timeline(tape.save(), tmp_path / "t.png")).shape[:2])
    assert [width for _, width in sizes] == [2250, 2250, 2250]
    heights = [height for height, _ in sizes]
    assert heights == sorted(set(heights))
    assert heights[2] < 13_000


def test_an_empty_recording_is_an_empty_picture(tmp_path: Path) -> None:
    assert draw_timeline(read_recording(Tape(tmp_path / "call.jsonl").save()), tmp_path / "t.png").exists()


def test_crowded_marks_and_words_do_not_break_it(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "call.jsonl")
    for at in range(0, 3000, 100):
        tape.put(at, "local", "audio_gap", direction="in", ms=10.0, reason="x")
        tape.turn(at, at + 50, f"user_{at}", "你好, $x^$ \x1b[31m and many other words that will not fit")
        tape.response(at, f"resp_{at}", status="in_progress")
        tape.response(at + 10, f"resp_{at}", status="failed" if at % 200 else "incomplete")
    tape.put(30_000, "in", "error", event_id="e", error={"type": "a_rather_long_error_at_the_very_end", "message": ""})
    assert draw_timeline(tape.save(), tmp_path / "t.png").exists()
    tape.put(29_950, "local", "audio_gap", direction="in", ms=10.0, reason="x")
    assert draw_timeline(tape.save(), tmp_path / "t.png").exists()


def test_the_suffix_says_how_it_is_drawn(tmp_path: Path) -> None:
    short_call(tmp_path)
    assert b"<svg" in draw_timeline(tmp_path, tmp_path / "t.svg").read_bytes()[:1000]


def test_a_picture_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    short_call(tmp_path)
    with pytest.raises(ValueError, match="nonsense"):
        draw_timeline(tmp_path, tmp_path / "t.nonsense")
    with pytest.raises(OSError, match="nowhere"):
        draw_timeline(tmp_path, tmp_path / "nowhere" / "t.png")
    with pytest.raises(InvalidArgument):
        draw_timeline(tmp_path / "nowhere", tmp_path / "t.png")
    assert [path.name for path in tmp_path.iterdir()] == ["call.jsonl"]


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra) as caught:
        draw_timeline(tmp_path, tmp_path / "t.png")
    assert caught.value.extra == "plot"
