"""The order of a conversation, against a plain list, for every order of arrival."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime_transport.conversation.chain import Chain
from realtime_transport.events.base import UNSET, Maybe


def chain_of(*ids: str) -> Chain:
    chain = Chain()
    for item_id in ids:
        chain.append(item_id)
    return chain


def indices(chain: Chain) -> list[int | None]:
    return [chain.index(item_id) for item_id in chain]


# --- places ----------------------------------------------------------------------------------------------------------


def test_an_empty_id_names_nobody_like_an_absent_one() -> None:
    chain = chain_of("a")
    assert chain.place("b", "", 0.0) == ["b"]
    assert list(chain) == ["a", "b"]


def test_of_nothing_nothing_is_unchanged() -> None:
    assert Chain().unchanged() == 0


def test_absent_is_the_end_null_is_the_front_and_an_id_is_what_comes_before() -> None:
    chain = Chain()
    assert chain.place("a", UNSET, 0.0) == ["a"]
    assert chain.place("b", UNSET, 0.0) == ["b"]
    assert chain.place("first", None, 0.0) == ["first"]
    assert chain.place("between", "a", 0.0) == ["between"]
    assert list(chain) == ["first", "a", "between", "b"]
    assert indices(chain) == [0, 1, 2, 3]
    assert len(chain) == 4
    assert "between" in chain
    assert "other" not in chain
    assert chain.index("other") is None


def test_an_empty_id_names_nobody() -> None:
    """Nothing could ever come for it to wait for, and removing what waits would leave its deadline behind."""
    chain = chain_of("a")
    assert chain.place("b", "", 0.0) == ["b"]
    assert chain.next_deadline() is None
    chain.remove("b")
    assert chain.wake(10.0) == []
    assert list(chain) == ["a"]


def test_what_stands_where_it_stood_is_told_once() -> None:
    chain = chain_of("a", "b", "c")
    assert chain.unchanged() == 0
    chain.append("d")
    assert chain.unchanged() == 3
    assert list(chain.behind(3)) == ["d"]
    chain.remove("b")
    chain.append("e")
    assert chain.unchanged() == 1
    assert list(chain.behind(1)) == ["c", "d", "e"]
    assert chain.unchanged() == 4


def test_a_place_is_told_once() -> None:
    chain = chain_of("a", "b", "c")
    assert chain.place("c", None, 0.0) == ["c"]
    assert list(chain) == ["c", "a", "b"]
    assert chain.place("c", "a", 0.0) == []
    assert chain.append("c") == []
    assert list(chain) == ["c", "a", "b"]


def test_a_place_that_was_guessed_is_kept_where_none_is_told() -> None:
    chain = chain_of("a", "b")
    assert chain.place("a", UNSET, 0.0) == []
    assert chain.place("a", "b", 0.0) == []
    assert list(chain) == ["a", "b"]


@pytest.mark.parametrize("n", range(1, 8))
def test_fm48_every_order_of_arrival_gives_the_order_of_the_server(n: int) -> None:
    ids = [f"i{k}" for k in range(n)]
    told: list[tuple[str, Maybe[str]]] = [(ids[k], ids[k - 1] if k else None) for k in range(n)]
    for arrival in itertools.permutations(told):
        chain = Chain()
        placed = [item for item_id, previous in arrival for item in chain.place(item_id, previous, 0.0)]
        assert list(chain) == ids
        assert sorted(placed) == ids
        assert chain.next_deadline() is None
        assert indices(chain) == list(range(n))


@pytest.mark.parametrize("n", range(1, 7))
def test_what_the_server_tells_corrects_any_guess(n: int) -> None:
    ids = [f"i{k}" for k in range(n)]
    for guesses in itertools.permutations(ids):
        chain = chain_of(*guesses)
        for k, item_id in enumerate(ids):
            chain.place(item_id, ids[k - 1] if k else None, 0.0)
        assert list(chain) == ids
        assert indices(chain) == list(range(n))


def test_those_that_wait_for_the_same_item_end_up_as_if_they_had_come_after_it() -> None:
    waiting, direct = Chain(), Chain()
    for chain, order in ((waiting, "bca"), (direct, "abc")):
        for item_id in order:
            chain.place(item_id, None if item_id == "a" else "a", 0.0)
    assert list(waiting) == list(direct) == ["a", "c", "b"]


def test_a_long_chain_that_waits_is_placed_at_once() -> None:
    chain = Chain()
    for n in range(5000, 0, -1):
        chain.place(f"i{n}", f"i{n - 1}", 0.0)
    assert len(chain) == 0
    assert len(chain.place("i0", None, 0.0)) == 5001
    assert chain.index("i5000") == 5000


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_fm48_an_item_waits_five_seconds_and_is_then_placed_at_the_end() -> None:
    chain = chain_of("a")
    assert chain.place("b", "missing", 10.0) == []
    assert chain.place("c", "missing", 11.0) == []
    assert chain.place("d", "b", 12.0) == []
    assert "b" in chain
    assert chain.index("b") is None
    assert chain.next_deadline() == 15.0
    assert chain.wake(14.9) == []
    assert chain.wake(15.0) == ["b", "d"]
    assert chain.next_deadline() == 16.0
    assert chain.wake(20.0) == ["c"]
    assert list(chain) == ["a", "b", "d", "c"]
    assert [chain.uncertain(each) for each in ("a", "b", "c", "d", "x")] == [False, True, True, False, False]
    assert chain.next_deadline() is None
    # The one they waited for comes after all: nothing moves any more.
    assert chain.place("missing", "a", 30.0) == ["missing"]
    assert list(chain) == ["a", "missing", "b", "d", "c"]


def test_patience_is_a_number() -> None:
    chain = Chain(patience=1.0)
    chain.place("b", "missing", 10.0)
    assert chain.next_deadline() == 11.0


def test_a_guessed_item_stays_in_place_while_it_waits() -> None:
    chain = chain_of("a", "b")
    assert chain.place("a", "missing", 0.0) == []
    assert chain.index("a") == 0
    assert chain.place("missing", UNSET, 1.0) == ["missing", "a"]
    assert list(chain) == ["b", "missing", "a"]
    assert chain.next_deadline() is None


def test_a_guessed_item_stays_in_place_when_it_has_waited_too_long() -> None:
    chain = chain_of("a", "b")
    chain.place("a", "missing", 0.0)
    assert chain.wake(5.0) == []
    assert list(chain) == ["a", "b"]
    assert chain.uncertain("a")
    assert chain.next_deadline() is None


def test_an_item_that_follows_itself_or_its_own_follower_is_not_lost() -> None:
    chain = chain_of("z", "guessed")
    chain.place("a", "a", 0.0)
    chain.place("b", "c", 0.0)
    chain.place("c", "b", 0.0)
    chain.place("guessed", "guessed", 0.0)
    assert chain.wake(5.0) == ["a", "b", "c"]
    assert list(chain) == ["z", "guessed", "a", "b", "c"]
    assert chain.uncertain("guessed")


# --- leaving ---------------------------------------------------------------------------------------------------------


def test_an_item_that_has_waited_can_leave() -> None:
    chain = Chain()
    chain.place("late", "missing", 0.0)
    chain.wake(5.0)
    chain.place("b", "a", 6.0)
    chain.place("a", UNSET, 7.0)
    for item_id in ("late", "b"):
        chain.remove(item_id)
    assert list(chain) == ["a"]


def test_the_next_item_closes_up() -> None:
    chain = chain_of("a", "b", "c", "d")
    chain.remove("b")
    chain.remove("nobody")
    assert list(chain) == ["a", "c", "d"]
    assert indices(chain) == [0, 1, 2]
    chain.remove("a")
    chain.remove("d")
    assert list(chain) == ["c"]
    assert chain.append("a") == ["a"]


def test_what_closes_up_behind_the_middle_closes_up_behind_the_front_too() -> None:
    chain = chain_of("a", "b", "c")
    chain.remove("b")
    chain.remove("a")
    assert chain.index("c") == 0


def test_places_that_were_put_right_on_the_way_to_another_are_right() -> None:
    chain = chain_of("a", "b", "c", "d")
    chain.place("first", None, 0.0)
    chain.remove("b")
    assert [chain.index(item_id) for item_id in ("d", "c")] == [3, 2]


def test_an_item_that_waits_can_leave() -> None:
    chain = Chain()
    chain.place("b", "missing", 0.0)
    chain.place("c", "missing", 1.0)
    assert chain.oldest() == "b"
    chain.remove("b")
    assert chain.oldest() == "c"
    assert chain.next_deadline() == 6.0
    assert chain.place("missing", None, 2.0) == ["missing", "c"]
    assert chain.oldest() == "missing"
    chain.place("d", "gone", 3.0)
    chain.remove("d")
    assert chain.next_deadline() is None
    assert chain.place("gone", UNSET, 3.0) == ["gone"]


# --- cost ------------------------------------------------------------------------------------------------------------


def test_removing_ten_thousand_items_in_order_takes_no_time() -> None:
    chain = chain_of(*(f"i{n}" for n in range(10_100)))
    began = time.process_time()
    for n in range(100, 10_100):
        chain.remove(f"i{n}")
    # 0.02 s on the machine this was written on; searching each from the front would take ten.
    assert time.process_time() - began < 1.0
    assert len(chain) == 100


# --- against a plain list --------------------------------------------------------------------------------------------

IDS = st.sampled_from([f"i{n}" for n in range(12)])


class PlainList(RuleBasedStateMachine):
    """Random places and removals of items whose neighbours are known."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = Chain()
        self.list: list[str] = []
        self.told: set[str] = set()

    @rule(item_id=IDS)
    def append(self, item_id: str) -> None:
        self.chain.append(item_id)
        if item_id not in self.list:
            self.list.append(item_id)

    @rule(item_id=IDS, previous=st.one_of(st.none(), st.just(UNSET), IDS))
    def place(self, item_id: str, previous: Maybe[str]) -> None:
        if isinstance(previous, str) and (previous not in self.list or previous == item_id):
            return
        self.chain.place(item_id, previous, 0.0)
        if item_id in self.told:
            return
        self.told.add(item_id)
        if item_id in self.list:
            if previous is UNSET:
                return
            self.list.remove(item_id)
        places = {None: 0, UNSET: len(self.list)}
        place = self.list.index(previous) + 1 if isinstance(previous, str) else places[previous]
        self.list.insert(place, item_id)

    @rule(item_id=IDS)
    def remove(self, item_id: str) -> None:
        self.chain.remove(item_id)
        self.told.discard(item_id)
        if item_id in self.list:
            self.list.remove(item_id)

    @rule(item_id=IDS)
    def ask(self, item_id: str) -> None:
        assert self.chain.index(item_id) == (self.list.index(item_id) if item_id in self.list else None)

    @invariant()
    def both_are_the_same(self) -> None:
        assert list(self.chain) == self.list

    def teardown(self) -> None:
        for place, item_id in enumerate(self.list):
            assert self.chain.index(item_id) == place


TestPlainList = PlainList.TestCase
TestPlainList.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
