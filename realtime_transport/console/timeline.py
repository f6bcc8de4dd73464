# pyright: reportUnknownMemberType=false
# (matplotlib leaves its keyword arguments unannotated)
"""The picture of a call: speech, responses, tools, truncations and errors on one time axis.

A call is drawn like a score, in rows of half a minute (longer ones for long calls). Heights are inches: the y axis of
every row counts them, so that text and bars have the same size whatever the call.
"""

from __future__ import annotations

import itertools
import math
import os
import warnings
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from realtime_transport.console import lanes
from realtime_transport.console.following import read_story
from realtime_transport.console.story import Story
from realtime_transport.exceptions import MissingExtra
from realtime_transport.transports.recording import Recording, read_recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH: Final = 15.0
_LEFT: Final = 1.0
_RIGHT: Final = 0.25
_HEAD: Final = 0.62
_ROW_GAP: Final = 0.52
"""Between two rows: room for the axis and its labels."""
_FOOT: Final = 0.08
_DPI: Final = 150
_ROW_S: Final = 32.0
"""Seconds in a row: two words fit on an inch of speech."""
_MAX_ROWS: Final = 20
"""An hour is twenty rows of three minutes, in a picture of 2250 by 9000 pixels."""
_TICKS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_MAX_TICKS: Final = 18


def draw_timeline(
    recording: Recording | str | os.PathLike[str], output: str | os.PathLike[str], *, title: str = "A call"
) -> Path:
    """Draw a recorded call; the suffix of ``output`` says how (``.png``, ``.svg``, ``.pdf``). Return its path.

    ``recording`` is a recording, its file, or its folder. The picture appears when it is complete. Raises
    ``MissingExtra`` without matplotlib, ``InvalidArgument`` and ``DecodeError`` as ``read_recording`` does, and
    ``OSError`` when it cannot be written.
    """
    try:
        import matplotlib.figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "plot") from error
    if not isinstance(recording, Recording):
        recording = read_recording(recording)
    story = read_story(recording)
    output = Path(output)
    figure = _figure(story, title, matplotlib.figure.Figure)
    part = output.with_name(f".{output.stem}.part{output.suffix}")
    try:
        with warnings.catch_warnings():
            # A transcript may be in a script that the font lacks: boxes are drawn, and the call is not about fonts.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(part, dpi=_DPI)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return output


def _figure(story: Story, title: str, figure_class: type[Figure]) -> Figure:
    seconds = max(story.duration_ms / 1000, 1.0)
    rows = min(math.ceil(seconds / _ROW_S), _MAX_ROWS)
    row_s = seconds / rows
    height = _HEAD + rows * (lanes.HEIGHT + _ROW_GAP) + _FOOT
    figure = figure_class(figsize=(_WIDTH, height), facecolor="white")
    _header(figure, story, title, height)
    figure.legend(
        handles=lanes.legend(),
        loc="lower right",
        bbox_to_anchor=(1 - _RIGHT / _WIDTH, 0),
        ncols=5,
        frameon=False,
        fontsize=7.5,
        labelcolor=lanes.MUTED,
        handlelength=1.4,
        columnspacing=1.6,
        borderaxespad=0.2,
    )
    scale = lanes.Scale.of(story, row_s=row_s, inches_per_s=(_WIDTH - _LEFT - _RIGHT) / row_s)
    for row in range(rows):
        bottom = height - _HEAD - (row + 1) * lanes.HEIGHT - row * _ROW_GAP
        axes = figure.add_axes(
            (
                _LEFT / _WIDTH,
                bottom / height,
                (_WIDTH - _LEFT - _RIGHT) / _WIDTH,
                lanes.HEIGHT / height,
            )
        )
        _row(axes, story, scale, begin=row * row_s, end=(row + 1) * row_s)
    return figure


def _header(figure: Figure, story: Story, title: str, height: float) -> None:
    top = 1 - 0.30 / height
    figure.text(
        0.1 / _WIDTH, top, title, fontsize=13, fontweight="bold", color=lanes.INK, va="center", parse_math=False
    )
    figure.text(
        1 - _RIGHT / _WIDTH, top, "   ·   ".join(_facts(story)), fontsize=9, color=lanes.MUTED, ha="right", va="center"
    )


def _facts(story: Story) -> list[str]:
    """Say the call in a line."""
    interruptions = sum(mark.kind == "interrupted" for mark in story.marks)
    facts = [
        f"{story.duration_ms / 1000:.1f} s" if story.duration_ms < 60_000 else _clock(round(story.duration_ms / 1000)),
        _count(len(story.responses), "response"),
        _count(interruptions, "interruption"),
    ]
    waits = _waits(story)
    if waits:
        facts.append(f"answers begin {median(waits):.0f} ms after the turn's end")
    return facts


def _waits(story: Story) -> list[float]:
    """Return, for each turn of the caller, how long after its end the next answer is heard to begin."""
    begins: dict[object, float] = {}
    for stretch in story.stretches:
        begins.setdefault(stretch.key, stretch.begins_ms)
    waits: list[float] = []
    ends = [span.ends_ms for span in story.speech]
    for end, following in itertools.zip_longest(ends, ends[1:], fillvalue=math.inf):
        answers = [begin for begin in begins.values() if end <= begin < following]
        waits += [min(answers) - end] if answers else []
    return waits


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _row(axes: Axes, story: Story, scale: lanes.Scale, *, begin: float, end: float) -> None:
    axes.set_xlim(begin, end)
    axes.set_ylim(0, lanes.HEIGHT)
    axes.set_facecolor("none")
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(lanes.GRID_STRONG)
    step = next((tick for tick in _TICKS if (end - begin) / tick <= _MAX_TICKS), _TICKS[-1])
    ticks = [tick * step for tick in range(math.ceil(begin / step), math.floor(end / step) + 1)]
    axes.set_xticks(ticks, [_clock(tick) for tick in ticks], fontsize=8, color=lanes.MUTED)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=3, color=lanes.GRID_STRONG)
    axes.grid(axis="x", color=lanes.GRID, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    lanes.draw(axes, story, scale)


def _clock(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60}:{seconds % 60:02d}"
