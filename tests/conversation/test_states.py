import importlib.util
from enum import Enum
from pathlib import Path

import pytest

from realtime_transport.conversation.states import (
    CONNECTION,
    INTERRUPTION,
    SLOT,
    TRANSITIONS,
    Connection,
    ConnectionInput,
    Interruption,
    InterruptionInput,
    Slot,
    SlotInput,
    step,
)

DRAW_STATES = Path(__file__).parents[2] / "scripts" / "draw_states.py"


@pytest.mark.parametrize("machine", TRANSITIONS)
def test_every_state_has_a_row_and_every_arrow_leads_to_one(machine: str) -> None:
    table = TRANSITIONS[machine]
    kind: type[Enum] = type(next(iter(table)))
    assert set(table) == set(kind)
    assert all(following in table for row in table.values() for following in row.values())


@pytest.mark.parametrize(
    ("machine", "inputs"),
    [("connection", ConnectionInput), ("response", SlotInput), ("interruption", InterruptionInput)],
)
def test_every_input_leads_somewhere(machine: str, inputs: type[Enum]) -> None:
    used = {happened for row in TRANSITIONS[machine].values() for happened in row}
    assert used == set(inputs)


@pytest.mark.parametrize("machine", TRANSITIONS)
def test_every_state_can_be_reached(machine: str) -> None:
    table = TRANSITIONS[machine]
    reached: set[Enum] = set()
    front = [next(iter(table))]
    while front:
        state = front.pop()
        reached.add(state)
        front += [following for following in table[state].values() if following not in reached]
    assert reached == set(table)


def test_fm56_a_request_leaves_from_idle_and_nowhere_else() -> None:
    assert [state for state, row in SLOT.items() if SlotInput.SENT in row] == [Slot.IDLE]


def test_the_slot_can_always_become_idle_again() -> None:
    def idle_after(state: Slot, seen: frozenset[Slot]) -> bool:
        return state is Slot.IDLE or any(
            idle_after(following, seen | {state}) for following in SLOT[state].values() if following not in seen
        )

    assert all(idle_after(state, frozenset()) for state in Slot)


def test_a_response_is_cancelled_at_most_once_and_cut_at_most_once() -> None:
    for once in (InterruptionInput.CANCEL, InterruptionInput.CUT):
        for state, row in INTERRUPTION.items():
            if once in row:
                assert once not in INTERRUPTION[row[once]], state


def test_nothing_happens_to_a_response_that_is_over() -> None:
    assert INTERRUPTION[Interruption.OVER] == {}


def test_step_says_none_for_what_cannot_happen() -> None:
    assert step(CONNECTION, Connection.CLOSED, ConnectionInput.LOST) is None
    assert step(CONNECTION, Connection.CLOSED, ConnectionInput.OPENED) is Connection.OPENING


def test_the_picture_in_the_docs_is_drawn_from_the_tables() -> None:
    spec = importlib.util.spec_from_file_location("draw_states", DRAW_STATES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run `make docs`"
