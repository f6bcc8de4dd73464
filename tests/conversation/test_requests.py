import tracemalloc

import pytest

from realtime_transport.conversation.requests import Outcome, Request, RequestKind, Requests, Settlement
from realtime_transport.events import InputAudioBufferCleared, ServerEvent
from realtime_transport.exceptions import ConnectionLost, InvalidArgument, RequestDropped, RequestTimeout, ServerError


def opened(
    requests: Requests, event_id: str, kind: RequestKind = "clear", key: str = "", deadline: float | None = 10.0
):
    request = Request(event_id=event_id, kind=kind, key=key)
    requests.open(request, deadline)
    return request


def outcomes(requests: Requests) -> dict[str, str]:
    return {settlement.event_id: settlement.outcome for settlement in requests.drain()}


def answer() -> ServerEvent:
    return InputAudioBufferCleared()


def test_an_answer_settles_the_oldest_of_its_kind() -> None:
    requests = Requests()
    request = opened(requests, "a")
    opened(requests, "b")
    assert requests.get("a") is request
    result = answer()
    requests.acknowledge("clear", result=result)
    assert requests.drain() == [Settlement(event_id="a", outcome="acknowledged", result=result)]
    assert "a" not in requests
    assert "b" in requests


def test_an_answer_that_nobody_asked_for_settles_nothing() -> None:
    requests = Requests()
    opened(requests, "a", key="item_1")
    assert requests.acknowledge("clear", "item_2", answer()) is None
    assert requests.drain() == []


def test_a_request_is_settled_once() -> None:
    requests = Requests()
    opened(requests, "a")
    assert requests.settle("a", "acknowledged")
    assert not requests.settle("a", "failed", error=ServerError("no"))
    assert outcomes(requests) == {"a": "acknowledged"}


def test_a_settled_request_is_skipped_when_the_next_answer_comes() -> None:
    requests = Requests()
    opened(requests, "a")
    opened(requests, "b")
    requests.settle("a", "failed", error=ServerError("no"))
    requests.acknowledge("clear", result=answer())
    assert outcomes(requests) == {"a": "failed", "b": "acknowledged"}


def test_an_id_cannot_be_open_twice() -> None:
    requests = Requests()
    opened(requests, "a")
    with pytest.raises(InvalidArgument, match=r"^event_id: 'a' is the id of a request that is not settled$"):
        opened(requests, "a")


def test_an_id_may_be_used_again_and_has_its_own_deadline_then() -> None:
    requests = Requests()
    opened(requests, "a", deadline=1.0)
    requests.settle("a", "acknowledged")
    second = opened(requests, "a", deadline=5.0)
    assert requests.next_deadline() == 5.0
    assert requests.expired(2.0) == []
    assert requests.expired(5.0) == [second]


def test_expired_skips_what_was_settled() -> None:
    requests = Requests()
    opened(requests, "a", deadline=1.0)
    requests.settle("a", "acknowledged")
    assert requests.expired(2.0) == []
    assert requests.next_deadline() is None


def test_a_passed_deadline_is_a_timeout() -> None:
    requests = Requests()
    opened(requests, "a", deadline=1.0)
    for request in requests.expired(1.0):
        requests.expire(request, 1.0)
    (settlement,) = requests.drain()
    assert settlement.outcome == "timeout"
    assert isinstance(settlement.error, RequestTimeout)
    assert settlement.error.event_id == "a"
    assert settlement.error.reason == "timeout"
    assert str(settlement.error) == "the server did not answer 'clear' within 1 s"


def test_the_caller_is_told_the_time_that_it_gave() -> None:
    requests = Requests()
    request = Request(event_id="a", kind="finish", key="", patience=2.5)
    requests.open(request, 2.5)
    requests.expire(request, 10.0)
    (settlement,) = requests.drain()
    assert str(settlement.error) == "the server did not answer 'finish' within 2.5 s"


def test_of_one_deadline_the_first_that_was_asked_expires_first() -> None:
    requests = Requests()
    in_order = [opened(requests, event_id, deadline=1.0) for event_id in "abc"]
    assert requests.expired(1.0) == in_order


def test_what_a_server_never_answers_counts_as_done_at_its_deadline() -> None:
    requests = Requests()
    request = Request(event_id="a", kind="truncate_item", key="item", assumed=True)
    requests.open(request, 1.0)
    requests.expire(request, 1.0)
    assert outcomes(requests) == {"a": "acknowledged"}


def test_requests_without_a_deadline_wait() -> None:
    requests = Requests()
    opened(requests, "a", deadline=None)
    assert requests.next_deadline() is None
    assert len(requests) == 1


def test_silent_requests_settle_without_a_word() -> None:
    requests = Requests()
    requests.open(Request(event_id="a", kind="delete_item", key="item", silent=True), 1.0)
    assert requests.settle("a", "acknowledged")
    assert requests.drain() == []


