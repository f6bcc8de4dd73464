"""The law of one call, as a whole: it always ends in one output."""

from __future__ import annotations

from realtime_transport.conversation.toolcall_states import TOOL_CALL, CallInput, CallState

ANSWERED = {CallState.DONE, CallState.SENT, CallState.ACKED, CallState.CONTINUED}


def reachable(start: CallState, without: CallInput | None = None) -> set[CallState]:
    found, edge = {start}, [start]
    while edge:
        for happened, state in TOOL_CALL[edge.pop()].items():
            if state not in found and happened is not without:
                found.add(state)
                edge.append(state)
    return found


def test_the_table_is_complete() -> None:
    assert set(TOOL_CALL) == set(CallState)
    assert {happened for row in TOOL_CALL.values() for happened in row} == set(CallInput)
    assert reachable(CallState.RECEIVED) == set(CallState)


def test_every_state_leads_to_the_end() -> None:
    for state in CallState:
        assert CallState.CONTINUED in reachable(state)
    assert TOOL_CALL[CallState.CONTINUED] == {}


def test_only_an_output_leads_to_an_answer() -> None:
    assert not reachable(CallState.RECEIVED, without=CallInput.FINISH) & ANSWERED


def test_nothing_runs_twice_and_nothing_runs_undecided() -> None:
    for state in CallState:
        if state not in {CallState.RECEIVED, CallState.AWAITING_APPROVAL}:
            assert CallState.STARTED not in reachable(state) - {state}
    assert CallInput.START not in TOOL_CALL[CallState.AWAITING_APPROVAL]
    assert CallInput.APPROVE not in TOOL_CALL[CallState.DENIED]
    assert CallInput.APPROVE not in TOOL_CALL[CallState.EXPIRED]


def test_an_answer_is_not_changed() -> None:
    for state in ANSWERED:
        assert CallInput.FINISH not in TOOL_CALL[state]
