# pyright: reportUnknownMemberType=false
# (matplotlib leaves its keyword arguments unannotated)
"""The lanes of the picture, from top to bottom: what each is for, where it lies, how it looks."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from realtime_transport.audio.envelope import BIN_MS, Envelope
from realtime_transport.console.story import Mark, MarkKind, Span, Story, Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#1f2937"
MUTED: Final = "#6b7280"
GRID: Final = "#eef1f5"
GRID_STRONG: Final = "#c5ccd6"
_CALLER: Final = "#2f6fed"
_AGENT: Final = "#0f9d7a"
_GHOST: Final = "#aab4c0"
_GHOST_WORDS: Final = "#8994a3"
_CUT: Final = "#e5484d"
_TOOL: Final = "#8b5cf6"
_RESPONSE: Final = {"completed": "#64748b", "in_progress": "#64748b", "cancelled": "#e08a1e"}
"""Colour by status; anything else did not go well."""

# Inches from the bottom of a row: the middle of each lane, and where the words of both sides hang.
_EVENTS: Final = 0.17
_TOOLS: Final = 0.47
_RESPONSES: Final = 0.77
_AGENT_WORDS: Final = 1.58
_AGENT_LANE: Final = 1.93
_CALLER_LANE: Final = 2.60
_CALLER_WORDS: Final = 2.95
HEIGHT: Final = 3.42

_WAVE: Final = 0.27
"""Half the height of a waveform, in inches."""
_BAR: Final = 0.09
"""Half the height of a bar."""
_LABEL: Final = 0.2
"""What a short label behind a bar needs."""
_BARS_PER_INCH: Final = 32
_FONT: Final = 7.5
_CHARACTER: Final = 0.0585
"""Inches per character at that size, on average."""
_MAX_LINES: Final = 4
_MIN_CHARACTERS: Final = 9
"""Where there is less room than this, words are left out."""


@attrs.frozen(kw_only=True)
class Scale:
    """What all rows of one picture share."""

    row_s: float
    inches_per_s: float
    loudest: float
    """The level that fills a lane."""

    @classmethod
    def of(cls, story: Story, *, row_s: float, inches_per_s: float) -> Self:
        """Measure a story: both sides have the same scale, so that a faint caller looks faint."""
        import numpy as np

        levels = np.concatenate((story.caller.levels(), story.agent.levels()))
        sounding = levels[levels > 0]
        loudest = float(np.percentile(sounding, 98)) if len(sounding) else 1.0
        return cls(row_s=row_s, inches_per_s=inches_per_s, loudest=max(loudest, 0.01))


def draw(axes: Axes, story: Story, scale: Scale) -> None:
    """Draw all lanes of one row; what lies outside of it is clipped."""
    _labels(axes)
    _speech(axes, story, scale)
    _responses(axes, story, scale)
    _tools(axes, story)
    _marks(axes, story.marks, scale)
    caller = [(w.at_ms, w.text, INK) for w in story.words if w.who == "caller"]
    _words(axes, caller, scale, at=_CALLER_WORDS, above=True)
    _words(
        axes, [label for w in story.words if w.who == "agent" for label in _parted(w, story)], scale, at=_AGENT_WORDS
    )


def _labels(axes: Axes) -> None:
    for y, name, colour in (
        (_CALLER_LANE, "caller", _CALLER),
        (_AGENT_LANE, "agent", _AGENT),
        (_RESPONSES, "responses", _RESPONSE["completed"]),
        (_TOOLS, "tools", _TOOL),
        (_EVENTS, "events", _CUT),
    ):
        axes.annotate(
            name,
            xy=(0, y),
            xycoords=("axes fraction", "data"),
            xytext=(-10, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=9,
            color=colour,
            fontweight="bold" if y > _RESPONSES else "normal",
        )


def legend() -> list[Any]:
    """Return what explains the shades, for the foot of the picture."""
    from matplotlib.patches import Patch

    dashed: dict[str, Any] = {"facecolor": "none", "edgecolor": _GHOST, "linestyle": (0, (3, 2))}
    return [
        Patch(facecolor=_CALLER, alpha=0.18, label="a turn, by turn detection"),
        Patch(facecolor=_AGENT, alpha=0.18, label="heard by the caller"),
        Patch(label="generated, never heard", **dashed),
        Patch(facecolor=_RESPONSE["completed"], label="response generating"),
        Patch(facecolor=_RESPONSE["completed"], alpha=0.22, label="response sounding"),
    ]


# --- speech --------------------------------------------------------------------------------------------------------


def _speech(axes: Axes, story: Story, scale: Scale) -> None:
    for span in story.speech:
        _box(axes, span, _CALLER_LANE, _WAVE + 0.05, colour=_CALLER, alpha=0.10)
    for stretch in story.stretches:
        heard = Span(begins_ms=stretch.begins_ms, ends_ms=stretch.ends_ms)
        _box(axes, heard, _AGENT_LANE, _WAVE + 0.05, colour=_AGENT, alpha=0.10)
        if stretch.heard_ms is not None:
            lost = Span(begins_ms=stretch.ends_ms, ends_ms=stretch.begins_ms + stretch.ms)
            _box(axes, lost, _AGENT_LANE, _WAVE + 0.05, colour=_GHOST, alpha=0.9, outline=True)
    _waveform(axes, story.ghost, scale, _AGENT_LANE, _GHOST, alpha=0.55)
    _waveform(axes, story.caller, scale, _CALLER_LANE, _CALLER)
    _waveform(axes, story.agent, scale, _AGENT_LANE, _AGENT)
    for lane, colour in ((_CALLER_LANE, _CALLER), (_AGENT_LANE, _AGENT)):
        axes.axhline(lane, color=colour, linewidth=0.6, alpha=0.35, zorder=1.5)


def _waveform(axes: Axes, envelope: Envelope, scale: Scale, y: float, colour: str, alpha: float = 1.0) -> None:
    """Draw upright strokes, one for the loudest moment of each thirty-second of an inch, silence left out."""
    import numpy as np

    levels = envelope.levels()
    bins = max(1, round(1000 / BIN_MS / scale.inches_per_s / _BARS_PER_INCH))
    loudest = np.pad(levels, (0, -len(levels) % bins)).reshape(-1, bins).max(axis=1)
    heights = np.minimum(loudest / scale.loudest, 1.0) ** 0.8 * _WAVE
    times = (np.arange(len(heights)) + 0.5) * bins * BIN_MS / 1000
    begin, end = axes.get_xlim()
    shown = (heights > 0.012) & (times >= begin) & (times <= end)
    axes.vlines(
        times[shown],
        y - heights[shown],
        y + heights[shown],
        color=colour,
        alpha=alpha,
        linewidth=1.35,
        capstyle="round",
    )


# --- bars ----------------------------------------------------------------------------------------------------------


def _responses(axes: Axes, story: Story, scale: Scale) -> None:
    played: dict[str, Span] = {}
    for stretch in story.stretches:
        response_id = stretch.key[0]
        begun = played.get(response_id)
        begins = stretch.begins_ms if begun is None else begun.begins_ms
        played[response_id] = Span(begins_ms=begins, ends_ms=stretch.ends_ms)
    for number, (response, following) in enumerate(itertools.zip_longest(story.responses, story.responses[1:]), 1):
        colour = _RESPONSE.get(response.status, _CUT)
        sound = played.get(response.response_id)
        if sound is not None:
            _box(axes, sound, _RESPONSES, _BAR * 0.55, colour=colour, alpha=0.22)
        _box(axes, response, _RESPONSES, _BAR, colour=colour)
        name = f"{number}" if response.status == "completed" else f"{number} {response.status.replace('_', ' ')}"
        room_s = (following.begins_ms - response.ends_ms) / 1000 if following else math.inf
        _beside(axes, response, _RESPONSES, name, colour, above=room_s * scale.inches_per_s < _LABEL)


def _tools(axes: Axes, story: Story) -> None:
    for tool in story.tools:
        _box(axes, tool, _TOOLS, _BAR, colour=_TOOL, outline=not tool.answered)
        took = f"{tool.ends_ms - tool.begins_ms:.0f} ms" if tool.answered else "unanswered"
        _beside(axes, tool, _TOOLS, f"{tool.name}  {took}", _TOOL)


def _box(
    axes: Axes, span: Span, y: float, half: float, *, colour: str, alpha: float = 1.0, outline: bool = False
) -> None:
    from matplotlib.patches import Rectangle

    left, right = axes.get_xlim()
    begins, ends = span.begins_ms / 1000, span.ends_ms / 1000
    if ends < left or begins > right:
        return
    style: dict[str, Any] = {"facecolor": colour, "edgecolor": "none"}
    if outline:
        style = {"facecolor": "none", "edgecolor": colour, "linestyle": (0, (3, 2)), "linewidth": 0.9}
    # A hair's breadth at least, or what took no time would not be seen.
    width = max(ends - begins, (right - left) / 600)
    axes.add_patch(Rectangle((begins, y - half), width, 2 * half, alpha=alpha, zorder=2, **style))


def _beside(axes: Axes, span: Span, y: float, text: str, colour: str, *, above: bool = False) -> None:
    """Write behind a bar; above it where another one follows at once."""
    begin, end = axes.get_xlim()
    if begin <= span.ends_ms / 1000 < end:
        axes.annotate(
            text,
            xy=(span.ends_ms / 1000, y),
            xytext=(0, 12) if above else (4, 0),
            textcoords="offset points",
            ha="right" if above else "left",
            va="center",
            fontsize=_FONT,
            color=colour,
            parse_math=False,
            zorder=4,
        )


# --- marks ---------------------------------------------------------------------------------------------------------

_SYMBOL: Final[dict[MarkKind, tuple[str, str]]] = {
    "truncate": ("v", _CUT),
    "error": ("X", _CUT),
    "gap": ("D", "#e08a1e"),
    "connection": ("o", _GHOST),
}
"""Kind -> its symbol and colour in the lane of events."""


def _marks(axes: Axes, marks: Iterable[Mark], scale: Scale) -> None:
    begin, end = axes.get_xlim()
    here = sorted((mark for mark in marks if begin <= mark.at_ms / 1000 <= end), key=lambda mark: mark.at_ms)
    for mark in here:
        if mark.kind == "interrupted":
            at = mark.at_ms / 1000
            axes.vlines(at, _EVENTS, _CALLER_LANE + _WAVE + 0.05, color=_CUT, linewidth=1.1, linestyle=(0, (4, 2)))
    here = [mark for mark in here if mark.kind != "interrupted"]
    taken_until = begin
    for mark, following in itertools.zip_longest(here, here[1:]):
        at = mark.at_ms / 1000
        symbol, colour = _SYMBOL[mark.kind]
        axes.plot([at], [_EVENTS], marker=symbol, markersize=5, color=colour, zorder=5, clip_on=False)
        room = int(((following.at_ms / 1000 if following else end) - at) * scale.inches_per_s / _CHARACTER) - 3
        # The last text of a row may hang to the left of its symbol.
        hangs = following is None and len(mark.text) > room
        text = mark.text if hangs else textwrap.shorten(mark.text, max(room, 1), placeholder="…")
        width_s = (len(text) + 2) * _CHARACTER / scale.inches_per_s
        if at - width_s < taken_until if hangs else room < min(len(mark.text), _MIN_CHARACTERS):
            continue  # the symbol stands alone where its text would cover another one
        taken_until = at + width_s
        axes.annotate(
            text,
            xy=(at, _EVENTS),
            xytext=(-6 if hangs else 6, 0),
            textcoords="offset points",
            ha="right" if hangs else "left",
            va="center",
            fontsize=_FONT,
            color=colour if colour == _CUT else MUTED,
            parse_math=False,
            zorder=5,
        )


# --- words ---------------------------------------------------------------------------------------------------------

_Label = tuple[float, str, str]
"""When it begins (ms), the text, its colour."""


def _parted(words: Words, story: Story) -> list[_Label]:
    """Split what the agent said where it was cut: what was not heard stands where it would have sounded."""
    heard: list[_Label] = [(words.at_ms, words.text, INK)]
    cuts = [mark.at_ms for mark in story.marks if mark.kind == "interrupted" and mark.at_ms >= words.at_ms]
    return heard + ([(cuts[0], words.unheard, _GHOST_WORDS)] if words.unheard and cuts else [])


def _words(axes: Axes, labels: list[_Label], scale: Scale, *, at: float, above: bool = False) -> None:
    begin, end = axes.get_xlim()
    shown = [label for label in sorted(labels) if label[1] and begin <= label[0] / 1000 < end]
    for (at_ms, text, colour), following in itertools.zip_longest(shown, shown[1:]):
        room_s = (following[0] / 1000 if following else end) - at_ms / 1000
        characters = int(room_s * scale.inches_per_s / _CHARACTER) - 1
        if characters < _MIN_CHARACTERS:
            continue
        lines = textwrap.wrap(text, min(characters, 44), max_lines=_MAX_LINES, placeholder=" …")
        axes.annotate(
            "\n".join(lines),
            xy=(at_ms / 1000, at),
            xytext=(4 if colour == _GHOST_WORDS else 0, 0),  # clear of the line where it was cut
            textcoords="offset points",
            fontsize=_FONT,
            color=colour,
            va="bottom" if above else "top",
            linespacing=1.15,
            parse_math=False,
            zorder=4,
        )
