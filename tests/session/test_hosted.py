import itertools

from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.session.hosted import RESPONSES_KEPT, HostedCalls


class Count:
    def __init__(self) -> None:
        self.batches = 0

    def __call__(self) -> None:
        self.batches += 1


def test_any_order_of_ends_gives_one_follow_up() -> None:
    for order in itertools.permutations(["done", "a", "b"]):
        count = Count()
        calls = HostedCalls(on_batch_done=count)
        for step in order:
            assert count.batches == 0
            if step == "done":
                calls.response_done("r1", ["a", "b"])
            else:
                calls.completed(step)
        assert count.batches == 1


def test_a_response_without_calls_needs_none() -> None:
    count = Count()
    HostedCalls(on_batch_done=count).response_done("r1", [])
    assert count.batches == 0


@given(st.permutations([f"{name}{n}" for name in ("r", "c", "d") for n in range(3)]))
def test_responses_do_not_mix(order: list[str]) -> None:
    count = Count()
    calls = HostedCalls(on_batch_done=count)
    for step in order:
        if step[0] == "r":
            calls.response_done(step, [f"c{step[1]}", f"d{step[1]}"])
        else:
            calls.completed(step)
    assert count.batches == 3


def test_what_never_ends_is_forgotten() -> None:
    count = Count()
    calls = HostedCalls(on_batch_done=count)
    for number in range(RESPONSES_KEPT + 1):
        calls.response_done(f"r{number}", [f"c{number}"])
        calls.completed(f"early{number}")
    calls.completed("c0")
    calls.response_done("late", ["early0"])
    assert count.batches == 0
    calls.completed("c2")
    calls.response_done("late", ["early3"])
    assert count.batches == 2
