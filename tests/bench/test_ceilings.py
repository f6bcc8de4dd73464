"""Ratios of processor time on a short blast over real sockets, with generous ceilings: three times what is measured.

A ratio of two processes that ran one after the other on the same machine holds where seconds do not.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.job import Job
from bench.plan import CONTAINS, SCENARIOS
from bench.runner import impossible, middle, run

RECEIVE = Job(variant="floor", scenario="receive", frame="a8k", count=2_000, warm=200)
SEND = Job(variant="floor", scenario="send", count=2_000, warm=200)


def ratio(job: Job, variant: str) -> float:
    """Return the least of three ratios: what disturbs a run makes it slower, never faster."""
    return min(run(replace(job, variant=variant))["us"] / run(job)["us"] for _ in range(3))


@pytest.mark.parametrize(
    ("job", "variant", "most"),
    [(RECEIVE, "transport", 4.5), (RECEIVE, "session", 6.0), (SEND, "transport", 4.5)],
    ids=["receive", "receive in a session", "send"],
)
def test_the_floor_is_near(job: Job, variant: str, most: float) -> None:
    assert ratio(job, variant) <= most


def test_what_beats_a_floor_that_it_contains_is_void() -> None:
    gated = next(scenario for scenario in SCENARIOS if scenario.gated)
    runs = {"own-floor": [{"us": 5.0}], "transport": [{"us": 4.0}], "session": [{"us": 6.0}]}
    assert "own-floor" in str(impossible(gated, runs))
    runs["transport"] = [{"us": 5.5}, {"us": 0.1}, {"us": 6.0}]
    assert impossible(gated, runs) is None
    assert middle(runs["transport"], "us") == 5.5


def test_every_scenario_names_its_variants_once() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert set(CONTAINS) <= {variant for scenario in SCENARIOS for variant in scenario.variants}
