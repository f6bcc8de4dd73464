from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.conversation.recent import Recent


def test_it_remembers_and_says_whether_it_is_news() -> None:
    recent: Recent[str] = Recent(2)
    assert recent.add("a")
    assert not recent.add("a")
    assert "a" in recent
    assert "b" not in recent


def test_it_forgets_the_oldest_beyond_its_bound() -> None:
    recent: Recent[str] = Recent(2)
    for member in "abc":
        recent.add(member)
    assert "a" not in recent
    assert "b" in recent
    assert "c" in recent


def test_what_is_discarded_is_news_again() -> None:
    recent: Recent[str] = Recent(2)
    recent.add("a")
    recent.discard("a")
    recent.discard("b")
    assert recent.add("a")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12))), st.integers(1, 5))
def test_it_is_a_dictionary_that_drops_its_first(steps: list[tuple[bool, int]], limit: int) -> None:
    recent: Recent[int] = Recent(limit)
    model: OrderedDict[int, None] = OrderedDict()
    for add, member in steps:
        if add:
            assert recent.add(member) is (member not in model)
            model.setdefault(member)
            if len(model) > limit:
                model.popitem(last=False)
        else:
            recent.discard(member)
            model.pop(member, None)
        assert [each in recent for each in range(13)] == [each in model for each in range(13)]


def test_two_that_began_empty_share_nothing() -> None:
    one, other = Recent[str](2), Recent[str](2)
    one.add("a")
    assert "a" not in other
    assert other.add("b")
    assert "b" not in one
