"""The short way of an audio delta through the client role does what the long one does, only sooner."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime_transport.conversation import Limits
from realtime_transport.events import (
    AudioConfig,
    AudioOutputConfig,
    InputAudioBufferSpeechStarted,
    PcmuFormat,
    RealtimeSessionConfig,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputItemAdded,
    ServerEvent,
)
from realtime_transport.events.items import AssistantMessageItem
from tests.conversation.client_case import Case

RESPONSES = st.sampled_from(["one", "two", ""])
ITEMS = st.sampled_from(["item_a", "item_b"])
INDICES = st.sampled_from([0, 1])
EVENT_IDS = st.sampled_from(["", "event_1", "event_2", None])
"""None: a new one."""
PIECES = st.sampled_from([b"", b"\x01", b"\x01\x02", b"\x01\x02\x03", bytes(960)])


def delta(event_id: str, response_id: str, item_id: str, index: int, data: bytes) -> ResponseOutputAudioDelta:
    return ResponseOutputAudioDelta(
        event_id=event_id, response_id=response_id, item_id=item_id, content_index=index, delta=data
    )


def say(case: Case, event: ResponseOutputAudioDelta) -> bool:
    """Let the server speak as the driver takes it: the short way where it goes, else the long one."""
    fields: Any = (event.event_id, event.response_id, event.item_id, event.content_index, event.delta)
    short = case.talk.speech(*fields, case.now)
    if short:
        assert case.talk.frames_to_send() == []
        assert case.talk.settlements() == []
        case.drain()
    else:
        case.server(event)
    return short


class TwoWays(RuleBasedStateMachine):
    """One conversation gets every delta the long way, its twin the short way wherever that goes."""

    limits = Limits()
    playout: Any = "estimate"

    def __init__(self) -> None:
        super().__init__()
        self.long = Case(limits=self.limits, playout=self.playout)
        self.short = Case(limits=self.limits, playout=self.playout)
        self.count = 0

    def both(self, *events: ServerEvent) -> None:
        self.long.server(*events)
        self.short.server(*events)

    @rule(event_id=EVENT_IDS, response_id=RESPONSES, item_id=ITEMS, index=INDICES, data=PIECES)
    def speak(self, event_id: str | None, response_id: str, item_id: str, index: int, data: bytes) -> None:
        self.count += 1
        event = delta(f"new_{self.count}" if event_id is None else event_id, response_id, item_id, index, data)
        self.long.server(event)
        say(self.short, event)

    @rule(item_id=ITEMS, times=st.integers(1, 5))
    def speak_on(self, item_id: str, times: int) -> None:
        for _ in range(times):
            self.speak(None, "one", item_id, 0, bytes(480))

    @rule(response_id=RESPONSES)
    def create(self, response_id: str) -> None:
        self.both(ResponseCreated(response=Response(id=response_id)))

    @rule(response_id=RESPONSES, item_id=ITEMS)
    def add_item(self, response_id: str, item_id: str) -> None:
        self.both(ResponseOutputItemAdded(response_id=response_id, item=AssistantMessageItem(id=item_id)))

    @rule(response_id=RESPONSES, item_id=ITEMS, index=INDICES)
    def end_part(self, response_id: str, item_id: str, index: int) -> None:
        self.both(ResponseOutputAudioDone(response_id=response_id, item_id=item_id, content_index=index))

    @rule(response_id=RESPONSES, status=st.sampled_from(["completed", "cancelled"]))
    def end(self, response_id: str, status: Any) -> None:
        self.both(ResponseDone(response=Response(id=response_id, status=status)))

    @rule()
    def barge_in(self) -> None:
        self.both(InputAudioBufferSpeechStarted(item_id="user", audio_start_ms=0))

    @rule()
    def interrupt(self) -> None:
        for case in (self.long, self.short):
            case.do("interrupt")

    @rule(item_id=ITEMS, ms=st.integers(0, 100))
    def hear(self, item_id: str, ms: int) -> None:
        for case in (self.long, self.short):
            case.talk.heard(item_id, 0, ms, case.now)
            case.drain()

    @rule(seconds=st.sampled_from([0.01, 0.5, 11.0, 61.0]))
    def wait(self, seconds: float) -> None:
        for case in (self.long, self.short):
            case.wait(seconds)

    @rule()
    def lose(self) -> None:
        for case in (self.long, self.short):
            case.talk.connection_lost(case.now)
            case.drain()
            case.talk.opened(case.now)

    @invariant()
    def they_are_the_same(self) -> None:
        # By their looks: errors are equal only to themselves.
        assert repr(self.short.events) == repr(self.long.events)
        assert self.short.frames == self.long.frames
        assert repr(self.short.settlements) == repr(self.long.settlements)
        assert self.short.talk.next_deadline() == self.long.talk.next_deadline()
        assert self.short.talk.counts == self.long.talk.counts
        assert self.short.talk.history == self.long.talk.history


class TwoWaysByReports(TwoWays):
    """The same where the listener's side says what was heard."""

    playout = "reported"


class TwoWaysKeepingAudio(TwoWays):
    """The same where the history keeps the audio."""

    limits = Limits(keep_audio=True)


TwoWays.TestCase.settings = TwoWaysByReports.TestCase.settings = TwoWaysKeepingAudio.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None
)
TestTwoWays = TwoWays.TestCase
TestTwoWaysByReports = TwoWaysByReports.TestCase
TestTwoWaysKeepingAudio = TwoWaysKeepingAudio.TestCase


def speaking(**options: Any) -> Case:
    """Give a conversation in the middle of an answer."""
    case = Case(**options)
    case.server(ResponseCreated(response=Response(id="one")), delta("first", "one", "item_a", 0, bytes(480)))
    case.clear()
    return case


def test_a_further_piece_goes_the_short_way() -> None:
    case = speaking()
    assert say(case, delta("second", "one", "item_a", 0, bytes(960)))
    assert [event.name for event in case.events] == ["audio"]


@pytest.mark.parametrize(
    "event",
    [
        delta("first", "one", "item_a", 0, bytes(960)),  # a duplicate
        delta("", "one", "item_a", 0, bytes(960)),
        delta("x", "two", "item_a", 0, bytes(960)),
        delta("x", "one", "item_b", 0, bytes(960)),
        delta("x", "one", "item_a", 1, bytes(960)),
        delta("x", "one", "item_a", 0, b""),
        delta("x", "one", "item_a", 0, bytes(961)),
    ],
)
def test_any_other_piece_goes_the_long_way(event: ResponseOutputAudioDelta) -> None:
    assert not say(speaking(), event)


def test_the_piece_after_half_a_sample_goes_the_long_way() -> None:
    case = speaking()
    say(case, delta("second", "one", "item_a", 0, b"\x01"))
    assert not say(case, delta("third", "one", "item_a", 0, b"\x02"))


def test_what_is_interrupted_or_kept_goes_the_long_way() -> None:
    case = speaking()
    case.do("interrupt")
    assert not say(case, delta("second", "one", "item_a", 0, bytes(960)))
    assert not say(speaking(limits=Limits(keep_audio=True)), delta("second", "one", "item_a", 0, bytes(960)))


def test_the_format_is_the_responses_own() -> None:
    """One byte is a whole sample of mu-law."""
    session = RealtimeSessionConfig(audio=AudioConfig(output=AudioOutputConfig(format=PcmuFormat())))
    assert say(speaking(session=session), delta("second", "one", "item_a", 0, b"\x01"))
