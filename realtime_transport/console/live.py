"""The live view of a call in a terminal: who speaks, what is said, what is going on, and the figures at the end.

On a terminal it redraws itself ten times a second; anywhere else (a file, CI) it writes one plain line for each thing
that is said or happens. Needs rich (extra ``cli``).
"""

from __future__ import annotations

import asyncio
import functools
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from realtime_transport.console.scene import Line, Scene, Speaker
from realtime_transport.exceptions import MissingExtra
from realtime_transport.transports.recorder import Recordable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from realtime_transport.audio.envelope import Envelope

_REDRAW_S: Final = 0.1
"""Ten times a second: the eye sees a meter move, and drawing takes a few per cent of one core."""
_LINES_SHOWN: Final = 12
_STYLE: Final[dict[Speaker, str]] = {"caller": "bold blue", "agent": "bold green", "tool": "magenta", "error": "red"}
_STEPS: Final = " ▁▂▃▄▅▆▇█"
_METER_COLUMNS: Final = 48
_COLUMN_MS: Final = 60.0
"""One column of a meter: it shows the last three seconds."""


class LiveView:
    """Show a call while it goes on.

        view = LiveView(transport, total_s=30.0)
        with view:
            ...                  # the call; view.spoken(seconds) moves the bar of the caller's audio
        view.print_summary()

    Takes anything with the events of a transport, or a session. Listens from the beginning of the block to its end,
    and needs a running event loop within. Raises ``MissingExtra`` without rich.
    """

    def __init__(self, transport: Recordable, *, total_s: float | None = None, console: Console | None = None) -> None:
        try:
            import rich.console
        except ImportError as error:
            raise MissingExtra("rich", "cli") from error
        self._transport: Recordable = getattr(transport, "transport", transport)
        self._console = console or rich.console.Console(highlight=False)
        self._total_s = total_s
        self._spoken_s = 0.0
        self._scene = Scene()
        self._live: Live | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unwritten: list[Text] = []
        self._listeners = {name: functools.partial(self._hear, name) for name in self._scene.handlers}
        self._began = 0.0

    def spoken(self, seconds: float) -> None:
        """Move the progress bar: the caller has said so much of ``total_s``."""
        self._spoken_s = seconds

    def print_summary(self) -> None:
        """Print the figures of the call as a table."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
        table.add_column(style="dim")
        table.add_column()
        for name, value in self._scene.figures.rows():
            table.add_row(name, value)
        self._console.print(table)

    def __enter__(self) -> Self:
        self._began = asyncio.get_running_loop().time()
        self._scene.use(self._transport.session)
        for name, listener in self._listeners.items():
            self._transport.on(name, listener)
        if self._console.is_terminal:
            self._start_drawing()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        for name, listener in self._listeners.items():
            self._transport.off(name, listener)
        self._write()
        self._scene.figures.duration_s = self._now_ms() / 1000
        if self._live is not None and self._timer is not None:
            self._timer.cancel()
            self._live.update(self._picture(), refresh=True)
            self._live.stop()

    # --- events --------------------------------------------------------------------------------------------------

    def _now_ms(self) -> float:
        return (asyncio.get_running_loop().time() - self._began) * 1000

    def _hear(self, name: str, event: Any) -> None:
        line = self._scene.handlers[name](event, self._now_ms())
        if line is None or self._live is not None:
            return
        # Written a moment later: whoever emits does not wait for a file or a slow terminal.
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write)
        self._unwritten.append(_plain(line, self._now_ms()))

    def _write(self) -> None:
        for text in self._unwritten:
            self._console.print(text, soft_wrap=True)
        self._unwritten.clear()

    # --- drawing -------------------------------------------------------------------------------------------------

    def _start_drawing(self) -> None:
        from rich.live import Live

        # Redrawn from the event loop and not from rich's own thread: the scene changes in the loop.
        self._live = Live(self._picture(), console=self._console, auto_refresh=False)
        self._live.start()
        self._redraw(self._live)

    def _redraw(self, live: Live) -> None:
        live.update(self._picture(), refresh=True)
        self._timer = asyncio.get_running_loop().call_later(_REDRAW_S, self._redraw, live)

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table

        now_ms = self._now_ms()
        scene = self._scene
        meters = Table.grid(padding=(0, 2))
        meters.add_row(*_meter("caller", scene.caller.envelope, now_ms, "speaking" if scene.caller_speaks else ""))
        meters.add_row(*_meter("agent", scene.agent.heard, now_ms, self._agent_does(now_ms)))
        said = Table.grid(padding=(0, 1))
        said.add_column(width=7)
        said.add_column(ratio=1)
        shown = list(scene.lines)[-_LINES_SHOWN:]
        for line in shown:
            said.add_row(*_spelt(line))
        for _ in range(_LINES_SHOWN - len(shown)):
            said.add_row("", "")
        return Panel(Group(meters, "", said, "", self._bar(now_ms)), title=scene.connection, title_align="right")

    def _agent_does(self, now_ms: float) -> str:
        scene = self._scene
        if scene.agent_speaks(now_ms):
            return "speaking"
        if scene.tool:
            return f"using {scene.tool}"
        return "thinking" if scene.thinking else ""

    def _bar(self, now_ms: float) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        row = Table.grid(padding=(0, 1))
        if self._total_s is None:
            row.add_row(f"{now_ms / 1000:.0f} s")
        else:
            bar = ProgressBar(total=self._total_s, completed=self._spoken_s, width=_METER_COLUMNS)
            row.add_row("caller's audio", bar, f"{self._spoken_s:.0f} of {self._total_s:.0f} s")
        return row


def _meter(who: Speaker, envelope: Envelope, now_ms: float, does: str) -> tuple[Text, Text, Text]:
    """Draw the last seconds of a voice: the newest on the right."""
    from rich.text import Text

    begin = now_ms - _METER_COLUMNS * _COLUMN_MS
    levels = [envelope.level(begin + (column + 0.5) * _COLUMN_MS) for column in range(_METER_COLUMNS)]
    # The square root lifts quiet speech: a level of 0.06, which is soft but clear, fills half of the meter.
    steps = [min(len(_STEPS) - 1, round((level * 4) ** 0.5 * (len(_STEPS) - 1))) for level in levels]
    wave = "".join(_STEPS[step] for step in steps)
    return Text(f"{who:<7}", _STYLE[who]), Text(wave, _STYLE[who]), Text(f"{does:<24}", "dim")


def _spelt(line: Line) -> tuple[Text, Text]:
    from rich.text import Text

    text = Text(line.text)
    if not line.done:
        text.append(" …", "dim")
    if line.note:
        text.append(f"  {line.note}", "dim italic" if line.who == "tool" else "yellow")
    return Text(line.who, _STYLE[line.who]), text


def _plain(line: Line, now_ms: float) -> Text:
    """Write a line, or what became of one that was written before."""
    from rich.text import Text

    words = [] if line.told else [line.text]
    note = [f"[{line.note}]"] if line.note else []
    line.told = True
    return Text("  ".join([f"{now_ms / 1000:6.1f} s  {line.who:<7}", *words, *note]))
