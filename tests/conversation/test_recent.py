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
