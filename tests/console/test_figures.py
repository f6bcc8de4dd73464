"""Figures: what did not happen is left out, what did is counted."""

from __future__ import annotations

from realtime_transport.console.figures import CallFigures
from realtime_transport.events.usage import Usage


def test_a_call_in_which_nothing_happened() -> None:
    assert CallFigures(duration_s=1.25).rows() == [
        ("duration", "1.2 s"),
        ("turns", "0 of the caller, 0 of the agent"),
        ("audio in", "0.0 s"),
        ("audio out", "0.0 s"),
    ]


def test_a_full_call() -> None:
    figures = CallFigures(
        duration_s=60,
        turns=3,
        responses=4,
        interruptions=1,
        tool_calls=2,
        errors=1,
        sent_ms=60_000,
        generated_ms=20_000,
        cut_ms=5_000,
        tokens=Usage(total_tokens=12_345, input_tokens=12_000, output_tokens=345),
    )
    for number, wait in enumerate((0.1, 0.2, 0.6)):
        figures.meter.speech_stopped(number * 10)
        figures.meter.created(f"resp_{number}", number * 10)
        figures.meter.audio(f"resp_{number}", number * 10 + wait)
    figures.meter.speech_started(40.0)
    figures.meter.interrupted(40.125)
    assert dict(figures.rows()) == {
        "duration": "60.0 s",
        "turns": "3 of the caller, 4 of the agent, 1 interrupted",
        "time to first audio": "200 ms (median), 600 ms at most",
        "barge-in to silence": "125 ms",
        "audio in": "60.0 s",
        "audio out": "15.0 s heard of 20.0 s",
        "tool calls": "2",
        "tokens": "12,345 (12,000 in, 345 out)",
        "errors": "1",
    }


def test_usage_without_a_total_or_a_side() -> None:
    assert "tokens" not in dict(CallFigures(tokens=Usage()).rows())
    assert dict(CallFigures(tokens=Usage(total_tokens=7)).rows())["tokens"] == "7 (0 in, 0 out)"
