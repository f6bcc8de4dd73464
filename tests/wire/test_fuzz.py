from __future__ import annotations

from scripts.fuzz_wire import run


def test_mutated_frames_raise_nothing() -> None:
    tally = run(frames=6000, seed=20260101)
    assert tally.failures == []
    assert tally.frames == 6000
    assert len(tally.kinds) > 90, "the fuzzer no longer reaches most of the protocol"


def test_a_seed_is_a_promise() -> None:
    assert run(frames=300, seed=5) == run(frames=300, seed=5)
