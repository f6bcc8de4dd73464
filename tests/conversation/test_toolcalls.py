"""The tool ledger: at most one run, one answer, one response per batch."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime_transport.conversation.toolcall_states import CallState
from realtime_transport.conversation.toolcalls import MAX_CALLS, MAX_CLOSED, Continuation, ToolLedger, fingerprint
from realtime_transport.events.transport import FunctionCallEvent
from realtime_transport.exceptions import ProtocolError


def call(call_id: str, response_id: str | None = "r1", arguments: str = "{}", name: str = "f") -> FunctionCallEvent:
    return FunctionCallEvent(
        call_id=call_id, call_name=name, arguments=arguments, item_id=f"item_{call_id}", response_id=response_id
    )


SEEN = fingerprint("f", "{}")


def ledger_of(*call_ids: str, response_id: str | None = "r1") -> ToolLedger:
    ledger = ToolLedger()
    for call_id in call_ids:
        assert ledger.received(call(call_id, response_id), 0.0) == "new"
    return ledger


def state(ledger: ToolLedger, call_id: str) -> CallState:
    found = ledger.get(call_id)
    assert found is not None
    return found.state


def answer(ledger: ToolLedger, *call_ids: str) -> None:
    for call_id in call_ids:
        assert ledger.finished(call_id, "ok")
        assert ledger.sent(call_id)


def to_send(ledger: ToolLedger) -> list[str]:
    return [each.call_id for each in ledger.to_send()]


# --- one call -----------------------------------------------------------------------------------------------------


def test_the_way_of_a_call() -> None:
    ledger = ledger_of("c1")
    assert attrs.asdict(ledger.get("c1")) == {  # type: ignore[arg-type]
        "call_id": "c1",
        "name": "f",
        "arguments": "{}",
        "batch": "r1",
        "fingerprint": SEEN,
        "respond": "reply",
        "timeout": 30.0,
        "state": CallState.RECEIVED,
        "output": "",
    }
    assert ledger.started("c1", 0.0)
    assert not ledger.started("c1", 0.0)
    assert ledger.finished("c1", "42")
    assert [(each.call_id, each.output) for each in ledger.to_send()] == [("c1", "42")]
    assert ledger.sent("c1")
    assert not ledger.sent("c1")
    assert to_send(ledger) == []
    assert ledger.continuations() == ()
    ledger.batch_closed("r1")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)
    assert ledger.continuations() == ()
    assert ledger.acknowledged("c1")
    assert not ledger.acknowledged("c1")
    assert ledger.get("c1") == attrs.evolve(ledger_of("c1").get("c1"), state=CallState.CONTINUED)


def test_a_confirmation_before_the_end_of_the_response() -> None:
    ledger = ledger_of("c1")
    answer(ledger, "c1")
    assert ledger.acknowledged("c1")
    assert state(ledger, "c1") is CallState.ACKED
    ledger.batch_closed("r1")
    assert state(ledger, "c1") is CallState.CONTINUED


def test_what_cannot_happen_changes_nothing() -> None:
    ledger = ToolLedger()
    for impossible in (
        ledger.started("c1", 0.0),
        ledger.finished("c1", "x"),
        ledger.sent("c1"),
        ledger.acknowledged("c1"),
        ledger.lost("c1"),
        ledger.approve("c1", SEEN, 0.0),
        ledger.deny("c1", SEEN),
    ):
        assert impossible is False
    assert ledger.get("c1") is None
    ledger = ledger_of("c1")
    assert not ledger.sent("c1")
    assert not ledger.lost("c1")
    assert not ledger.approve("c1", SEEN, 0.0)
    assert state(ledger, "c1") is CallState.RECEIVED


def test_a_call_that_never_runs_is_answered_too() -> None:
    ledger = ledger_of("c1")
    assert ledger.finished("c1", "no such tool")
    assert not ledger.started("c1", 0.0)
    assert not ledger.finished("c1", "other")
    assert [each.output for each in ledger.to_send()] == ["no such tool"]


def test_a_lost_outcome_is_answered_too() -> None:
    ledger = ledger_of("c1")
    ledger.started("c1", 0.0)
    assert ledger.lost("c1")
    assert state(ledger, "c1") is CallState.UNKNOWN
    assert ledger.next_deadline() is None
    assert ledger.finished("c1", "unknown, do not repeat")


def test_fm81_the_same_call_again_does_not_run_again() -> None:
    ledger = ledger_of("c1")
    assert ledger.received(call("c1"), 0.0) == "repeated"
    answer(ledger, "c1")
    assert ledger.received(call("c1"), 0.0) == "repeated"
    assert to_send(ledger) == []


@pytest.mark.parametrize(
    "other", [call("c1", arguments="[]"), call("c1", name="g"), call("c1", name="f{", arguments="}")]
)
def test_fm81_the_same_id_with_something_else_is_an_error(other: FunctionCallEvent) -> None:
    ledger = ledger_of("c1")
    error = ledger.received(other, 0.0)
    assert isinstance(error, ProtocolError)
    assert "'c1' came again with other arguments" in str(error)
    found = ledger.get("c1")
    assert found is not None
    assert (found.name, found.arguments) == ("f", "{}")


def test_fingerprints_stand_for_any_text() -> None:
    assert fingerprint("f", "\ud800") != fingerprint("f", "\ud801")
    assert len(fingerprint("", "")) == 64


# --- time ---------------------------------------------------------------------------------------------------------


def test_a_call_that_runs_too_long_expires_and_its_result_is_not_used() -> None:
    ledger = ledger_of("c1")
    assert ledger.next_deadline() is None
    ledger.started("c1", 10.0)
    assert ledger.next_deadline() == 40.0
    assert ledger.due(39.9) == ()
    (over,) = ledger.due(40.0)
    assert (over.call_id, over.state) == ("c1", CallState.STARTED)
    assert state(ledger, "c1") is CallState.EXPIRED
    assert ledger.next_deadline() is None
    assert ledger.due(99.0) == ()
    assert ledger.finished("c1", "took too long")
    assert not ledger.finished("c1", "late result")


def test_a_call_may_run_for_ever() -> None:
    ledger = ToolLedger()
    ledger.received(call("c1"), 0.0, timeout=None)
    ledger.started("c1", 0.0)
    assert ledger.next_deadline() is None


def test_a_result_in_time_ends_the_deadline() -> None:
    ledger = ledger_of("c1", "c2")
    ledger.started("c1", 0.0)
    ledger.started("c2", 5.0)
    ledger.finished("c1", "x")
    assert ledger.next_deadline() == 35.0


# --- approval -----------------------------------------------------------------------------------------------------


def asked() -> ToolLedger:
    ledger = ToolLedger()
    assert ledger.received(call("c1"), 10.0, needs_approval=True) == "new"
    assert state(ledger, "c1") is CallState.AWAITING_APPROVAL
    assert ledger.next_deadline() == 310.0
    return ledger


def test_an_approved_call_has_started() -> None:
    ledger = asked()
    assert not ledger.started("c1", 11.0)
    assert ledger.approve("c1", SEEN, 20.0)
    assert state(ledger, "c1") is CallState.STARTED
    assert ledger.next_deadline() == 50.0
    assert not ledger.approve("c1", SEEN, 20.0)
    assert not ledger.deny("c1", SEEN)


def test_a_denied_call_waits_for_the_words_of_the_denial() -> None:
    ledger = asked()
    assert ledger.deny("c1", SEEN)
    assert state(ledger, "c1") is CallState.DENIED
    assert ledger.next_deadline() is None
    assert not ledger.approve("c1", SEEN, 20.0)
    assert ledger.finished("c1", "denied")


def test_a_decision_is_bound_to_what_was_shown() -> None:
    ledger = asked()
    other = fingerprint("f", "[]")
    assert not ledger.approve("c1", other, 20.0)
    assert not ledger.deny("c1", other)
    assert state(ledger, "c1") is CallState.AWAITING_APPROVAL


def test_fm87_nobody_deciding_is_a_no() -> None:
    ledger = ToolLedger()
    ledger.received(call("c1"), 0.0, needs_approval=True, approval_timeout=7.0)
    (over,) = ledger.due(7.0)
    assert over.state is CallState.AWAITING_APPROVAL
    assert not ledger.approve("c1", SEEN, 8.0)
    assert ledger.finished("c1", "nobody decided")


def test_a_call_can_be_withdrawn_while_it_waits() -> None:
    ledger = asked()
    assert ledger.finished("c1", "withdrawn")
    assert ledger.next_deadline() is None


# --- batches ------------------------------------------------------------------------------------------------------


def test_fm83_all_outputs_first_then_exactly_one_response() -> None:
    ledger = ledger_of("c1", "c2", "c3")
    ledger.finished("c3", "3")
    ledger.finished("c1", "1")
    assert to_send(ledger) == ["c1", "c3"]
    ledger.sent("c1")
    ledger.sent("c3")
    ledger.batch_closed("r1")
    assert ledger.continuations() == ()
    answer(ledger, "c2")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)
    ledger.batch_closed("r1")
    assert ledger.continuations() == ()


def test_batches_do_not_wait_for_each_other() -> None:
    ledger = ledger_of("c1")
    ledger.received(call("c2", "r2"), 0.0)
    for response_id in ("r1", "r2", "r3"):
        ledger.batch_closed(response_id)
    answer(ledger, "c2")
    assert ledger.continuations() == (Continuation(batch="r2", respond=True),)


def test_a_call_without_a_response_is_a_batch_of_its_own() -> None:
    ledger = ledger_of("c1", response_id=None)
    answer(ledger, "c1")
    assert ledger.continuations() == (Continuation(batch="c1", respond=True),)


def test_a_call_that_is_announced_after_the_end_of_its_response() -> None:
    ledger = ToolLedger()
    ledger.batch_closed("r1")
    ledger.received(call("c1"), 0.0)
    answer(ledger, "c1")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)


def test_a_call_that_is_announced_after_its_batch_went_on() -> None:
    ledger = ledger_of("c1")
    ledger.batch_closed("r1")
    answer(ledger, "c1")
    assert len(ledger.continuations()) == 1
    ledger.received(call("c2"), 0.0)
    ledger.continued("r1")
    answer(ledger, "c2")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)


def test_quiet_calls_ask_for_nothing_unless_they_must_tell() -> None:
    for tell in (False, True):
        ledger = ToolLedger()
        ledger.received(call("c1"), 0.0, respond="quiet")
        assert ledger.finished("c1", "x", tell=True) if tell else ledger.finished("c1", "x")
        found = ledger.get("c1")
        assert found is not None
        assert found.respond == ("reply" if tell else "quiet")
        ledger.batch_closed("r1")
        ledger.sent("c1")
        assert ledger.continuations() == (Continuation(batch="r1", respond=tell),)
        assert ledger.acknowledged("c1")
        assert state(ledger, "c1") is CallState.CONTINUED


def test_one_call_that_replies_is_enough() -> None:
    ledger = ledger_of("c1")
    ledger.received(call("c2"), 0.0, respond="quiet")
    answer(ledger, "c1", "c2")
    ledger.batch_closed("r1")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)


def test_nobody_waits_for_a_background_call() -> None:
    ledger = ledger_of("c1")
    ledger.received(call("c2"), 0.0, respond="background")
    answer(ledger, "c1")
    ledger.batch_closed("r1")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)
    answer(ledger, "c2")
    assert ledger.continuations() == (Continuation(batch="c2", respond=True),)


def test_a_batch_that_was_cut_is_answered_and_not_followed() -> None:
    ledger = ledger_of("c1")
    ledger.batch_closed("r1", cut=True)
    answer(ledger, "c1")
    assert ledger.continuations() == (Continuation(batch="r1", respond=False),)
    ledger.batch_closed("r1")
    assert ledger.continuations() == ()


# --- a new session --------------------------------------------------------------------------------------------------


def test_fm84_what_was_not_confirmed_is_sent_again() -> None:
    ledger = ledger_of("c1", "c2", "c3", "c4")
    answer(ledger, "c1", "c2")
    ledger.acknowledged("c1")
    ledger.finished("c3", "3")
    ledger.started("c4", 0.0)
    ledger.reconnected()
    assert [(each.call_id, each.output) for each in ledger.to_send()] == [("c2", "ok"), ("c3", "3")]
    assert state(ledger, "c4") is CallState.STARTED
    ledger.sent("c2")
    ledger.sent("c3")
    assert ledger.continuations() == ()
    answer(ledger, "c4")
    # The response they came in ended with the old session.
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)


def test_a_response_that_had_not_begun_is_asked_for_again() -> None:
    ledger = ledger_of("c1")
    ledger.batch_closed("r1")
    answer(ledger, "c1")
    for confirmed in (False, True):
        if confirmed:
            ledger.acknowledged("c1")
        assert ledger.continuations() == (Continuation(batch="r1", respond=True),)
        ledger.reconnected()
        if not confirmed:
            assert ledger.continuations() == ()
            assert to_send(ledger) == ["c1"]
            ledger.sent("c1")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)


def test_a_response_that_had_begun_is_not_asked_for_again() -> None:
    ledger = ledger_of("c1")
    ledger.batch_closed("r1")
    answer(ledger, "c1")
    ledger.continuations()
    ledger.continued("r1")
    ledger.continued("unknown")
    ledger.reconnected()
    assert to_send(ledger) == ["c1"]
    ledger.sent("c1")
    assert ledger.continuations() == ()
    ledger.acknowledged("c1")
    assert state(ledger, "c1") is CallState.CONTINUED


def test_a_continuation_that_nobody_fetched_is_handed_out_once() -> None:
    ledger = ledger_of("c1")
    ledger.batch_closed("r1")
    answer(ledger, "c1")
    ledger.acknowledged("c1")
    ledger.reconnected()
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)


def test_a_batch_is_not_continued_before_it_was_asked_for() -> None:
    ledger = ledger_of("c1")
    ledger.continued("r1")
    answer(ledger, "c1")
    ledger.batch_closed("r1")
    assert len(ledger.continuations()) == 1


# --- the end and the bounds -----------------------------------------------------------------------------------------


def test_close_names_what_was_never_answered() -> None:
    ledger = ledger_of("c1", "c2", "c3")
    answer(ledger, "c1")
    ledger.started("c2", 0.0)
    ledger.finished("c3", "x")
    ledger.batch_closed("r1")
    assert [each.call_id for each in ledger.close()] == ["c2", "c3"]
    assert ledger.close() == ledger.continuations() == ledger.to_send() == ledger.due(1e9) == ()
    assert ledger.next_deadline() is None
    assert ledger.get("c1") is None
    ledger.reconnected()
    assert ledger.continuations() == ()


def test_close_forgets_what_was_to_go_on() -> None:
    ledger = ledger_of("c1")
    answer(ledger, "c1")
    ledger.batch_closed("r1")
    ledger.close()
    assert ledger.continuations() == ()


def test_answered_calls_are_forgotten_in_the_end_and_others_never() -> None:
    ledger = ToolLedger(max_calls=2)
    for call_id in ("c1", "c2"):
        ledger.received(call(call_id), 0.0)
    answer(ledger, "c2")
    ledger.received(call("c3"), 0.0)
    assert [ledger.get(each) is not None for each in ("c1", "c2", "c3")] == [True, False, True]
    ledger.received(call("c4"), 0.0)
    assert [ledger.get(each) is not None for each in ("c1", "c3", "c4")] == [True, True, True]
    ledger.reconnected()
    answer(ledger, "c1", "c3", "c4")
    assert ledger.continuations() == (Continuation(batch="r1", respond=True),)


def test_the_bounds() -> None:
    assert (MAX_CALLS, MAX_CLOSED) == (1024, 256)
    ledger = ToolLedger()
    for n in range(MAX_CALLS + 1):
        ledger.received(call(f"c{n}"), 0.0)
        answer(ledger, f"c{n}")
    assert [ledger.get(each) is not None for each in ("c0", "c1")] == [False, True]
    for n in range(MAX_CLOSED + 1):
        ledger.batch_closed(f"late{n}")
    ledger.continuations()
    for response_id in ("late0", "late1"):
        ledger.received(call(f"of {response_id}", response_id), 0.0)
        answer(ledger, f"of {response_id}")
    assert ledger.continuations() == (Continuation(batch="late1", respond=True),)


# --- properties -----------------------------------------------------------------------------------------------------

CALLS = st.integers(0, 5)


class Driver(RuleBasedStateMachine):
    """A driver that does everything in any order, and a server that loses its memory when the connection does."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = ToolLedger()
        self.now = 0.0
        self.runs: dict[str, int] = {}
        self.outputs: dict[str, str] = {}
        self.server: dict[str, str] = {}
        self.confirmed: dict[str, str] = {}
        self.begun: set[str] = set()
        self.closed: set[str] = set()

    @rule(n=CALLS, approval=st.booleans(), respond=st.sampled_from(["reply", "quiet", "background"]))
    def receive(self, n: int, approval: bool, respond: str) -> None:
        if f"r{n // 2}" not in self.closed:
            self.ledger.received(call(f"c{n}", f"r{n // 2}"), self.now, needs_approval=approval, respond=respond)  # type: ignore[arg-type]

    @rule(n=CALLS)
    def run(self, n: int) -> None:
        if self.ledger.started(f"c{n}", self.now) or self.ledger.approve(f"c{n}", SEEN, self.now):
            self.runs[f"c{n}"] = self.runs.get(f"c{n}", 0) + 1

    @rule(n=CALLS)
    def deny(self, n: int) -> None:
        self.ledger.deny(f"c{n}", SEEN)

    @rule(n=CALLS)
    def lose(self, n: int) -> None:
        self.ledger.lost(f"c{n}")

    @rule(n=CALLS, output=st.sampled_from("xyz"))
    def finish(self, n: int, output: str) -> None:
        if self.ledger.finished(f"c{n}", output):
            assert f"c{n}" not in self.outputs
            self.outputs[f"c{n}"] = output

    @rule(seconds=st.sampled_from([1.0, 30.0, 300.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for over in self.ledger.due(self.now):
            assert self.ledger.finished(over.call_id, "over")
            self.outputs[over.call_id] = "over"

    @rule()
    def send(self) -> None:
        for each in self.ledger.to_send():
            assert each.call_id not in self.server
            self.server[each.call_id] = each.output
            assert self.ledger.sent(each.call_id)

    @rule(n=CALLS)
    def confirm(self, n: int) -> None:
        if self.ledger.acknowledged(f"c{n}"):
            self.confirmed[f"c{n}"] = self.server[f"c{n}"]

    @rule(n=st.integers(0, 2), cut=st.booleans())
    def close_batch(self, n: int, cut: bool) -> None:
        if f"r{n}" not in self.closed:
            self.closed.add(f"r{n}")
            self.ledger.batch_closed(f"r{n}", cut=cut)

    @rule(begin=st.booleans())
    def go_on(self, begin: bool) -> None:
        for each in self.ledger.continuations():
            assert each.batch not in self.begun
            assert each.batch in self.closed or each.batch.startswith("c")
            if each.respond and begin:
                self.begun.add(each.batch)
                self.ledger.continued(each.batch)

    @rule()
    def reconnect(self) -> None:
        self.server = dict(self.confirmed)
        self.closed |= {"r0", "r1", "r2"}
        self.ledger.reconnected()

    @invariant()
    def each_runs_once_and_says_one_thing(self) -> None:
        assert all(count == 1 for count in self.runs.values())
        for call_id, output in self.server.items():
            assert self.outputs[call_id] == output

    def teardown(self) -> None:
        """In the end every call is answered, and nothing waits."""
        self.closed |= {"r0", "r1", "r2"}
        for n in range(3):
            self.ledger.batch_closed(f"r{n}")
        for n in range(6):
            self.finish(n, "x")
        self.send()
        self.go_on(begin=True)
        assert self.ledger.to_send() == ()
        assert self.ledger.next_deadline() is None
        assert set(self.server) == set(self.outputs)
        assert self.ledger.close() == ()


TestDriver = Driver.TestCase
TestDriver.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
