"""Misfortune by seed: what becomes of the frames of a connection."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.emulator.faults import (
    SURPRISE,
    FaultPlan,
    Faults,
    Freeze,
    Send,
    Shut,
    Step,
    faults_from,
    with_query,
)
from realtime_transport.exceptions import InvalidArgument


def run(frames: int = 20, kind: str = "response.output_text.delta", connection: int = 1, **faults: Any) -> list[Step]:
    """One frame every 100 ms."""
    plan = FaultPlan(Faults(**faults), connection)
    return [step for number in range(frames) for step in plan.outgoing(kind, f'{{"n":{number:02}}}', number / 10)]


def texts(steps: list[Step]) -> list[str]:
    return [step.text for step in steps if isinstance(step, Send)]


PLAIN = texts(run())


def test_nothing_goes_wrong_by_itself() -> None:
    assert run() == [Send(number / 10, text) for number, text in enumerate(PLAIN)]


RATES = st.floats(0, 1)


SHARES = dict.fromkeys(("lose", "duplicate", "reorder", "garble", "surprise"), RATES)


@given(seed=st.integers(0, 1000), jitter_ms=st.floats(0, 500), **SHARES)
def test_the_same_seed_is_the_same_misfortune(**faults: Any) -> None:
    first = run(**faults)
    assert run(**faults) == first
    moments = [step.at for step in first if isinstance(step, Send)]
    assert moments == sorted(moments)


def test_each_connection_has_luck_of_its_own() -> None:
    assert run(lose=0.5) != run(lose=0.5, connection=2)
    assert run(lose=0.5) != run(lose=0.5, seed=1)


def test_one_fault_more_leaves_the_others_where_they_were() -> None:
    lost = set(PLAIN) - set(texts(run(lose=0.3)))
    also_doubled = texts(run(lose=0.3, duplicate=0.5))
    assert set(PLAIN) - set(also_doubled) == lost
    assert len(also_doubled) > len(set(also_doubled))


def test_latency_and_jitter() -> None:
    assert [step.at for step in run(3, latency_ms=50) if isinstance(step, Send)] == pytest.approx([0.05, 0.15, 0.25])
    late = [step.at - number / 10 for number, step in enumerate(run(latency_ms=50, jitter_ms=20))]
    assert all(0.05 <= delay <= 0.07 for delay in late)
    assert len(set(late)) > 10


def test_a_stall() -> None:
    assert [step.at for step in run(5, stall_after=2, stall_ms=1000)] == pytest.approx([0, 0.1, 1.1, 1.1, 1.1])


@pytest.mark.parametrize(
    ("patterns", "kind", "sent"),
    [
        ("session.updated", "session.updated", False),
        ("session.updated, conversation.item.*", "conversation.item.added", False),
        ("conversation.item.*", "conversation.created", True),
        ("", "session.updated", True),
    ],
)
def test_withheld_types(patterns: str, kind: str, sent: bool) -> None:
    assert bool(run(1, kind, withhold=patterns)) == sent


def test_shares() -> None:
    assert texts(run(lose=1)) == []
    assert texts(run(2, duplicate=1)) == [PLAIN[0], PLAIN[0], PLAIN[1], PLAIN[1]]
    assert texts(run(4, reorder=1)) == [PLAIN[1], PLAIN[0], PLAIN[3], PLAIN[2]]
    assert texts(run(2, garble=1)) == ['{"n"', '{"n"']
    assert texts(run(2, surprise=1)) == [SURPRISE, PLAIN[0], SURPRISE, PLAIN[1]]


def test_reordering_loses_nothing_but_the_last() -> None:
    steps = texts(run(reorder=0.5))
    assert set(PLAIN) - set(steps) <= {PLAIN[-1]}
    assert steps != PLAIN


@pytest.mark.parametrize(
    ("faults", "sent", "end"),
    [
        ({"close_after": 3}, 3, Shut(0.2)),
        ({"close_after": 1, "close_code": 1011, "close_reason": "oops"}, 1, Shut(0.0, 1011, "oops")),
        ({"close_at": "response.*", "close_code": 4000}, 1, Shut(0.0, 4000)),
        ({"close_at": "session.*"}, 20, None),
        ({"freeze_after": 2}, 2, Freeze(0.1)),
        ({"close_after": 2, "lose": 1.0}, 0, Shut(0.1)),
    ],
)
def test_ends(faults: dict[str, Any], sent: int, end: Step | None) -> None:
    steps = run(**faults)
    assert len(texts(steps)) == sent
    assert [step for step in steps if not isinstance(step, Send)] == ([] if end is None else [end])


# --- the handshake ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "statuses"),
    [
        ({}, [None, None, None]),
        ({"status": 503}, [503, 503, 503]),
        ({"status": 429, "attempts": 2}, [429, 429, None]),
        ({"status": 429, "attempts": 0}, [None, None, None]),
    ],
)
def test_refused_connections(faults: dict[str, Any], statuses: list[int | None]) -> None:
    assert [FaultPlan(Faults(**faults), number).status for number in (1, 2, 3)] == statuses


# --- from a URL -------------------------------------------------------------------------------------------------


def test_a_query_is_laid_over() -> None:
    asked = {"fault.close_after": "3", "fault.lose": "0.5", "fault.withhold": "a,b", "fault.status": "503"}
    faults = with_query(Faults(latency_ms=7), {"model": "m", **asked})
    assert faults == Faults(latency_ms=7, close_after=3, lose=0.5, withhold="a,b", status=503)
    assert with_query(Faults(), {"model": "m"}) == Faults()


@pytest.mark.parametrize("asked", [{"fault.mood": "bad"}, {"fault.lose": "often"}, {"fault.close_after": "1.5"}])
def test_a_query_that_cannot_be_read(asked: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument) as raised:
        with_query(Faults(), asked)
    assert raised.value.path == next(iter(asked))


def test_by_name() -> None:
    assert faults_from({"close_after": 3, "latency_ms": 2}, Faults(seed=7)) == Faults(
        close_after=3, latency_ms=2, seed=7
    )
    for wrong in ({"mood": "bad"}, {"seed": True}, {"lose": "often"}, {"close_at": 3}):
        with pytest.raises(InvalidArgument):
            faults_from(wrong)


@pytest.mark.parametrize(
    "faults",
    [
        {"lose": 1.1},
        {"garble": -0.1},
        {"latency_ms": -1},
        {"close_after": -1},
        {"jitter_ms": float("nan")},
        {"stall_ms": float("inf")},
        {"status": 200},
        {"status": 42},
        {"close_code": 999},
        {"close_code": 1006},
        {"close_code": 5000},
        {"close_reason": "x" * 124},
    ],
)
def test_out_of_range(faults: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        Faults(**faults)
