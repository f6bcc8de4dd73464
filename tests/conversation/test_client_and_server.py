"""Both roles against each other: random intents, random delays, and what must hold whatever happens.

Frames of each direction wait in a queue of their own and are delivered when the test says so, so that every crossing of
intents and answers that a network can make is made here, deterministically, and shrunk when it breaks something.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime_transport.conversation import ClientConversation, Settlement
from realtime_transport.conversation.brain import CallTool, GenerationRequest, Output, Pause, Reply, Say
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import ServerConversation
from realtime_transport.events import (
    AssistantMessageItem,
    AudioEvent,
    AudioInterruptedEvent,
    ClientEvent,
    ConversationItemTruncate,
    ErrorEvent,
    FunctionCallEvent,
    InputTextPart,
    Item,
    OutputTextPart,
    ResponseOptions,
    ServerEvent,
    TransportEvent,
    TurnDoneEvent,
    TurnStartedEvent,
    UserMessageItem,
)
from realtime_transport.exceptions import ServerError, UsageError
from realtime_transport.wire import Codec
from tests.conversation.client_case import numbered

SPEECH = hum("good morning to everybody here")
SILENCE = bytes(48_000)
MS_24K = 48

MOMENTS = st.sampled_from([0.3, 1.0, 3.0])

MUST_NOT_HAPPEN = {
    "invalid_value",
    "unknown_parameter",
    "missing_required_parameter",
    "item_truncate_invalid_item_id",
    "item_create_duplicate_item_id",
    "string_above_max_length",
    "cannot_update_voice",
}
"""Codes that no race excuses: the client has to know better before it sends."""


def server_ids() -> Callable[[str], str]:
    """Make ids that no client makes."""
    count = itertools.count(1)
    return lambda prefix: f"{prefix}_s_{next(count)}"


class Fickle:
    """A brain that does something else each time."""

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        choices: list[list[Output]] = [
            [Reply(text="One two three four five six seven.")],
            [Reply(text="Let me see.", phase="commentary"), CallTool(name="clock"), CallTool(name="dice")],
            [Pause(ms=400), Say(transcript="Ah.", audio=hum("ah")), Say(transcript=" Oh.", audio=hum("oh"))],
            [Reply(text="Yes.")],
        ]
        return choices[request.turn % len(choices)]


class Talk(RuleBasedStateMachine):
    """One client, one server, two queues, one clock."""

    wire = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.client = ClientConversation(ids=numbered())
        self.open_ids: set[str] = set()
        self.settlements: list[Settlement] = []
        self.events: list[TransportEvent] = []
        self.received: dict[str, int] = {}
        self.calls: list[str] = []

    @initialize()
    def connect(self) -> None:
        self.server = ServerPeer(Fickle(), conversation=ServerConversation(ids=server_ids()), pace=4.0)
        self.to_server: deque[ClientEvent] = deque()
        self.to_client: deque[ServerEvent] = deque()
        self.running: set[str] = set()
        self.client.opened(self.now)
        self.server.open(self.now)
        self.carry()
        self.deliver_all()

    # --- the network -------------------------------------------------------------------------------------------------

    def carry(self) -> None:
        """Put what was made into the queues and check what was told."""
        for frame in self.client.frames_to_send():
            self.to_server.append(through(frame, "client") if self.wire else frame)
            if isinstance(frame, ConversationItemTruncate):
                assert 0 < frame.audio_end_ms <= self.received.get(frame.item_id, 0) // MS_24K
        for event in self.server.frames_to_send():
            self.to_client.append(through(event, "server") if self.wire else event)
        for told in self.client.events_received():
            self.hear(told)
        for settlement in self.client.settlements():
            assert settlement.event_id in self.open_ids, f"{settlement} was settled before, or is nobody's"
            self.open_ids.discard(settlement.event_id)
            assert (settlement.error is None) == (settlement.outcome == "acknowledged")

    def hear(self, told: TransportEvent) -> None:
        if isinstance(told, TurnStartedEvent) and not told.out_of_band:
            self.running.add(told.response_id)
        elif isinstance(told, TurnDoneEvent):
            self.running.discard(told.response_id)
        elif isinstance(told, AudioEvent):
            self.received[told.item_id] = self.received.get(told.item_id, 0) + len(told.data)
        elif isinstance(told, AudioInterruptedEvent):
            assert told.cuts
            assert all(0 <= cut.heard_ms <= cut.received_ms for cut in told.cuts)
        elif isinstance(told, FunctionCallEvent):
            assert told.call_id not in self.calls
            self.calls.append(told.call_id)
        elif isinstance(told, ErrorEvent):
            assert isinstance(told.error, ServerError), told
            assert told.error.code not in MUST_NOT_HAPPEN, told

    def deliver(self) -> None:
        """Deliver the oldest frame of each direction."""
        if self.to_server:
            self.server.receive(self.to_server.popleft(), self.now)
        if self.to_client:
            self.client.receive(self.to_client.popleft(), self.now)
        self.carry()

    def deliver_all(self) -> None:
        while self.to_server or self.to_client:
            self.deliver()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            deadlines = [self.client.next_deadline(), self.server.next_deadline()]
            due = min((deadline for deadline in deadlines if deadline is not None), default=math.inf)
            if due > end:
                break
            self.now = max(self.now, due)
            self.client.wake(self.now)
            self.server.wake(self.now)
            self.carry()
        self.now = end

    @rule(count=st.integers(1, 12))
    def some_frames_arrive(self, count: int) -> None:
        for _ in range(count):
            self.deliver()

    @rule()
    def server_frames_arrive(self) -> None:
        while self.to_client:
            self.client.receive(self.to_client.popleft(), self.now)
            self.carry()

    @rule()
    def client_frames_arrive(self) -> None:
        while self.to_server:
            self.server.receive(self.to_server.popleft(), self.now)
            self.carry()

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.2, 0.7, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(seconds=MOMENTS)
    def time_passes_and_all_arrives(self, seconds: float) -> None:
        for _ in range(4):
            self.deliver_all()
            self.pass_time(seconds / 4)

    # --- short scenes, so that what is rare alone is common here -----------------------------------------------------

    @rule(seconds=MOMENTS)
    def agent_speaks(self, seconds: float) -> None:
        self.request_response(None, automatic=False)
        self.time_passes_and_all_arrives(seconds)

    @rule(seconds=MOMENTS)
    def agent_speaks_and_is_interrupted(self, seconds: float) -> None:
        self.agent_speaks(seconds)
        self.interrupt(cancel=True)

    @rule(seconds=MOMENTS)
    def caller_barges_in(self, seconds: float) -> None:
        self.agent_speaks(seconds)
        self.caller_sounds(SPEECH)
        self.client_frames_arrive()

    @rule(seconds=MOMENTS)
    def caller_takes_a_turn(self, seconds: float) -> None:
        self.caller_sounds(SPEECH)
        self.caller_sounds(SILENCE)
        self.client_frames_arrive()
        self.request_response(None, automatic=True)
        self.time_passes_and_all_arrives(seconds)

    # --- intents -----------------------------------------------------------------------------------------------------

    def ask(self, intent: str, *args: Any, settled: bool = True, **options: Any) -> None:
        """Call an intent; a refusal must leave nothing behind."""
        try:
            event_id: str = getattr(self.client, intent)(*args, now=self.now, **options)
        except UsageError:
            assert self.client.frames_to_send() == []
            assert self.client.settlements() == []
            return
        assert event_id not in self.open_ids
        if settled:
            self.open_ids.add(event_id)
        self.carry()

    @rule(
        options=st.sampled_from(
            [
                None,
                ResponseOptions(output_modalities=("text",)),
                ResponseOptions(conversation="none", input=()),
                ResponseOptions(instructions="Shout."),
            ]
        ),
        automatic=st.booleans(),
    )
    def request_response(self, options: ResponseOptions | None, automatic: bool) -> None:
        self.ask("request_response", options, automatic=automatic)

    @rule()
    def cancel(self) -> None:
        self.ask("cancel_response")

    @rule(cancel=st.booleans())
    def interrupt(self, cancel: bool) -> None:
        # Without a cancel the server goes on by itself: only right where turn detection has cancelled.
        self.ask("interrupt", cancel_response=cancel or bool(self.server.conversation.active_response_id))

    @rule(sound=st.sampled_from([SPEECH, SILENCE]))
    def caller_sounds(self, sound: bytes) -> None:
        for start in range(0, len(sound), 9600):
            self.ask("append_audio", sound[start : start + 9600], settled=False)

    @rule()
    def commit(self) -> None:
        self.ask("commit_audio")

    @rule()
    def clear(self) -> None:
        self.ask("clear_audio")

    @rule(text=st.sampled_from(["Hello.", "What time is it?"]), front=st.booleans())
    def write(self, text: str, front: bool) -> None:
        place = {"previous_item_id": "root"} if front else {}
        self.ask("create_item", UserMessageItem(content=(InputTextPart(text=text),)), **place)

    @precondition(lambda self: self.client.history)
    @rule(data=st.data(), intent=st.sampled_from(["delete_item", "retrieve_item"]))
    def on_an_item(self, data: st.DataObject, intent: str) -> None:
        item = data.draw(st.sampled_from(self.client.history))
        self.ask(intent, item.id)

    @precondition(lambda self: self.client.history)
    @rule(data=st.data(), ms=st.integers(0, 2000))
    def truncate(self, data: st.DataObject, ms: int) -> None:
        item = data.draw(st.sampled_from(self.client.history))
        self.ask("truncate_item", item.id, 0, ms)

    @precondition(lambda self: self.calls)
    @rule(respond=st.booleans())
    def answer_call(self, respond: bool) -> None:
        self.ask("function_call_output", self.calls.pop(0), "12:00", respond=respond)

    @rule(data=st.data())
    def reset_history(self, data: st.DataObject) -> None:
        items = [item for item in self.client.history if data.draw(st.booleans())]
        new = UserMessageItem(content=(InputTextPart(text="Once upon a time."),))
        self.ask("reset_history", [new, *items])

    @rule(
        changes=st.sampled_from(
            [
                {"instructions": "Be brief."},
                {"turn_detection": None},
                {"turn_detection": {"type": "server_vad", "interrupt_response": True}},
                {"turn_detection": {"type": "server_vad", "interrupt_response": False}},
                {"tools": []},
                {"voice": "alloy"},
            ]
        )
    )
    def update_session(self, changes: dict[str, Any]) -> None:
        self.ask("update_session", changes)

    @rule()
    def lose_the_connection(self) -> None:
        self.client.connection_lost(self.now)
        self.carry()
        assert self.open_ids == set()
        assert self.running == set()
        self.received.clear()
        self.calls.clear()
        self.connect()

    # --- what holds --------------------------------------------------------------------------------------------------

    @invariant()
    def never_two_responses_of_the_conversation(self) -> None:
        assert len(self.running) <= 1

    def teardown(self) -> None:
        """Let everything come to rest: both sides know the same, and every call is settled."""
        if not hasattr(self, "server"):
            return
        for _ in range(120):
            self.deliver_all()
            self.pass_time(0.5)
        self.deliver_all()
        assert self.open_ids == set()
        assert self.running == set()
        assert self.client.active_response_id is None
        assert [item.id for item in self.client.history] == [item.id for item in self.server.conversation.items]
        for ours, theirs in zip(self.client.history, self.server.conversation.items, strict=True):
            assert type(ours) is type(theirs)
            assert words(ours).startswith(words(theirs)), (ours, theirs)
        self.client.close(self.now)
        self.carry()


def words(item: Item) -> str:
    """Read what an item says; of a truncated one the server has forgotten the rest."""
    if isinstance(item, AssistantMessageItem):
        return "".join(
            (part.text if isinstance(part, OutputTextPart) else getattr(part, "transcript", "")) or ""
            for part in item.content
        )
    return ""


CODECS = {
    "client": (Codec(role="client"), Codec(role="server")),
    "server": (Codec(role="server"), Codec(role="client")),
}


def through(frame: Any, speaker: str) -> Any:
    """Send a frame over the wire and read it on the other side."""
    here, there = CODECS[speaker]
    decoded = there.decode(here.encode(frame))
    assert not decoded.problems
    return decoded.event


class TalkOverTheWire(Talk):
    """The same, but every frame is bytes in between."""

    wire = True


_SETTINGS = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TalkOverTheWire.TestCase.settings = settings(_SETTINGS, max_examples=20)
Talk.TestCase.settings = _SETTINGS
TestTalk = Talk.TestCase
TestTalkOverTheWire = TalkOverTheWire.TestCase
