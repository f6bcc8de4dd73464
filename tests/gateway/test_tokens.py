from __future__ import annotations

import uuid

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime_transport.exceptions import SignatureError
from realtime_transport.gateway.tokens import StreamTokens, Ticket, random_token
from realtime_transport.telephony.answers import Asked


def ticket(call: str) -> Ticket:
    return Ticket(asked=Asked(call_id=call), fields={"CallSid": call})


def test_a_token_is_good_once_and_for_its_own_call() -> None:
    tokens = StreamTokens(30.0)
    first, second = tokens.issue(ticket("A"), 0.0), tokens.issue(ticket("B"), 0.0)
    assert tokens.redeem(second, 1.0) == ticket("B")
    for _ in range(2):
        with pytest.raises(SignatureError) as caught:
            tokens.redeem(second, 1.0)
        assert caught.value.reason == "replayed"
    assert tokens.redeem(first, 29.9) == ticket("A")
    assert tokens.outstanding(29.9) == 0


def test_a_token_is_over_to_the_second() -> None:
    tokens = StreamTokens(30.0)
    token = tokens.issue(ticket("A"), 5.0)
    assert (tokens.next_end(), tokens.outstanding(34.999)) == (35.0, 1)
    with pytest.raises(SignatureError):
        tokens.redeem(token, 35.0)
    assert (tokens.next_end(), tokens.outstanding(35.0)) == (None, 0)


def test_tokens_are_random_uuids() -> None:
    made = {random_token() for _ in range(1000)}
    assert len(made) == 1000
    assert all(uuid.UUID(token).version == 4 and str(uuid.UUID(token)) == token for token in made)


def test_a_ticket_shows_nobodys_number() -> None:
    assert "+1555" not in repr(Ticket(fields={"From": "+1555"}))


class Tokens(RuleBasedStateMachine):
    """Whatever is issued and redeemed, when: as good as a list that is searched."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.tokens = StreamTokens(10.0)
        self.model: dict[str, tuple[float, Ticket]] = {}
        self.used: list[str] = []

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def issue(self) -> None:
        one = ticket(str(len(self.used)))
        token = self.tokens.issue(one, self.now)
        assert token not in self.model
        self.model[token] = self.now + 10.0, one
        self.used.append(token)

    @rule(which=st.integers(0, 20))
    def redeem(self, which: int) -> None:
        token = self.used[which] if which < len(self.used) else "guessed"
        end, one = self.model.pop(token, (0.0, None))
        if one is not None and self.now < end:
            assert self.tokens.redeem(token, self.now) == one
        else:
            with pytest.raises(SignatureError):
                self.tokens.redeem(token, self.now)

    @invariant()
    def counts(self) -> None:
        assert self.tokens.outstanding(self.now) == sum(self.now < end for end, _ in self.model.values())


TestTokens = Tokens.TestCase
TestTokens.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
