import asyncio

import pytest

from realtime_transport.exceptions import StateError
from realtime_transport.session.approvals import ApprovalRequest, Approvals, Decision


def request(call_id: str = "call_1", arguments: str = '{"to": "ann"}', name: str = "pay") -> ApprovalRequest:
    return ApprovalRequest(kind="function", call_id=call_id, tool_name=name, arguments=arguments)


YES = Decision(approved=True)
NO = Decision(approved=False, message="too much")


async def waiting(approvals: Approvals, asked: ApprovalRequest) -> asyncio.Task[Decision]:
    task = asyncio.create_task(approvals.decision(asked))
    while asked not in approvals.pending:
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("decision", [YES, NO])
@pytest.mark.parametrize("by_id", [True, False])
async def test_a_waiting_call_gets_its_decision(decision: Decision, by_id: bool) -> None:
    approvals = Approvals()
    task = await waiting(approvals, request())
    assert approvals.decide("call_1" if by_id else request(), decision) == request()
    assert await task == decision
    assert approvals.pending == ()
    assert approvals.remembered(request()) is None


async def test_changed_arguments_are_refused_and_the_call_still_waits() -> None:
    approvals = Approvals()
    task = await waiting(approvals, request())
    with pytest.raises(StateError, match="other arguments"):
        approvals.decide(request(arguments='{"to": "eve"}'), YES, always=True)
    assert approvals.remembered(request()) is None
    approvals.decide(request(), YES)
    assert (await task).approved


async def test_a_decision_is_made_once() -> None:
    approvals = Approvals()
    task = await waiting(approvals, request())
    approvals.decide(request(), NO)
    with pytest.raises(StateError, match="no call"):
        approvals.decide(request(), YES)
    assert not (await task).approved


async def test_sticky_decisions_are_about_the_tool_not_the_call() -> None:
    approvals = Approvals()
    task = await waiting(approvals, request())
    approvals.decide(request(), NO, always=True)
    await task
    remembered = approvals.remembered(request("call_2", "{}"))
    assert remembered == Decision(approved=False, message="too much", reason="sticky")
    assert approvals.remembered(request(name="refund")) is None


async def test_silence_is_denied() -> None:
    approvals = Approvals(limit=0.0)
    decision = await approvals.decision(request())
    assert decision == Decision(approved=False, reason="expired")
    assert approvals.pending == ()


async def test_whoever_is_asked_may_decide_at_once() -> None:
    approvals = Approvals()
    decision = await approvals.decision(request(), lambda: approvals.decide("call_1", YES))
    assert decision == YES


async def test_closing_denies_whatever_waits() -> None:
    approvals = Approvals()
    tasks = [await waiting(approvals, request(f"call_{n}")) for n in range(3)]
    approvals.close()
    assert [(await task).reason for task in tasks] == ["closed"] * 3


async def test_cancelling_withdraws_the_request() -> None:
    approvals = Approvals()
    task = await waiting(approvals, request())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert approvals.pending == ()


async def test_a_decision_that_crosses_a_cancellation_is_dropped() -> None:
    approvals = Approvals()
    task = await waiting(approvals, request())
    task.cancel()
    approvals.decide(request(), YES)
    with pytest.raises(asyncio.CancelledError):
        await task