def test_oldest_of_a_kind_looks_over_all_keys() -> None:
    requests = Requests()
    opened(requests, "a", kind="create_item", key="item_1")
    opened(requests, "b", kind="create_item", key="item_2")
    oldest = requests.oldest_of("create_item")
    assert oldest is not None
    assert oldest.event_id == "a"
    assert requests.oldest_of("commit") is None


def test_the_first_of_several_kinds_is_the_one_that_was_sent_first() -> None:
    requests = Requests()
    opened(requests, "a", "delete_item", key="item_2")
    opened(requests, "b", "retrieve_item", key="item_1")
    delete = opened(requests, "c", "delete_item", key="item_1")
    create = opened(requests, "d", "create_item", key="item_1")
    assert requests.first_of(("create_item", "delete_item"), "item_1") is delete
    requests.settle("c", "acknowledged")
    assert requests.first_of(("create_item", "delete_item"), "item_1") is create
    assert requests.first_of(("create_item",), "item_2") is None


def test_what_was_sent_and_is_not_answered_is_listed_in_order() -> None:
    requests = Requests()
    sent = [opened(requests, event_id) for event_id in "abc"]
    assert list(requests.unanswered()) == sent
    requests.settle("b", "acknowledged")
    assert list(requests.unanswered()) == [sent[0], sent[2]]


def test_a_group_settles_when_all_its_parts_have() -> None:
    requests = Requests()
    opened(requests, "a")
    opened(requests, "b")
    requests.open_group("group", ("a", "b"))
    assert "group" in requests
    requests.settle("a", "acknowledged")
    assert requests.drain() == []
    result = answer()
    requests.settle("b", "acknowledged", result=result)
    assert requests.drain() == [Settlement(event_id="group", outcome="acknowledged", result=result)]


def test_a_group_may_have_the_id_of_its_first_part() -> None:
    requests = Requests()
    opened(requests, "a")
    opened(requests, "b")
    requests.open_group("a", ("a", "b"))
    requests.settle("b", "acknowledged")
    requests.settle("a", "acknowledged")
    assert outcomes(requests) == {"a": "acknowledged"}


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_group_ends_as_the_worst_of_its_parts(first: str) -> None:
    requests = Requests()
    opened(requests, "a")
    opened(requests, "b")
    requests.open_group("group", ("a", "b"))
    error = ServerError("no")
    ends = {"a": ("failed", error, True), "b": ("timeout", RequestTimeout("late"), False)}
    for part in (first, *(ends.keys() - {first})):
        outcome, cause, reported = ends[part]
        requests.settle(part, outcome, error=cause, reported=reported)  # type: ignore[arg-type]
    assert requests.drain() == [Settlement(event_id="group", outcome="failed", error=error, reported=True)]


def test_of_two_parts_that_failed_a_group_tells_the_first() -> None:
    requests = Requests()
    first, second = ServerError("first"), ServerError("second")
    opened(requests, "a")
    opened(requests, "b")
    requests.open_group("group", ("a", "b"))
    requests.settle("b", "failed", error=first, reported=True)
    requests.settle("a", "failed", error=second)
    assert requests.drain() == [Settlement(event_id="group", outcome="failed", error=first, reported=True)]


def test_a_group_of_nothing_is_acknowledged_at_once() -> None:
    requests = Requests()
    requests.open_group("group", ())
    assert outcomes(requests) == {"group": "acknowledged"}


def test_what_was_answered_leaves_nothing_behind() -> None:
    requests = Requests()
    tracemalloc.start()
    try:
        for number in range(1000):
            opened(requests, f"event_{number}", "delete_item", key=f"item_{number}", deadline=None)
            requests.acknowledge("delete_item", f"item_{number}", answer())
            requests.drain()
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("outcome", ["acknowledged", "failed", "timeout", "dropped"])
def test_what_is_settled_by_its_own_id_leaves_nothing_behind_either(outcome: Outcome) -> None:
    """An accepted ``response.create``, a refused item, a wish that timed out: no answer is ever looked up for them."""
    requests = Requests()
    opened(requests, "waits", deadline=None)
    tracemalloc.start()
    try:
        for number in range(1000):
            opened(requests, f"event_{number}", "response", key=f"event_{number}", deadline=None)
            requests.settle(f"event_{number}", outcome)
            opened(requests, f"again_{number}", "commit", deadline=None)
            requests.settle(f"again_{number}", outcome)
            requests.drain()
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()
    assert "waits" in requests


def test_the_end_settles_everything_once() -> None:
    requests = Requests()
    for event_id in "abc":
        opened(requests, event_id)
    requests.open_group("group", ("a", "b"))
    lost = ConnectionLost("gone")
    requests.end(lost, RequestDropped("never sent"), ["c"])
    assert {s.event_id: (s.outcome, type(s.error)) for s in requests.drain()} == {
        "group": ("failed", ConnectionLost),
        "c": ("dropped", RequestDropped),
    }
    assert len(requests) == 0
    assert requests.next_deadline() is None
