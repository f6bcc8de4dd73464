"""The live view: plain lines without a terminal, a picture that moves on one, and figures at the end."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from realtime_transport.console import LiveView
from realtime_transport.events import (
    AudioInterruptedEvent,
    Cut,
    ErrorEvent,
    FunctionCallEvent,
    InputTranscriptDoneEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TranscriptDeltaEvent,
    TranscriptDoneEvent,
    TurnDoneEvent,
    TurnStartedEvent,
)
from realtime_transport.exceptions import MissingExtra, RequestTimeout
from realtime_transport.testing import virtual_time
from tests.console.wire import Wire

PART = {"response_id": "resp_1", "item_id": "item_1", "content_index": 0}


def shown(call: Callable[[Wire, LiveView], Awaitable[None]], *, terminal: bool, total_s: float | None = None) -> str:
    """Hold a call under virtual time and return everything that was written."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=90, height=40, highlight=False, color_system=None)

    async def main() -> None:
        wire = Wire()
        view = LiveView(wire, total_s=total_s, console=console)
        with view:
            await call(wire, view)
        wire.agent(1, 20)  # after the end nobody listens
        assert wire.errors == []
        view.print_summary()

    virtual_time.run(main())
    return written.getvalue()


async def talk(wire: Wire, view: LiveView) -> None:
    wire.emit(SpeechStartedEvent(item_id="user_1", audio_start_ms=0))
    for step in range(50):
        wire.caller(8000, 20)
        view.spoken(step * 0.02)
        await asyncio.sleep(0.02)
    wire.emit(SpeechStoppedEvent(item_id="user_1", audio_end_ms=1000))
    wire.emit(InputTranscriptDoneEvent(item_id="user_1", content_index=0, transcript="[bold]What?", usage=None))
    wire.emit(TurnStartedEvent(response_id="resp_1", out_of_band=False, requested=False))
    await asyncio.sleep(0.25)
    wire.agent(20_000, 2000)
    wire.emit(TranscriptDoneEvent(transcript="A long story about nothing.", **PART))
    wire.emit(
        TurnDoneEvent(
            response_id="resp_1", status="completed", reason=None, error=None, usage=None, output=(), out_of_band=False
        )
    )
    await asyncio.sleep(0.6)
    wire.emit(SpeechStartedEvent(item_id=None, audio_start_ms=None))
    await asyncio.sleep(0.02)
    cut = Cut(**PART, heard_ms=620, received_ms=2000)
    wire.emit(AudioInterruptedEvent(cuts=(cut,), by="caller"))
    await asyncio.sleep(0.3)


def test_plain_lines_without_a_terminal() -> None:
    lines = [line.rstrip() for line in shown(talk, terminal=False).splitlines() if line.strip()]
    assert lines == [
        "   1.0 s  caller   [bold]What?",
        "   1.2 s  agent    A long story about nothing.",
        "   1.9 s  agent    [interrupted after 0.6 s of 2.0 s]",
        " duration              2.2 s",
        " turns                 2 of the caller, 1 of the agent, 1 interrupted",
        " time to first audio   250 ms",
        " barge-in to silence   20 ms",
        " audio in              1.0 s",
        " audio out             0.6 s heard of 2.0 s",
    ]


def test_a_terminal_shows_the_call_as_it_goes_on() -> None:
    async def call(wire: Wire, view: LiveView) -> None:
        await talk(wire, view)
        wire.emit(FunctionCallEvent(call_id="c", call_name="look_up", arguments="{}", item_id="i", response_id="r"))
        wire.emit(TranscriptDeltaEvent(delta="Well, ", **{**PART, "item_id": "item_2"}))
        wire.emit(ErrorEvent(error=RequestTimeout("no answer")))
        wire.errors.clear()
        await asyncio.sleep(0.5)

    written = shown(call, terminal=True, total_s=2.0)
    for part in (
        "█",
        "caller   ",
        "speaking",
        "thinking",
        "using look_up",
        "[bold]What?",
        "interrupted after 0.6 s of 2.0 s",
        "Well,  …",
        "no answer",
        "caller's audio ━",
        "1 of 2 s",
        "connected",
    ):
        assert part in written
    # Ten times a second, and not more.
    assert 20 <= written.count("caller's audio") <= 30


def test_without_a_length_the_time_is_shown() -> None:
    async def call(wire: Wire, view: LiveView) -> None:
        await asyncio.sleep(3)

    assert "3 s" in shown(call, terminal=True)


def test_a_session_is_shown_by_its_transport() -> None:
    async def main() -> None:
        wire = Wire()
        session: Any = SimpleNamespace(transport=wire)
        written = io.StringIO()
        with LiveView(session, console=Console(file=written, width=90)):
            wire.emit(TranscriptDoneEvent(transcript="Hello.", **PART))
        assert "Hello." in written.getvalue()

    virtual_time.run(main())


def test_an_error_in_the_block_stops_the_view_and_goes_on() -> None:
    async def call(wire: Wire, view: LiveView) -> None:
        raise ValueError("the call failed")

    with pytest.raises(ValueError, match="the call failed"):
        shown(call, terminal=True)


def test_without_rich_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(MissingExtra) as caught:
        LiveView(Wire())
    assert caught.value.extra == "cli"


def test_whoever_emits_does_not_wait_for_what_is_written() -> None:
    written = io.StringIO()

    async def main() -> None:
        wire = Wire()
        with LiveView(wire, console=Console(file=written, force_terminal=False, width=90)):
            wire.emit(TranscriptDoneEvent(**PART, transcript="One."))
            assert written.getvalue() == ""
            await asyncio.sleep(0)
            assert "One." in written.getvalue()
            wire.emit(TranscriptDoneEvent(**{**PART, "item_id": "item_2"}, transcript="Two."))
        assert "Two." in written.getvalue()

    virtual_time.run(main())
